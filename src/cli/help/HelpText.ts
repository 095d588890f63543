import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import type * as Setting from "../settings/Setting.js"
import * as Manual from "./Manual.js"

// oxlint-disable-next-line no-control-regex
const ansi = /\x1b\[[0-9;]*m/gu

/** An error of the command line as one line, without colours. */
export const plain = (doc: HelpDoc.HelpDoc): string => {
  const line = HelpDoc.toAnsiText(doc)
    .replace(ansi, "")
    .trim()
    .replace(/\n\s*\n/gu, "; ")
    .replace(/\s+/gu, " ")
  // Of a flag without its value, and of one given twice, @effect/cli says that it is unknown.
  return line.startsWith("Received unknown argument: '--")
    ? `${line}, or it lacks its value, or is there twice; see --help`
    : line
}

const colour = String.raw`(?:\x1b\[[0-9;]*m)*`

/** What @effect/cli writes into the help of its own accord, and what stands there instead. */
const corrections: ReadonlyArray<readonly [RegExp, string]> = [
  // The descriptions of the flags say all this, and better.
  ...[
    "A user-defined piece of text\\.",
    "A true or false value\\.",
    "This setting is optional\\.",
    "This (?:argument|option) may be repeated zero or more times\\."
  ].map((phrase) => [new RegExp(`^ *${colour}${phrase}${colour} *\n\n?`, "gmu"), ""] as const),
  // Behind `--`, so that its flags are not taken for ours.
  [new RegExp(`^(\\$ .*\\]${colour}) (?=${colour}<PROGRAM>)`, "gmu"), "$1 -- "],
  [new RegExp(`^(\\$ ${colour})(?!${colour}a-chat)`, "gmu"), "$1a-chat "],
  // The completions for bash call the program by two names, and so never come to the flags of its commands.
  [/^( +)cmd="a-chat"$/gmu, '$1cmd="a__chat"'],
  [/^( +)a-chat\)$/gmu, "$1a__chat)"]
]

/** Where the completions for bash offer files after a flag. */
const files = /(--([\w-]+)\)\n +COMPREPLY=\( \$\(compgen )-f(?= )/gu

/** Offers the words of a setting that has few. @effect/cli does not know them, since `Setting` parses the values. */
const offerWords = (script: string, settings: ReadonlyArray<Setting.Setting<unknown>>): string =>
  script.replace(files, (offer: string, start: string, name: string) => {
    const words = settings.find((setting) => setting.name === name && setting.words.length > 0)?.words
    return words === undefined ? offer : `${start}-W "${words.join(" ")}" --`
  })

/**
 * The console for @effect/cli, which colours its help even in a pipe, and prints the errors with which it also fails:
 * those are left to `ExitStatus.report`.
 *
 * @param settings of all commands, for the completions
 */
export const withPlainConsole =
  (settings: ReadonlyArray<Setting.Setting<unknown>>) =>
  <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Console.consoleWith((console) =>
      Effect.withConsole(program, {
        ...console,
        log: (text) => Effect.sync(() => process.stdout.write(`${shape(offerWords(String(text), settings))}\n`)),
        error: () => Effect.void
      })
    )

const shape = (text: string): string => {
  const coloured = process.stdout.isTTY === true && (process.env["NO_COLOR"] ?? "") === ""
  const help = corrections.reduce((sofar, [pattern, correction]) => sofar.replace(pattern, correction), text)
  const shown = coloured ? help : help.replace(ansi, "")
  return process.stdout.isTTY === true ? wrap(shown, Math.min(process.stdout.columns || maxColumns, maxColumns)) : shown
}

const maxColumns = 100

/** Wraps lines at blanks, but for examples. Only for a terminal, which would wrap them anywhere. */
export const wrap = (text: string, columns: number): string =>
  text
    .split("\n")
    .flatMap((line) => {
      if (width(line) <= columns || line.startsWith(Manual.exampleIndent)) return [line]
      const indent = /^ */u.exec(line)?.[0] ?? ""
      const lines: Array<string> = []
      let current = ""
      for (const word of line.trim().split(" ")) {
        if (current !== "" && width(`${indent}${current} ${word}`) > columns) {
          lines.push(indent + current)
          current = word
        } else current = current === "" ? word : `${current} ${word}`
      }
      return [...lines, indent + current]
    })
    .join("\n")

const width = (line: string): number => line.replace(ansi, "").length
