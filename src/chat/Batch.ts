/**
 * The unit that a writer takes, one `write` for a socket: lines that the broker put into one outbox, and their senders.
 * Consecutive lines of one sender form a run, kept in parallel arrays because they are updated for every message.
 */
export class Batch<Sender> {
  /** The lines. While the batch is open, only those of earlier turns. */
  text = ""
  lines = 0
  /** When the batch was created, by `performance.now`. */
  readonly since = performance.now()
  /** The sender of each run; undefined for the server's own lines. */
  readonly senders: Array<Sender | undefined> = []
  /** The number of lines in each run. */
  readonly counts: Array<number> = []
  /** The label of each run. Undefined until a line has one, so that the usual case costs nothing. */
  labels: Array<string | undefined> | undefined = undefined
  /** The number of returned pairs that the server's own lines report to this recipient. */
  returns = 0
  /** The outbox ends after this batch. */
  isLast = false
  /** The writer has passed the batch to the socket. */
  isOffered = false
  /** The lines of this turn. */
  private fresh = ""
  /** Whether one of them may be a slice of a read buffer. */
  private hasSlices = false

  get bytes(): number {
    return this.text.length + this.fresh.length
  }

  /**
   * Adds whole lines of a sender, or of the server (undefined); exactly one if there is a label. Benchmark: every row.
   */
  add(text: string, lines: number, sender: Sender | undefined, label: string | undefined) {
    this.fresh += text
    this.lines += lines
    if (lines === 1) this.hasSlices = true // several lines together were copied from a block
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

  /** Moves all lines into `text`. */
  close(): this {
    if (this.fresh !== "") {
      this.text += this.fresh
      this.fresh = ""
    }
    return this
  }

  /**
   * Releases the read buffers at the end of a turn that leaves the batch open. Reading one character makes V8 flatten
   * the concatenation. Unflattened, each line would keep the read buffer alive that it was sliced from: 64 KiB for a
   * few bytes.
   */
  settle() {
    if (this.fresh === "") return
    if (this.hasSlices) this.fresh.charCodeAt(0)
    this.hasSlices = false
    this.close()
  }

  /** Closes the batch and flattens its text, since it will wait in a queue (see `settle`). */
  flatten(): this {
    this.close().text.charCodeAt(0)
    return this
  }

  /**
   * Splits the batch at a number of bytes: returns the lines that end within them, and keeps the rest. Returned pairs
   * stay with the rest, where they count as dead: the client that the lines were for has left.
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
