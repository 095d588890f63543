/** More kinds than the program has; beyond that somebody writes what they should not into the words of an event. */
const maxKinds = 1_000

/** How many events of one kind a second are logged, and how many were not. A kind is what the words of an event say. */
export class LogLimit {
  private second = 0
  private readonly logged = new Map<string, number>()
  private left = new Map<string, number>()

  /** Whether an event may be logged. @param rate events a second; 0 is no limit */
  admit(kind: string, now: number, rate: number): boolean {
    if (rate === 0) return true
    const second = Math.floor(now / 1000)
    if (second !== this.second || this.logged.size > maxKinds) {
      this.second = second
      this.logged.clear()
    }
    const count = (this.logged.get(kind) ?? 0) + 1
    this.logged.set(kind, count)
    if (count <= rate) return true
    this.left.set(kind, (this.left.get(kind) ?? 0) + 1)
    return false
  }

  /** How many events of which kinds were left out since this was asked. */
  takeLeft(): ReadonlyMap<string, number> {
    const left = this.left
    if (left.size > 0) this.left = new Map()
    return left
  }
}
