// oxlint-disable no-control-regex -- what terminals read and write
import Xterm from "@xterm/headless"
import * as Effect from "effect/Effect"
import { PassThrough } from "node:stream"

/** An emulated terminal: shows on its screen what a real one would. */
export interface Emulator {
  /** Feeds it the output of a program. */
  readonly feed: (bytes: string | Uint8Array) => void
  /** Everything fed so far. */
  readonly written: () => string
  /**
   * All rows, including those scrolled off, without trailing blanks; ends with the last row that has text or the
   * cursor.
   */
  readonly rows: () => ReadonlyArray<string>
  /** The rows on the screen. */
  readonly screenRows: () => ReadonlyArray<string>
  /** The text as a user would copy it: wrapped rows are joined. */
  readonly lines: () => ReadonlyArray<string>
  /** Waits until the text matches. */
  readonly sees: (pattern: RegExp | string) => Effect.Effect<void>
  /** Waits until everything fed is on the screen. */
  readonly settled: Effect.Effect<void>
  readonly cursor: () => { readonly row: string; readonly column: number }
  readonly resize: (columns: number, rows: number) => void
  /** Modes that programs change: bracketed paste, wrapping, and reports of the focus. */
  readonly modes: () => { readonly marksPastes: boolean; readonly wraps: boolean; readonly reportsFocus: boolean }
  readonly bells: () => number
}

export interface Options {
  readonly columns?: number
  readonly rows?: number
  /** Whether a resize reflows the row of the cursor. */
  readonly reflowsCursorRow?: boolean
}

export const make = (options: Options = {}): Emulator => {
  const { columns = 80, reflowsCursorRow = true, rows = 24 } = options
  const terminal = new Xterm.Terminal({
    cols: columns,
    rows,
    scrollback: 100_000,
    allowProposedApi: true,
    reflowCursorLine: reflowsCursorRow
  })
  let written = ""
  let bells = 0
  const lookers = new Set<() => void>()
  terminal.onBell(() => (bells += 1))

  const look = () => {
    for (const looker of lookers) looker()
  }
  const line = (at: number) => terminal.buffer.active.getLine(at)
  const count = () => terminal.buffer.active.baseY + terminal.rows
  const cursorAt = () => terminal.buffer.active.baseY + terminal.buffer.active.cursorY
  const trimmed = (all: Array<string>) => {
    while (all.length > cursorAt() + 1 && all.at(-1) === "") all.pop()
    return all
  }
  const allRows = () => trimmed(Array.from({ length: count() }, (_, at) => line(at)?.translateToString(true) ?? ""))
  const allLines = () => {
    const joined: Array<string> = []
    for (let at = 0; at < count(); at++) {
      const row = line(at)
      // The client writes nothing below the cursor, but a resize can leave rows there that look like wrapped ones.
      const isContinued = at < cursorAt() && line(at + 1)?.isWrapped === true
      const text = row?.translateToString(!isContinued) ?? ""
      if (row?.isWrapped === true) joined.push((joined.pop() ?? "") + text)
      else joined.push(text)
    }
    while (joined.at(-1) === "") joined.pop()
    return joined
  }

  return {
    feed: (bytes) => {
      written += typeof bytes === "string" ? bytes : Buffer.from(bytes).toString("utf8")
      terminal.write(bytes, look)
    },
    written: () => written,
    rows: allRows,
    screenRows: () => allRows().slice(terminal.buffer.active.baseY),
    lines: allLines,
    sees: (pattern) =>
      Effect.async<void>((resume) => {
        const looker = () => {
          const text = allLines().join("\n")
          if (typeof pattern === "string" ? !text.includes(pattern) : !pattern.test(text)) return
          lookers.delete(looker)
          resume(Effect.void)
        }
        lookers.add(looker)
        looker()
        return Effect.sync(() => lookers.delete(looker))
      }).pipe(
        Effect.timeoutFail({
          duration: "20 seconds",
          onTimeout: () => new Error(`not seen: ${pattern}\n${allRows().slice(-40).join("\n")}`)
        }),
        Effect.orDie
      ),
    settled: Effect.async<void>((resume) => terminal.write("", () => resume(Effect.void))),
    cursor: () => ({
      row: line(cursorAt())?.translateToString(true) ?? "",
      column: terminal.buffer.active.cursorX
    }),
    resize: (columns, rows) => terminal.resize(columns, rows),
    modes: () => ({
      marksPastes: terminal.modes.bracketedPasteMode,
      wraps: terminal.modes.wraparoundMode,
      reportsFocus: terminal.modes.sendFocusMode
    }),
    bells: () => bells
  }
}

/** Joins lines that the program has wrapped, with `between`. */
export const unwrapped = (lines: ReadonlyArray<string>, between = " "): string =>
  lines.join("\n").replace(/\n {8}/gu, between)

/** A program's terminal streams, connected to an emulator. */
export const streams = (options: Options = {}) => {
  const emulator = make(options)
  const rawModes: Array<boolean> = []
  const input = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode: (raw: boolean) => rawModes.push(raw)
  })
  const output = Object.assign(new PassThrough(), {
    isTTY: true,
    columns: options.columns ?? 80,
    rows: options.rows ?? 24
  })
  // A terminal in cooked mode turns LF into CR LF.
  output.on("data", (bytes: Buffer) => emulator.feed(bytes.toString("utf8").replace(/\r?\n/gu, "\r\n")))
  const resize = (columns: number, rows: number) => {
    emulator.resize(columns, rows)
    Object.assign(output, { columns, rows })
    output.emit("resize")
  }
  return { ...emulator, input, output, rawModes, resize, types: (keys: string) => Effect.sync(() => input.write(keys)) }
}

/** Every control sequence that the client itself writes. */
// oxlint-disable-next-line no-control-regex
const ours =
  /\x1b\](?:9|777;notify);[^\p{Cc}]*\x07|\x1b\[(?:\?(?:2004|1004|25|7)[hl]|\d+A|J|H|0m|[127]m|3[1-6]m|38;5;\d+m)|\x1b[78]|[\r\n\t\x07]/gu

/** Characters in the output that could steer a terminal and are not part of the client's own sequences. */
export const foreign = (written: string): ReadonlyArray<string> =>
  written.replace(ours, "").match(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]|(?![\u200c\u200d])\p{Cf}/gu) ?? []
