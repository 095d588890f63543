/** Writers that one room remembers in slow mode. Beyond it, the one is forgotten that has not written for longest. */
export const maxWriters = 10_000

/** Writers that can be silenced in one room at the same time. */
export const maxSilenced = 1_000

/**
 * Who may not write to a room for now: those that were silenced and, in slow mode, those that have just written. A
 * writer is known by the likeness of its name, so that a guest cannot evade it by connecting again, nor by registering.
 *
 * Whoever connects under ever new names writes as often as before: slow mode does not hold them. So nothing is lost if
 * the server forgets a writer for whom there is no more room. A silence is never forgotten before its time.
 */
export class Manners {
  /** When they may write again, on the monotonic clock. */
  private readonly silenced = new Map<string, number>()
  /** When they have written last, in the order of these times. */
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

  /** Who is silenced, and for how many milliseconds from now. */
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
