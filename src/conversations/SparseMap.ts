/**
 * A map that is empty nearly always: it takes 24 bytes then, and V8's own about 200 (benchmark: memory per idle connection
 * of an account, where five of them were a kilobyte).
 */
export class SparseMap<Key, Value> {
  private entries: Map<Key, Value> | undefined = undefined

  get size(): number {
    return this.entries?.size ?? 0
  }

  has(key: Key): boolean {
    return this.entries?.has(key) === true
  }

  get(key: Key): Value | undefined {
    return this.entries?.get(key)
  }

  set(key: Key, value: Value) {
    this.entries ??= new Map()
    this.entries.set(key, value)
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
