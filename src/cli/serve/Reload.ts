import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type { LiveSource } from "../../chat/Live.js"
import { Server, type ServerHandle } from "../../chat/Server.js"
import type * as Log from "../log/Log.js"
import * as SettingsFile from "../settings/SettingsFile.js"
import type { Source } from "../settings/Sources.js"
import * as LimitFlags from "./LimitFlags.js"
import * as ServerSettings from "./ServerSettings.js"

/** SIGHUP: reads the settings file and the certificates again. Without either it ends the server, as SIGTERM does. */

export interface ReloadOptions {
  /** The path of the settings file, if there is one. */
  readonly path: string | undefined
  /** The command line. A flag keeps winning over the file. */
  readonly flags: Source
  /** The settings with which the server started. */
  readonly given: ServerSettings.GivenSettings
  readonly log: LiveSource<Log.LogSettings>
  /** How many connections the server had room for when it started. Its listeners cannot take more. */
  readonly maxConnections: number
  /** Reads the certificates again, if there are any. */
  readonly certificates: Effect.Effect<void> | undefined
}

export const layer = (options: ReloadOptions): Layer.Layer<never, never, Server> =>
  Layer.scopedDiscard(
    Effect.gen(function* () {
      const { certificates, path } = options
      const settings = path === undefined ? undefined : reloading(path, yield* Server, options)
      const reloads = [settings, certificates].filter((reload) => reload !== undefined)
      const reload = reloads.length === 0 ? terminate : Effect.all(reloads, { discard: true })
      // Signals that arrive during a reload count as one.
      const signals = yield* Queue.sliding<void>(1)
      const signalled = () => signals.unsafeOffer(undefined)
      yield* Effect.acquireRelease(
        Effect.sync(() => process.on("SIGHUP", signalled)),
        () => Effect.sync(() => process.off("SIGHUP", signalled))
      )
      yield* Effect.forkScoped(Effect.forever(Effect.zipRight(Queue.take(signals), reload)))
    })
  )

/** The terminal was closed. Only the first SIGHUP counts: a second SIGTERM would cut the drain off. */
const terminate = Effect.zipRight(
  Effect.sync(() => process.kill(process.pid, "SIGTERM")),
  Effect.never
)

/** Changes what can change while the server runs, and logs what cannot. A file with a mistake changes nothing. */
const reloading = (path: string, server: ServerHandle, { flags, given, log, maxConnections }: ReloadOptions) => {
  let current = given
  const apply = (next: ServerSettings.GivenSettings) =>
    Effect.gen(function* () {
      const changed = ServerSettings.changed(current, next)
      const limits = LimitFlags.limitsOf(next.values, maxConnections)
      yield* server.configure(LimitFlags.pick(limits, changed.filter(ServerSettings.isLive)))
      log.set(ServerSettings.logSettings(next))
      current = next
      const isCapped = (next.values.maxConnections ?? 0) > maxConnections
      const [missed, applied] = Arr.partition(
        changed,
        (key) => ServerSettings.isLive(key) && !(key === "maxConnections" && isCapped)
      )
      yield* Effect.annotateLogs(Effect.logInfo("settings read again"), {
        path,
        changed: ServerSettings.namesOf(applied)
      })
      if (missed.length === 0) return
      yield* Effect.annotateLogs(Effect.logWarning("settings that need a restart to change"), {
        settings: ServerSettings.namesOf(missed)
      })
    })
  return Effect.gen(function* () {
    const file = yield* Effect.mapError(SettingsFile.read(path), ({ message }) => [message])
    yield* ServerSettings.withoutFlags(file)
    return yield* Effect.mapError(ServerSettings.resolve({ flags, file }), ({ message }) => [message])
  }).pipe(
    Effect.matchEffect({
      onFailure: (mistakes) =>
        Effect.forEach(
          someOf(mistakes),
          (mistake) => Effect.annotateLogs(Effect.logError("the settings stay as they were"), { mistake }),
          { discard: true }
        ),
      onSuccess: apply
    })
  )
}

/** Mistakes beyond this number are only counted: a file of another program has one in each line. */
const maxLogged = 20

const someOf = (mistakes: ReadonlyArray<string>) =>
  mistakes.length <= maxLogged
    ? mistakes
    : [...mistakes.slice(0, maxLogged), `and ${mistakes.length - maxLogged} more; see a-chat config --check`]
