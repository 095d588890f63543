import { subscriber } from "../chat/HostLimits.js"
import * as TokenBucket from "../chat/TokenBucket.js"

const hourSeconds = 3_600

/** The most addresses that are remembered. */
const maxAddresses = 10_000

/** Limits how many accounts the clients of one address may register. */
export class Registrations {
  private readonly buckets = new Map<string, TokenBucket.TokenBucket>()

  constructor(
    /** Accounts per hour, which may be registered all at once; 0 is no limit. */
    private readonly perHour: () => number,
    private readonly now: () => number
  ) {}

  /** Counts a registration and returns 0, or returns the milliseconds until the address may register again. */
  take(host: string): number {
    const perHour = this.perHour()
    const key = subscriber(host)
    const now = this.now()
    const bucket = TokenBucket.configured(this.buckets.get(key), perHour / hourSeconds, perHour, now)
    if (bucket === undefined) return 0
    this.buckets.delete(key)
    this.buckets.set(key, bucket)
    if (this.buckets.size > maxAddresses) {
      const [oldest] = this.buckets.keys()
      if (oldest !== undefined) this.buckets.delete(oldest)
    }
    return bucket.take(now)
  }

  /** The registration that was counted last has failed. */
  putBack(host: string) {
    this.buckets.get(subscriber(host))?.putBack()
  }
}
