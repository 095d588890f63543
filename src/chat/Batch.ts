/**
 * What a writer takes in one piece, one `write` for a socket: the lines that the broker put into one outbox, and whose
 * they are. Runs of lines of one sender are counted together, in parallel arrays: this is touched for every message.
 */
export class Batch<Sender> {
  /** The lines, once the batch has been handed over; while it is open, those of earlier turns. */
  text = ""
  lines = 0
  /** When it was begun, by `performance.now`. */
  readonly since = performance.now()
  /** The sender of each run; undefined for the server's own lines. */
  readonly senders: Array<Sender | undefined> = []
  /** How many lines each run has. */
  readonly counts: Array<number> = []
  /** The label of each run; absent while no line has one, which is the usual case and costs nothing. */
  labels: Array<string | undefined> | undefined = undefined
  /** How many returned pairs the server's own lines report to this recipient. */
  returns = 0
  /** The outbox ends after this batch. */
  isLast = false
  /** Its writer has handed it to the socket. */
  isOffered = false
  /** The lines of this turn. */
  private fresh = ""
  /** One of them may be a slice of what was read. */
  private hasSlices = false

  get bytes(): number {
    return this.text.length + this.fresh.length
  }

  /** Adds whole lines of a sender, or of the server (undefined); with a label, it is one line. Benchmark: every row. */
  add(text: string, lines: number, sender: Sender | undefined, label: string | undefined) {
    this.fresh += text
    this.lines += lines
    if (lines === 1) this.hasSlices = true // several lines at once were put together from a block
    const { counts, senders } = this
    const last = counts.length - 1
    if (label === undefined && this.labels === undefined && last >= 0 && senders[last] === sender) {
      counts[last] = (counts[last] as number) + lines // in range
      return
    }
    if (label !== undefined) this.labels ??= senders.map(() => undefined)
    senders.push(sender)
    counts.push(lines)
    this.labels?.push(label)
  }

  /** No more lines come: all of them are in `text` from now on. */
  close(): this {
    if (this.fresh !== "") {
      this.text += this.fresh
      this.fresh = ""
    }
    return this
  }

  /**
   * Keeps nothing alive but its own bytes, in a turn that leaves it open. Reading one character makes V8 flatten the
   * concatenation. Unflattened, each line would keep the read buffer alive that it was sliced from: 64 KiB for some bytes.
   */
  settle() {
    if (this.fresh === "") return
    if (this.hasSlices) this.fresh.charCodeAt(0)
    this.hasSlices = false
    this.close()
  }

  /** Closes it, in one string: it will wait. */
  flatten(): this {
    this.close().text.charCodeAt(0)
    return this
  }

  /**
   * Splits off the first `bytes` bytes: returns the lines that are whole in them, and keeps the rest. Returned pairs stay
   * with the rest, since their reader has gone either way.
   */
  splitAt(bytes: number): Batch<Sender> {
    const head = new Batch<Sender>()
    const end = this.text.lastIndexOf("\n", bytes - 1) + 1
    if (bytes <= 0 || end === 0) return head
    head.text = this.text.slice(0, end)
    this.text = this.text.slice(end)
    for (let at = 0; at < end; at = head.text.indexOf("\n", at) + 1) head.lines += 1
    this.lines -= head.lines
    if (this.labels !== undefined) head.labels = []
    for (let left = head.lines; left > 0;) {
      const count = this.counts[0] as number // there are as many lines in the runs as in the text
      const moved = Math.min(count, left)
      head.senders.push(this.senders[0])
      head.counts.push(moved)
      head.labels?.push(this.labels?.[0])
      left -= moved
      if (moved < count) this.counts[0] = count - moved
      else {
        this.senders.shift()
        this.counts.shift()
        this.labels?.shift()
      }
    }
    return head
  }
}
