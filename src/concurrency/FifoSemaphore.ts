import * as Effect from "effect/Effect"

/**
 * A semaphore that gives a permit to the fiber that has waited longest.
 *
 * Effect's own resumes all waiting fibers whenever a permit becomes free, and all but one wait again: a thousand
 * changes of a room at once took 14 s, and a thousand checks of passwords delayed all other clients.
 */
export class FifoSemaphore {
  private free: number
  /** Functions that give a permit to a waiting fiber, in order of arrival. */
  private readonly waiting = new Set<() => void>()

  /** @param permits the number of fibers that may have a permit at once; at least 1 */
  constructor(permits: number) {
    this.free = permits
  }

  /** Runs an effect with a permit, which is released however the effect ends. */
  withPermit<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.zipRight(restore(this.take), Effect.ensuring(restore(effect), this.release))
    )
  }

  private readonly take: Effect.Effect<void> = Effect.async((resume) => {
    if (this.free > 0) {
      this.free -= 1
      return resume(Effect.void)
    }
    const give = () => resume(Effect.void)
    this.waiting.add(give)
    // A fiber may be interrupted after it was given the permit and before it resumes.
    return Effect.suspend(() => (this.waiting.delete(give) ? Effect.void : this.release))
  })

  private readonly release: Effect.Effect<void> = Effect.sync(() => {
    for (const give of this.waiting) {
      this.waiting.delete(give)
      return give()
    }
    this.free += 1
  })
}
