import * as Command from "@effect/cli/Command"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Config from "./cli/commands/config.js"
import * as Connect from "./cli/commands/connect.js"
import * as Exec from "./cli/commands/exec.js"
import * as Listen from "./cli/commands/listen.js"
import * as Ping from "./cli/commands/ping.js"
import * as Send from "./cli/commands/send.js"
import * as Serve from "./cli/commands/serve.js"
import * as Who from "./cli/commands/who.js"
import * as ExitStatus from "./cli/ExitStatus.js"
import * as Arguments from "./cli/help/Arguments.js"
import * as HelpText from "./cli/help/HelpText.js"
import * as Manual from "./cli/help/Manual.js"
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
        Manual.describe(Listen.command, "listen", help),
        Manual.describe(Exec.command, "exec", help),
        Manual.describe(Who.command, "who", help),
        Manual.describe(Ping.command, "ping", help),
        Manual.describe(Config.command, "config", help)
      ])
    ),
    { name: "a-chat", version: ACHAT_VERSION, footer: Manual.footer(help) }
  )

const settings = [Serve, Connect, Send, Listen, Exec, Who, Ping, Config].flatMap(({ settings }) =>
  Object.values(settings)
)

/** The parts of NodeContext that @effect/cli needs. The others would only cost start-up time. */
const platform = Layer.mergeAll(NodeFileSystem.layer, NodePath.layer, NodeTerminal.layer)

const [node = "", script = "", ...args] = process.argv

Effect.zipRight(Signals.ignoreUnused, ExitStatus.watchSignals).pipe(
  Effect.zipRight(Effect.mapError(Arguments.builtInsFirst(args), (message) => ExitStatus.asMisuse({ message }))),
  Effect.flatMap((ordered) =>
    program(Arguments.helpRequest(ordered))([node, script, ...ordered]).pipe(Arguments.provideLogLevel(ordered))
  ),
  HelpText.withPlainConsole(settings),
  ExitStatus.report,
  Effect.provide(platform),
  NodeRuntime.runMain({ disableErrorReporting: true, disablePrettyLogger: true, teardown: ExitStatus.teardown })
)
