import { SparseMap } from "./SparseMap.js"

/**
 * A map to numbers that forgets its oldest keys when there are too many: guests can begin any number of conversations
 * while one device is connected.
 *
 * The last key is held outside the map, because most devices get line after line of one room (benchmark: room-1000).
 */
export class RecentNumbers<Key> {
  /** May hold an outdated number for the last key, or none. */
  private numbers = SparseMap.empty<Key, number>()
  private lastKey: Key | undefined = undefined
  private lastNumber = 0

  /** @param most how many keys are remembered */
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

  /** Sets the number and makes the key the newest. */
  renew(key: Key, value: number) {
    this.delete(key)
    this.set(key, value)
  }

  /**
   * Deletes half of the keys at once: to find the oldest one, V8 iterates over all entries that were deleted before it.
   */
  private forgetOldest() {
    for (const [key] of this.numbers) {
      if (this.numbers.size <= this.most / 2) return
      this.numbers.delete(key)
    }
  }
}
