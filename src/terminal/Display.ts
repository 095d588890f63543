import * as Escape from "../client/Escape.js"

/** What a terminal can display. */
export interface Display {
  /** Available colours. With `NO_COLOR` there are none, and no bold or dim text either. */
  readonly colours: "none" | "basic" | "many"
  /** Whether the locale is UTF-8, so that characters beyond ASCII are displayed unescaped. */
  readonly unicode: boolean
  /** Whether characters that are wide in East Asian fonts only, such as Cyrillic letters, may have two columns. */
  readonly wideAmbiguous?: boolean
  /** The rows that the terminal rewraps when it becomes narrower: all, all but the cursor's, or none (it cuts them). */
  readonly reflow: "all" | "notCursor" | "none"
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * @param colourBits from Node's `getColorDepth`, which reads `TERM`, `COLORTERM` and `NO_COLOR`
 */
export const make = (environment: Environment, colourBits: number): Display => ({
  colours: colourBits >= 8 ? "many" : colourBits > 1 ? "basic" : "none",
  unicode: /utf-?8/iu.test(locale(environment)),
  wideAmbiguous: /^(?:ja|ko|zh)(?![a-z])/u.test(locale(environment)),
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
const locale = (environment: Environment): string =>
  ["LC_ALL", "LC_CTYPE", "LANG"].map((name) => environment[name] ?? "").find((value) => value !== "") ?? "C"

/** Symbols at the start of a line, and between a name and a text. */
export interface Marks {
  /** Sent or waiting to be sent; no outcome yet. */
  readonly pending: string
  readonly written: string
  /** Received by the recipient's program, or by a device of its account. */
  readonly received: string
  readonly returned: string
  readonly unknown: string
  /** Between a sender and the text; also after the recipients in the prompt. */
  readonly says: string
  /** The same if the text mentions the user. */
  readonly mentions: string
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
  received: "✓✓",
  returned: "✗",
  unknown: "?",
  says: "›",
  mentions: "»",
  sentTo: "‹",
  quiet: "·",
  more: "…",
  dash: "—"
}

const ascii: Marks = {
  pending: "...",
  written: "ok",
  received: "ok ok",
  returned: "x",
  unknown: "?",
  says: ">",
  mentions: ">>",
  sentTo: "<",
  quiet: "-",
  more: "...",
  dash: "--"
}

export const marks = (display: Display): Marks => (display.unicode ? unicode : ascii)

/** Text that is safe to display. Only `show` and `Cells` make it, so that nothing else can reach the terminal. */
export type SafeText = string & { readonly SafeText: unique symbol }

const beyondAscii = /[^\t\x20-\x7e]/gu

/**
 * The escapes of characters that are not displayed, by index: nothing else in the text can move the cursor, change a
 * colour, reorder a row or be invisible. A terminal whose locale is not UTF-8 may interpret the bytes of a character as
 * control codes, so it gets `\u{e9}` instead.
 */
export const hidden = (text: string, { unicode }: Display): ReadonlyMap<number, string> => {
  const found = new Map<number, string>()
  if (isPrintable(text)) return found
  if (!unicode) for (const match of text.matchAll(beyondAscii)) found.set(match.index, number(match[0]))
  Escape.eachHidden(text, (character, index) => found.set(index, Escape.mark(character)))
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) found.set(at, "\\x0a")
  return found
}

const isPrintable = (text: string) => /^[\t\x20-\x7e]*$/u.test(text)

/** Makes text safe to display. */
export const show = (text: string, display: Display): SafeText => {
  if (isPrintable(text)) return text as SafeText // as the pattern requires
  const shown = Escape.show(text).replaceAll("\n", "\\x0a")
  return (display.unicode ? shown : shown.replace(beyondAscii, number)) as SafeText // everything else is escaped
}

const number = (character: string) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`
