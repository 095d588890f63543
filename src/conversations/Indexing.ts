import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { StoreService } from "../ports/Store.js"
import type { StoreError } from "../ports/StoreError.js"

/** How long changes are collected before they are indexed. */
const delay = Duration.seconds(1)

/** After each step, the pause is this many times as long as the step. Otherwise lines would wait for the index. */
const restFactor = 4

interface Collaborators {
  readonly store: Pick<StoreService, "index">
  readonly failed: (error: StoreError) => Effect.Effect<void>
}

/** Indexes stored lines for searches, in small steps with pauses between them. */
export class Indexing {
  /** Open from the start, because the previous run may have stopped before everything was indexed. */
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
