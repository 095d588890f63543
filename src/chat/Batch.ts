import { Runs } from "./Runs.js"
import type { SharedText } from "./SharedText.js"
import type { Source } from "./Source.js"

/** Lines that the broker put into one outbox. The unit that a writer takes; a socket writes it with one `write`. */
export class Batch<Sender> extends Runs<Sender> {
  /** The lines. While the batch is open, only those of earlier turns. */
  text = ""
  /** When the batch was created, by `performance.now`. */
  readonly since = performance.now()
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
   * Adds whole lines from a sender, or from the server (undefined); exactly one if there is a label. Benchmark: every
   * row.
   *
   * @param shared the same text, if it is added to other batches as well
   */
  add(
    text: string,
    lines: number,
    sender: Sender | Source | undefined,
    label: string | undefined,
    shared: SharedText | undefined
  ) {
    this.fresh = shared === undefined ? this.fresh + text : shared.after(this.fresh)
    if (lines === 1) this.hasSlices = true // several lines together were copied from a block
    this.count(lines, sender, label)
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
   * Splits the batch: returns the lines that end within `bytes`, but at least `least` of them, and keeps the rest.
   * Returned pairs stay with the rest, where they count as dead: the client that the lines were for has left.
   */
  splitAt(bytes: number, least: number): Batch<Sender> {
    const head = new Batch<Sender>()
    let end = bytes <= 0 ? 0 : this.text.lastIndexOf("\n", bytes - 1) + 1
    let lines = 0
    for (let at = 0; at < end; at = this.text.indexOf("\n", at) + 1) lines += 1
    for (; lines < least; lines++) end = this.text.indexOf("\n", end) + 1
    head.text = this.text.slice(0, end)
    this.text = this.text.slice(end)
    this.moveFirst(lines, head)
    return head
  }
}
