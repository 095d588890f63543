import * as Escape from "../client/Escape.js"

/** What a terminal can show. */
export interface Display {
  /** How many colours there are: none with `NO_COLOR`, and then nothing is bold or dim either. */
  readonly colours: "none" | "basic" | "many"
  /** Whether characters beyond ASCII arrive as such: the locale is a UTF-8 one. */
  readonly unicode: boolean
  /** Which rows it breaks anew when it becomes narrower: all, all but that of the cursor, or none, which are cut. */
  readonly reflow: "all" | "notCursor" | "none"
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * @param colourBits what Node makes of `TERM`, `COLORTERM` and `NO_COLOR` (`getColorDepth`)
 */
export const make = (environment: Environment, colourBits: number): Display => ({
  colours: colourBits >= 8 ? "many" : colourBits > 1 ? "basic" : "none",
  unicode: isUtf8(environment),
  reflow: reflowOf(environment)
})

/** Most terminals break all rows; these are known not to. Inside tmux, tmux is the terminal. */
const reflowOf = (environment: Environment): Display["reflow"] => {
  const has = (name: string) => (environment[name] ?? "") !== ""
  if (has("TMUX")) return "all"
  if (has("STY") || has("XTERM_VERSION")) return "none"
  return environment["TERM_PROGRAM"] === "vscode" ? "notCursor" : "all"
}

/** A terminal that cannot move its cursor: there is no prompt to be kept below what comes. */
export const isDumb = (environment: Environment): boolean => environment["TERM"] === "dumb"

/** The first of these that is not empty counts, and without any the locale is `C` (POSIX). */
const isUtf8 = (environment: Environment): boolean => {
  const locale = ["LC_ALL", "LC_CTYPE", "LANG"].map((name) => environment[name] ?? "").find((value) => value !== "")
  return /utf-?8/iu.test(locale ?? "")
}

/** What stands in front of a line, and between a name and a text. */
export interface Marks {
  /** Sent, or yet to be; nothing is known of it. */
  readonly pending: string
  readonly written: string
  readonly returned: string
  readonly unknown: string
  /** Between a sender and what they say; behind whom the next line goes to. */
  readonly says: string
  /** Between the recipients of an own message and its text. */
  readonly told: string
  /** Of what the server or the program says. */
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
  told: "‹",
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
  told: "<",
  quiet: "-",
  more: "...",
  dash: "--"
}

export const marks = (display: Display): Marks => (display.unicode ? unicode : ascii)

/** More marks on one character than any script needs would be drawn over the neighbouring rows. */
const stacked = /(\p{M}{8})(\p{M}+)/gu

const beyondAscii = /[^\t\x20-\x7e]/gu

/**
 * Text as it is shown: nothing in it can move the cursor, change a colour, reorder a row or hide. Beyond ASCII, a
 * terminal whose locale is not UTF-8 may take the bytes of a character for control codes, so there it is `\u{e9}`.
 */
export const show = (text: string, { unicode }: Display): string => {
  if (/^[\t\x20-\x7e]*$/u.test(text)) return text
  const escaped = Escape.show(text).replaceAll("\n", "\\x0a")
  return unicode
    ? escaped.replace(stacked, (_, kept: string, rest: string) => kept + rest.replace(/./gu, escape))
    : escaped.replace(beyondAscii, escape)
}

const escape = (character: string) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`
