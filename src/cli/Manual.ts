import * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import { pages, type CommandName } from "./Pages.js"

/** What `--help` tells of a command besides its flags. */
export interface Page {
  /** One sentence, for the list of commands and for completions. */
  readonly summary: string
  readonly description: ReadonlyArray<string>
  /** Exit statuses, and what each means. */
  readonly statuses: ReadonlyArray<readonly [status: string, meaning: string]>
  /** Scripts for a shell, and what each does. */
  readonly examples: ReadonlyArray<readonly [about: string, script: string]>
}

/**
 * Gives a command its description: all of it if its help was asked for, else its summary, which is all that @effect/cli
 * can put into a list of commands or into completions.
 */
export const describe = <Name extends CommandName, R, E, A>(
  command: Command.Command<Name, R, E, A>,
  name: Name,
  asked: string | undefined
): Command.Command<Name, R, E, A> => {
  const { description, summary } = pages[name]
  const [first = summary, ...others] = asked === name ? [summary, ...description] : [summary]
  return Command.withDescription(
    command,
    others.length === 0 ? HelpDoc.p(first) : HelpDoc.blocks([first, ...others].map((text) => HelpDoc.p(text)))
  )
}

/** How far examples are indented; lines so far in are not wrapped. */
export const exampleIndent = "    "

/** What stands behind the flags. */
export const footer = (asked: string | undefined): HelpDoc.HelpDoc => {
  if (asked === undefined || !isCommand(asked)) return HelpDoc.empty
  const { examples, statuses } = pages[asked]
  return HelpDoc.blocks([
    HelpDoc.h1("EXIT STATUS"),
    ...statuses.map(([status, meaning]) => HelpDoc.p(`  ${status}  ${meaning}`)),
    HelpDoc.h1("EXAMPLES"),
    ...examples.flatMap(([about, script]) => [HelpDoc.p(about), HelpDoc.p(script.replaceAll(/^/gmu, exampleIndent))])
  ])
}

const isCommand = (name: string): name is CommandName => Object.hasOwn(pages, name)
