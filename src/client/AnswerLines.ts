import { isUtf8 } from "node:buffer"
import { Framing, type Piece } from "../protocol/Framing.js"
import * as Wire from "../protocol/Wire.js"
import * as Escape from "./Escape.js"

/**
 * What a program writes, as lines that a server takes: control characters are shown as `\x1b`, bytes that are not UTF-8
 * as U+FFFD, and in the place of a line that is too long stands one that says so.
 */
export class AnswerLines {
  /** How many lines were changed so far. */
  replaced = 0
  /** How many lines were left out so far. */
  tooLong = 0
  private readonly framing: Framing

  /** @param maxBytes longest line, in bytes without its end */
  constructor(private readonly maxBytes: number) {
    this.framing = new Framing(maxBytes)
  }

  push(bytes: Uint8Array): ReadonlyArray<string> {
    return this.framing.push(bytes).flatMap((piece) => this.lines(piece))
  }

  /** The last line, if it has no end. */
  end(): ReadonlyArray<string> {
    return this.framing.end().flatMap((piece) => this.lines(piece))
  }

  private lines(piece: Piece): ReadonlyArray<string> {
    if (piece._tag === "TooLong") return [this.leaveOut()]
    const { clean, text } = piece
    return Wire.lines(text).map((line) => (clean ? Wire.decode(line) : this.fit(line)))
  }

  private fit(wire: string): string {
    const decoded = Wire.decode(wire)
    const text = Escape.controls(decoded)
    if (text === decoded && isUtf8(Buffer.from(wire, "latin1"))) return text
    if (Buffer.byteLength(text) > this.maxBytes) return this.leaveOut()
    this.replaced += 1
    return text
  }

  private leaveOut(): string {
    this.tooLong += 1
    return `(a line of more than ${this.maxBytes} bytes was left out)`
  }
}
