import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { randomBytes } from "node:crypto"
import { Store, type StoreService } from "../ports/Store.js"
import { StoreError, StoreOpenError } from "../ports/StoreError.js"
import type { StoredLine } from "../ports/StoreLines.js"
import type { StoreLimits } from "../ports/StoreUpkeep.js"
import * as Time from "../ports/Time.js"
import { PostgresEngine } from "./PostgresEngine.js"
import type { StoredLineBytes } from "./SqlLines.js"
import type { Arguments, RequestName, Result } from "./SqlRequests.js"
import * as SqlStore from "./SqlStore.js"

export interface PostgresOptions {
  /** `postgres://USER:PASSWORD@HOST/DATABASE`, or with a Unix socket `postgres://USER@/DATABASE?host=/FOLDER`. */
  readonly url: string
  readonly limits: StoreLimits
  /** The file of the driver: `pg.cjs`, which the build makes from the package `pg`. */
  readonly driver: string
  /** The schema of the tables. By default `achat`. */
  readonly schema?: string | undefined
  /**
   * Whether several servers share the store, all of which must open it with this option (`StoreService.sharing`). By
   * default, it cannot be opened while another process uses it.
   */
  readonly isShared?: boolean | undefined
}

/** Connects to a store in a Postgres database until the scope closes. Creates its tables if they do not exist. */
export const make = (options: PostgresOptions): Effect.Effect<StoreService, StoreOpenError, Scope.Scope> =>
  Effect.gen(function* () {
    const time = yield* Effect.clockWith((clock) => Effect.succeed(Time.of(clock)))
    const { isShared = false, schema = "achat", ...rest } = options
    const server = isShared ? randomBytes(8).toString("hex") : undefined
    const engine = new PostgresEngine({ ...rest, server, schema, limits: SqlStore.toSqlLimits(options.limits) })
    const moment = () => ({ wall: Math.floor(time.wall()), now: time.now() })
    yield* Effect.acquireRelease(
      Effect.tryPromise({
        try: () => engine.open(moment()),
        catch: (error) =>
          error instanceof StoreOpenError
            ? error
            : new StoreOpenError({ reason: "not-accessible", description: String(error), cause: error })
      }),
      () => Effect.promise(() => engine.close())
    )
    const call = <Name extends RequestName>(
      name: Name,
      ...args: Arguments<Name>
    ): Effect.Effect<Result<Name>, StoreError> => attempt(() => engine.call(name, moment(), args))
    return SqlStore.make({
      kind: "disk",
      log: engine.log,
      sharing:
        server === undefined
          ? undefined
          : {
              server,
              changes: (after) => call("changes", after),
              latest: call("latestChange"),
              given: (of) => call("given", of),
              goOn: call("goOn"),
              keepsOrder: Effect.orElseSucceed(
                attempt(() => engine.keepsOrder()),
                () => false
              )
            },
      state: () => engine.state,
      call,
      append: (lines, cursors = []) =>
        call(
          "append",
          lines.map(({ text, ...line }) => ({ ...line, body: Buffer.from(text, "latin1") })),
          cursors
        ),
      page: (request) =>
        Effect.map(call("page", request), ({ lines, ...page }) => ({
          ...page,
          lines: lines.map(toText)
        })),
      diskBytes: attempt(() => engine.diskBytes()),
      checkFiles: Effect.succeed([]), // Postgres checks its own files
      backup: () => Effect.fail(noBackup)
    })
  })

/** `make` as a layer. */
export const layer = (options: PostgresOptions): Layer.Layer<Store, StoreOpenError> =>
  Layer.scoped(Store, make(options))

const attempt = <A>(run: () => Promise<A>) => Effect.tryPromise({ try: run, catch: asStoreError })

const toText = ({ body, ...line }: StoredLineBytes): StoredLine => ({
  ...line,
  text: Buffer.from(body).toString("latin1")
})

const asStoreError = (error: unknown) =>
  error instanceof StoreError
    ? error
    : new StoreError({ reason: "unavailable", description: String(error), cause: error })

const noBackup = new StoreError({ reason: "unavailable", description: "use pg_dump, or a-chat store export" })
