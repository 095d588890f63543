import { SparseMap } from "./SparseMap.js"

/**
 * A number for each key, of which the oldest are forgotten when there are too many. Guests can begin any number of
 * conversations while one device is connected.
 */
export class RecentNumbers<Key> {
  private numbers = SparseMap.empty<Key, number>()

  /** @param most the keys that are remembered at most */
  constructor(private readonly most: number) {}

  get(key: Key): number | undefined {
    return this.numbers.get(key)
  }

  set(key: Key, value: number) {
    this.numbers = this.numbers.put(key, value)
    if (this.numbers.size > this.most) this.forgetOldest()
  }

  delete(key: Key) {
    this.numbers.delete(key)
  }

  /** The same, and the key counts as new. */
  renew(key: Key, value: number) {
    this.numbers.delete(key)
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
