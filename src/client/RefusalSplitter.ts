import { isMessage as isMessageLine } from "./Acknowledgement.js"

const LF = 0x0a
const CR = 0x0d
const bang = 0x21
const star = 0x2a

/** An incomplete line of the server's own is kept until its LF arrives, unless it is longer than this. */
const maxHeldBytes = 512

/** Part of the input: refusals, or everything else. */
export interface Part {
  readonly refused: boolean
  readonly bytes: Buffer
  /** Number of messages that end in it, if the splitter counts them. */
  readonly messages: number
}

/** Replaces a line of the server's own: refusals, or nothing. */
export type Replacement = string

/**
 * Separates the lines that start with `!` from all others, in constant memory and without copying. A chunk without a
 * line of the server's own, the usual case, costs two searches.
 */
export class RefusalSplitter {
  /** Whether any refusal has been passed on so far. */
  refused = false
  /** The last line, if it is complete, short and the server's own; otherwise empty. In wire form. */
  lastOwnLine = ""
  /** Whether to count messages. May change while a line is replaced, and then applies to the lines after it. */
  countsMessages = false
  /** Messages since the last part. */
  private messages = 0
  private state: "lineStart" | "message" | "longRefusal" | "longNotice" = "lineStart"
  /** Whether the long line of the server's own counts as a message. */
  private isLongCounted = false
  private held: Buffer = Buffer.alloc(0)

  /**
   * @param replace called with every line of the server's own (`!` and `*`) in wire form, without its terminator,
   *   unless it is long. Returns the replacement of the line; undefined keeps the line.
   */
  constructor(private readonly replace: (line: string) => Replacement | undefined = () => undefined) {}

  push(bytes: Uint8Array): ReadonlyArray<Part> {
    const read = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (read.length === 0) return []
    const chunk = this.held.length === 0 ? read : Buffer.concat([this.held, read])
    if (this.held.length > 0) this.held = Buffer.alloc(0)
    if (this.isAllMessages(chunk)) {
      this.lastOwnLine = ""
      this.state = chunk[chunk.length - 1] === LF ? "lineStart" : "message"
      return [{ refused: false, bytes: chunk, messages: this.countsMessages ? countLines(chunk) : 0 }]
    }
    return this.split(chunk)
  }

  /** The held part of an unterminated last line. */
  end(): ReadonlyArray<Part> {
    const bytes = this.held
    if (bytes.length === 0) return []
    this.held = Buffer.alloc(0)
    this.lastOwnLine = ""
    const refused = bytes[0] === bang
    this.refused ||= refused
    return [{ refused, bytes, messages: 0 }]
  }

  private isAllMessages(chunk: Buffer): boolean {
    if (this.state === "longRefusal" || this.state === "longNotice") return false
    if (this.state === "lineStart" && (chunk[0] === bang || chunk[0] === star)) return false
    return chunk.indexOf("\n!") < 0 && chunk.indexOf("\n*") < 0
  }

  private split(chunk: Buffer): ReadonlyArray<Part> {
    const parts: Array<Part> = []
    let partStart = 0
    let partRefused = this.state === "longRefusal"
    const cut = (at: number) => {
      if (partStart < at) this.add(parts, partRefused, chunk.subarray(partStart, at))
      partStart = at
    }
    for (let start = 0; start < chunk.length;) {
      const end = chunk.indexOf(LF, start) + 1
      const next = end > 0 ? end : chunk.length
      const first = chunk[start]
      const isOwn = this.state === "lineStart" && (first === bang || first === star)
      const isShort = next - start <= maxHeldBytes
      if (isOwn && isShort && end === 0) {
        cut(start)
        this.lastOwnLine = ""
        this.held = Buffer.from(chunk.subarray(start)) // a copy: a slice would keep the whole read alive
        return parts
      }
      const refused = isOwn ? first === bang : this.state === "longRefusal"
      if (refused !== partRefused) {
        cut(start)
        partRefused = refused
      }
      this.lastOwnLine = ""
      if (isOwn && isShort) {
        const line = chunk.toString("latin1", start, chunk[end - 2] === CR ? end - 2 : end - 1)
        const replacement = this.replace(line)
        if (replacement === undefined) this.lastOwnLine = line
        else {
          cut(start)
          partStart = next
          if (replacement !== "") this.add(parts, true, Buffer.from(replacement))
        }
      }
      if (isOwn)
        this.isLongCounted = isMessageLine(chunk.toString("latin1", start, Math.min(next, start + maxHeldBytes)))
      const isLong = this.state === "longRefusal" || this.state === "longNotice"
      const isMessage = isOwn || isLong ? this.isLongCounted : true
      if (this.countsMessages && isMessage && end > 0) this.messages += 1
      if (end > 0) this.state = "lineStart"
      else if (this.state === "lineStart") this.state = isOwn ? (refused ? "longRefusal" : "longNotice") : "message"
      start = next
    }
    cut(chunk.length)
    return parts
  }

  private add(parts: Array<Part>, refused: boolean, bytes: Buffer) {
    this.refused ||= refused
    parts.push({ refused, bytes, messages: this.messages })
    this.messages = 0
  }
}

const countLines = (chunk: Buffer): number => {
  let lines = 0
  for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, at + 1)) lines += 1
  return lines
}
