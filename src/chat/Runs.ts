import type { Source } from "./Source.js"

/** Shared by all objects without runs. */
const none: Array<never> = []

/**
 * The senders of lines, in order. Consecutive lines of one sender form a run, kept in parallel arrays because they are
 * updated for every message.
 */
export class Runs<Sender> {
  lines = 0
  /** The sender of each run, or the log that it comes from; undefined for the server's own lines. */
  senders: Array<Sender | Source | undefined> = none
  /** The number of lines in each run. */
  counts: Array<number> = none
  /** The label of each run. Undefined until a line has one, so that the usual case costs nothing. */
  labels: Array<string | undefined> | undefined = undefined

  /** Counts lines of a sender, or of the server (undefined); exactly one if there is a label. Benchmark: every row. */
  count(lines: number, sender: Sender | Source | undefined, label: string | undefined) {
    this.lines += lines
    const { counts, senders } = this
    const last = counts.length - 1
    if (label === undefined && this.labels === undefined && last >= 0 && senders[last] === sender) {
      counts[last] = (counts[last] as number) + lines // in range
      return
    }
    if (label !== undefined) this.labels ??= senders.map(() => undefined)
    if (last < 0) {
      // A literal, because V8 makes room for 17 elements when an array grows, and most batches have one run (benchmark:
      // room-1000).
      this.senders = [sender]
      this.counts = [lines]
    } else {
      senders.push(sender)
      counts.push(lines)
    }
    this.labels?.push(label)
  }

  /** Moves the first `lines` lines to the end of `to`. There must be at least that many. */
  moveFirst(lines: number, to: Runs<Sender>) {
    const { counts, labels, senders } = this
    let run = 0
    for (let left = lines; left > 0;) {
      const count = counts[run] as number // there are as many lines in the runs as in `lines`
      const moved = Math.min(count, left)
      to.count(moved, senders[run], labels?.[run])
      left -= moved
      if (moved < count) counts[run] = count - moved
      else run += 1
    }
    this.lines -= lines
    // Removed together, because removing one run after another would take quadratic time.
    counts.splice(0, run)
    senders.splice(0, run)
    labels?.splice(0, run)
  }
}
