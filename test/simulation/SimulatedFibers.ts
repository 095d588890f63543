import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as HashSet from "effect/HashSet"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Runtime from "effect/Runtime"
import * as Supervisor from "effect/Supervisor"
import type { SimulatedLoop } from "./SimulatedLoop.js"

/** Tracks the fibers that are alive. */
class Census extends Supervisor.AbstractSupervisor<void> {
  readonly value = Effect.void
  readonly alive = new Set<unknown>()
  override onStart(_context: unknown, _effect: unknown, _parent: unknown, fiber: Fiber.RuntimeFiber<unknown, unknown>) {
    this.alive.add(fiber)
  }
  override onEnd(_exit: unknown, fiber: Fiber.RuntimeFiber<unknown, unknown>) {
    this.alive.delete(fiber)
  }
}

/** The fibers of a simulated server, on the clock and the scheduler of its loop. */
export class SimulatedFibers {
  /** Defects that were logged, or that a fiber died of. */
  readonly defects: Array<string> = []
  private readonly census = new Census()
  private readonly runtime: Runtime.Runtime<never>

  /** @param log takes each line of the log */
  constructor(
    private readonly loop: SimulatedLoop,
    log: (line: Logger.Logger.Options<unknown>) => void = () => {}
  ) {
    const logger = Logger.make<unknown, void>((line) => {
      log(line)
      if (!Cause.isEmpty(line.cause)) this.defects.push(Cause.pretty(line.cause))
    })
    this.runtime = Effect.runSync(
      Effect.runtime<never>().pipe(
        Effect.withClock(loop.clock),
        Effect.supervised(this.census),
        Effect.locally(FiberRef.currentLoggers, HashSet.make(logger)),
        Logger.withMinimumLogLevel(LogLevel.All)
      )
    )
  }

  /** How many fibers of the server are alive. */
  get alive(): number {
    return this.census.alive.size
  }

  /** The process is killed: what is left of its fibers is no longer counted. */
  forget() {
    this.census.alive.clear()
  }

  /** Runs an effect in a fiber, which belongs to whoever asks for it, and not to the server. */
  fork<A, E>(effect: Effect.Effect<A, E>, then: (value: A) => void): Fiber.RuntimeFiber<A, E> {
    const fiber = Runtime.runFork(this.runtime, effect, { scheduler: this.loop.scheduler })
    this.census.alive.delete(fiber)
    fiber.addObserver((exit) => {
      if (Exit.isSuccess(exit)) then(exit.value)
      else if (!Cause.isInterruptedOnly(exit.cause)) this.defects.push(Cause.pretty(exit.cause))
    })
    this.loop.settle()
    return fiber
  }

  /** The answer of an effect that needs no turn; undefined if it does. */
  ask<A>(effect: Effect.Effect<A>): A | undefined {
    let answer: A | undefined = undefined
    this.fork(effect, (found) => {
      answer = found
    })
    return answer
  }
}
