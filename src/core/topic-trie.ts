/**
 * Topic Filters and what they stand for; answers which match a Topic Name (§4.7).
 *
 * A tree by topic level. From each node reached, a match asks for the level itself, "+" and "#".
 * Its cost is the number of filters that still match at each level, not the number held. Filters
 * come validated. No recursion: a name of many levels costs memory on the heap, never the stack.
 */
interface Node<Value> {
  children: Map<string, Node<Value>> | undefined;
  plus: Node<Value> | undefined;
  /** Values of filters that end here. */
  values: Set<Value> | undefined;
  /** Values of filters that end in "#" below here. */
  hash: Set<Value> | undefined;
}

export class TopicTrie<Value> {
  readonly #root: Node<Value> = newNode();

  /** Nothing is held, nor any node for it. */
  get isEmpty(): boolean {
    const { children, plus, values, hash } = this.#root;
    return [children, plus, values, hash].every((part) => part === undefined);
  }

  add(topicFilter: string, value: Value): void {
    let node = this.#root;
    for (const level of topicFilter.split("/")) {
      if (level === "#") {
        node.hash ??= new Set();
        node.hash.add(value);
        return;
      }
      node = level === "+" ? plusOf(node) : childOf(node, level);
    }
    node.values ??= new Set();
    node.values.add(value);
  }

  /** @returns false when `value` was not there. */
  delete(topicFilter: string, value: Value): boolean {
    const levels = topicFilter.split("/");
    const path: Node<Value>[] = [this.#root];
    for (const level of levels) {
      const node = path.at(-1) as Node<Value>;
      if (level === "#") break;
      const next = level === "+" ? node.plus : node.children?.get(level);
      if (next === undefined) return false;
      path.push(next);
    }
    const node = path.at(-1) as Node<Value>;
    const isHash = levels.at(-1) === "#";
    const values = isHash ? node.hash : node.values;
    if (!values?.delete(value)) return false;
    if (values.size === 0 && isHash) node.hash = undefined;
    else if (values.size === 0) node.values = undefined;
    prune(path, levels);
    return true;
  }

  /** Calls `visit` for each value whose Topic Filter matches. */
  match(topicName: string, visit: (value: Value) => void): void {
    const levels = topicName.split("/");
    // [MQTT-4.7.2-1] A wildcard in the FIRST level never matches "$SYS/..."; deeper ones do.
    let wildcards = !topicName.startsWith("$");
    let reached: Node<Value>[] = [this.#root];
    for (const level of levels) {
      const next: Node<Value>[] = [];
      for (const node of reached) {
        if (wildcards) node.hash?.forEach(visit);
        const child = node.children?.get(level); // As it is, nothing normalised [MQTT-4.7.3-4].
        if (child !== undefined) next.push(child);
        if (wildcards && node.plus !== undefined) next.push(node.plus);
      }
      wildcards = true;
      reached = next;
      if (reached.length === 0) return;
    }
    for (const node of reached) {
      node.hash?.forEach(visit); // "a/#" also matches its parent "a" (§4.7.1.2).
      node.values?.forEach(visit);
    }
  }
}

function newNode<Value>(): Node<Value> {
  return { children: undefined, plus: undefined, values: undefined, hash: undefined };
}

function plusOf<Value>(node: Node<Value>): Node<Value> {
  node.plus ??= newNode();
  return node.plus;
}

function childOf<Value>(node: Node<Value>, level: string): Node<Value> {
  node.children ??= new Map();
  let child = node.children.get(level);
  if (child === undefined) {
    child = newNode();
    node.children.set(level, child);
  }
  return child;
}

/** Drops the nodes at the end of `path` that lead nowhere any more. */
function prune<Value>(path: Node<Value>[], levels: readonly string[]): void {
  for (let depth = path.length - 1; depth > 0; depth -= 1) {
    const node = path[depth] as Node<Value>;
    if (node.children?.size || node.plus || node.values || node.hash) return;
    const parent = path[depth - 1] as Node<Value>;
    const level = levels[depth - 1] as string;
    if (level === "+") parent.plus = undefined;
    else parent.children?.delete(level);
    if (parent.children?.size === 0) parent.children = undefined;
  }
}
