/** The most kinds that are counted, more than the program has. Only variable data in messages could exceed it. */
const maxKinds = 1_000

/**
 * Limits the events of each kind per second, and counts those beyond the limit. The kind of an event is its message.
 */
export class LogLimit {
  private second = 0
  private readonly logged = new Map<string, number>()
  private omitted = new Map<string, number>()

  /**
   * Whether an event may be logged.
   *
   * @param now milliseconds on a monotonic clock
   * @param rate events per second; 0 is no limit
   */
  admit(kind: string, now: number, rate: number): boolean {
    if (rate === 0) return true
    const second = Math.floor(now / 1000)
    if (second !== this.second || this.logged.size > maxKinds) {
      this.second = second
      this.logged.clear()
    }
    const count = (this.logged.get(kind) ?? 0) + 1
    this.logged.set(kind, count)
    if (count <= rate) return true
    this.omitted.set(kind, (this.omitted.get(kind) ?? 0) + 1)
    return false
  }

  /** Number of omitted events of each kind since the last call. */
  takeOmitted(): ReadonlyMap<string, number> {
    const omitted = this.omitted
    if (omitted.size > 0) this.omitted = new Map()
    return omitted
  }
}
