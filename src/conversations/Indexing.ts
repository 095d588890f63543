import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { StoreService } from "../ports/Store.js"
import type { StoreError } from "../ports/StoreError.js"

/** From a change of what is stored until it is indexed, with what changes meanwhile. */
const delay = Duration.seconds(1)

/**
 * After a step, the store is left alone for this many times the duration of the step. Otherwise lines would wait for
 * it.
 */
const restFactor = 4

interface Collaborators {
  readonly store: Pick<StoreService, "index">
  readonly failed: (error: StoreError) => Effect.Effect<void>
}

/** Indexes what is stored, for searches: in small steps, with pauses between them. */
export class Indexing {
  /** Open from the start, since the server before may not have indexed everything. */
  private readonly isWanted = Effect.unsafeMakeLatch(true)

  constructor(private readonly broker: Collaborators) {}

  /** Lines have been stored or removed. */
  changed() {
    this.isWanted.unsafeOpen()
  }

  get run(): Effect.Effect<never> {
    const { failed, store } = this.broker
    const step: Effect.Effect<void, StoreError> = Effect.flatMap(Effect.timed(store.index), ([took, hasMore]) =>
      hasMore ? Effect.delay(step, Duration.times(took, restFactor)) : Effect.void
    )
    return this.isWanted.await.pipe(
      Effect.zipRight(Effect.sleep(delay)),
      Effect.zipRight(Effect.sync(() => this.isWanted.unsafeClose())),
      Effect.zipRight(
        Effect.catchAll(step, (error) =>
          Effect.zipRight(
            failed(error),
            Effect.sync(() => this.changed())
          )
        )
      ),
      Effect.forever
    )
  }
}
