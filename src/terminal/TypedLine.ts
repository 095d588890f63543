import * as Outcomes from "../client/Outcomes.js"
import * as Name from "../protocol/Name.js"
import * as Wire from "../protocol/Wire.js"

/** What a typed line means. */
export type Meaning =
  /** A message; the next line without recipients goes to the same ones. */
  | { readonly _tag: "Say"; readonly to: ReadonlyArray<string>; readonly text: string }
  /** Nothing is sent: the next lines go to these. */
  | { readonly _tag: "Turn"; readonly to: ReadonlyArray<string> }
  | { readonly _tag: "Who" | "Help" | "Quit" }
  /** Without names: who is ignored. */
  | { readonly _tag: "Ignore"; readonly names: ReadonlyArray<string> }
  | { readonly _tag: "Switch"; readonly what: "time" | "bell"; readonly on: boolean }
  | { readonly _tag: "Mistake"; readonly text: string }

/** What a line's meaning depends on. */
export interface TypingContext {
  /** To whom the last line went. */
  readonly to: ReadonlyArray<string>
  readonly lastSender: string | undefined
  /** Whether somebody of that name is here, or wrote, or was written to. */
  readonly isKnown: (name: string) => boolean
}

/** The commands, and what is said of them. */
export const commands: ReadonlyArray<readonly [usage: string, about: string]> = [
  ["/who", "tells who is here"],
  ["/reply [TEXT]", "turns to the last sender, and answers"],
  ["/ignore [NAME]", "does not show what NAME sends, or does again"],
  ["/time on|off", "shows the time when the minute changes"],
  ["/bell on|off", "rings for a message"],
  ["/help", "tells all this"],
  ["/quit", "leaves, as do Ctrl-D and Ctrl-C"]
]

const mistake = (text: string): Meaning => ({ _tag: "Mistake", text })

const nobody = mistake("to whom? write `name: text`; the lines behind it go there, too")

/**
 * Total. A line that starts with a blank is text as it is; else `/` starts a command, and `bob, carol: hi` is a message
 * to both if its head can be names. In `note:this` or `http://x` nobody is meant, unless somebody of that name is known:
 * without a blank behind the colon a stranger is not addressed.
 */
export const parse = (line: string, context: TypingContext): Meaning => {
  if (line.startsWith("/")) return command(line, context)
  const addressed = /^\s/u.test(line) ? undefined : address(line, context)
  if (addressed !== undefined) {
    return addressed.text === "" ? { _tag: "Turn", to: addressed.to } : { _tag: "Say", ...addressed }
  }
  return context.to.length === 0 ? nobody : { _tag: "Say", to: context.to, text: line.trim() }
}

const address = (line: string, { isKnown }: TypingContext) => {
  const colon = line.indexOf(":")
  if (colon < 0) return undefined
  const to = Outcomes.distinct(line.slice(0, colon).split(","))
  const isSpaced = colon + 1 === line.length || /^\s/u.test(line.slice(colon + 1))
  const isPossible = to.every((name) => isKnown(name) || (isSpaced && isName(name)))
  return to.length > 0 && isPossible ? { to, text: line.slice(colon + 1).trim() } : undefined
}

const isName = (name: string) => Name.parse(Wire.encode(name)) !== undefined

const command = (line: string, { isKnown, lastSender }: TypingContext): Meaning => {
  const end = line.search(/\s|$/u)
  const [name, argument] = [line.slice(0, end), line.slice(end).trim()]
  switch (name) {
    case "/who":
      return { _tag: "Who" }
    case "/help":
      return { _tag: "Help" }
    case "/quit":
      return { _tag: "Quit" }
    case "/reply":
      if (lastSender === undefined) return mistake("nobody has written yet")
      return argument === "" ? { _tag: "Turn", to: [lastSender] } : { _tag: "Say", to: [lastSender], text: argument }
    case "/ignore": {
      const names = Outcomes.distinct(argument.split(","))
      const wrong = names.find((one) => !isKnown(one) && !isName(one))
      return wrong === undefined
        ? { _tag: "Ignore", names }
        : mistake(`no name is like "${wrong}"; write /ignore bob, or /ignore bob, carol`)
    }
    case "/time":
    case "/bell": {
      const what = name === "/time" ? "time" : "bell"
      return argument === "on" || argument === "off"
        ? { _tag: "Switch", what, on: argument === "on" }
        : mistake(`write ${name} on, or ${name} off`)
    }
    default:
      return mistake(`there is no command ${name}; /help lists them, and a blank in front makes it text`)
  }
}
