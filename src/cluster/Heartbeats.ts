/** Heartbeats sent, for which an answer still counts: those of more than five terms. */
const beatsKept = 64

/** The heartbeats that this node has sent, and when: another node that has heard one grants it to write from then. */
export class Heartbeats {
  private number = 0
  private readonly times = new Map<number, number>()

  /** Returns the number of the next one, which is sent now. */
  next(now: number): number {
    this.number += 1
    this.times.set(this.number, now)
    this.times.delete(this.number - beatsKept)
    return this.number
  }

  /** When this one was sent; `-Infinity` if that does not count any more. */
  sentAt(number: number): number {
    return this.times.get(number) ?? -Infinity
  }

  /** Those that were sent count no longer. */
  forget() {
    this.times.clear()
  }

  /** A new incarnation counts its own from 1. */
  restart() {
    this.number = 0
    this.times.clear()
  }
}
