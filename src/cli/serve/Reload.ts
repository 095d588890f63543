import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type { LiveSource } from "../../chat/Live.js"
import { Server, type ServerHandle } from "../../chat/Server.js"
import * as ExitStatus from "../ExitStatus.js"
import type * as Log from "../log/Log.js"
import * as Signals from "../Signals.js"
import * as SettingsFile from "../settings/SettingsFile.js"
import type { Source } from "../settings/Sources.js"
import * as LimitFlags from "./LimitFlags.js"
import * as ServerSettings from "./ServerSettings.js"

/**
 * On SIGHUP, reads the settings file and the certificates again. Stops the server instead, like SIGTERM, if its terminal
 * was closed, or if it runs at a terminal and has nothing to read again.
 */

export interface ReloadOptions {
  /** The path of the settings file, if there is one. */
  readonly path: string | undefined
  /** The command line. Flags still override the file. */
  readonly flags: Source
  /** The settings with which the server started. */
  readonly given: ServerSettings.GivenSettings
  readonly log: LiveSource<Log.LogSettings>
  /** The number of connections for which there was room at the start. The listeners cannot accept more. */
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
      const reload = Effect.suspend(() => {
        const hangup = Signals.hangup()
        if (hangup === "closed") return terminate
        if (reloads.length > 0) return Effect.all(reloads, { discard: true })
        return hangup === "sent" ? terminate : nothingToReload
      })
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

/** Only the first SIGHUP counts: a second SIGTERM would end the drain. */
const terminate = Effect.zipRight(
  Effect.sync(() => process.kill(process.pid, "SIGTERM")),
  Effect.never
)

const nothingToReload = Effect.annotateLogs(
  Effect.logWarning("the signal has no effect without a settings file, certificates or a terminal"),
  { signal: "SIGHUP" }
)

/** Applies the settings that can change at run time, and logs the others. A file with a mistake changes nothing. */
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
    const hadSettings = Object.values(current.origins).includes("file")
    const file = yield* Effect.mapError(hadSettings ? readWritten(path) : SettingsFile.read(path), ({ message }) => [
      message
    ])
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

/**
 * Reads a file that had settings. An editor may have truncated it before writing, so an empty file is read again for up to
 * a second. After that it counts as a mistake: an operator who wants no settings can write a comment.
 */
const readWritten = (path: string, attempts = 10): ReturnType<typeof SettingsFile.read> =>
  Effect.flatMap(SettingsFile.read(path), (file) => {
    if (!file.isEmpty) return Effect.succeed(file)
    if (attempts > 0) return Effect.delay(readWritten(path, attempts - 1), "100 millis")
    return ExitStatus.misused(`${path} is empty; for a file without settings, write a comment into it`)
  })

/** Mistakes beyond this number are only counted: if the file is of another kind, every line has one. */
const maxLogged = 20

const someOf = (mistakes: ReadonlyArray<string>) =>
  mistakes.length <= maxLogged
    ? mistakes
    : [...mistakes.slice(0, maxLogged), `and ${mistakes.length - maxLogged} more; see a-chat config --check`]
