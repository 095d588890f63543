import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { StoreService } from "../ports/Store.js"
import type { StoreError } from "../ports/StoreError.js"
import type { Retained } from "../ports/StoreUpkeep.js"
import type { Held } from "./Holding.js"

/** The pause between two passes through the store. */
const interval = Duration.minutes(1)

/** After each step, the pause is this many times as long as the step. Otherwise lines would wait for retention. */
const restFactor = 9

interface Collaborators {
  readonly store: StoreService
  readonly inTurn: <A>(run: () => A) => Effect.Effect<A>
  /**
   * Runs a step with the lines that are in devices' outboxes, or not at all. In the meantime, no line passes from the
   * store to an outbox: it could be both removed and delivered.
   */
  readonly alone: <E>(
    step: (held: Held, since: number | undefined) => Effect.Effect<void, E>
  ) => Effect.Effect<void, E | StoreError>
  /** In the broker's turn: lines were removed. */
  readonly removed: (retained: Retained) => void
  readonly failed: (error: StoreError) => Effect.Effect<void>
}

/**
 * Removes expired lines, in small steps with pauses between them. Of the servers that share a store, only one does
 * this.
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
