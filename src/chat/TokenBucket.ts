/** Tolerance for rounding errors in sums of fractional tokens. */
const epsilon = 1e-9

/** A token bucket: `burst` tokens at once, then `perSecond`. Every `now` is a time in milliseconds. */
export class TokenBucket {
  private tokens: number
  private filledAt: number

  constructor(
    private perSecond: number,
    private burst: number,
    now: number
  ) {
    this.tokens = burst
    this.filledAt = now
  }

  /**
   * Changes the limits. The tokens are scaled with the burst: a half-empty bucket stays half empty. Changing a limit
   * back and forth therefore hands out no new allowance.
   */
  configure(perSecond: number, burst: number, now: number) {
    this.fill(now)
    this.tokens *= burst / this.burst
    this.perSecond = perSecond
    this.burst = burst
  }

  /** Takes a token and returns 0. If there is none, returns the number of milliseconds until there is. */
  take(now: number): number {
    this.fill(now)
    if (this.tokens < 1 - epsilon) return Math.ceil(((1 - epsilon - this.tokens) * 1000) / this.perSecond)
    this.tokens -= 1
    return 0
  }

  /** Returns the token that was taken last. */
  putBack() {
    this.tokens += 1
  }

  /** Whether the whole burst is available. */
  isFull(now: number): boolean {
    this.fill(now)
    return this.tokens >= this.burst - epsilon
  }

  private fill(now: number) {
    this.tokens = Math.min(this.burst, this.tokens + ((now - this.filledAt) * this.perSecond) / 1000)
    this.filledAt = now
  }
}

/** The existing bucket with changed limits, or a new full one. Undefined if the rate is 0, which means no limit. */
export const configured = (
  present: TokenBucket | undefined,
  perSecond: number,
  burst: number,
  now: number
): TokenBucket | undefined => {
  if (perSecond === 0) return undefined
  if (present === undefined) return new TokenBucket(perSecond, burst, now)
  present.configure(perSecond, burst, now)
  return present
}
