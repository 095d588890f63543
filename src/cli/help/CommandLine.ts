import * as DidYouMean from "../../protocol/DidYouMean.js"
import type { ParsedLine } from "../settings/Command.js"
import type * as Setting from "../settings/Setting.js"
import type { CommandSettings } from "../settings/Sources.js"
import { builtIns } from "./Arguments.js"

/**
 * Checks and parses the command line of a command. @effect/cli could parse it too, but loading and running it takes a
 * fifth of the start-up time (benchmark: start-up). It would also send a mistyped flag as text, and report a flag
 * without its value like an unknown one. `BuiltIns` runs it for help and completions.
 */

/** What the command line of a command may contain. */
export interface CommandForm {
  readonly settings: Readonly<Record<string, Setting.Setting<unknown>>>
  /**
   * Its arguments besides flags: a word, words, recipients and a text, a text alone, or a program with its arguments.
   */
  readonly takes: "flags" | "word" | "words" | "text" | "query" | "program"
  /** The complaint if its first argument is missing; undefined if none is required. */
  readonly needs?: string | undefined
}

/** The arguments that come before the text or the program. */
const leading = { flags: 0, word: Infinity, words: Infinity, text: 1, query: 0, program: 0 } as const

/**
 * Returns the first mistake in the command line.
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
    : mistakeInArguments(args.slice(1), form, `a-chat ${command} --help`)
}

/** The command that is named, whether it exists or not. */
export const command = (ordered: ReadonlyArray<string>): string | undefined => withoutBuiltIns(ordered)[0]

/** The command to run; undefined if help or other output is requested instead. */
export const commandToRun = (ordered: ReadonlyArray<string>): string | undefined =>
  includes(ordered, informational) ? undefined : command(ordered)

/** Whether the version is requested, and no help. */
export const asksForVersion = (ordered: ReadonlyArray<string>): boolean =>
  includes(ordered, ["--version"]) && !includes(ordered, ["--help", "-h"])

/**
 * The flags and the words of a command line without mistakes. A flag may stand anywhere before `--`; a second one of
 * the same name is a word.
 */
export const parse = (ordered: ReadonlyArray<string>, settings: CommandSettings): ParsedLine => {
  const own = withoutBuiltIns(ordered).slice(1)
  const before = beforeDashes(own)
  const byName = new Map(Object.entries(settings).map(([key, { form, name }]) => [name, { form, key }] as const))
  const flags: Record<string, string> = {}
  const lists: Record<string, Array<string>> = {}
  const words: Array<string> = []
  for (let at = 0; at < before.length; at++) {
    const arg = before[at] ?? ""
    const [, name = "", given] = /^--([^=]+)(?:=([^]*))?$/u.exec(arg) ?? []
    const { form, key } = byName.get(name.toLowerCase()) ?? { form: undefined, key: "" }
    const next = before[at + 1]
    const takesNext = given === undefined && next !== undefined && (form !== "switch" || isSwitchWord(next))
    const value = given ?? (takesNext ? next : form === "switch" ? "yes" : undefined)
    if (form === undefined || value === undefined || Object.hasOwn(flags, key)) {
      words.push(arg)
      continue
    }
    if (form === "list") (lists[key] ??= []).push(value)
    else flags[key] = value
    if (takesNext) at++
  }
  return { flags: { ...flags, ...lists }, words: [...words, ...own.slice(before.length + 1)] }
}

/** Whether the output is about all commands, even if one is named. */
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
  word: "",
  words: "",
  text: "; to send it as text, write -- before it",
  query: "; to search for it, write -- before it",
  program: ""
} as const

/** An argument in the form of a flag, unlike text with blanks, `:-)` or `--- cut here ---`. */
const flagPattern = /^--?[a-z][\w-]*(?:=[^]*)?$/iu

const mistakeInArguments = (
  args: ReadonlyArray<string>,
  { needs, settings, takes }: CommandForm,
  help: string
): string | undefined => {
  const forms = new Map(Object.values(settings).map(({ form, name }) => [name, form] as const))
  const rooms = new Set(
    Object.values(settings).flatMap(({ name, placeholder }) => (placeholder.startsWith("#") ? [name] : []))
  )
  const given = new Set<string>()
  const before = beforeDashes(args)
  const words: Array<string> = []
  // `-x` is a flag only where no text can be: no command has flags of one letter.
  for (let at = 0; at < before.length; at++) {
    const arg = before[at] ?? ""
    const isInside = words.length > leading[takes]
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
        if (equals < 0 && isSwitchWord(before[at + 1] ?? "")) at++
      } else if (equals < 0 && ++at >= before.length) {
        return `${flag} lacks its value${rooms.has(name) ? `; ${quoteRooms}` : hint}`
      }
    } else if (flagPattern.test(arg) && (!isInside || DidYouMean.nearest(name, [...forms.keys()]) !== undefined)) {
      return unknownFlag(flag, [...forms.keys()], help) + hint
    } else words.push(arg)
  }
  words.push(...args.slice(before.length + 1))
  const unexpected = takes === "flags" ? words[0] : takes === "word" ? words[1] : undefined
  if (unexpected !== undefined) return `unexpected argument ${unexpected}; see ${help}`
  return needs !== undefined && words.length === 0 ? `${needs}; ${quoteRooms}` : undefined
}

/** The shell drops an unquoted name completely. */
const quoteRooms = "a room needs quotes in a shell, where # begins a comment: '#ops'"

/** The values that a switch takes from the next argument. */
const switchWords = new Set(["true", "1", "y", "yes", "on", "false", "0", "n", "no", "off"])

const isSwitchWord = (arg: string) => switchWords.has(arg.toLowerCase())

const unknownFlag = (arg: string, names: ReadonlyArray<string>, help: string): string => {
  const name = arg.replace(/^--?/u, "").replace(/=[^]*$/u, "")
  const all = [...names, ...[...builtIns.keys()].filter((flag) => flag.startsWith("--")).map((flag) => flag.slice(2))]
  return `unknown flag ${arg}; ${DidYouMean.question(name, all, `see ${help}`, "--")}`
}
