/** How many writers a room remembers in slow mode. Beyond that, the writer that has been quiet longest is forgotten. */
export const maxWriters = 10_000

/** How many writers can be silenced in a room at the same time. */
export const maxSilenced = 1_000

/**
 * The writers that may not write to a room for now: silenced ones and, in slow mode, those that have just written. A
 * writer is identified by the likeness of its name, so a guest cannot evade this by reconnecting or registering.
 *
 * Slow mode does not limit a client that connects under ever new names, so nothing is lost if a writer beyond the limit
 * is forgotten. A silence is never forgotten early.
 */
export class Manners {
  /** When each silenced writer may write again, on the monotonic clock. */
  private readonly silenced = new Map<string, number>()
  /** When each writer last wrote, oldest first. */
  private readonly written = new Map<string, number>()

  constructor(private readonly now: () => number) {}

  /** False if too many are silenced. */
  silence(writer: string, millis: number): boolean {
    const now = this.now()
    for (const [other, until] of this.silenced) if (until <= now) this.silenced.delete(other)
    if (this.silenced.size >= maxSilenced && !this.silenced.has(writer)) return false
    this.silenced.set(writer, now + millis)
    return true
  }

  /** False if the writer is not silenced. */
  unsilence(writer: string): boolean {
    const wasSilenced = this.silencedFor(writer) > 0
    this.silenced.delete(writer)
    return wasSilenced
  }

  /** Whether anybody may be silenced. */
  get hasSilenced(): boolean {
    return this.silenced.size > 0
  }

  /** The silenced writers, each with the remaining milliseconds. */
  get silences(): ReadonlyArray<readonly [writer: string, millis: number]> {
    return Array.from(this.silenced.keys(), (writer) => [writer, this.silencedFor(writer)] as const).filter(
      ([, millis]) => millis > 0
    )
  }

  /** The milliseconds for which a writer is silenced; 0 if it is not. */
  silencedFor(writer: string): number {
    const until = this.silenced.get(writer)
    return until === undefined ? 0 : Math.max(0, Math.ceil(until - this.now()))
  }

  /**
   * Counts a line in a room with slow mode and returns 0, or returns the milliseconds until the writer may write one.
   */
  write(writer: string, slowMillis: number): number {
    const now = this.now()
    const before = this.written.get(writer)
    const wait = before === undefined ? 0 : Math.ceil(before + slowMillis - now)
    if (wait > 0) return wait
    this.written.delete(writer)
    this.written.set(writer, now)
    for (const [other, at] of this.written) {
      if (at > now - slowMillis && this.written.size <= maxWriters) break
      this.written.delete(other)
    }
    return 0
  }

  /** Slow mode has ended. */
  forgetWriters() {
    this.written.clear()
  }
}
