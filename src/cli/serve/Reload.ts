import * as Arr from "effect/Array"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type { AccountsSettings } from "../../accounts/AccountsSettings.js"
import type { RoomsSettings } from "../../rooms/RoomsSettings.js"
import type { LiveSource } from "../../chat/Live.js"
import { Server, type ServerHandle } from "../../chat/Server.js"
import * as ExitStatus from "../ExitStatus.js"
import type * as Log from "../log/Log.js"
import type { StoreService } from "../../ports/Store.js"
import * as Signals from "../Signals.js"
import * as SettingsFile from "../settings/SettingsFile.js"
import type { SettingSource } from "../settings/Sources.js"
import * as AccountFlags from "./AccountFlags.js"
import { RunningStore } from "./RunningServer.js"
import * as LimitFlags from "./LimitFlags.js"
import * as RoomFlags from "./RoomFlags.js"
import * as ServerSettings from "./ServerSettings.js"
import * as StoreFlags from "./StoreFlags.js"

/**
 * Reads the settings file and the certificates again: on SIGHUP, and at the operator's request. SIGHUP stops the server
 * instead, like SIGTERM, if its terminal was closed, or if it runs at a terminal and has nothing to read again.
 */

/** The result of a reload. */
export interface Reloaded {
  /** The settings that have changed, by their names. */
  readonly changed: ReadonlyArray<string>
  /** The settings that need a restart to change. */
  readonly needRestart: ReadonlyArray<string>
  /** When the certificate expires; undefined without certificates, or if they did not change. */
  readonly until: string | undefined
  /** Why the settings or the certificates did not change. */
  readonly mistakes: ReadonlyArray<string>
}

export interface ReloadService {
  /** Reads everything again, and logs the result. Undefined if there is nothing to read. */
  readonly run: Effect.Effect<Reloaded> | undefined
}

export class Reload extends Context.Tag("a-chat/Reload")<Reload, ReloadService>() {}

export interface ReloadOptions {
  /** The path of the settings file, if there is one. */
  readonly path: string | undefined
  /** The command line. Flags still override the file. */
  readonly flags: SettingSource
  /** The settings with which the server started. */
  readonly given: ServerSettings.GivenSettings
  readonly log: LiveSource<Log.LogSettings>
  readonly accounts: LiveSource<AccountsSettings>
  readonly rooms: LiveSource<RoomsSettings>
  /** The number of connections that the server had room for at the start. The listeners cannot accept more. */
  readonly maxConnections: number
  /** Reads the certificates again, if there are any. */
  readonly certificates: Effect.Effect<string, string> | undefined
}

/** Reloads on SIGHUP until the scope closes. */
export const make = (
  options: ReloadOptions
): Effect.Effect<ReloadService, never, Server | RunningStore | Scope.Scope> =>
  Effect.gen(function* () {
    const { certificates, path } = options
    const running = { server: yield* Server, store: yield* RunningStore }
    const settings = path === undefined ? undefined : reloading(path, running, options)
    const oneByOne = yield* Effect.makeSemaphore(1)
    const run = settings === undefined && certificates === undefined ? undefined : all(settings, certificates)
    const reload = run === undefined ? undefined : oneByOne.withPermits(1)(run)
    const hungUp = Effect.suspend(() => {
      const hangup = Signals.hangup()
      if (hangup === "closed") return terminate
      if (reload !== undefined) return reload
      return hangup === "sent" ? terminate : nothingToReload
    })
    // Signals that arrive during a reload count as one.
    const signals = yield* Queue.sliding<void>(1)
    const signalled = () => signals.unsafeOffer(undefined)
    yield* Signals.surviveHangup
    yield* Effect.acquireRelease(
      Effect.sync(() => process.on("SIGHUP", signalled)),
      () => Effect.sync(() => process.off("SIGHUP", signalled))
    )
    yield* Effect.forkScoped(Effect.forever(Effect.zipRight(Queue.take(signals), hungUp)))
    return { run: reload }
  })

