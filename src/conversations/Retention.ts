import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { StoreService } from "../ports/Store.js"
import type { StoreError } from "../ports/StoreError.js"
import type { ConversationId } from "../ports/StoreLines.js"
import type { Retained } from "../ports/StoreUpkeep.js"

/** Between two walks through the store. */
const interval = Duration.minutes(1)

/** After a step, the store is left alone for this many times the duration of the step. Otherwise lines would wait for it. */
const restFactor = 9

interface Collaborators {
  readonly store: StoreService
  readonly inTurn: <A>(run: () => A) => Effect.Effect<A>
  /** Lines do not pass meanwhile from the store to a device's outbox: they would be removed, and given. */
  readonly alone: <A, E>(step: Effect.Effect<A, E>) => Effect.Effect<A, E>
  /** In the broker's turn: the lines that are in devices' outboxes. */
  readonly held: () => ReadonlyArray<{ readonly conversation: ConversationId; readonly after: number }>
  /** In the broker's turn: lines were removed. */
  readonly removed: (retained: Retained) => void
  readonly failed: (error: StoreError) => Effect.Effect<void>
}

/** Removes what is kept no longer: in small steps, with pauses between them. */
export const run = ({ alone, failed, held, inTurn, removed, store }: Collaborators): Effect.Effect<never> => {
  const remove = alone(Effect.flatMap(inTurn(held), (under) => Effect.timed(store.retain(under))))
  const step: Effect.Effect<void> = Effect.flatMap(remove, ([took, retained]) =>
    Effect.zipRight(
      inTurn(() => removed(retained)),
      retained.hasMore ? Effect.delay(step, Duration.times(took, restFactor)) : Effect.void
    )
  ).pipe(Effect.catchAll(failed))
  return Effect.forever(Effect.delay(step, interval))
}
