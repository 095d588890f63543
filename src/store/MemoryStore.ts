import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { Store, type StoreService } from "../ports/Store.js"
import type { StoreLimits } from "../ports/StoreUpkeep.js"
import * as Time from "../ports/Time.js"
import * as MemoryAccounts from "./MemoryAccounts.js"
import * as MemoryLines from "./MemoryLines.js"
import * as MemoryRooms from "./MemoryRooms.js"
import * as MemorySearch from "./MemorySearch.js"
import { MemoryChanges, MemorySharing } from "./MemorySharing.js"
import { MemoryState } from "./MemoryState.js"
import * as MemoryUpkeep from "./MemoryUpkeep.js"

/** A store that keeps everything in memory until it is garbage-collected. */
export const make = (initial: StoreLimits): Effect.Effect<StoreService> =>
  Effect.clockWith((clock) =>
    Effect.sync(() => service({ initial, state: new MemoryState(), log: newId(), time: Time.of(clock) }))
  )

/**
 * A store shared by several servers in this process, each with its own limits and clock. The result opens it for one of
 * them, until the scope closes.
 */
export const shared: Effect.Effect<(initial: StoreLimits) => Effect.Effect<StoreService, never, Scope.Scope>> =
  Effect.sync(() => {
    const [state, log, changes] = [new MemoryState(), newId(), new MemoryChanges()]
    return (initial) =>
      Effect.clockWith((clock) =>
        Effect.map(
          Effect.acquireRelease(
            Effect.sync(() => new MemorySharing(newId(), changes, state)),
            (sharing) => Effect.sync(() => sharing.end())
          ),
          (sharing) => service({ initial, state, log, time: Time.of(clock), sharing })
        )
      )
  })

interface Parts {
  readonly initial: StoreLimits
  readonly state: MemoryState
  readonly log: string
  readonly time: Time.Time
  readonly sharing?: MemorySharing
}

const service = ({ initial, log, sharing, state, time }: Parts): StoreService => {
  let current = initial
  const limits = () => current
  return {
    kind: "memory",
    log,
    sharing,
    state: () => "ok",
    accounts: MemoryAccounts.make(state, limits, time, sharing),
    rooms: MemoryRooms.make(state, sharing),
    ...MemoryLines.make(state, limits, time, sharing),
    ...MemorySearch.make(state),
    ...MemoryUpkeep.make(state, limits, (limits) => (current = limits), time, sharing)
  }
}

/**
 * Ids of logs and servers are unique but not secret, so this avoids `node:crypto`, which takes 2 ms to load (benchmark:
 * start-up).
 */
const newId = () => Array.from({ length: 16 }, hexDigit).join("")

const hexDigit = () => Math.floor(Math.random() * 16).toString(16)

/** `make` as a layer. */
export const layer = (limits: StoreLimits): Layer.Layer<Store> => Layer.effect(Store, make(limits))
