import * as Command from "@effect/cli/Command"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as LogLevel from "effect/LogLevel"
import * as Server from "../../chat/Server.js"
import * as Descriptors from "../../transport/Descriptors.js"
import * as Admin from "../serve/AdminFlag.js"
import * as Flags from "../settings/Flags.js"
import * as Heap from "../V8Heap.js"
import * as Limits from "../serve/LimitFlags.js"
import * as Listeners from "../serve/ListenFlags.js"
import * as Log from "../log/Log.js"
import * as Reload from "../serve/Reload.js"
import * as ServerSettings from "../serve/ServerSettings.js"
import * as Status from "../ExitStatus.js"

/** `--log-level` is one of @effect/cli's own flags. */
const { logLevel: _, ...offered } = ServerSettings.settings

const flags = {
  ...offered,
  config: Flags.text("config", "file", {
    about:
      "File with settings: these flags without their --, as TOML; a-chat config --check tells what is wrong in it, and " +
      "SIGHUP reads it again",
    fallback: "none"
  })
}

const defaultFormat = (): Log.Format => (process.stderr.isTTY ? "pretty" : "logfmt")

export const serve = Command.make("serve", flags, ({ config, ...given }) =>
  Effect.gen(function* () {
    const path = Flags.value(config)
    // What the command line says of the level comes as that of the fiber.
    const level = yield* FiberRef.get(FiberRef.currentMinimumLogLevel)
    const flagged = level === LogLevel.Info ? undefined : level
    const logLevel = yield* Flags.unflagged(ServerSettings.settings.logLevel)
    const settings = { ...given, logLevel }
    const log = { ...Reload.logSettings(settings, flagged) }
    const format = Flags.valueOr(given.logFormat, defaultFormat())
    const serving = run(settings, path, { log, flagged })
    yield* Effect.provide(Effect.scoped(serving), Log.layer(format, process.stderr, log))
  })
)

/** Serves until it is interrupted, and does not end before the drain has. */
const run = (given: ServerSettings.Given, path: string | undefined, logging: Pick<Reload.Running, "log" | "flagged">) =>
  Effect.gen(function* () {
    yield* Heap.keepSmall
    const limits = yield* Limits.resolve(given)
    const listeners = yield* Listeners.resolve(given, limits.loginTimeout)
    const descriptors = Descriptors.read()
    const maxConnections = Limits.connections(limits.maxConnections, descriptors)
    if (maxConnections < (limits.maxConnections ?? 0)) yield* warnLowered(maxConnections, descriptors)
    const server = yield* Effect.mapError(
      Server.make({ ...limits, maxConnections, descriptors, listen: listeners.listen }),
      Status.asMisuse
    )
    yield* listeners.check(server.addresses)
    yield* Admin.serve(given, server, descriptors.limit)
    const settings = path === undefined ? undefined : Reload.make({ server, given, path, maxConnections, ...logging })
    const reloads = [settings, listeners.reload].filter((reload) => reload !== undefined)
    yield* Listeners.atHangUp(reloads.length > 0 ? Effect.all(reloads, { discard: true }) : endOnce)
    yield* Effect.onInterrupt(Effect.never, () => finish(server))
  })

/** A terminal was closed, and there is nothing to read again. Once: a second SIGTERM would cut the drain off. */
const endOnce = Effect.zipRight(
  Effect.sync(() => process.kill(process.pid, "SIGTERM")),
  Effect.never
)

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
