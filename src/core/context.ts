import type { Delivery } from "../protocol/packets.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { Ledger } from "./ledger.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { Limits } from "./limits.ts";
import type { Peer } from "./peer.ts";
import type { Authenticator, Authorizer, Journal, Observer } from "./ports.ts";
import type { Recorder } from "./recorder.ts";
import type { Routes } from "./routes.ts";
import type { BrokerState } from "./state.ts";
import type { Stats } from "./stats.ts";
import type { Wheel } from "./wheel.ts";

/** What the parts of one broker share. No global holds any of it: several brokers can live. */
export interface Context {
  limits: Limits;
  readonly state: BrokerState;
  readonly journal: Journal;
  readonly recorder: Recorder;
  readonly routes: Routes;
  readonly dispatcher: Dispatcher;
  readonly lifecycle: Lifecycle;
  readonly wheel: Wheel<Context>;
  readonly ledger: Ledger;
  readonly stats: Stats;
  readonly observer: Observer;
  readonly authenticator: Authenticator | undefined;
  readonly authorizer: Authorizer | undefined;
  readonly randomId: () => string;
  readonly isUtf8: (bytes: Uint8Array) => boolean;
  readonly responseInformation: string | undefined;
  /** Filled anew for each delivery by whoever is polled. */
  readonly delivery: Delivery;
  /** Peers that may have something to send, until the turn takes them. */
  ready: Peer[];
  /** Peers whose next packet waits for a commit. */
  uncommitted: Peer[];
  /** Peers whose next delivery is to be read back from the log. */
  starving: Peer[];
}
