import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Escape from "./client/Escape.js"
import * as CommandTable from "./cli/commands/CommandTable.js"
import * as ExitStatus from "./cli/ExitStatus.js"
import * as Arguments from "./cli/help/Arguments.js"
import * as CommandLine from "./cli/help/CommandLine.js"
import * as Variables from "./cli/settings/Variables.js"
import * as Signals from "./cli/Signals.js"

/** The version in package.json. The build replaces this constant. */
declare const ACHAT_VERSION: string

/** The named command, and the modules to load for it. `--completions` and `--wizard` are about all commands. */
const load = (ordered: ReadonlyArray<string>) => {
  const name = CommandLine.command(ordered)
  if (CommandLine.concernsAll(ordered)) return CommandTable.load(CommandTable.names)
  return CommandTable.load(CommandTable.isName(name) ? [name] : [])
}

const checked = (ordered: ReadonlyArray<string>, loaded: CommandTable.Loaded) => {
  const mistake = CommandLine.mistake(ordered, CommandTable.names, (name) => CommandTable.form(name, loaded))
  return mistake === undefined ? Effect.void : ExitStatus.misused(Escape.show(mistake).replaceAll("\n", "\\n"))
}

const unknownTo = (loaded: CommandTable.Loaded) => Variables.unknown(process.env, CommandTable.settings(loaded))

/**
 * Environment variables that no command knows. The other commands' settings are loaded only if this command does not
 * know a variable.
 */
const unknownVariables = (loaded: CommandTable.Loaded) =>
  unknownTo(loaded).length === 0 ? Effect.succeed([]) : Effect.map(CommandTable.load(CommandTable.names), unknownTo)

/** Prints what is requested instead of a run of a command. Only this loads @effect/cli. */
const builtIn = (ordered: ReadonlyArray<string>, loaded: CommandTable.Loaded) =>
  Effect.flatMap(
    Effect.promise(() => import("./cli/help/BuiltIns.js")),
    (BuiltIns) =>
      BuiltIns.run(ordered, {
        commands: CommandTable.commands(loaded),
        settings: CommandTable.settings(loaded),
        version: ACHAT_VERSION
      })
  )

/** Runs a command. `serve` logs the variables without meaning, and the other commands print them. */
const run = (ordered: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    if (CommandLine.asksForVersion(ordered)) return printLine(ACHAT_VERSION)
    const loaded = yield* load(ordered)
    yield* checked(ordered, loaded)
    const name = CommandLine.commandToRun(ordered)
    const command = CommandTable.isName(name) ? loaded[name]?.command : undefined
    if (command === undefined) return yield* builtIn(ordered, loaded)
    const unknown = yield* unknownVariables(loaded)
    if (name !== "serve") unknown.forEach(warn)
    yield* command
      .run(CommandLine.parse(ordered, command.settings))
      .pipe(Arguments.provideLogLevel(ordered), Effect.provideService(Variables.UnknownVariables, unknown))
  })

const printLine = (line: string) => void process.stdout.write(`${line}\n`)

const warn = (mistake: string) => ExitStatus.say(`warning: ${Escape.show(mistake)}`)

Effect.zipRight(Signals.ignoreUnused, ExitStatus.watchSignals).pipe(
  Effect.zipRight(
    Effect.mapError(Arguments.builtInsFirst(process.argv.slice(2)), (message) => ExitStatus.asMisuse({ message }))
  ),
  Effect.flatMap(run),
  ExitStatus.report,
  NodeRuntime.runMain({ disableErrorReporting: true, disablePrettyLogger: true, teardown: ExitStatus.teardown })
)
