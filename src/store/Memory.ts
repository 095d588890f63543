import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Store, type StoreService } from "../ports/Store.js"
import type { StoreLimits } from "../ports/StoreUpkeep.js"
import * as Time from "../ports/Time.js"
import * as MemoryAccounts from "./MemoryAccounts.js"
import * as MemoryLines from "./MemoryLines.js"
import * as MemoryRooms from "./MemoryRooms.js"
import * as MemorySearch from "./MemorySearch.js"
import { MemoryState } from "./MemoryState.js"
import * as MemoryUpkeep from "./MemoryUpkeep.js"

/** A store that keeps everything until it is collected. */
export const make = (initial: StoreLimits): Effect.Effect<StoreService> =>
  Effect.clockWith((clock) =>
    Effect.sync(() => {
      const time = Time.of(clock)
      const state = new MemoryState()
      let current = initial
      const limits = () => current
      return {
        kind: "memory",
        log: Array.from({ length: 16 }, hexDigit).join(""),
        state: () => "ok",
        accounts: MemoryAccounts.make(state, limits, time),
        rooms: MemoryRooms.make(state),
        ...MemoryLines.make(state, limits, time),
        ...MemorySearch.make(state),
        ...MemoryUpkeep.make(state, limits, (limits) => (current = limits), time)
      } as const
    })
  )

/** The name of a log is unique but no secret, and `node:crypto` takes 2 ms to load (benchmark: start-up of `serve`). */
const hexDigit = () => Math.floor(Math.random() * 16).toString(16)

/** `make` as a layer. */
export const layer = (limits: StoreLimits): Layer.Layer<Store> => Layer.effect(Store, make(limits))
