import * as DidYouMean from "../../protocol/DidYouMean.js"
import type * as Setting from "../settings/Setting.js"
import { builtIns } from "./Arguments.js"

/**
 * Checks the command line before @effect/cli parses it. @effect/cli would send a mistyped flag as text, and reports a
 * flag without its value in the same words as an unknown one.
 */

/** What the command line of a command may contain. */
export interface CommandForm {
  readonly settings: Readonly<Record<string, Setting.Setting<unknown>>>
  /** What it takes besides flags: words, recipients and a text, a text alone, or a program with its arguments. */
  readonly takes: "flags" | "words" | "text" | "query" | "program"
  /** The complaint if its first argument is missing; undefined if none is required. */
  readonly needs?: string | undefined
}

/** The arguments that come before the text or the program. */
const leading = { flags: 0, words: Infinity, text: 1, query: 0, program: 0 } as const

/**
 * Returns what is wrong with the command line.
 *
 * @param ordered the arguments, with the flags of @effect/cli after the command
 * @param names the names of all commands
 * @param formOf returns the form of the command that is named
 */
export const mistake = <Name extends string>(
  ordered: ReadonlyArray<string>,
  names: ReadonlyArray<Name>,
  formOf: (command: Name) => CommandForm | undefined
): string | undefined => {
  const args = withoutBuiltIns(ordered)
  const [command] = args
  if (command === undefined) return undefined
  if (command.startsWith("-")) return command === "--" ? undefined : unknownFlag(command, [], "a-chat --help")
  const name = names.find((name) => name === command)
  const form = name && formOf(name)
  if (form === undefined) {
    const flag = `--${command}`
    if (builtIns.has(flag)) return `unknown command ${command}; did you mean ${flag}?`
    const list = names.map((name) => `'${name}'`).join(", ")
    return `unknown command ${command}; ${DidYouMean.question(command, names, `use one of ${list}`)}`
  }
  return includes(ordered, informational)
    ? undefined
    : mistakeInFlags(beforeDashes(args).slice(1), form, {
        help: `a-chat ${command} --help`,
        isAll: !args.includes("--")
      })
}

/** The command that is named, whether it exists or not. */
export const command = (ordered: ReadonlyArray<string>): string | undefined => withoutBuiltIns(ordered)[0]

/** Whether the output is about all commands, whichever is named. */
export const concernsAll = (ordered: ReadonlyArray<string>): boolean => includes(ordered, ["--completions", "--wizard"])

/** With one of these, @effect/cli ignores the other flags. */
const informational = ["--help", "-h", "--version", "--wizard", "--completions"]

const includes = (ordered: ReadonlyArray<string>, flags: ReadonlyArray<string>) =>
  flags.some((flag) => beforeDashes(ordered).includes(flag))

const beforeDashes = (args: ReadonlyArray<string>) => {
  const dashes = args.indexOf("--")
  return dashes < 0 ? args : args.slice(0, dashes)
}

const withoutBuiltIns = (ordered: ReadonlyArray<string>): ReadonlyArray<string> => {
  const own: Array<string> = []
  const rest = ordered.values()
  for (const arg of rest) {
    if (arg === "--") return [...own, arg, ...rest]
    const values = builtIns.get(arg)
    if (values === undefined) own.push(arg)
    else if (values.length > 0) rest.next()
  }
  return own
}

const hints = {
  flags: "",
  words: "",
  text: "; to send it as text, write -- before it",
  query: "; to search for it, write -- before it",
  program: ""
} as const

/** An argument in the form of a flag. A text with blanks, `:-)` or `--- cut here ---` is none. */
const flagPattern = /^--?[a-z][\w-]*(?:=[^]*)?$/iu

const mistakeInFlags = (
  args: ReadonlyArray<string>,
  { needs, settings, takes }: CommandForm,
  { help, isAll }: { readonly help: string; readonly isAll: boolean }
): string | undefined => {
  const forms = new Map(Object.values(settings).map(({ form, name }) => [name, form] as const))
  const rooms = new Set(
    Object.values(settings).flatMap(({ name, placeholder }) => (placeholder.startsWith("#") ? [name] : []))
  )
  const given = new Set<string>()
  // `-x` is a flag only where no text can be: no command has flags of one letter.
  let others = 0
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? ""
    const isInside = others > leading[takes]
    if (isInside && takes === "program") return undefined
    const equals = arg.indexOf("=")
    const flag = equals < 0 ? arg : arg.slice(0, equals)
    const name = flag.replace(/^--?/u, "").toLowerCase()
    const form = arg.startsWith("--") ? forms.get(name) : undefined
    const hint = hints[takes]
    if (form !== undefined) {
      if (given.has(name) && form !== "list") return `${flag} is given twice${hint}`
      given.add(name)
      if (form === "switch") {
        if (equals < 0 && switchWords.has(args[at + 1]?.toLowerCase() ?? "")) at++
      } else if (equals < 0 && ++at >= args.length) {
        return `${flag} lacks its value${rooms.has(name) ? `; ${quoteRooms}` : hint}`
      }
    } else if (flagPattern.test(arg) && (!isInside || DidYouMean.nearest(name, [...forms.keys()]) !== undefined)) {
      return unknownFlag(flag, [...forms.keys()], help) + hint
    } else {
      others++
      if (takes === "flags") return `unexpected argument ${arg}; see ${help}`
    }
  }
  return needs !== undefined && others === 0 && isAll ? `${needs}; ${quoteRooms}` : undefined
}

/** Nothing of an unquoted name arrives here. */
const quoteRooms = "a room needs quotes in a shell, where # begins a comment: '#ops'"

/** The values of a switch that @effect/cli takes from the next argument. */
const switchWords = new Set(["true", "1", "y", "yes", "on", "false", "0", "n", "no", "off"])

const unknownFlag = (arg: string, names: ReadonlyArray<string>, help: string): string => {
  const name = arg.replace(/^--?/u, "").replace(/=[^]*$/u, "")
  const all = [...names, ...[...builtIns.keys()].filter((flag) => flag.startsWith("--")).map((flag) => flag.slice(2))]
  return `unknown flag ${arg}; ${DidYouMean.question(name, all, `see ${help}`, "--")}`
}
