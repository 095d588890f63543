import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { fileURLToPath } from "node:url"
import type { Worker } from "node:worker_threads"
import type { StoreService } from "../../ports/Store.js"
import type { StoreOpenError } from "../../ports/StoreError.js"
import type { StoreLimits } from "../../ports/StoreUpkeep.js"
import * as FileMode from "../../store/FileMode.js"
import * as ExitStatus from "../ExitStatus.js"
import * as Setting from "../settings/Setting.js"
import type { Values } from "../settings/Sources.js"

/** `--store`: the place and the amount of a server's accounts and kept lines. */

export const settings = {
  store: Setting.text("store", "file|url|memory", {
    about:
      "Keep accounts and their conversations in this file, which is created if it is not there, or in a database: " +
      "postgres://…; memory keeps them until the server stops",
    default: undefined,
    defaultText: "none: there are no accounts"
  }),
  keep: Setting.duration("keep", {
    about: "How long lines are kept, and devices that stay away; only the time counts in which a server runs",
    default: Duration.days(30),
    min: Duration.seconds(1),
    max: Duration.days(3660),
    live: true
  }),
  keepBytes: Setting.bytes("keep-bytes", {
    about: "Size of all kept lines; above it the largest conversation loses its first lines",
    default: 2 ** 30,
    min: 1024,
    max: 2 ** 40,
    live: true
  }),
  keepLines: Setting.count("keep-lines", {
    about: "Lines kept of each conversation",
    default: 10_000,
    min: 1,
    max: 10_000_000,
    live: true
  }),
  unreadLines: Setting.count("unread-lines", {
    about: "Unread lines of each direct conversation; further ones return as undelivered",
    default: 1_000,
    min: 1,
    max: 1_000_000,
    live: true
  }),
  unreadBytes: Setting.bytes("unread-bytes", {
    about: "Size of the unread lines of an account; guests may use a quarter of it",
    default: 16 * 2 ** 20,
    min: 1024,
    max: 2 ** 40,
    live: true
  })
}

type Given = Values<typeof settings>

/** The limits of a store. */
export const limitsOf = ({ keep, keepBytes, keepLines, unreadBytes, unreadLines }: Given): StoreLimits => ({
  keep,
  keepBytes,
  keepLines,
  unreadBytes,
  unreadLines
})

const defaults: StoreLimits = {
  keep: settings.keep.default,
  keepBytes: settings.keepBytes.default,
  keepLines: settings.keepLines.default,
  unreadLines: settings.unreadLines.default,
  unreadBytes: settings.unreadBytes.default
}

/** The thread of a store in a file. The build puts it beside the program. */
const thread = () => new URL("store-thread.cjs", import.meta.url)

/** The thread that the launcher has started. The build replaces this constant. */
declare const ACHAT_STORE_THREAD: Worker | undefined

/**
 * Starts the thread of a store in a file, until the scope closes. Must run before flags of V8 change: otherwise V8
 * would compile Node's own code in the thread again, which takes 15 to 30 ms (benchmark: start-up with a store).
 */
export const startThread = (target: string | undefined): Effect.Effect<Worker | undefined, never, Scope.Scope> => {
  const started = ACHAT_STORE_THREAD
  if (target === undefined || !isFile(target)) return Effect.as(end(started), undefined)
  const start = Effect.promise(async () => started ?? (await import("../../store/StoreThread.js")).start(thread()))
  return Effect.acquireRelease(start, end) // its store has already ended it
}

let isHanging = false

/** Terminating a hanging thread would hang as well, and abort the program once the disk answers. */
const end = (worker: Worker | undefined) => Effect.promise(async () => (isHanging ? undefined : worker?.terminate()))

const hangs = () => {
  isHanging = true
  ExitStatus.hangs("the disk of the store does not answer")
}

/** The driver of Postgres, beside the program. */
const driver = () => fileURLToPath(new URL("pg.cjs", import.meta.url))

/** Whether the value of `--store` is a path. */
export const isFile = (target: string): boolean => target !== "memory" && schemeOf(target) === undefined

const schemeOf = (target: string) => /^(postgres(?:ql)?|[a-z][a-z0-9+.-]*(?=:\/\/)):/iu.exec(target)?.[1]

/** Whether the value of `--store` is a database, which several servers can use at the same time. */
export const isPostgres = (target: string) => /^postgres(?:ql)?:/u.test(target)

