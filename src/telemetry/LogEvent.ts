import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as HashMap from "effect/HashMap"
import * as Inspectable from "effect/Inspectable"
import * as LogLevel from "effect/LogLevel"

/**
 * Logs an event with facts, like `Effect.logInfo` under `Effect.annotateLogs`, in half the time: these copy the fiber's
 * `FiberRefs` four times and allocate a map for each fact (benchmark: churn).
 */
export const info = (message: string, facts: Readonly<Record<string, unknown>>, millis: number): Effect.Effect<void> =>
  Effect.withFiberRuntime((fiber) => {
    if (LogLevel.greaterThan(fiber.getFiberRef(FiberRef.currentMinimumLogLevel), LogLevel.Info)) return Effect.void
    const context = fiber.getFiberRefs()
    const event = {
      fiberId: fiber.id(),
      logLevel: LogLevel.Info,
      message: [message],
      cause: Cause.empty,
      context,
      spans: fiber.getFiberRef(FiberRef.currentLogSpan),
      annotations: HashMap.mutate(fiber.getFiberRef(FiberRef.currentLogAnnotations), (annotations) => {
        for (const key of Object.keys(facts)) HashMap.set(annotations, key, facts[key])
      }),
      date: new Date(millis)
    }
    Inspectable.withRedactableContext(context, () => {
      for (const logger of fiber.getFiberRef(FiberRef.currentLoggers)) logger.log(event)
    })
    return Effect.void
  })
