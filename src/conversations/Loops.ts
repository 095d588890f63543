import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"

/** The pause between a defect and the next step. */
const defectDelay = Duration.seconds(1)

/**
 * How long a stopping server waits for the store, which may never answer: for example, a database whose connection
 * broke during a commit.
 */
const endMillis = 1_000

/**
 * Limits the wait for interrupted loops to `endMillis`. With a timer of Node, because Effect's timeouts do not work in
 * a fiber that is being interrupted.
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

/** Logs a defect and abandons only the step in which it occurred, because other lines still have to be stored. */
export const surviving = (step: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.catchAllDefect(step, (defect) =>
    Effect.zipRight(Effect.logError("a defect in the conversations", Cause.die(defect)), Effect.sleep(defectDelay))
  )