export interface OpenOptions {
  readonly limits?: StoreLimits
  /** See `startThread`. */
  readonly started?: Worker | undefined
  /** See `SqliteOptions`. */
  readonly reserveBytes?: number
  /** See `PostgresOptions`. */
  readonly isShared?: boolean
}

/** Opens a store until the scope closes. Its code is loaded only here: most servers have no store. */
export const open = (
  target: string,
  { isShared = false, limits = defaults, reserveBytes, started }: OpenOptions = {}
): Effect.Effect<StoreService, ExitStatus.Failure, Scope.Scope> =>
  Effect.gen(function* () {
    if (target === "memory") {
      const Memory = yield* Effect.promise(() => import("../../store/MemoryStore.js"))
      return yield* Memory.make(limits)
    }
    if (isPostgres(target))
      return yield* Effect.mapError(openPostgres(target, { isShared, limits }), ExitStatus.asMisuse)
    const scheme = schemeOf(target)
    if (scheme !== undefined) {
      const text = `--store takes a file, postgres://… or memory; ${scheme}:// is none of them`
      return yield* ExitStatus.misused(text)
    }
    ExitStatus.startsThread()
    const Sqlite = yield* Effect.promise(() => import("../../store/Sqlite.js"))
    return yield* Effect.mapError(
      Sqlite.make({ path: target, limits, reserveBytes, thread: thread(), started, hangs }),
      ExitStatus.asMisuse
    )
  })

const openPostgres = (
  target: string,
  { isShared = false, limits = defaults }: OpenOptions
): Effect.Effect<StoreService, StoreOpenError, Scope.Scope> =>
  Effect.flatMap(
    Effect.promise(() => import("../../store/Postgres.js")),
    (Postgres) => Postgres.make({ url: target, limits, driver: driver(), isShared })
  )

/** Opens the store of a stopped server, which cannot be in memory. No disk space is reserved. */
export const openStopped = (target: string): Effect.Effect<StoreService, ExitStatus.Failure, Scope.Scope> =>
  target === "memory"
    ? ExitStatus.misused("a store in memory ends with its server; write ./memory for a file of that name")
    : Effect.tap(open(target, { reserveBytes: 0 }), () =>
        Effect.sync(() => {
          if (isOpenToOthers(target)) ExitStatus.say(`${target}: ${openToOthers}`)
        })
      )

/** The file's group may be intended, so a mode that could not be changed is only a warning. */
const isOpenToOthers = (target: string): boolean => isFile(target) && FileMode.isOpenToOthers(target)

const openToOthers =
  "others can read the file of the store, and only its owner can change that: chmod 600, or chown to the user of " +
  "the server"

/** How long a starting server waits for its database, and the pause between attempts, in milliseconds. */
const patience = { longest: 30_000, between: 500 }

const warnOf = ({ message }: StoreOpenError) =>
  Effect.annotateLogs(Effect.logWarning("the store is not there yet"), { reason: message })

/**
 * Waits for an unreachable database, for example after a power cut of both machines. If it stays unreachable, the exit
 * status is 1, and systemd restarts the server.
 */
const whenThere = <A, R>(opened: Effect.Effect<A, StoreOpenError, R>): Effect.Effect<A, ExitStatus.Failure, R> => {
  const deadline = performance.now() + patience.longest
  const isAway = ({ reason }: StoreOpenError) => reason === "away" && performance.now() < deadline
  const again: Effect.Effect<A, StoreOpenError, R> = Effect.catchIf(
    Effect.delay(opened, patience.between),
    isAway,
    () => again
  )
  return opened.pipe(
    Effect.catchIf(isAway, (error) => Effect.zipRight(warnOf(error), again)),
    Effect.mapError((error) =>
      error.reason === "away"
        ? new ExitStatus.Failure({ status: ExitStatus.failed, message: error.message })
        : ExitStatus.asMisuse(error)
    )
  )
}

/** `open` with metrics, for a server. */
export const openMeasured = (
  target: string,
  options: OpenOptions
): Effect.Effect<StoreService, ExitStatus.Failure, Scope.Scope> =>
  Effect.gen(function* () {
    const store = yield* isPostgres(target) ? whenThere(openPostgres(target, options)) : open(target, options)
    if (isOpenToOthers(target)) yield* Effect.annotateLogs(Effect.logWarning(openToOthers), { file: target })
    const Measured = yield* Effect.promise(() => import("../../store/Measured.js"))
    return yield* Measured.make(store)
  })

/** Exports as text. Imported only here: it contains a schema, which a server does not need. */
export const exportFormat = Effect.promise(() => import("../../store/ExportFormat.js"))
