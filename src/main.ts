import * as Command from "@effect/cli/Command"
import * as FileSystem from "@effect/platform/FileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Escape from "./client/Escape.js"
import * as Account from "./cli/commands/account.js"
import * as Ask from "./cli/commands/ask.js"
import * as Config from "./cli/commands/config.js"
import * as Control from "./cli/commands/control.js"
import * as Connect from "./cli/commands/connect.js"
import * as Exec from "./cli/commands/exec.js"
import * as Listen from "./cli/commands/listen.js"
import * as Ping from "./cli/commands/ping.js"
import * as Send from "./cli/commands/send.js"
import * as Serve from "./cli/commands/serve.js"
import * as Store from "./cli/commands/store.js"
import * as Who from "./cli/commands/who.js"
import * as ExitStatus from "./cli/ExitStatus.js"
import * as Arguments from "./cli/help/Arguments.js"
import * as CommandLine from "./cli/help/CommandLine.js"
import * as HelpText from "./cli/help/HelpText.js"
import * as Manual from "./cli/help/Manual.js"
import * as Variables from "./cli/settings/Variables.js"
import * as Signals from "./cli/Signals.js"

/** The version in package.json. The build replaces this constant. */
declare const ACHAT_VERSION: string

const program = (help: Arguments.HelpRequest | undefined) =>
  Command.run(
    Command.make("a-chat").pipe(
      Command.withDescription("A chat server that nc can speak to, and its clients."),
      Command.withSubcommands([
        Manual.describe(Serve.command, "serve", help),
        Manual.describe(Connect.command, "connect", help),
        Manual.describe(Send.command, "send", help),
        Manual.describe(Ask.command, "ask", help),
        Manual.describe(Listen.command, "listen", help),
        Manual.describe(Exec.command, "exec", help),
        Manual.describe(Who.command, "who", help),
        Manual.describe(Ping.command, "ping", help),
        Manual.describe(Config.command, "config", help),
        Manual.describe(Control.command, "control", help),
        Manual.describe(Store.command, "store", help),
        Manual.describe(Account.command, "account", help)
      ])
    ),
    { name: "a-chat", version: ACHAT_VERSION, footer: Manual.footer(help) }
  )

const commands: Readonly<Record<string, CommandLine.CommandForm>> = {
  serve: { settings: Serve.settings, takes: "flags" },
  connect: { settings: Connect.settings, takes: "flags" },
  send: { settings: Send.settings, takes: "text" },
  ask: { settings: Ask.settings, takes: "text" },
  listen: { settings: Listen.settings, takes: "flags" },
  exec: { settings: Exec.settings, takes: "program" },
  who: { settings: Who.settings, takes: "flags" },
  ping: { settings: Ping.settings, takes: "flags" },
  config: { settings: Config.settings, takes: "flags" },
  control: { settings: Control.settings, takes: "words" },
  store: { settings: Store.settings, takes: "words" },
  account: { settings: Account.settings, takes: "words" }
}

const settings = Object.values(commands).flatMap((command) => Object.values(command.settings))

/** No flag of ours makes @effect/cli read a file, and NodeFileSystem loads `node:crypto`, 2 ms (benchmark: start-up). */
const noFiles = FileSystem.layerNoop({})

/** The parts of NodeContext that @effect/cli needs. The others would only cost start-up time. */
const platform = Layer.mergeAll(noFiles, NodePath.layer, NodeTerminal.layer)

const [node = "", script = "", ...args] = process.argv

/** The arguments in the order that @effect/cli needs. Fails with the first mistake in them. */
const ordered = Effect.mapError(Arguments.builtInsFirst(args), (message) => ExitStatus.asMisuse({ message })).pipe(
  Effect.tap((ordered) => {
    const mistake = CommandLine.mistake(ordered, commands)
    return mistake === undefined ? Effect.void : ExitStatus.misused(Escape.show(mistake).replaceAll("\n", "\\n"))
  })
)

/** Runs a command. `serve` logs the variables without meaning, and the other commands print them. */
const run = (ordered: ReadonlyArray<string>) => {
  const help = Arguments.helpRequest(ordered)
  const unknown = help === undefined ? Variables.unknown(process.env, [...settings, Serve.logLevel]) : []
  if (Object.hasOwn(commands, ordered[0] ?? "") && ordered[0] !== "serve") unknown.forEach(warn)
  return program(help)([node, script, ...ordered]).pipe(
    Arguments.provideLogLevel(ordered),
    Effect.provideService(Variables.UnknownVariables, unknown)
  )
}

const warn = (mistake: string) => ExitStatus.say(`warning: ${Escape.show(mistake)}`)

Effect.zipRight(Signals.ignoreUnused, ExitStatus.watchSignals).pipe(
  Effect.zipRight(ordered),
  Effect.flatMap(run),
  HelpText.withPlainConsole(settings),
  ExitStatus.report,
  Effect.provide(platform),
  NodeRuntime.runMain({ disableErrorReporting: true, disablePrettyLogger: true, teardown: ExitStatus.teardown })
)
