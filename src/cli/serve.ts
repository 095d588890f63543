import * as Command from "@effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Server from "../chat/Server.js"
import * as Descriptors from "../transport/Descriptors.js"
import * as Admin from "./Admin.js"
import * as Endpoint from "./Endpoint.js"
import * as Flags from "./Flags.js"
import * as Heap from "./Heap.js"
import * as Limits from "./Limits.js"
import * as Listeners from "./Listeners.js"
import * as Log from "./Log.js"
import * as Status from "./Status.js"

/** What may stand in the environment and in a file, too. */
export const settings = {
  host: Endpoint.host("Address to listen on; with 0.0.0.0 or ::, whoever reaches this machine can log in"),
  port: Endpoint.port("TCP port to listen on; 0 takes any that is free", 0),
  unix: Endpoint.unix("Unix socket to listen on, readable by its owner only; alone, there is no TCP"),
  ...Listeners.flags,
  ...Limits.flags,
  admin: Admin.flag,
  logFormat: Flags.choice(
    "log-format",
    { about: "How events are written to standard error, one a line", fallback: "pretty at a terminal, else logfmt" },
    Log.formats
  )
}

const flags = {
  ...settings,
  config: Flags.text("config", "file", {
    about: "File with settings: these flags without their --, as TOML; a-chat config --check tells what is wrong in it",
    fallback: "none"
  })
}

const defaultFormat = (): Log.Format => (process.stderr.isTTY ? "pretty" : "logfmt")

export const serve = Command.make("serve", flags, (given) => {
  const format = Option.match(given.logFormat, { onNone: defaultFormat, onSome: ({ value }) => value })
  return run(given).pipe(Effect.scoped, Effect.provide(Log.layer(format, process.stderr)))
}).pipe(Command.withDescription("Serves a chat until SIGTERM or SIGINT, then delivers what was accepted and ends."))

/** Serves until it is interrupted, and does not end before the drain has. */
const run = (given: Limits.Given & Listeners.Given & Admin.Given) =>
  Effect.gen(function* () {
    yield* Heap.keepSmall
    const limits = yield* Limits.resolve(given)
    const { listen, reload } = yield* Listeners.resolve(given, limits.loginTimeout)
    const descriptors = Descriptors.read()
    const maxConnections = Limits.connections(limits.maxConnections, descriptors)
    if (maxConnections < (limits.maxConnections ?? 0)) yield* warnLowered(maxConnections, descriptors)
    const server = yield* Effect.mapError(
      Server.make({ ...limits, maxConnections, descriptors, listen }),
      (error) => new Status.Failure({ status: Status.misuse, message: error.message })
    )
    yield* Admin.serve(given, server, descriptors.limit)
    if (reload !== undefined) yield* Listeners.atHangUp(reload)
    yield* Effect.onInterrupt(Effect.never, () => finish(server))
  })

const warnLowered = (maxConnections: number, descriptors: Descriptors.Descriptors) =>
  Effect.annotateLogs(
    Effect.logWarning("file descriptors allow fewer connections than --max-connections; raise `ulimit -n`"),
    {
      "max-connections": maxConnections,
      descriptors: descriptors.limit
    }
  )

/** The exit status tells whether everything accepted was delivered; the server logs the counts. */
const finish = (server: Server.ServerHandle): Effect.Effect<void> =>
  Effect.map(server.drain, ({ cutOff }) => {
    process.exitCode = cutOff === 0 ? 0 : 1
  })
