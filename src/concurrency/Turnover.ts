/** The fewest deletions between two copies. */
const minDeletions = 32

/**
 * A `Map` whose entries come and go with the clients.
 *
 * When the storage of a `Map` is full of deleted entries, V8 moves the others to a new storage, and links the old one
 * to it for the sake of iterators. Once an old storage is in V8's old generation, a scavenge treats it as alive, and
 * with it all later storages and all clients that were in them, until the next full collection. So most connections
 * that had ended were copied twice and moved to the old generation. This map copies itself before V8 does, which leaves
 * no link (benchmark: churn).
 *
 * After such a copy, an iterator that began before continues with the entries of that time.
 */
export class TurnoverMap<K, V> {
  private map = new Map<K, V>()
  private deletions = 0

  get size(): number {
    return this.map.size
  }

  get(key: K): V | undefined {
    return this.map.get(key)
  }

  has(key: K): boolean {
    return this.map.has(key)
  }

  set(key: K, value: V) {
    this.map.set(key, value)
  }

  delete(key: K) {
    if (!this.map.delete(key)) return
    this.deletions += 1
    if (this.deletions < Math.max(minDeletions, this.map.size / 2)) return
    this.deletions = 0
    this.map = new Map(this.map)
  }

  keys(): IterableIterator<K> {
    return this.map.keys()
  }

  values(): IterableIterator<V> {
    return this.map.values()
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.map.entries()
  }
}

/** The same as a `Set`. */
export class TurnoverSet<A> {
  private readonly map = new TurnoverMap<A, true>()

  get size(): number {
    return this.map.size
  }

  add(element: A) {
    this.map.set(element, true)
  }

  delete(element: A) {
    this.map.delete(element)
  }

  [Symbol.iterator](): IterableIterator<A> {
    return this.map.keys()
  }
}
