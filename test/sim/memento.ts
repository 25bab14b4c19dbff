type Fields = Record<string, unknown>;

/**
 * An object and all that it refers to, as they are now, to be made so again: the same objects, with
 * what was in them. What is private, frozen, a function or a view of bytes is left as it is, and so
 * is what `isLasting`.
 */
export class Memento {
  readonly #undo: (() => void)[] = [];
  readonly #seen = new Set<object>();
  readonly #isLasting: (thing: object) => boolean;

  constructor(root: object, isLasting: (thing: object) => boolean) {
    this.#isLasting = isLasting;
    const waiting: unknown[] = [root];
    while (waiting.length > 0) this.#remember(waiting.pop(), waiting);
    this.#seen.clear();
  }

  restore(): void {
    for (const undo of this.#undo) undo();
  }

  #remember(thing: unknown, waiting: unknown[]): void {
    if (typeof thing !== "object" || thing === null || this.#seen.has(thing)) return;
    if (ArrayBuffer.isView(thing) || Object.isFrozen(thing) || this.#isLasting(thing)) return;
    this.#seen.add(thing);
    if (Array.isArray(thing)) {
      const items = [...thing];
      this.#undo.push(() => thing.splice(0, Number.POSITIVE_INFINITY, ...items));
      waiting.push(...items);
    } else if (thing instanceof Map) {
      const entries = [...thing];
      this.#undo.push(() => {
        thing.clear();
        for (const [key, value] of entries) thing.set(key, value);
      });
      for (const [key, value] of entries) waiting.push(key, value);
    } else if (thing instanceof Set) {
      const items = [...thing];
      this.#undo.push(() => {
        thing.clear();
        for (const item of items) thing.add(item);
      });
      waiting.push(...items);
    } else {
      const fields: Fields = { ...thing };
      this.#undo.push(() => Object.assign(thing, fields));
      waiting.push(...Object.values(fields));
    }
  }
}
