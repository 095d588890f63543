import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Store } from "../../ports/Store.js"
import type { StoreLimits } from "../../ports/StoreUpkeep.js"
import * as ExitStatus from "../ExitStatus.js"
import * as Setting from "../settings/Setting.js"

/** `--store`: where a server keeps accounts and lines. */

export const settings = {
  store: Setting.text("store", "file|memory", {
    about:
      "Keep accounts, and the lines to them, in this file, which is created if it is not there; memory keeps them until " +
      "the server stops",
    default: undefined,
    defaultText: "none: there are no accounts"
  })
}

const limits: StoreLimits = {
  keep: Duration.days(30),
  keepBytes: 2 ** 30,
  keepLines: 10_000,
  unreadLines: 1_000,
  unreadBytes: 16 * 2 ** 20
}

/** The thread of a store in a file. The build puts it beside the program. */
const thread = () => new URL("store-thread.cjs", import.meta.url)

/** Opens the store. Its code is loaded only here: most servers have none. */
export const layer = (target: string): Layer.Layer<Store, ExitStatus.Failure> => Layer.unwrapEffect(load(target))

const load = (target: string): Effect.Effect<Layer.Layer<Store, ExitStatus.Failure>> =>
  target === "memory"
    ? Effect.map(
        Effect.promise(() => import("../../store/Memory.js")),
        (Memory) => Memory.layer(limits)
      )
    : Effect.map(
        Effect.promise(() => import("../../store/Sqlite.js")),
        (Sqlite) => Layer.mapError(Sqlite.layer({ path: target, limits, thread: thread() }), ExitStatus.asMisuse)
      )
