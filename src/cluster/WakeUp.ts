/**
 * Notices that a machine was asleep, as a virtual machine is while it is moved: the monotonic clock stands still meanwhile, and
 * the wall clock does not. Setting the wall clock forward looks the same, and costs a renewal of the lease.
 */
export class WakeUp {
  /** How far the wall clock was ahead of the monotonic one, at the least, in this span and in the one before. */
  private least: number
  private leastBefore: number
  private spanBegan: number

  /**
   * @param spanMillis several naps within this time count together
   * @param maxMillis so long a nap does no harm
   */
  constructor(
    private readonly now: () => number,
    private readonly wall: () => number,
    private readonly spanMillis: number,
    private readonly maxMillis: number
  ) {
    this.spanBegan = now()
    this.least = wall() - this.spanBegan
    this.leastBefore = this.least
  }

  /** Whether the machine has slept since the last call that returned true. */
  hasSlept(): boolean {
    const now = this.now()
    const ahead = this.wall() - now
    if (ahead - Math.min(this.least, this.leastBefore) > this.maxMillis) {
      this.least = ahead
      this.leastBefore = ahead
      this.spanBegan = now
      return true
    }
    if (now - this.spanBegan < this.spanMillis) this.least = Math.min(this.least, ahead)
    else {
      this.leastBefore = this.least
      this.least = ahead
      this.spanBegan = now
    }
    return false
  }
}
