/** So far may the wall clock run ahead of the monotonic one between two looks, in milliseconds. */
const maxAhead = 1_000

/**
 * Notices that a machine was asleep, as a virtual machine is while it is moved: the monotonic clock stands still meanwhile, and
 * the wall clock does not. Setting the wall clock forward looks the same, and costs a renewal.
 */
export class WakeUp {
  private ahead: number

  constructor(
    private readonly now: () => number,
    private readonly wall: () => number
  ) {
    this.ahead = wall() - now()
  }

  /** Whether the machine has slept since the last call. */
  hasSlept(): boolean {
    const ahead = this.wall() - this.now()
    const grew = ahead - this.ahead
    this.ahead = ahead
    return grew > maxAhead
  }
}
