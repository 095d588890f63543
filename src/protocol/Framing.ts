import { isUtf8 } from "node:buffer"
import * as Block from "./Block.js"

/**
 * What the cutting yields, in the order of the input: blocks of whole lines, and marks where a line was too long.
 */
export type Piece = Lines | TooLong

/**
 * One or more whole lines, none of which is longer than the limit. Nothing is looked into before it is asked for: lines
 * that all go the same way need neither `clean` nor `text` (benchmarks: 1 pair, 1 KB texts).
 */
export class Lines {
  readonly _tag = "Lines"
  private foundUtf8: boolean | undefined = undefined
  private foundClean: boolean | undefined = undefined
  private madeText: string | undefined = undefined

  /** @param bytes the lines, each with its LF; undefined once their text was asked for, so that nothing is kept twice */
  constructor(public bytes: Uint8Array | undefined) {}

  /** Whether all of it is UTF-8. */
  get utf8(): boolean {
    return (this.foundUtf8 ??= isUtf8(this.source))
  }

  /** Whether all of it is UTF-8, without control characters but TAB and the CR of a CRLF: nothing is left to check. */
  get clean(): boolean {
    return (this.foundClean ??= this.utf8 && !Block.hasControl(this.source))
  }

  /** The bytes again, where somebody asks behind the text. */
  private get source(): Uint8Array {
    return this.bytes ?? Buffer.from(this.text, "latin1")
  }

  /** The lines in their wire form (`Wire`). */
  get text(): string {
    if (this.madeText !== undefined) return this.madeText
    // They are a buffer: the library's declarations must not need the types of Node.
    const bytes = this.bytes as Buffer | undefined
    this.bytes = undefined
    return (this.madeText = bytes === undefined ? "" : bytes.toString("latin1"))
  }
}

/** A line was too long. */
export interface TooLong {
  readonly _tag: "TooLong"
  /** How the line began, in its wire form: enough to hold a label. */
  readonly start: string
}

const LF = 0x0a
const CR = 0x0d

/** How much of a line that is too long is reported: `@`, a label of 32 and a blank. */
const startBytes = 34

/**
 * Cuts a byte stream into lines at LF, a whole read at a time, in constant memory: a line over the limit is dropped as
 * it comes, and reported once, when it passes the limit.
 */
export class Framing {
  /** The unfinished last line; it grows by doubling, so that a line that comes byte by byte costs no more than another. */
  private rest: Buffer = nothing
  private restLength = 0
  private skipping = false

  /** @param maxLineBytes longest line, in bytes, without its LF or CRLF */
  constructor(readonly maxLineBytes: number) {}

  /** The memory that the unfinished line takes. */
  get restBytes(): number {
    return this.rest.length
  }

  /** Forgets the unfinished line. */
  drop() {
    this.rest = nothing
    this.restLength = 0
  }

  push(bytes: Uint8Array): ReadonlyArray<Piece> {
    const read = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (read.length === 0) return []
    const lastLF = read.lastIndexOf(LF)
    // The usual read: whole lines, nothing before them.
    if (lastLF === read.length - 1 && this.restLength === 0 && !this.skipping) return this.cut(read)

    const pieces: Array<Piece> = []
    let start = 0
    if (lastLF >= 0 && (this.restLength > 0 || this.skipping)) {
      start = read.indexOf(LF) + 1
      if (this.skipping) this.skipping = false
      else {
        this.append(read.subarray(0, start))
        this.cut(this.takeRest(), pieces)
      }
    }
    if (start <= lastLF) this.cut(read.subarray(start, lastLF + 1), pieces)
    this.keep(read.subarray(lastLF + 1), pieces)
    return pieces
  }

  /** The stream ended in order: what stands behind the last LF counts as a line (protocol, section 4). */
  end(): ReadonlyArray<Piece> {
    if (this.restLength === 0) return []
    this.append(Buffer.of(LF))
    return this.cut(this.takeRest())
  }

  private keep(rest: Buffer, pieces: Array<Piece>) {
    if (rest.length === 0) {
      this.rest = nothing
      return
    }
    if (this.skipping) return
    // One more byte is allowed if it may be the CR of a CRLF.
    const length = this.restLength + rest.length
    if (length > this.maxLineBytes && !(length === this.maxLineBytes + 1 && rest[rest.length - 1] === CR)) {
      if (this.restLength < startBytes) this.append(rest.subarray(0, startBytes))
      pieces.push({ _tag: "TooLong", start: this.rest.toString("latin1", 0, Math.min(startBytes, this.restLength)) })
      this.rest = nothing
      this.restLength = 0
      this.skipping = true
      return
    }
    this.append(rest)
  }

  /** The block that it becomes keeps its bytes, so the next rest gets a place of its own. */
  private takeRest(): Buffer {
    const line = this.rest.subarray(0, this.restLength)
    this.rest = nothing
    this.restLength = 0
    return line
  }

  private append(bytes: Buffer) {
    const length = this.restLength + bytes.length
    if (length > this.rest.length) {
      // Not from Node's pool: a rest may live long, and would keep 8 KiB of strangers alive.
      const grown = Buffer.allocUnsafeSlow(Math.max(64, 2 * this.restLength, length))
      this.rest.copy(grown, 0, 0, this.restLength)
      this.rest = grown
    }
    bytes.copy(this.rest, this.restLength)
    this.restLength = length
  }

  /** Whole lines to pieces, which it adds to the others. Only a block above the limit can contain a line that is. */
  private cut(lines: Buffer, pieces: Array<Piece> = []): ReadonlyArray<Piece> {
    if (lines.length <= this.maxLineBytes + 1) {
      pieces.push(new Lines(lines))
      return pieces
    }
    let good = 0
    for (let start = 0; start < lines.length;) {
      const next = lines.indexOf(LF, start) + 1
      const end = next - 1 > start && lines[next - 2] === CR ? next - 2 : next - 1
      if (end - start > this.maxLineBytes) {
        if (good < start) pieces.push(new Lines(lines.subarray(good, start)))
        pieces.push({ _tag: "TooLong", start: lines.toString("latin1", start, Math.min(start + startBytes, end)) })
        good = next
      }
      start = next
    }
    if (good < lines.length) pieces.push(new Lines(lines.subarray(good)))
    return pieces
  }
}

const nothing = Buffer.alloc(0)
