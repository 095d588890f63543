/** Tolerance for rounding errors in sums of fractional tokens. */
const epsilon = 1e-9

/** A token bucket: `burst` tokens at once, then `perSecond`. Every `now` is a time in milliseconds. */
export class TokenBucket {
  private tokens: number
  private filledAt: number

  constructor(
    private readonly perSecond: number,
    private readonly burst: number,
    now: number
  ) {
    this.tokens = burst
    this.filledAt = now
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
