import { SparseMap } from "./SparseMap.js"

/**
 * A number for each key, of which the oldest are forgotten when there are too many. Guests can begin any number of
 * conversations while one device is connected.
 *
 * The last key is held beside the map, because most devices are given line after line of one room (benchmark:
 * room-1000).
 */
export class RecentNumbers<Key> {
  /** Of the last key, an old number, or none. */
  private numbers = SparseMap.empty<Key, number>()
  private lastKey: Key | undefined = undefined
  private lastNumber = 0

  /** @param most the keys that are remembered at most */
  constructor(private readonly most: number) {}

  get(key: Key): number | undefined {
    return key === this.lastKey ? this.lastNumber : this.numbers.get(key)
  }

  set(key: Key, value: number) {
    if (key !== this.lastKey) this.begin(key)
    this.lastNumber = value
  }

  private begin(key: Key) {
    if (this.lastKey !== undefined) this.numbers = this.numbers.put(this.lastKey, this.lastNumber)
    this.lastKey = key
    if (this.numbers.size + (this.numbers.has(key) ? 0 : 1) > this.most) this.forgetOldest()
  }

  delete(key: Key) {
    if (key === this.lastKey) this.lastKey = undefined
    this.numbers.delete(key)
  }

  /** The same, and the key counts as new. */
  renew(key: Key, value: number) {
    this.delete(key)
    this.set(key, value)
  }

  /** Half of them at once: V8 iterates over the entries of a map that were deleted before it finds the oldest. */
  private forgetOldest() {
    for (const [key] of this.numbers) {
      if (this.numbers.size <= this.most / 2) return
      this.numbers.delete(key)
    }
  }
}
