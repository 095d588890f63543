/** A line rate that a server announces in `* hello`. */
export interface LineRate {
  readonly perSecond: number
  /** Lines at once. */
  readonly burst: number
}

/** The share of the burst that is used. The network can delay some lines and so shorten the time between them. */
const burstShare = 0.9

/** The share of the rate that is used, so that a token bucket which the network's jitter emptied refills. */
const rateShare = 0.98

/** A login sends up to this many lines before the pace starts (`Login.greetOnlySending`). */
const greetingLines = 4

/**
 * The shortest pause after a line was refused as `slow-down`, in milliseconds. A server that refuses every line with
 * `retry=0` would otherwise get the same lines again as fast as the network carries them.
 */
const leastPause = 100

/**
 * Times the lines of a client so that the server refuses none of them as `slow-down`. Every `now` is in milliseconds.
 */
export class Pace {
  private readonly buckets: ReadonlyArray<Bucket>
  /** The end of the pause that the server has asked for. */
  private pausedUntil = -Infinity

  constructor(rates: ReadonlyArray<LineRate>, now: number) {
    this.buckets = rates.map((rate) => new Bucket(rate, now))
  }

  /** Whether the server announced any rate. */
  get isLimited(): boolean {
    return this.buckets.length > 0
  }

  /** Returns the number of lines that may go now. */
  available(now: number): number {
    if (now < this.pausedUntil) return 0
    let lines = Infinity
    for (const bucket of this.buckets) lines = Math.min(lines, bucket.available(now))
    return lines
  }

  /** Returns the number of milliseconds until a line may go. */
  wait(now: number): number {
    return Math.max(this.pausedUntil - now, this.waitForRate(now))
  }

  private waitForRate(now: number): number {
    let millis = 0
    for (const bucket of this.buckets) millis = Math.max(millis, bucket.wait(now))
    return millis
  }

  /** Counts lines that were sent. */
  spend(lines: number): void {
    for (const bucket of this.buckets) bucket.tokens -= lines
  }

  /**
   * Counts a line that will be sent, and returns the number of milliseconds until it may go. It waits only for the
   * rate, not for a pause that the server asked for, which may be days: the client must notice meanwhile if the server
   * is dead. Other lines do not delay it; they wait for the tokens that it leaves.
   */
  reserve(now: number): number {
    const millis = this.waitForRate(now)
    this.spend(1)
    return millis
  }

  /**
   * The server refused a line as `slow-down` for `retryMillis`: another client from the same address has used the
   * allowance. An earlier refusal may last longer.
   */
  refused(retryMillis: number, now: number): void {
    this.pausedUntil = Math.max(this.pausedUntil, now + Math.max(leastPause, retryMillis))
    for (const bucket of this.buckets) bucket.tokens = Math.min(bucket.tokens, 0)
  }
}

class Bucket {
  tokens: number
  private readonly perMilli: number
  private readonly burst: number

  constructor(
    rate: LineRate,
    private filledAt: number
  ) {
    this.perMilli = (rate.perSecond * rateShare) / 1000
    this.burst = Math.max(1, rate.burst * burstShare)
    this.tokens = this.burst - greetingLines
  }

  available(now: number): number {
    this.fill(now)
    return Math.max(0, Math.floor(this.tokens + epsilon))
  }

  wait(now: number): number {
    this.fill(now)
    return this.tokens >= 1 - epsilon ? 0 : Math.ceil((1 - this.tokens) / this.perMilli)
  }

  private fill(now: number) {
    this.tokens = Math.min(this.burst, this.tokens + (now - this.filledAt) * this.perMilli)
    this.filledAt = now
  }
}

/** Sums of fractions are inexact. */
const epsilon = 1e-9
