import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { Store, type StoreService } from "../ports/Store.js"
import type { StoreOpenError } from "../ports/StoreError.js"
import type { StoreFault } from "../ports/StoreUpkeep.js"
import * as Time from "../ports/Time.js"
import * as LinePacking from "./LinePacking.js"
import { type SqliteOptions, StoreThread } from "./StoreThread.js"
import type { Arguments, RequestName, Result } from "./SqlRequests.js"
import * as SqlStore from "./SqlStore.js"

/** Opens or creates a store in a file, until the scope closes. No other process can open the file until then. */
export const make = (options: SqliteOptions): Effect.Effect<StoreService, StoreOpenError, Scope.Scope> =>
  Effect.gen(function* () {
    const time = yield* Effect.clockWith((clock) => Effect.succeed(Time.of(clock)))
    const thread = yield* Effect.acquireRelease(
      Effect.flatMap(
        Effect.sync(() => new StoreThread(options)),
        (thread) => Effect.as(thread.open, thread)
      ),
      (thread) => thread.close
    )
    const moment = () => ({ wall: Math.floor(time.wall()), now: time.now() })
    const call = <Name extends RequestName>(name: Name, ...args: Arguments<Name>) =>
      thread.ask<Result<Name>>(() => [{ ask: "request", name, args, moment: moment() }])
    const store = SqlStore.make({
      kind: "disk",
      log: thread.log,
      state: () => thread.state,
      call,
      append: (lines, cursors = []) =>
        Effect.map(
          thread.ask<Float64Array>(() => {
            const packed = LinePacking.packAppend(lines, cursors)
            return [{ ask: "append", packed, moment: moment() }, LinePacking.transferred(packed)]
          }),
          LinePacking.unpackAppended
        ),
      page: (request) =>
        Effect.map(
          thread.ask<LinePacking.PackedPage>(() => [
            { ask: "request", name: "page", args: [request], moment: moment() }
          ]),
          LinePacking.unpackPage
        ),
      diskBytes: thread.ask<number>(() => [{ ask: "diskBytes" }]),
      checkFiles: thread.ask<ReadonlyArray<StoreFault>>(() => [{ ask: "checkFiles" }]),
      backup: (file) => thread.backup(file)
    })
    return {
      ...store,
      configure: (limits) =>
        Effect.suspend(() => {
          thread.limits = limits
          return store.configure(limits)
        }),
      // After lines were removed, returns some of the free pages to the file system.
      retain: (held) =>
        Effect.zipLeft(
          store.retain(held),
          thread.ask<void>(() => [{ ask: "shrink" }])
        )
    }
  })

/** `make` as a layer. */
export const layer = (options: SqliteOptions): Layer.Layer<Store, StoreOpenError> => Layer.scoped(Store, make(options))
