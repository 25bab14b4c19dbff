/** Who gets a topic: the answers of the filter tree, merged per Session and remembered. */
import type { Grant } from "../delivery/outbound-window.ts";
import type { Session } from "./session.ts";
import { ShareGroup } from "./share-group.ts";
import type { BrokerState } from "./state.ts";
import { mergeGrants, type Subscription } from "./subscription.ts";

/** One Session that has a matching Subscription outside of shared groups. */
export interface Target {
  readonly session: Session;
  /** Undefined: every matching Subscription is No Local, and it is the publisher. */
  readonly grant: Grant | undefined;
  /** What it is granted of its own messages; the same object unless one is No Local. */
  readonly ownGrant: Grant | undefined;
}

export interface Route {
  readonly topicName: string;
  readonly epoch: number;
  readonly targets: readonly Target[];
  readonly groups: readonly ShareGroup[];
  /** Sessions whose Subscription matches but who may not read this topic. */
  readonly denied: readonly Session[];
}

export class Routes {
  readonly #state: BrokerState;
  readonly #mayReceive: ((session: Session, topicName: string) => boolean) | undefined;
  /**
   * Two generations: when the young one has its half of the places, it becomes the old one, and
   * what was old and not asked for since is forgotten. (One Map that drops its oldest entry would
   * walk over the holes of all it has dropped before.)
   */
  #young = new Map<string, Route>();
  #old = new Map<string, Route>();
  /** Places taken by the young generation: one for each topic and each of its receivers. */
  #youngPlaces = 0;
  #oldPlaces = 0;
  #latest: Route = { topicName: "", epoch: 0, targets: [], groups: [], denied: [] };

  /** @param mayReceive Undefined: everybody may receive everything. */
  constructor(
    state: BrokerState,
    mayReceive: ((session: Session, topicName: string) => boolean) | undefined,
  ) {
    this.#state = state;
    this.#mayReceive = mayReceive;
  }

  /** @param routesMax Places that may be remembered. */
  of(topicName: string, routesMax: number): Route {
    const { epoch } = this.#state;
    const latest = this.#latest;
    if (latest.topicName === topicName && latest.epoch === epoch) return latest;
    let route = this.#young.get(topicName);
    if (route === undefined || route.epoch !== epoch) {
      const known = route ?? this.#old.get(topicName);
      route = known?.epoch === epoch ? known : this.#build(topicName, epoch);
      this.#remember(route, routesMax / 2);
    }
    this.#latest = route;
    return route;
  }

  get places(): number {
    return this.#youngPlaces + this.#oldPlaces;
  }

  #remember(route: Route, placesMax: number): void {
    const places = placesOf(route);
    if (places > placesMax) return;
    const stale = this.#young.get(route.topicName);
    if (stale !== undefined) this.#youngPlaces -= placesOf(stale);
    if (this.#youngPlaces + places > placesMax) {
      this.#old = this.#young;
      this.#oldPlaces = this.#youngPlaces;
      this.#young = new Map();
      this.#youngPlaces = 0;
    }
    this.#young.set(route.topicName, route);
    this.#youngPlaces += places;
  }

  #build(topicName: string, epoch: number): Route {
    const bySession = new Map<Session, Subscription | Subscription[]>();
    const groups: ShareGroup[] = [];
    // Whoever is sent a message has a filter that matches its topic [MQTT-3.3.2-3]; most have one
    // such, and nothing is made for them.
    this.#state.filters.match(topicName, (value) => {
      if (value instanceof ShareGroup) {
        groups.push(value);
        return;
      }
      const others = bySession.get(value.session);
      if (others === undefined) bySession.set(value.session, value);
      else if (Array.isArray(others)) others.push(value);
      else bySession.set(value.session, [others, value]);
    });
    const targets: Target[] = [];
    const denied: Session[] = [];
    for (const [session, matching] of bySession) {
      if (this.#mayReceive?.(session, topicName) === false) denied.push(session);
      else targets.push(Array.isArray(matching) ? targetOf(session, matching) : matching);
    }
    return { topicName, epoch, targets, groups, denied };
  }
}

function placesOf({ targets, groups, denied }: Route): number {
  return 1 + targets.length + groups.length + denied.length;
}

function targetOf(session: Session, subscriptions: readonly Subscription[]): Target {
  const grant = mergeGrants(subscriptions);
  const others = subscriptions.filter(({ options }) => !options.noLocal); // [MQTT-3.8.3-3]
  const ownGrant = others.length === subscriptions.length ? grant : mergeGrants(others);
  return { session, grant, ownGrant };
}
