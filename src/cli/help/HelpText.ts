import type * as HelpDoc from "@effect/cli/HelpDoc"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import type * as Setting from "../settings/Setting.js"
import * as HelpPage from "./HelpPage.js"
import * as Manual from "./Manual.js"

/**
 * Corrections to @effect/cli 0.77, here and in `Arguments`: the order of arguments, the wording of help and errors,
 * colours in a pipe, and the completions for bash. They match text that @effect/cli writes, so an upgrade breaks these
 * two files first. test/cli/Manual.test.ts, Arguments.test.ts and serve.test.ts show what broke.
 */

// oxlint-disable-next-line no-control-regex
const ansi = /\x1b\[[0-9;]*m/gu

/** An error of the command line as one line, without colours. */
export const plain = (doc: HelpDoc.HelpDoc): string =>
  HelpPage.text(doc)
    .replace(ansi, "")
    .trim()
    .replace(/\n\s*\n/gu, "; ")
    .replace(/\s+/gu, " ")

const colour = String.raw`(?:\x1b\[[0-9;]*m)*`

/** Parts of the text of @effect/cli, and their replacements. */
const corrections: ReadonlyArray<readonly [RegExp, string]> = [
  // Sentences that @effect/cli adds to each flag. The descriptions already say this.
  ...[
    "A user-defined piece of text\\.",
    "A true or false value\\.",
    "This setting is optional\\.",
    "This (?:argument|option) may be repeated zero or more times\\."
  ].map((phrase) => [new RegExp(`^ *${colour}${phrase}${colour} *\n\n?`, "gmu"), ""] as const),
  // A flag that may be repeated is optional.
  [/ (--[\w-]+ \w+\.\.\.)(?= |$)/gmu, " [$1]"],
  // `<PROGRAM>` comes after `--`, so that its flags are not confused with those of a-chat.
  [new RegExp(`^(\\$ .*\\]${colour}) (?=${colour}<PROGRAM>)`, "gmu"), "$1 -- "],
  [new RegExp(`^(\\$ ${colour})(?!${colour}a-chat)`, "gmu"), "$1a-chat "],
  // The completions for bash use two names for the program, and therefore never reach the flags of its commands.
  [/^( +)cmd="a-chat"$/gmu, '$1cmd="a__chat"'],
  [/^( +)a-chat\)$/gmu, "$1a__chat)"]
]

/** Matches where the completions for bash offer files after a flag. */
const files = /(--([\w-]+)\)\n +COMPREPLY=\( \$\(compgen )-f(?= )/gu

/** Completes the allowed words of a setting. @effect/cli does not know them, because `Setting` parses the values. */
const offerWords = (script: string, settings: ReadonlyArray<Setting.Setting<unknown>>): string =>
  script.replace(files, (offer: string, start: string, name: string) => {
    const words = settings.find((setting) => setting.name === name && setting.words.length > 0)?.words
    return words === undefined ? offer : `${start}-W "${words.join(" ")}" --`
  })

/** Prints a text of @effect/cli with all corrections. */
export const printHelp = (text: string, settings: ReadonlyArray<Setting.Setting<unknown>>): void =>
  void process.stdout.write(`${shape(offerWords(text, settings)).trimEnd()}\n`)

/**
 * Runs a program with a console that corrects the output of @effect/cli and drops its errors. @effect/cli both prints
 * each error and fails with it; `ExitStatus.report` prints it once.
 *
 * @param settings the settings of all commands, for the completions
 */
export const withPlainConsole =
  (settings: ReadonlyArray<Setting.Setting<unknown>>) =>
  <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Console.consoleWith((console) =>
      Effect.withConsole(program, {
        ...console,
        log: (text) => Effect.sync(() => printHelp(String(text), settings)),
        error: () => Effect.void
      })
    )

const shape = (text: string): string => {
  const coloured = process.stdout.isTTY === true && (process.env["NO_COLOR"] ?? "") === ""
  const help = corrections.reduce((corrected, [pattern, correction]) => corrected.replace(pattern, correction), text)
  const shown = coloured ? help : help.replace(ansi, "")
  return process.stdout.isTTY === true
    ? wrapText(shown, Math.min(process.stdout.columns || maxColumns, maxColumns))
    : shown
}

const maxColumns = 100

/** Wraps lines at blanks, except in examples. A terminal would wrap them in the middle of a word. */
export const wrapText = (text: string, columns: number): string =>
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
