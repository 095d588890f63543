/** A fraction of a token that counts as a whole one: fractions do not add up exactly. */
const epsilon = 1e-9

/** Lets so many through at once, and then so many a second. */
export class TokenBucket {
  private tokens: number
  private at: number

  /** @param now the time in milliseconds, here and below */
  constructor(
    private readonly perSecond: number,
    private readonly burst: number,
    now: number
  ) {
    this.tokens = burst
    this.at = now
  }

  /** Takes a token; answers 0, or after how many milliseconds there is one. */
  take(now: number): number {
    this.fill(now)
    if (this.tokens < 1 - epsilon) return Math.ceil(((1 - epsilon - this.tokens) * 1000) / this.perSecond)
    this.tokens -= 1
    return 0
  }

  /** What was taken last was not needed. */
  putBack() {
    this.tokens += 1
  }

  /** Whether it is as it was in the beginning. */
  isFull(now: number): boolean {
    this.fill(now)
    return this.tokens >= this.burst - epsilon
  }

  private fill(now: number) {
    this.tokens = Math.min(this.burst, this.tokens + ((now - this.at) * this.perSecond) / 1000)
    this.at = now
  }
}
