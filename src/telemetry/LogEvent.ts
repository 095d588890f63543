import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as FiberId from "effect/FiberId"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import * as HashMap from "effect/HashMap"
import * as Inspectable from "effect/Inspectable"
import * as LogLevel from "effect/LogLevel"

/** An event for the log. Its facts are collected only if the event is written. */
export interface LogEvent {
  readonly level: LogLevel.LogLevel
  readonly message: string
  readonly facts: () => Readonly<Record<string, unknown>>
  /** On the wall clock. */
  readonly at: number
}

/**
 * Whether an event is written. A logger whose level can change, or that limits the rate, gets every event from Effect and
 * selects them itself; it sets this, so that an event that it drops costs one call: most events of a crowd of clients
 * exceed `--log-rate` (benchmark: churn).
 */
export const selection = FiberRef.unsafeMake<(level: LogLevel.LogLevel, message: string) => boolean>(() => true)

const selected = Symbol("a-chat/selected")

/** Whether `selection` has already selected the event that a logger gets. It must not be counted twice. */
export const isSelected = (event: object): boolean => selected in event

/**
 * Logs an event, like `Effect.logInfo` under `Effect.annotateLogs`, in half the time: these copy the fiber's `FiberRefs`
 * four times and allocate a map for each fact (benchmark: churn).
 */
export const log = (event: LogEvent): Effect.Effect<void> =>
  Effect.withFiberRuntime((fiber) => {
    // `getFiberRefs` makes a copy.
    const get = <A>(ref: FiberRef.FiberRef<A>) => fiber.getFiberRef(ref)
    if (selectionOf(get)(event)) write(event, get, fiber.getFiberRefs(), fiber.id())
    return Effect.void
  })

/** A function that logs like the fiber that runs this effect, for code that is not an effect. */
export const logger: Effect.Effect<(event: LogEvent) => void> = Effect.withFiberRuntime((fiber) => {
  const refs = fiber.getFiberRefs()
  const id = fiber.id()
  const get = <A>(ref: FiberRef.FiberRef<A>) => FiberRefs.getOrDefault(refs, ref)
  const isWritten = selectionOf(get)
  return Effect.succeed((event) => {
    if (isWritten(event)) write(event, get, refs, id)
  })
})

type Get = <A>(ref: FiberRef.FiberRef<A>) => A

/** Whether an event is written. What that depends on is looked up once. */
const selectionOf = (get: Get) => {
  const minimum = get(FiberRef.currentMinimumLogLevel)
  const isSelected = get(selection)
  return ({ level, message }: LogEvent) => !LogLevel.greaterThan(minimum, level) && isSelected(level, message)
}

const write = (
  { at, facts, level, message }: LogEvent,
  get: Get,
  refs: FiberRefs.FiberRefs,
  fiberId: FiberId.FiberId
) => {
  const found = facts()
  const event = {
    fiberId,
    logLevel: level,
    message: [message],
    cause: Cause.empty,
    context: refs,
    spans: get(FiberRef.currentLogSpan),
    annotations: HashMap.mutate(get(FiberRef.currentLogAnnotations), (annotations) => {
      for (const key of Object.keys(found)) HashMap.set(annotations, key, found[key])
    }),
    date: new Date(at),
    [selected]: true
  }
  Inspectable.withRedactableContext(refs, () => {
    for (const logger of get(FiberRef.currentLoggers)) logger.log(event)
  })
}
