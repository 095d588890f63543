import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { StoreService } from "../ports/Store.js"
import type { StoreError } from "../ports/StoreError.js"
import type { Retained } from "../ports/StoreUpkeep.js"
import type { Held } from "./Holding.js"

/** Between two walks through the store. */
const interval = Duration.minutes(1)

/**
 * After a step, the store is left alone for this many times the duration of the step. Otherwise lines would wait for
 * it.
 */
const restFactor = 9

interface Collaborators {
  readonly store: StoreService
  readonly inTurn: <A>(run: () => A) => Effect.Effect<A>
  /**
   * Runs a step with the lines that are in devices' outboxes, or not at all. Lines do not pass meanwhile from the store
   * to an outbox: they would be removed, and given.
   */
  readonly alone: <E>(
    step: (held: Held, since: number | undefined) => Effect.Effect<void, E>
  ) => Effect.Effect<void, E | StoreError>
  /** In the broker's turn: lines were removed. */
  readonly removed: (retained: Retained) => void
  readonly failed: (error: StoreError) => Effect.Effect<void>
}

/**
 * Removes what is kept no longer: in small steps, with pauses between them. Of servers that share a store, one does it.
 */
export const run = ({ alone, failed, inTurn, removed, store }: Collaborators): Effect.Effect<never> => {
  const keepsOrder = store.sharing?.keepsOrder ?? Effect.succeed(true)
  let next: Duration.Duration | undefined = undefined
  const remove = alone((held, since) =>
    Effect.flatMap(Effect.timed(store.retain(held, since)), ([took, retained]) => {
      next = retained.hasMore ? Duration.times(took, restFactor) : undefined
      return inTurn(() => removed(retained))
    })
  )
  const step: Effect.Effect<void, StoreError> = Effect.suspend(() => {
    next = undefined
    return Effect.zipRight(
      remove,
      Effect.suspend(() => (next === undefined ? Effect.void : Effect.delay(step, next)))
    )
  })
  return Effect.forever(
    Effect.delay(
      Effect.catchAll(Effect.if(keepsOrder, { onTrue: () => step, onFalse: () => Effect.void }), failed),
      interval
    )
  )
}