/** Reads the settings and the certificates again. A mistake in one does not prevent the other from changing. */
const all = (settings: ReturnType<typeof reloading> | undefined, certificates: ReloadOptions["certificates"]) =>
  Effect.gen(function* () {
    const read = settings === undefined ? undefined : yield* Effect.either(settings)
    const certified = certificates === undefined ? undefined : yield* Effect.either(certificates)
    const { changed, needRestart } = read?._tag === "Right" ? read.right : { changed: [], needRestart: [] }
    return {
      changed,
      needRestart,
      until: certified?._tag === "Right" ? certified.right : undefined,
      mistakes: [read?._tag === "Left" ? read.left : [], certified?._tag === "Left" ? certified.left : []].flat()
    }
  })

let hasSignalled = false

/** Stops the server like SIGTERM. Only the first time counts: a second SIGTERM would end the drain. */
export const stop = Effect.sync(() => {
  if (hasSignalled || ExitStatus.hasEnded()) return
  hasSignalled = true
  process.kill(process.pid, "SIGTERM")
})

const terminate = Effect.zipRight(stop, Effect.never)

const nothingToReload = Effect.annotateLogs(
  Effect.logWarning("the signal has no effect without a settings file, certificates or a terminal"),
  { signal: "SIGHUP" }
)

interface Running {
  readonly server: ServerHandle
  readonly store: StoreService | undefined
}

/**
 * Applies the settings that can change at run time, and logs the others. A file with a mistake, or with limits that the
 * store rejects, changes nothing.
 */
const reloading = (
  path: string,
  { server, store }: Running,
  { accounts, flags, given, log, maxConnections, rooms }: ReloadOptions
) => {
  let current = given
  const apply = (next: ServerSettings.GivenSettings) =>
    Effect.gen(function* () {
      const changed = ServerSettings.changed(current, next)
      if (store !== undefined && changed.some((key) => Object.hasOwn(StoreFlags.settings, key))) {
        yield* store.configure(StoreFlags.limitsOf(next.values))
      }
      const limits = LimitFlags.limitsOf(next.values, maxConnections)
      yield* server.configure(LimitFlags.pick(limits, changed.filter(ServerSettings.isLive)))
      log.set(ServerSettings.logSettings(next))
      accounts.set(AccountFlags.of({ ...next.values, store: given.values.store }))
      rooms.set(RoomFlags.of({ ...next.values, rooms: given.values.rooms }))
      current = next
      const isCapped = (next.values.maxConnections ?? 0) > maxConnections
      const [missed, applied] = Arr.partition(
        changed,
        (key) => ServerSettings.isLive(key) && !(key === "maxConnections" && isCapped)
      )
      const result = { changed: ServerSettings.namesOf(applied), needRestart: ServerSettings.namesOf(missed) }
      yield* Effect.annotateLogs(Effect.logInfo("settings read again"), { path, changed: result.changed.join() })
      if (missed.length === 0) return result
      yield* Effect.annotateLogs(Effect.logWarning("settings that need a restart to change"), {
        settings: result.needRestart.join()
      })
      return result
    })
  return Effect.gen(function* () {
    const hadSettings = Object.values(current.origins).includes("file")
    const file = yield* Effect.mapError(hadSettings ? readWritten(path) : SettingsFile.read(path), ({ message }) => [
      message
    ])
    yield* ServerSettings.withoutFlags(file, flags)
    const next = yield* Effect.mapError(ServerSettings.resolve({ flags, file }), ({ message }) => [message])
    return yield* Effect.mapError(apply(next), ({ message }) => [`the store does not take the new limits: ${message}`])
  }).pipe(
    Effect.mapError(someOf),
    Effect.tapError((mistakes) =>
      Effect.forEach(
        mistakes,
        (mistake) => Effect.annotateLogs(Effect.logError("the settings stay as they were"), { mistake }),
        { discard: true }
      )
    )
  )
}

/**
 * Reads a file that had settings. An editor may have truncated it before writing, so an empty file is read again for up
 * to a second. After that it counts as a mistake: an operator who wants no settings can write a comment.
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
