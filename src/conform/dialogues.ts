/** All dialogues, in the order of their chapters. */
import { dataRepresentation } from "./chapters/1-05-data-representation.ts";
import { fixedHeader } from "./chapters/2-01-fixed-header.ts";
import { variableHeader } from "./chapters/2-02-variable-header.ts";
import { connect } from "./chapters/3-01-connect.ts";
import { connectProperties } from "./chapters/3-01-properties.ts";
import { session } from "./chapters/3-01-session.ts";
import { will } from "./chapters/3-01-will.ts";
import { connack } from "./chapters/3-02-connack.ts";
import { publishProperties } from "./chapters/3-03-properties.ts";
import { publish } from "./chapters/3-03-publish.ts";
import { retain } from "./chapters/3-03-retain.ts";
import { acks } from "./chapters/3-04-acks.ts";
import { overlap } from "./chapters/3-08-overlapping.ts";
import { subscribe } from "./chapters/3-08-subscribe.ts";
import { unsubscribe } from "./chapters/3-10-unsubscribe.ts";
import { disconnectAndAuth } from "./chapters/3-14-disconnect.ts";
import { qos } from "./chapters/4-03-qos.ts";
import { flow, order, redelivery } from "./chapters/4-04-redelivery.ts";
import { topics } from "./chapters/4-07-topics.ts";
import { shared } from "./chapters/4-08-shared.ts";
import type { Dialogue } from "./dialogue.ts";

const all: readonly Dialogue[] = [
  ...dataRepresentation,
  ...fixedHeader,
  ...variableHeader,
  ...connect,
  ...session,
  ...will,
  ...connectProperties,
  ...connack,
  ...publish,
  ...retain,
  ...publishProperties,
  ...acks,
  ...subscribe,
  ...overlap,
  ...unsubscribe,
  ...disconnectAndAuth,
  ...qos,
  ...redelivery,
  ...order,
  ...topics,
  ...shared,
  ...flow,
];

/** "3.14-02" as [3, 14, 2]. */
function numbers(id: string): number[] {
  return id.split(/[.-]/).map(Number);
}

function compareIds(a: string, b: string): number {
  const [left, right] = [numbers(a), numbers(b)];
  const at = left.findIndex((number, index) => number !== right[index]);
  return at < 0 ? 0 : (left[at] ?? 0) - (right[at] ?? 0);
}

export const DIALOGUES: readonly Dialogue[] = [...all].sort(
  (a, b) => compareIds(a.id, b.id) || a.version - b.version,
);
