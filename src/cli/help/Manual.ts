import * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import type { HelpRequest } from "./Arguments.js"
import { manualPages, type CommandName } from "./ManualText.js"

/** The pages of the manual as descriptions and footers of @effect/cli. */

/**
 * Gives a command its description if its help is requested, else its summary. @effect/cli prints the whole description
 * in lists of commands and in completions.
 *
 * @param command undefined for a command that is only listed
 */
export const describe = <Name extends CommandName, R, E, A>(
  command: Command.Command<Name, R, E, A> | undefined,
  name: Name,
  help: HelpRequest | undefined
): Command.Command<Name, R, E, A> | Command.Command<Name, never, never, object> => {
  const { description, summary } = manualPages[name]
  if (command === undefined) return Command.withDescription(Command.make(name), summary)
  if (help?.command !== name) return Command.withDescription(command, summary)
  return Command.withDescription(
    command,
    HelpDoc.sequence(HelpDoc.p(summary), HelpDoc.blocks(description.map((text) => HelpDoc.p(text))))
  )
}

/** The indentation of examples. Lines with it are not wrapped. */
export const exampleIndent = "    "

/** The part of a page that follows the flags. */
export const footer = (help: HelpRequest | undefined): HelpDoc.HelpDoc => {
  if (help?.command === undefined || !isCommand(help.command)) return HelpDoc.empty
  const { examples, statuses } = manualPages[help.command]
  return HelpDoc.blocks([
    HelpDoc.h1("EXIT STATUS"),
    ...statuses.map(([status, meaning]) => HelpDoc.p(`  ${status}  ${meaning}`)),
    HelpDoc.h1("EXAMPLES"),
    ...examples.flatMap(([about, script]) => [HelpDoc.p(about), HelpDoc.p(script.replaceAll(/^/gmu, exampleIndent))])
  ])
}

const isCommand = (name: string): name is CommandName => Object.hasOwn(manualPages, name)
