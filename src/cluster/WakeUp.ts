/** The least and the greatest of some values. */
interface Range {
  readonly least: number
  readonly greatest: number
}

const around = ({ greatest, least }: Range, value: number): Range => ({
  least: Math.min(least, value),
  greatest: Math.max(greatest, value)
})

const only = (value: number): Range => ({ least: value, greatest: value })

/**
 * Notices that a machine was asleep, as a virtual machine is while it is moved: the monotonic clock stands still
 * meanwhile, and the wall clock does not. Setting the wall clock looks the same, in either direction because it may be
 * set right after a sleep, and costs a renewal of the lease.
 */
export class WakeUp {
  /** How far the wall clock was ahead of the monotonic one, in this span and in the one before. */
  private span: Range
  private spanBefore: Range
  private spanBegan: number

  /**
   * @param spanMillis several naps within this time count together
   * @param maxMillis a nap of this length does no harm
   */
  constructor(
    private readonly now: () => number,
    private readonly wall: () => number,
    private readonly spanMillis: number,
    private readonly maxMillis: number
  ) {
    this.spanBegan = now()
    this.span = only(wall() - this.spanBegan)
    this.spanBefore = this.span
  }

  /** Whether the machine may have slept since the last call that returned true. */
  hasSlept(): boolean {
    const now = this.now()
    const ahead = this.wall() - now
    const { greatest, least } = around(around(this.spanBefore, this.span.least), this.span.greatest)
    const hasSlept = ahead - least > this.maxMillis || greatest - ahead > this.maxMillis
    if (hasSlept) {
      this.span = only(ahead)
      this.spanBefore = this.span
      this.spanBegan = now
    } else if (now - this.spanBegan < this.spanMillis) this.span = around(this.span, ahead)
    else {
      this.spanBefore = this.span
      this.span = only(ahead)
      this.spanBegan = now
    }
    return hasSlept
  }
}
