import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import type { StoreService } from "../ports/Store.js"
import type { StoreError } from "../ports/StoreError.js"
import type { FoundLine, SearchRequest, SearchStep } from "../ports/StoreSearch.js"

/** The result of a search. */
export interface FoundLines {
  /** Newest first. */
  readonly lines: ReadonlyArray<FoundLine>
  /** Some lines that may match cannot be read. */
  readonly isDamaged: boolean
}

export const nothingFound: FoundLines = { lines: [], isDamaged: false }

/** Runs searches in turns, one step at a time, so that no line waits for more than one step. */
export class Searches {
  /** Completes when the last queued step has ended. */
  private last = Effect.void

  constructor(private readonly store: Pick<StoreService, "search">) {}

  /** Finds at most `limit` lines, and at most one more than fits into this many bytes of text. */
  find(request: Omit<SearchRequest, "from">, maxBytes: number): Effect.Effect<FoundLines, StoreError> {
    const { limit } = request
    const goOn = (found: FoundLines, from: number | undefined): Effect.Effect<FoundLines, StoreError> =>
      Effect.flatMap(this.step({ ...request, limit: limit - found.lines.length, from }), (step) => {
        const { next } = step
        const lines = [...found.lines, ...step.lines]
        const all = { lines, isDamaged: found.isDamaged || step.isDamaged === true }
        return next === undefined || lines.length >= limit || bytesOf(lines) >= maxBytes
          ? Effect.succeed(all)
          : goOn(all, next)
      })
    return goOn(nothingFound, undefined)
  }

  /**
   * A step, after those that are queued. Not a semaphore: the fiber that releases it could take it again before the
   * others.
   */
  private step(request: SearchRequest): Effect.Effect<SearchStep, StoreError> {
    return Effect.suspend(() => {
      const before = this.last
      const isOver = Deferred.unsafeMake<void>(FiberId.none)
      this.last = Deferred.await(isOver)
      return before.pipe(
        Effect.zipRight(Effect.timed(this.store.search(request))),
        // Pauses for as long as the step took, which leaves the store to others. A store in memory also blocks the
        // event loop.
        Effect.flatMap(([took, step]) => Effect.as(Effect.sleep(took), step)),
        Effect.ensuring(Deferred.succeed(isOver, undefined))
      )
    })
  }
}

const bytesOf = (found: ReadonlyArray<FoundLine>) => found.reduce((sum, { line }) => sum + line.text.length, 0)
