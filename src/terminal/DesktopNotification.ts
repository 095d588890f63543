import * as Cells from "./Cells.js"
import type { Display } from "./Display.js"
import * as Format from "./Format.js"
import type { Notification } from "./Notifier.js"

/** Control sequences that make a terminal show a notification on the desktop. */

/**
 * The number of the operating system command. `9`, from iTerm2, takes a text; `777`, from rxvt, a title and a text.
 * Only one is sent, because a terminal that knows both would show two notifications.
 */
export const oscNumbers = ["9", "777"] as const

/** The way to reach a terminal. */
export interface TerminalRoute {
  readonly command: (typeof oscNumbers)[number]
  /** The multiplexer that this program runs in. It passes on only sequences that are wrapped for it. */
  readonly within?: "tmux" | "screen" | undefined
}

type Environment = Readonly<Record<string, string | undefined>>

const within = (environment: Environment): TerminalRoute["within"] => {
  const has = (name: string) => (environment[name] ?? "") !== ""
  return has("TMUX") ? "tmux" : has("STY") ? "screen" : undefined
}

/**
 * The route to the terminal of an environment.
 *
 * @param command `auto` for the one that the terminal understands
 */
export const route = (
  command: TerminalRoute["command"] | "auto",
  environment: Environment
): TerminalRoute | undefined => {
  const found = command === "auto" ? understood(environment) : command
  return found === undefined ? undefined : { command: found, within: within(environment) }
}

/** Most terminals show the notification of command 777, or ignore it. A console might print it. */
const understood = (environment: Environment): TerminalRoute["command"] | undefined => {
  const [term = "", program = ""] = [environment["TERM"], environment["TERM_PROGRAM"]]
  // iTerm2 sends this variable along with ssh, and multiplexers leave it alone.
  if (environment["LC_TERMINAL"] === "iTerm2" || /^(?:iTerm\.app|WarpTerminal)$/u.test(program)) return "9"
  // Older versions of kitty know only this one.
  if (term === "xterm-kitty" || (environment["KITTY_WINDOW_ID"] ?? "") !== "") return "9"
  return graphical.test(term) ? "777" : undefined
}

const graphical = /^(?:xterm|rxvt|foot|alacritty|contour|gnome|konsole|mintty|st-|vte|wezterm|screen|tmux)/u

/** GNU Screen drops longer strings than 768 bytes, and desktops show less. */
const [maxTitleBytes, maxTextBytes] = [120, 400]

/** The sequence for a notification. */
export const render = ({ isMention, message, more }: Notification, route: TerminalRoute, display: Display): string => {
  const { from } = message
  const action = Format.actionOf(message.text)
  const title = fit(isMention ? `${from} mentions you` : from, maxTitleBytes, display)
  const count = more === 0 ? "" : ` (and ${more} more)`
  const text = fit(action === undefined ? message.text : `* ${from} ${action}`, maxTextBytes, display) + count
  // Some terminals end the text at a semicolon.
  const fields = [title, text].map((field) => field.replaceAll(";", ","))
  return wrap(route.command === "9" ? `9;${fields.join(": ")}` : `777;notify;${fields.join(";")}`, route)
}

/** The start of a text that fits, escaped as on the screen, so that it can neither end nor start a sequence. */
const fit = (text: string, maxBytes: number, display: Display): string => {
  let [shown, bytes] = ["", 0]
  // No character takes less than a byte.
  for (const cell of Cells.of(text.slice(0, maxBytes + 1).replaceAll("\t", " "), display)) {
    bytes += Buffer.byteLength(cell.text)
    if (bytes > maxBytes) return `${shown}${display.unicode ? "…" : "..."}`
    shown += cell.text
  }
  return shown
}

/** The bell ends the sequence: in Screen, ST would also end the sequence around it. */
const wrap = (command: string, { within }: TerminalRoute): string => {
  const sequence = `\x1b]${command}\x07`
  switch (within) {
    case "tmux":
      return `\x1bPtmux;${sequence.replaceAll("\x1b", "\x1b\x1b")}\x1b\\`
    case "screen":
      return `\x1bP${sequence}\x1b\\`
    case undefined:
      return sequence
  }
}
