import { isUtf8 } from "node:buffer"
import { Framing, type Piece } from "../protocol/Framing.js"
import * as Wire from "../protocol/Wire.js"
import * as Escape from "./Escape.js"

/**
 * Turns the output of a program into lines that a server accepts: control characters become `\x1b`, bytes that are not
 * UTF-8 become U+FFFD, and a notice takes the place of a line that is too long.
 */
export class AnswerLines {
  /** Number of lines with replaced characters so far. */
  replaced = 0
  /** Number of lines left out so far. */
  tooLong = 0
  private readonly framing: Framing

  /** @param maxBytes longest line, in bytes, excluding the terminator */
  constructor(private readonly maxBytes: number) {
    this.framing = new Framing(maxBytes)
  }

  push(bytes: Uint8Array): ReadonlyArray<string> {
    return this.framing.push(bytes).flatMap((piece) => this.lines(piece))
  }

  /** The last line, if it has no terminator. */
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
