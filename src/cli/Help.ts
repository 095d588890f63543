import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"

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
    "This option can be set from environment variables\\.",
    "This setting is optional\\."
  ].map((phrase) => [new RegExp(`^ *${colour}${phrase}${colour} *\n\n?`, "gmu"), ""] as const),
  // A command is listed with all its flags, which is hundreds of columns.
  [new RegExp(`^(${colour} *- ${colour}\\w+${colour})(?: ${colour}\\[--.*\\]${colour}) +`, "gmu"), "$1  "],
  [new RegExp(`^(\\$ ${colour})(?!${colour}a-chat)`, "gmu"), "$1a-chat "]
]

/**
 * The console for @effect/cli, which colours its help even in a pipe, and prints errors that it also fails with:
 * those are left to `Status.report`.
 */
export const withPlainConsole = <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Console.consoleWith((console) =>
    Effect.withConsole(program, {
      ...console,
      log: (text) => Effect.sync(() => process.stdout.write(`${shape(String(text))}\n`)),
      error: () => Effect.void
    })
  )

const shape = (text: string): string => {
  const coloured = process.stdout.isTTY === true && (process.env["NO_COLOR"] ?? "") === ""
  const help = corrections.reduce((sofar, [pattern, correction]) => sofar.replace(pattern, correction), text)
  return coloured ? help : help.replace(ansi, "")
}
