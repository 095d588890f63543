import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import type { StoreService } from "../ports/Store.js"
import type { StoreError } from "../ports/StoreError.js"
import type { FoundLine, SearchRequest, SearchStep } from "../ports/StoreSearch.js"

/** Carries out searches: one step of one of them after the other, so that no line waits for more than a step. */
export class Searches {
  /** Until the last step of those that wait is over. */
  private last = Effect.void

  constructor(private readonly store: Pick<StoreService, "search">) {}

  /** The lines that are found, newest first: at most `limit`, and at most one more than have so many bytes of text. */
  find(request: Omit<SearchRequest, "from">, maxBytes: number): Effect.Effect<ReadonlyArray<FoundLine>, StoreError> {
    const { limit } = request
    const goOn = (
      found: ReadonlyArray<FoundLine>,
      from: number | undefined
    ): Effect.Effect<ReadonlyArray<FoundLine>, StoreError> =>
      Effect.flatMap(this.step({ ...request, limit: limit - found.length, from }), ({ lines, next }) => {
        const all = [...found, ...lines]
        return next === undefined || all.length >= limit || bytesOf(all) >= maxBytes
          ? Effect.succeed(all)
          : goOn(all, next)
      })
    return goOn([], undefined)
  }

  /** A step, after those that wait. Not with a semaphore, which whoever gives it back may take again before the others. */
  private step(request: SearchRequest): Effect.Effect<SearchStep, StoreError> {
    return Effect.suspend(() => {
      const before = this.last
      const isOver = Deferred.unsafeMake<void>(FiberId.none)
      this.last = Deferred.await(isOver)
      return before.pipe(
        Effect.zipRight(Effect.timed(this.store.search(request))),
        // For as long as it took, the store is left to others; the event loop as well, for a store in memory.
        Effect.flatMap(([took, step]) => Effect.as(Effect.sleep(took), step)),
        Effect.ensuring(Deferred.succeed(isOver, undefined))
      )
    })
  }
}

const bytesOf = (found: ReadonlyArray<FoundLine>) => found.reduce((sum, { line }) => sum + line.text.length, 0)
