import * as Command from "@effect/cli/Command"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Terminal from "@effect/platform/Terminal"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Escape from "./client/Escape.js"
import * as CommandTable from "./cli/commands/CommandTable.js"
import * as ExitStatus from "./cli/ExitStatus.js"
import * as Arguments from "./cli/help/Arguments.js"
import * as CommandLine from "./cli/help/CommandLine.js"
import * as HelpText from "./cli/help/HelpText.js"
import * as Manual from "./cli/help/Manual.js"
import * as Variables from "./cli/settings/Variables.js"
import * as Signals from "./cli/Signals.js"

/** The version in package.json. The build replaces this constant. */
declare const ACHAT_VERSION: string

const program = (help: Arguments.HelpRequest | undefined, loaded: CommandTable.Loaded) =>
  Command.run(
    Command.make("a-chat").pipe(
      Command.withDescription("A chat server that nc can speak to, and its clients."),
      Command.withSubcommands([
        Manual.describe(loaded.serve?.command, "serve", help),
        Manual.describe(loaded.connect?.command, "connect", help),
        Manual.describe(loaded.send?.command, "send", help),
        Manual.describe(loaded.ask?.command, "ask", help),
        Manual.describe(loaded.listen?.command, "listen", help),
        Manual.describe(loaded.exec?.command, "exec", help),
        Manual.describe(loaded.history?.command, "history", help),
        Manual.describe(loaded.search?.command, "search", help),
        Manual.describe(loaded.who?.command, "who", help),
        Manual.describe(loaded.ping?.command, "ping", help),
        Manual.describe(loaded.config?.command, "config", help),
        Manual.describe(loaded.control?.command, "control", help),
        Manual.describe(loaded.store?.command, "store", help),
        Manual.describe(loaded.account?.command, "account", help),
        Manual.describe(loaded.hook?.command, "hook", help)
      ])
    ),
    { name: "a-chat", version: ACHAT_VERSION, footer: Manual.footer(help) }
  )

/** No flag of ours makes @effect/cli read a file, and NodeFileSystem loads `node:crypto`, 2 ms (benchmark: start-up). */
const noFiles = FileSystem.layerNoop({})

const [node = "", script = "", ...args] = process.argv

/** Only `--wizard` asks questions. Otherwise NodeTerminal would only load `node:readline`, 0.5 ms (benchmark: start-up). */
const terminal = args.includes("--wizard")
  ? Layer.unwrapEffect(Effect.promise(async () => (await import("@effect/platform-node/NodeTerminal")).layer))
  : Layer.mock(Terminal.Terminal, {})

/** The parts of NodeContext that @effect/cli needs. The others would only cost start-up time. */
const platform = Layer.mergeAll(noFiles, NodePath.layer, terminal)

/** The command that is named, and what has to be loaded for it. `--completions` and `--wizard` are about all commands. */
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

/** The variables without meaning. Only one that the command itself does not have makes it load the settings of the others. */
const unknownVariables = (loaded: CommandTable.Loaded) =>
  unknownTo(loaded).length === 0 ? Effect.succeed([]) : Effect.map(CommandTable.load(CommandTable.names), unknownTo)

/** Runs a command. `serve` logs the variables without meaning, and the other commands print them. */
const run = (ordered: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const loaded = yield* load(ordered)
    yield* checked(ordered, loaded)
    const help = Arguments.helpRequest(ordered)
    const unknown = help === undefined ? yield* unknownVariables(loaded) : []
    if (CommandTable.isName(ordered[0]) && ordered[0] !== "serve") unknown.forEach(warn)
    const command = program(help, loaded)
    yield* command([node, script, ...ordered]).pipe(
      Arguments.provideLogLevel(ordered),
      Effect.provideService(Variables.UnknownVariables, unknown),
      HelpText.withPlainConsole(CommandTable.settings(loaded))
    )
  })

const warn = (mistake: string) => ExitStatus.say(`warning: ${Escape.show(mistake)}`)

Effect.zipRight(Signals.ignoreUnused, ExitStatus.watchSignals).pipe(
  Effect.zipRight(Effect.mapError(Arguments.builtInsFirst(args), (message) => ExitStatus.asMisuse({ message }))),
  Effect.flatMap(run),
  ExitStatus.report,
  Effect.provide(platform),
  NodeRuntime.runMain({ disableErrorReporting: true, disablePrettyLogger: true, teardown: ExitStatus.teardown })
)
