import * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import { pages, type CommandName } from "./ManualText.js"

/** Whose help is help for: that of a command, or of all; undefined if nobody's is. */
export type HelpRequest = { readonly of: string | undefined } | undefined

/**
 * Gives a command its description: all of it if its help was help for, else its summary, which is all that @effect/cli
 * can put into a list of commands or into completions.
 */
export const describe = <Name extends CommandName, R, E, A>(
  command: Command.Command<Name, R, E, A>,
  name: Name,
  help: HelpRequest
): Command.Command<Name, R, E, A> | Command.Command<Name, never, never, object> => {
  const { description, summary } = pages[name]
  // The list of all shows no flags, but @effect/cli would lay them all out, which takes a quarter of the start-up.
  if (help !== undefined && help.of === undefined) return Command.withDescription(Command.make(name), summary)
  if (help?.of !== name) return Command.withDescription(command, summary)
  return Command.withDescription(
    command,
    HelpDoc.sequence(HelpDoc.p(summary), HelpDoc.blocks(description.map((text) => HelpDoc.p(text))))
  )
}

/** How far examples are indented; lines so far in are not wrapped. */
export const exampleIndent = "    "

/** What stands behind the flags. */
export const footer = (help: HelpRequest): HelpDoc.HelpDoc => {
  if (help?.of === undefined || !isCommand(help.of)) return HelpDoc.empty
  const { examples, statuses } = pages[help.of]
  return HelpDoc.blocks([
    HelpDoc.h1("EXIT STATUS"),
    ...statuses.map(([status, meaning]) => HelpDoc.p(`  ${status}  ${meaning}`)),
    HelpDoc.h1("EXAMPLES"),
    ...examples.flatMap(([about, script]) => [HelpDoc.p(about), HelpDoc.p(script.replaceAll(/^/gmu, exampleIndent))])
  ])
}

const isCommand = (name: string): name is CommandName => Object.hasOwn(pages, name)
