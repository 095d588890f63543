import * as Command from "@effect/cli/Command"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Arguments from "./cli/help/Arguments.js"
import { config, withFile } from "./cli/commands/config.js"
import { connect } from "./cli/commands/connect.js"
import { exec } from "./cli/commands/exec.js"
import * as Help from "./cli/help/HelpText.js"
import { listen } from "./cli/commands/listen.js"
import * as Manual from "./cli/help/Manual.js"
import { ping } from "./cli/commands/ping.js"
import { send } from "./cli/commands/send.js"
import { serve } from "./cli/commands/serve.js"
import * as Status from "./cli/ExitStatus.js"
import { who } from "./cli/commands/who.js"

/** Of package.json; the build puts it here. */
declare const ACHAT_VERSION: string

const run = (asked: Manual.Asked) =>
  Command.run(
    Command.make("a-chat").pipe(
      Command.withDescription("A chat server that nc can speak to, and its clients."),
      Command.withSubcommands([
        Manual.describe(serve, "serve", asked),
        Manual.describe(connect, "connect", asked),
        Manual.describe(send, "send", asked),
        Manual.describe(listen, "listen", asked),
        Manual.describe(exec, "exec", asked),
        Manual.describe(who, "who", asked),
        Manual.describe(ping, "ping", asked),
        Manual.describe(config, "config", asked)
      ])
    ),
    { name: "a-chat", version: ACHAT_VERSION, footer: Manual.footer(asked) }
  )

const [node = "", script = "", ...args] = process.argv

Status.watchSignals.pipe(
  Effect.zipRight(Arguments.builtInsFirst(args)),
  Effect.flatMap((ordered) => withFile(ordered, run(Arguments.askedHelp(ordered))([node, script, ...ordered]))),
  Help.withPlainConsole,
  Status.report,
  // What @effect/cli needs of NodeContext; the rest of that would be loaded for nothing.
  Effect.provide(Layer.mergeAll(NodeFileSystem.layer, NodePath.layer, NodeTerminal.layer)),
  NodeRuntime.runMain({ disableErrorReporting: true, disablePrettyLogger: true, teardown: Status.teardown })
)
