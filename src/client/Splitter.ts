const LF = 0x0a
const bang = 0x21

/** The last line is looked at only if it is no longer than this; the ones that tell why a server closes are short. */
const tailBytes = 512

/** A part of what came, and where it belongs: refusals to one side, everything else to the other. */
export interface Part {
  readonly refused: boolean
  readonly bytes: Buffer
}

/**
 * Parts the lines that start with `!` from all others, in constant memory and without copying: a chunk with no such
 * line, which is the usual case, costs one search.
 */
export class Splitter {
  /** Whether there was any refusal so far. */
  refused = false
  private inRefusal = false
  private atLineStart = true
  private tail: Buffer = Buffer.alloc(0)
  private length = 0

  push(bytes: Uint8Array): ReadonlyArray<Part> {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (chunk.length === 0) return []
    this.keepTail(chunk)
    if (!this.inRefusal && !(this.atLineStart && chunk[0] === bang) && chunk.indexOf("\n!") < 0) {
      this.atLineStart = chunk[chunk.length - 1] === LF
      return [{ refused: false, bytes: chunk }]
    }
    return this.cut(chunk)
  }

  /** The last line so far without its terminator; empty if it is long. */
  get lastLine(): string {
    const text = this.tail.toString("utf8").replace(/\r?\n$/u, "")
    const start = text.lastIndexOf("\n") + 1
    return start === 0 && this.length > tailBytes ? "" : text.slice(start)
  }

  private cut(chunk: Buffer): ReadonlyArray<Part> {
    const parts: Array<Part> = []
    let partStart = 0
    for (let start = 0; start < chunk.length;) {
      const refused = this.atLineStart ? chunk[start] === bang : this.inRefusal
      if (refused !== this.inRefusal) {
        if (partStart < start) parts.push({ refused: this.inRefusal, bytes: chunk.subarray(partStart, start) })
        partStart = start
        this.inRefusal = refused
        this.refused ||= refused
      }
      const end = chunk.indexOf(LF, start) + 1
      this.atLineStart = end > 0
      start = end > 0 ? end : chunk.length
    }
    parts.push({ refused: this.inRefusal, bytes: chunk.subarray(partStart) })
    return parts
  }

  private keepTail(chunk: Buffer) {
    this.length += chunk.length
    this.tail = (chunk.length < tailBytes ? Buffer.concat([this.tail, chunk]) : chunk).subarray(-tailBytes)
  }
}
