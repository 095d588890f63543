/** A limit of lines that a server announces in `* hello`. */
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

/** Times the lines of a client so that the server refuses none of them as `slow-down`. Every `now` is in milliseconds. */
export class Pace {
  private readonly buckets: ReadonlyArray<Bucket>

  constructor(rates: ReadonlyArray<LineRate>, now: number) {
    this.buckets = rates.map((rate) => new Bucket(rate, now))
  }

  /** Whether the server announced any rate. */
  get isLimited(): boolean {
    return this.buckets.length > 0
  }

  /** Returns the number of lines that may go now. */
  available(now: number): number {
    let lines = Infinity
    for (const bucket of this.buckets) lines = Math.min(lines, bucket.available(now))
    return lines
  }

  /** Returns the number of milliseconds until a line may go. */
  wait(now: number): number {
    let millis = 0
    for (const bucket of this.buckets) millis = Math.max(millis, bucket.wait(now))
    return millis
  }

  /** Counts lines that were sent. */
  spend(lines: number): void {
    for (const bucket of this.buckets) bucket.tokens -= lines
  }

  /** The server refused a line: another client from the same address has used the allowance. */
  refused(): void {
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
