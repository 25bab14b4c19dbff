/**
 * Retained messages: one a topic (§3.3.1.3), kept in a tree by topic level so that a filter finds
 * its topics without looking at the others.
 */
import { sizeOf } from "../delivery/outbound-window.ts";
import type { Message } from "../protocol/message.ts";

interface Node {
  message: Message | undefined;
  /** When it was stored, in the order of storing: a replay leaves out what came after it. */
  serial: number;
  children: Map<string, Node> | undefined;
}

/** Nodes that one step of a walk looks at, at most: then others have their turn. */
const WALK_NODES_MAX = 1_000;

/** Retained messages one at a time; undefined in between: it has looked at many and found none. */
export type RetainedWalk = Iterator<Message | undefined, void>;

export class RetainedStore {
  readonly #root: Node = newNode();
  #count = 0;
  #bytes = 0;
  #levels = 0;
  #serial = 0;

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Nodes of the tree; each takes some 250 bytes. */
  get levels(): number {
    return this.#levels;
  }

  /** Nothing is held, nor any node for it. */
  get isEmpty(): boolean {
    return !this.#root.children?.size;
  }

  /** Number of the latest `set`. */
  get serial(): number {
    return this.#serial;
  }

  get(topicName: string): Message | undefined {
    let node: Node | undefined = this.#root;
    for (const level of topicName.split("/")) {
      node = node?.children?.get(level);
      if (node === undefined) return undefined;
    }
    return node.message;
  }

  /**
   * Stores `message`, which must own its bytes, in place of its topic's last one.
   *
   * @returns Whether its topic had none.
   */
  set(message: Message): boolean {
    let node = this.#root;
    for (const level of message.topicName.split("/")) {
      node.children ??= new Map();
      let child = node.children.get(level);
      if (child === undefined) {
        child = newNode();
        node.children.set(level, child);
        this.#levels += 1;
      }
      node = child;
    }
    const isNew = node.message === undefined;
    if (node.message === undefined) this.#count += 1;
    else this.#bytes -= sizeOf(node.message);
    this.#bytes += sizeOf(message);
    this.#serial += 1;
    node.message = message;
    node.serial = this.#serial;
    return isNew;
  }

  /** @returns Whether there was one. */
  delete(topicName: string): boolean {
    const levels = topicName.split("/");
    const path: Node[] = [this.#root];
    for (const level of levels) {
      const next = path.at(-1)?.children?.get(level);
      if (next === undefined) return false;
      path.push(next);
    }
    const node = path.at(-1) as Node;
    if (node.message === undefined) return false;
    this.#count -= 1;
    this.#bytes -= sizeOf(node.message);
    node.message = undefined;
    for (let depth = path.length - 1; depth > 0; depth -= 1) {
      const child = path[depth] as Node;
      if (child.message !== undefined || child.children?.size) break;
      path[depth - 1]?.children?.delete(levels[depth - 1] as string);
      this.#levels -= 1;
    }
    return true;
  }

  /**
   * The retained messages whose topics match, one at a time, as they are when they are asked for.
   * It may be left and taken up again turns later, whatever was stored or deleted meanwhile;
   * messages stored after its start are left out, since live delivery has them.
   */
  match(topicFilter: string): RetainedWalk {
    return this.#walk(topicFilter.split("/"), this.#serial);
  }

  *#walk(levels: readonly string[], until: number): Generator<Message | undefined, void> {
    const open = levels.at(-1) === "#"; // Then everything below the levels before it matches too.
    const fixed = open ? levels.length - 1 : levels.length;
    // Each step of the walk is an iterator over the nodes still to look at on one level.
    const walk: Iterator<[string, Node]>[] = [[["", this.#root] as [string, Node]].values()];
    let seen = 0;
    while (walk.length > 0) {
      seen += 1;
      if (seen % WALK_NODES_MAX === 0) yield undefined;
      const step = (walk.at(-1) as Iterator<[string, Node]>).next();
      if (step.done) {
        walk.pop();
        continue;
      }
      const [level, node] = step.value;
      const depth = walk.length - 1; // Levels of the name that lead to `node`.
      if (depth === 1 && isHidden(levels[0], level)) continue; // [MQTT-4.7.2-1]
      // "a/#" also matches its parent "a" (§4.7.1.2).
      const matches = depth === fixed || (open && depth > fixed);
      if (matches && node.message !== undefined && node.serial <= until) yield node.message;
      const next = childrenOf(node, depth < fixed ? levels[depth] : open ? "#" : undefined);
      if (next !== undefined) walk.push(next);
    }
  }

  /** All of them, in no particular order. */
  *all(): Generator<Message, void> {
    const nodes: Node[] = [this.#root];
    for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
      if (node.message !== undefined) yield node.message;
      for (const child of node.children?.values() ?? []) nodes.push(child);
    }
  }
}

function newNode(): Node {
  return { message: undefined, serial: 0, children: undefined };
}

/** Whether a first-level wildcard must not see a topic that starts with this level. */
function isHidden(filterLevel: string | undefined, level: string): boolean {
  return (filterLevel === "#" || filterLevel === "+") && level.startsWith("$");
}

/** The children of `node` that a filter level leads to. */
function childrenOf(node: Node, wanted: string | undefined): Iterator<[string, Node]> | undefined {
  if (wanted === undefined || node.children === undefined) return undefined;
  if (wanted === "#" || wanted === "+") return node.children.entries();
  const child = node.children.get(wanted);
  return child === undefined ? undefined : [[wanted, child] as [string, Node]].values();
}
