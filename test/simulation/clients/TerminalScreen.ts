// oxlint-disable no-control-regex -- what terminals read
import { EventEmitter } from "node:events"

/** Wide enough for every row, so that none is wrapped. */
const columns = 400

const sequence = /\u001b\[\??(\d*)([A-Za-z])|\u001b([78])|[\r\n]|[^\u001b\r\n]+/gu

/** The screen of the simulated terminal: the few control sequences that the client uses, without a delay. */
export class TerminalScreen extends EventEmitter {
  readonly columns = columns
  readonly rows = 50
  readonly writableNeedDrain = false
  readonly errored = null
  private lines: Array<string> = [""]
  private row = 0
  private column = 0
  private saved = 0

  /** Everything visible, from the first row of the scrollback on. */
  get shown(): ReadonlyArray<string> {
    return this.lines.map((line) => line.trimEnd())
  }

  /** The last row, which is the prompt. */
  get prompt(): string {
    return this.lines.at(-1) ?? ""
  }

  write(text: string): boolean {
    for (const [piece, count = "", final, digit] of text.matchAll(sequence)) {
      if (final === "A") this.row = Math.max(0, this.row - Number(count))
      else if (final === "J") this.clearBelow()
      else if (digit === "7") this.saved = this.column
      else if (digit === "8") this.column = this.saved
      else if (piece === "\r") this.column = 0
      else if (piece === "\n") this.lineFeed()
      else if (final === undefined) this.put(piece)
    }
    return true
  }

  private clearBelow() {
    this.lines.length = this.row + 1
    this.lines[this.row] = (this.lines[this.row] ?? "").slice(0, this.column)
  }

  /** Also returns to the first column: in cooked mode, the kernel turns LF into CR LF. */
  private lineFeed() {
    this.column = 0
    this.row += 1
    this.lines[this.row] ??= ""
  }

  private put(text: string) {
    const line = (this.lines[this.row] ?? "").padEnd(this.column)
    this.lines[this.row] = line.slice(0, this.column) + text + line.slice(this.column + text.length)
    this.column += text.length
  }
}

/** The keyboard of the simulated terminal. */
export class TerminalKeyboard extends EventEmitter {
  readonly isTTY = true

  setRawMode() {}

  resume() {}

  pause() {}

  press(keys: string) {
    this.emit("data", Buffer.from(keys))
  }
}
