/** Who is let in: the rule about anonymous clients, then the program's own authenticator. */
import type {
  AuthDecision,
  Authenticator,
  Authorizer,
  AuthRequest,
  ListenerPolicy,
} from "../core/ports.ts";
import { ReasonCode } from "../protocol/reason-code.ts";
import { anonymousFor, isFromHere } from "./anonymous.ts";
import type { Config, Policy } from "./config-schema.ts";

/** One question to an authenticator: who is this, and may they come in? */
export interface AuthenticationRequest extends Omit<AuthRequest, "decide"> {
  readonly clientId: string;
  readonly userName: string | undefined;
  readonly password: Uint8Array | undefined;
}

/**
 * Decides about one CONNECT or AUTH. `true` lets the client in under its user name, `false` refuses
 * with 0x86; a throw or rejection refuses with 0x88.
 */
export type AuthenticatorFunction = (
  request: AuthenticationRequest,
) => Promise<AuthDecision | boolean> | AuthDecision | boolean;

/** Answers at once; a throw is a no. See {@link Authorizer}. */
export type AuthorizerFunction = Authorizer["authorize"];

/** What a connection's `policy` is here: the core's part of it, and the server's. */
export interface ServerPolicy extends ListenerPolicy, Policy {}

export interface AdmissionOptions {
  readonly authenticator: AuthenticatorFunction | undefined;
  readonly methods: readonly string[];
  readonly config: () => Config;
  readonly clock: () => number;
  /** A decision was made outside a turn: what it sends has to be flushed. */
  readonly decided: () => void;
  readonly failed: (error: unknown) => void;
}

const VERDICTS: ReadonlySet<string> = new Set(["accept", "continue", "refuse"]);
const ANONYMOUS: AuthDecision = { verdict: "accept", principal: { name: "" } };
const REFUSED: AuthDecision = {
  verdict: "refuse",
  reasonCode: ReasonCode.notAuthorized,
  reasonString: "anonymous clients are not allowed here",
};

export class Admission implements Authenticator {
  readonly methods: ReadonlySet<string>;
  readonly #options: AdmissionOptions;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.methods = new Set(options.authenticator === undefined ? [] : options.methods);
  }

  authenticate(request: AuthRequest, nowMs: number): void {
    const { authenticator, config } = this.#options;
    const { userName, password, authenticationMethod } = request.connect;
    const policy = request.link.policy as ServerPolicy;
    const anonymous = anonymousFor(config(), policy, authenticator !== undefined);
    const isAnonymous =
      userName === undefined && password === undefined && authenticationMethod === undefined;

    if (authenticator === undefined || (isAnonymous && anonymous === "anyone")) {
      const isAllowed =
        anonymous === "anyone" || (anonymous === "local" && isFromHere(request.link.remoteAddress));
      request.decide(isAllowed ? ANONYMOUS : REFUSED, nowMs);
    } else if (isAnonymous && (policy.allowAnonymous ?? config().allowAnonymous) === false) {
      request.decide(REFUSED, nowMs);
    } else {
      void this.#ask(authenticator, request);
    }
  }

  async #ask(authenticator: AuthenticatorFunction, request: AuthRequest): Promise<void> {
    await Promise.resolve(); // The core is in the middle of something: let it finish.
    const { connect, link, data, reauthentication, exchange } = request;
    const { clientId, userName, password } = connect;
    let decision: AuthDecision;
    try {
      const answer = await authenticator({
        ...{ connect, link, data, reauthentication, exchange },
        ...{ clientId, userName, password },
      });
      decision = typeof answer === "boolean" ? fromBoolean(answer, userName ?? "") : answer;
      if (!VERDICTS.has(decision?.verdict)) throw new TypeError("the authenticator did not decide");
    } catch (error) {
      this.#options.failed(error);
      decision = { verdict: "refuse", reasonCode: ReasonCode.serverUnavailable };
    }
    request.decide(decision, this.#options.clock());
    this.#options.decided();
  }
}

/** @param failed Told what `authorizer` threw; the answer is then no. */
export function guardedAuthorizer(
  authorizer: AuthorizerFunction,
  failed: (error: unknown) => void,
): Authorizer {
  return {
    authorize(principal, clientId, action, topic) {
      try {
        // Not whatever is truthy: an async function by mistake would allow everything.
        return authorizer(principal, clientId, action, topic) === true;
      } catch (error) {
        failed(error);
        return false;
      }
    },
  };
}

function fromBoolean(isAllowed: boolean, name: string): AuthDecision {
  if (isAllowed) return { verdict: "accept", principal: { name } };
  return { verdict: "refuse", reasonCode: ReasonCode.badUserNameOrPassword };
}
