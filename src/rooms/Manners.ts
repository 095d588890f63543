/** Beyond this number of writers, those are forgotten that may write again. */
const fewWriters = 1_000

/**
 * Who may not write to a room for now: those that were silenced and, in slow mode, those that have just written. A writer is
 * known by the likeness of its name, so that a guest cannot evade it by connecting again, nor by registering.
 */
export class Manners {
  /** When they may write again, on the monotonic clock. */
  private readonly silenced = new Map<string, number>()
  /** When they have written last. */
  private readonly written = new Map<string, number>()
  private sweepAbove = fewWriters

  constructor(private readonly now: () => number) {}

  silence(writer: string, millis: number) {
    const now = this.now()
    for (const [other, until] of this.silenced) if (until <= now) this.silenced.delete(other)
    this.silenced.set(writer, now + millis)
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

  /** The milliseconds for which a writer is silenced; 0 if it is not. */
  silencedFor(writer: string): number {
    const until = this.silenced.get(writer)
    return until === undefined ? 0 : Math.max(0, Math.ceil(until - this.now()))
  }

  /** Counts a line in a room with slow mode and returns 0, or returns the milliseconds until the writer may write one. */
  write(writer: string, slowMillis: number): number {
    const now = this.now()
    const before = this.written.get(writer)
    const wait = before === undefined ? 0 : Math.ceil(before + slowMillis - now)
    if (wait > 0) return wait
    this.written.set(writer, now)
    if (this.written.size > this.sweepAbove) this.sweep(now - slowMillis)
    return 0
  }

  private sweep(since: number) {
    for (const [writer, at] of this.written) if (at <= since) this.written.delete(writer)
    // Doubled, so that the cost of sweeping stays constant for each writer.
    this.sweepAbove = Math.max(fewWriters, 2 * this.written.size)
  }
}
