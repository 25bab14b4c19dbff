/**
 * Topic Filters and what they stand for; answers which match a Topic Name (§4.7).
 *
 * A filter without wildcards matches one name, so it is an entry in a table, looked up by the name
 * as it is. There may be millions of those, a few for each client. The others are in a tree by
 * topic level: from each node reached, a match asks for the level itself, "+" and "#". Its cost is
 * the number of filters that still match at each level, not the number held. Filters come
 * validated. No recursion: a name of many levels costs memory on the heap, never the stack.
 */
export class TopicTrie<Value> {
  readonly #plain = new Map<string, Values<Value>>();
  readonly #root: Node<Value> = newNode();

  /** Nothing is held, nor any node for it. */
  get isEmpty(): boolean {
    return this.#plain.size === 0 && leadsNowhere(this.#root);
  }

  add(topicFilter: string, value: Value): void {
    if (!hasWildcard(topicFilter)) {
      this.#plain.set(topicFilter, withValue(this.#plain.get(topicFilter), value));
      return;
    }
    let node = this.#root;
    for (const level of topicFilter.split("/")) {
      if (level === "#") {
        node.hash = withValue(node.hash, value);
        return;
      }
      node = level === "+" ? plusOf(node) : childOf(node, level);
    }
    node.values = withValue(node.values, value);
  }

  /** @returns false when `value` was not there. */
  delete(topicFilter: string, value: Value): boolean {
    if (hasWildcard(topicFilter)) return this.#deleteFromTree(topicFilter.split("/"), value);
    const values = this.#plain.get(topicFilter);
    if (!has(values, value)) return false;
    const left = withoutValue(values, value);
    if (left === undefined) this.#plain.delete(topicFilter);
    else this.#plain.set(topicFilter, left);
    return true;
  }

  #deleteFromTree(levels: readonly string[], value: Value): boolean {
    const path: Node<Value>[] = [this.#root];
    for (const level of levels) {
      const node = path.at(-1) as Node<Value>;
      if (level === "#") break;
      const next = level === "+" ? node.plus : node.children?.get(level);
      if (next === undefined) return false;
      path.push(next);
    }
    const node = path.at(-1) as Node<Value>;
    const ending = levels.at(-1) === "#" ? "hash" : "values";
    if (!has(node[ending], value)) return false;
    node[ending] = withoutValue(node[ending], value);
    prune(path, levels);
    return true;
  }

  /** Calls `visit` for each value whose Topic Filter matches. */
  match(topicName: string, visit: (value: Value) => void): void {
    visitAll(this.#plain.get(topicName), visit); // As it is, nothing normalised [MQTT-4.7.3-4].
    if (leadsNowhere(this.#root)) return;
    const levels = topicName.split("/");
    // [MQTT-4.7.2-1] A wildcard in the FIRST level never matches "$SYS/..."; deeper ones do.
    let wildcards = !topicName.startsWith("$");
    let reached: Node<Value>[] = [this.#root];
    for (const level of levels) {
      const next: Node<Value>[] = [];
      for (const node of reached) {
        if (wildcards) visitAll(node.hash, visit);
        const child = node.children?.get(level);
        if (child !== undefined) next.push(child);
        if (wildcards && node.plus !== undefined) next.push(node.plus);
      }
      wildcards = true;
      reached = next;
      if (reached.length === 0) return;
    }
    for (const node of reached) {
      visitAll(node.hash, visit); // "a/#" also matches its parent "a" (§4.7.1.2).
      visitAll(node.values, visit);
    }
  }
}

/** The values of one filter: most have one, and that needs no Set. */
type Values<Value> = Value | Set<Value> | undefined;

interface Node<Value> {
  children: Map<string, Node<Value>> | undefined;
  plus: Node<Value> | undefined;
  /** Of filters that end here. */
  values: Values<Value>;
  /** Of filters that end in "#" below here. */
  hash: Values<Value>;
}

/** In a filter that is well formed these are levels of their own (§4.7.1). */
function hasWildcard(topicFilter: string): boolean {
  return topicFilter.includes("+") || topicFilter.includes("#");
}

function has<Value>(values: Values<Value>, value: Value): boolean {
  return values instanceof Set ? values.has(value) : values === value;
}

function withValue<Value>(values: Values<Value>, value: Value): Values<Value> {
  if (values instanceof Set) return values.add(value);
  return values === undefined || values === value ? value : new Set([values, value]);
}

/** The same without `value`, which is there. */
function withoutValue<Value>(values: Values<Value>, value: Value): Values<Value> {
  if (!(values instanceof Set)) return undefined;
  values.delete(value);
  if (values.size > 1) return values;
  const [last] = values;
  return last;
}

function visitAll<Value>(values: Values<Value>, visit: (value: Value) => void): void {
  if (values instanceof Set) values.forEach(visit);
  else if (values !== undefined) visit(values);
}

function newNode<Value>(): Node<Value> {
  return { children: undefined, plus: undefined, values: undefined, hash: undefined };
}

function leadsNowhere<Value>({ children, plus, values, hash }: Node<Value>): boolean {
  return !(children || plus || values || hash);
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
    if (!leadsNowhere(path[depth] as Node<Value>)) return;
    const parent = path[depth - 1] as Node<Value>;
    const level = levels[depth - 1] as string;
    if (level === "+") parent.plus = undefined;
    else parent.children?.delete(level);
    if (parent.children?.size === 0) parent.children = undefined;
  }
}
