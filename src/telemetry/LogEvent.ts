import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as FiberId from "effect/FiberId"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import * as HashMap from "effect/HashMap"
import * as Inspectable from "effect/Inspectable"
import type * as List from "effect/List"
import type * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import type * as LogSpan from "effect/LogSpan"

/** The facts of an event, in the order in which they are written. */
export type LogFacts = Readonly<Record<string, unknown>>

/** An event for the log. Its facts are collected only if the event is written. */
export interface LogEvent {
  readonly level: LogLevel.LogLevel
  readonly message: string
  readonly facts: () => LogFacts
  /** On the wall clock. */
  readonly at: number
}

/**
 * Whether an event is written. A logger whose level can change, or that limits the rate, gets every event from Effect
 * and selects them itself; it sets this, so that an event that it drops costs one call: most events of a crowd of
 * clients exceed `--log-rate` (benchmark: churn).
 */
export const selection = FiberRef.unsafeMake<(level: LogLevel.LogLevel, message: string) => boolean>(() => true)

const selected = Symbol("a-chat/selected")

/** Whether `selection` has already selected the event that a logger gets. It must not be counted twice. */
export const isSelected = (event: object): boolean => selected in event

/**
 * Logs an event, like `Effect.logInfo` under `Effect.annotateLogs`, in half the time: these copy the fiber's
 * `FiberRefs` four times and allocate a map for each fact (benchmark: churn).
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

/** Whether an event is written. The conditions are looked up once. */
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
  const annotations = get(FiberRef.currentLogAnnotations)
  const event = new WrittenEvent(
    fiberId,
    level,
    [message],
    refs,
    get(FiberRef.currentLogSpan),
    annotations,
    facts(),
    at
  )
  Inspectable.withRedactableContext(refs, () => {
    for (const logger of get(FiberRef.currentLoggers)) logger.log(event)
  })
}

/** The event as an Effect logger gets it. */
class WrittenEvent implements Logger.Logger.Options<ReadonlyArray<string>> {
  readonly cause = Cause.empty
  readonly date: Date
  readonly [selected] = true

  constructor(
    readonly fiberId: FiberId.FiberId,
    readonly logLevel: LogLevel.LogLevel,
    readonly message: ReadonlyArray<string>,
    readonly context: FiberRefs.FiberRefs,
    readonly spans: List.List<LogSpan.LogSpan>,
    readonly ofFiber: HashMap.HashMap<string, unknown>,
    readonly facts: LogFacts,
    at: number
  ) {
    this.date = new Date(at)
  }

  get annotations(): HashMap.HashMap<string, unknown> {
    return HashMap.union(this.ofFiber, HashMap.fromIterable(Object.entries(this.facts)))
  }
}

/**
 * The annotations of an event that a logger gets. For an event of `log`, they are read directly rather than through the
 * map that Effect's own loggers get, which would take 4 to 7 KB (benchmarks: churn, churn over TLS).
 */
export const annotationsOf = (event: Logger.Logger.Options<unknown>): LogFacts => {
  if (!(event instanceof WrittenEvent)) return Object.fromEntries(event.annotations)
  return HashMap.isEmpty(event.ofFiber) ? event.facts : { ...Object.fromEntries(event.ofFiber), ...event.facts }
}
