import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"

/** Between a defect and the next step. */
const defectDelay = Duration.seconds(1)

/**
 * How long the end of a server waits for the store. The store may never answer, as with a database that may or may not
 * have committed a transaction.
 */
const endMillis = 1_000

/**
 * Once it is interrupted, it is waited for no longer than `endMillis`. By Node's timer, since Effect's time limits do
 * not work in a fiber that is being interrupted.
 */
export const endingInTime = (loops: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.forkDaemon(restore(loops)), (fiber) => {
      const end = Effect.async<void>((resume) => {
        const timer = setTimeout(() => resume(Effect.void), endMillis)
        fiber.addObserver(() => {
          clearTimeout(timer)
          resume(Effect.void)
        })
        fiber.unsafeInterruptAsFork(FiberId.none)
      })
      return Effect.onInterrupt(restore(Fiber.join(fiber)), () => end)
    })
  )

/** A defect is logged, and costs the step in which it occurred: other lines still have to be stored. */
export const surviving = (step: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.catchAllDefect(step, (defect) =>
    Effect.zipRight(Effect.logError("a defect in the conversations", Cause.die(defect)), Effect.sleep(defectDelay))
  )
