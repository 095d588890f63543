import * as Escape from "../client/Escape.js"

/** What a terminal can display. */
export interface Display {
  /** Available colours. With `NO_COLOR` there are none, and no bold or dim text either. */
  readonly colours: "none" | "basic" | "many"
  /** Whether the locale is UTF-8, so that characters beyond ASCII are displayed unescaped. */
  readonly unicode: boolean
  /** Rows that the terminal rewraps when it becomes narrower: all, all but the cursor's row, or none (they are cut). */
  readonly reflow: "all" | "notCursor" | "none"
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * @param colourBits from Node's `getColorDepth`, which reads `TERM`, `COLORTERM` and `NO_COLOR`
 */
export const make = (environment: Environment, colourBits: number): Display => ({
  colours: colourBits >= 8 ? "many" : colourBits > 1 ? "basic" : "none",
  unicode: isUtf8(environment),
  reflow: reflowOf(environment)
})

/** Most terminals rewrap all rows; the exceptions are listed here. Inside tmux, tmux is the terminal. */
const reflowOf = (environment: Environment): Display["reflow"] => {
  const has = (name: string) => (environment[name] ?? "") !== ""
  if (has("TMUX")) return "all"
  if (has("STY") || has("XTERM_VERSION")) return "none"
  return environment["TERM_PROGRAM"] === "vscode" ? "notCursor" : "all"
}

/** Whether the terminal cannot move its cursor, so that no prompt can stay below incoming lines. */
export const isDumb = (environment: Environment): boolean => environment["TERM"] === "dumb"

/** The first non-empty variable counts. If all are empty, POSIX defines the locale as `C`. */
const isUtf8 = (environment: Environment): boolean => {
  const locale = ["LC_ALL", "LC_CTYPE", "LANG"].map((name) => environment[name] ?? "").find((value) => value !== "")
  return /utf-?8/iu.test(locale ?? "")
}

/** Symbols at the start of a line, and between a name and a text. */
export interface Marks {
  /** Sent or waiting to be sent; no outcome yet. */
  readonly pending: string
  readonly written: string
  readonly returned: string
  readonly unknown: string
  /** Between a sender and the text; also after the recipients in the prompt. */
  readonly says: string
  /** Between the recipients of the user's own message and its text. */
  readonly sentTo: string
  /** Before a line from the server or from this program. */
  readonly quiet: string
  readonly more: string
  readonly dash: string
}

const unicode: Marks = {
  pending: "…",
  written: "✓",
  returned: "✗",
  unknown: "?",
  says: "›",
  sentTo: "‹",
  quiet: "·",
  more: "…",
  dash: "—"
}

const ascii: Marks = {
  pending: "...",
  written: "ok",
  returned: "x",
  unknown: "?",
  says: ">",
  sentTo: "<",
  quiet: "-",
  more: "...",
  dash: "--"
}

export const marks = (display: Display): Marks => (display.unicode ? unicode : ascii)

/** More combining marks on one character than any script needs. Terminals draw them over neighbouring rows. */
const stacked = /(\p{M}{8})(\p{M}+)/gu

const beyondAscii = /[^\t\x20-\x7e]/gu

/**
 * Makes text safe to display: nothing in it can move the cursor, change a colour, reorder a row or be invisible. A
 * terminal whose locale is not UTF-8 may interpret the bytes of a character as control codes, so it gets `\u{e9}`
 * instead.
 */
export const show = (text: string, { unicode }: Display): string => {
  if (/^[\t\x20-\x7e]*$/u.test(text)) return text
  const escaped = Escape.show(text).replaceAll("\n", "\\x0a")
  return unicode
    ? escaped.replace(stacked, (_, kept: string, rest: string) => kept + rest.replace(/./gu, escape))
    : escaped.replace(beyondAscii, escape)
}

const escape = (character: string) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`
