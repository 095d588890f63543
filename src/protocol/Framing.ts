import { isUtf8 } from "node:buffer"
import * as Block from "./Block.js"

/**
 * The output of framing, in the order of the input: blocks of whole lines, and a mark for each line that is too long.
 */
export type Piece = Lines | TooLong

/**
 * One or more whole lines, none of which exceeds the limit. Everything is computed on demand: a block whose lines all
 * go to the same recipients needs neither `clean` nor `text` (benchmarks: 1 pair, 1 KB texts).
 */
export class Lines {
  readonly _tag = "Lines"
  private foundUtf8: boolean | undefined = undefined
  private foundClean: boolean | undefined = undefined
  private madeText: string | undefined = undefined

  /** @param bytes the lines, each with its LF; undefined once `text` was read, so that nothing is stored twice */
  constructor(public bytes: Uint8Array | undefined) {}

  /** Whether the block is UTF-8. */
  get utf8(): boolean {
    return (this.foundUtf8 ??= isUtf8(this.source))
  }

  /**
   * Whether the block is UTF-8 without control characters but TAB and the CR of a CRLF: its lines need no more checks.
   */
  get clean(): boolean {
    return (this.foundClean ??= this.utf8 && !Block.hasControl(this.source))
  }

  /** The bytes, restored from the text if that was read first. */
  private get source(): Uint8Array {
    return this.bytes ?? Buffer.from(this.text, "latin1")
  }

  /** The lines in their wire form (`Wire`). */
  get text(): string {
    if (this.madeText !== undefined) return this.madeText
    // Always a Buffer; declared as Uint8Array because the library's declarations must not need the types of Node.
    const bytes = this.bytes as Buffer | undefined
    this.bytes = undefined
    return (this.madeText = bytes === undefined ? "" : bytes.toString("latin1"))
  }

  /** Drops the lines. A block that has waited for long is in V8's old generation, and would keep its text there too. */
  release() {
    this.bytes = undefined
    this.madeText = undefined
  }
}

/** A line was too long. */
export interface TooLong {
  readonly _tag: "TooLong"
  /** The start of the line, in its wire form: long enough for a label. */
  readonly start: string
}

const LF = 0x0a
const CR = 0x0d

/** The reported part of a line that is too long: `@`, a label of 32 characters and a blank. */
const startBytes = 34

/**
 * Splits a byte stream into lines at LF, one read at a time, in constant memory: a line over the limit is discarded as
 * it arrives, and reported once, as soon as it exceeds the limit.
 */
export class Framing {
  /** The unfinished last line. It grows by doubling, so a line that arrives byte by byte still takes linear time. */
  private rest: Buffer = nothing
  private restLength = 0
  private skipping = false

  /** @param maxLineBytes longest line, in bytes, without its LF or CRLF */
  constructor(readonly maxLineBytes: number) {}

  /** The memory of the unfinished line. */
  get restBytes(): number {
    return this.rest.length
  }

  /** Discards the unfinished line. */
  drop() {
    this.rest = nothing
    this.restLength = 0
  }

  push(bytes: Uint8Array): ReadonlyArray<Piece> {
    const read = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (read.length === 0) return []
    const lastLF = read.lastIndexOf(LF)
    // The usual case: whole lines, and no unfinished line before them.
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

  /** The stream ended in order: text after the last LF counts as a line (protocol, section 4). */
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
    // One more byte is allowed if it can be the CR of a CRLF.
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

  /** The returned block keeps these bytes, so the next unfinished line gets a new buffer. */
  private takeRest(): Buffer {
    const line = this.rest.subarray(0, this.restLength)
    this.rest = nothing
    this.restLength = 0
    return line
  }

  private append(bytes: Buffer) {
    const length = this.restLength + bytes.length
    if (length > this.rest.length) {
      // Not from Node's pool: a long-lived unfinished line would keep 8 KiB of unrelated data alive.
      const grown = Buffer.allocUnsafeSlow(Math.max(64, 2 * this.restLength, length))
      this.rest.copy(grown, 0, 0, this.restLength)
      this.rest = grown
    }
    bytes.copy(this.rest, this.restLength)
    this.restLength = length
  }

  /** Appends whole lines to the pieces. Only a block that exceeds the limit can contain a line that does. */
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
