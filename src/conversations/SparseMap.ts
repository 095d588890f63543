/**
 * A map that is empty nearly always: `empty` takes no memory, and V8's own about 200 bytes (benchmark: memory per idle
 * connection of an account, where five of them were a kilobyte).
 */
export class SparseMap<Key, Value> {
  private entries: Map<Key, Value> | undefined = undefined

  /** All empty maps, until they get a value. */
  private static readonly shared: unknown = new SparseMap()

  static empty<Key, Value>(): SparseMap<Key, Value> {
    return SparseMap.shared as SparseMap<Key, Value> // nothing is ever in it
  }

  private constructor() {}

  get size(): number {
    return this.entries?.size ?? 0
  }

  has(key: Key): boolean {
    return this.entries?.has(key) === true
  }

  get(key: Key): Value | undefined {
    return this.entries?.get(key)
  }

  /** Sets a value, and returns the map that has it from now on. */
  put(key: Key, value: Value): SparseMap<Key, Value> {
    const map = this === SparseMap.shared ? new SparseMap<Key, Value>() : this
    map.entries ??= new Map()
    map.entries.set(key, value)
    return map
  }

  delete(key: Key) {
    if (this.entries?.delete(key) === true && this.entries.size === 0) this.entries = undefined
  }

  clear() {
    this.entries = undefined
  }

  *[Symbol.iterator](): Generator<[Key, Value]> {
    if (this.entries !== undefined) yield* this.entries
  }
}
