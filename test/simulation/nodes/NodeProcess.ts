import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Runtime from "effect/Runtime"
import type * as Scheduler from "effect/Scheduler"
import type { Timeline } from "./Timeline.js"

type Task = () => void

/**
 * The process of a node on the timeline: its fibers, its clocks and its broker's turns. It can be stopped, sleep with
 * its machine, and die; nothing of it runs meanwhile, and what was due is late.
 */
export class NodeProcess {
  /** Defects that a fiber died of. */
  readonly defects: Array<string> = []
  isDead = false
  /** Timers that were due while it was stopped. */
  private stopped: Array<Task> | undefined = undefined
  private tasks: Array<Task> = []
  private reports: Array<Task> = []
  private isSettling = false
  private hasTurn = false
  /** Whether the broker has its turn. */
  isInTurn = false
  /** How long its machine has slept: the monotonic clock does not have this. */
  private slept = 0
  /** How far somebody has set the wall clock forward. */
  private wallAhead = 0
  private readonly runtime: Runtime.Runtime<never>

  /** @param began called at the beginning of each of the broker's turns */
  constructor(
    private readonly timeline: Timeline,
    private readonly began: Task
  ) {
    const runtime = Effect.withClock(Effect.runtime<never>(), this.clock)
    this.runtime = Effect.runSync(Logger.withMinimumLogLevel(runtime, LogLevel.None))
  }

  private readonly scheduler: Scheduler.Scheduler = {
    shouldYield: () => false,
    scheduleTask: (task) => {
      if (this.isDead) return
      this.tasks.push(task)
      // What the engine answers comes from outside.
      if (this.tasks.length === 1 && !this.isSettling) this.timeline.after(0, () => this.settle())
    }
  }

  get monotonic(): number {
    return this.timeline.now - this.slept
  }

  private get wall(): number {
    return 1_700_000_000_000 + this.timeline.now + this.wallAhead
  }

  private get clock(): Clock.Clock {
    const nanos = () => BigInt(Math.round(this.monotonic * 1_000_000))
    return {
      [Clock.ClockTypeId]: Clock.ClockTypeId,
      unsafeCurrentTimeMillis: () => this.wall,
      unsafeCurrentTimeNanos: nanos,
      currentTimeMillis: Effect.sync(() => this.wall),
      currentTimeNanos: Effect.sync(nanos),
      sleep: (duration) =>
        Effect.async((resume) => Effect.sync(this.after(Duration.toMillis(duration), () => resume(Effect.void))))
    }
  }

  get isRunning(): boolean {
    return !this.isDead && this.stopped === undefined
  }

  /** It runs, and its broker has nothing to do. */
  get isAtRest(): boolean {
    return this.isRunning && !this.hasTurn
  }

  setWallClock(millis: number) {
    this.wallAhead += millis
  }

  private after(millis: number, task: Task): Task {
    return this.timeline.after(Math.max(1, millis), () => this.run(task))
  }

  /** Runs something in this process, once it is not stopped. */
  run(task: Task) {
    if (this.isDead) return
    if (this.stopped !== undefined) return void this.stopped.push(task)
    task()
    this.settle()
  }

  /** Runs all ready fibers, as Node runs microtasks after every callback. */
  settle() {
    if (this.isSettling) return
    this.isSettling = true
    while (this.tasks.length > 0 && this.isRunning) {
      const { tasks } = this
      this.tasks = []
      for (const task of tasks) task()
    }
    this.isSettling = false
  }

  fork<A, E>(effect: Effect.Effect<A, E>, then: (exit: Exit.Exit<A, E>) => void): Fiber.RuntimeFiber<A, E> {
    const fiber = Runtime.runFork(this.runtime, effect, { scheduler: this.scheduler })
    fiber.addObserver((exit) => {
      if (Exit.isFailure(exit) && Cause.isDie(exit.cause)) this.defects.push(Cause.pretty(exit.cause))
      then(exit)
    })
    this.settle()
    return fiber
  }

  /** What the broker does in its next turn. */
  readonly report = (run: Task) => {
    this.reports.push(run)
    if (this.hasTurn || this.isDead) return
    this.hasTurn = true
    this.timeline.after(0, () => this.run(this.turn))
  }

  private readonly turn = () => {
    this.hasTurn = false
    const { reports } = this
    this.reports = []
    this.isInTurn = true
    this.began()
    for (const report of reports) {
      try {
        report()
      } catch (defect) {
        this.defects.push(String(defect instanceof Error ? defect.stack : defect))
      }
    }
    this.isInTurn = false
  }

  stop() {
    this.stopped ??= []
  }

  /**
   * Its clocks go on, and it does something before it learns what happened meanwhile.
   *
   * @param sleptMillis how long its machine was asleep
   */
  wake(sleptMillis: number, first: Task) {
    this.slept += sleptMillis
    const late = this.stopped
    this.stopped = undefined
    first()
    this.stopped = late
  }

  /** Goes on with the timers that are due. */
  goOn() {
    const late = this.stopped ?? []
    this.stopped = undefined
    for (const task of late) this.run(task)
    this.settle()
  }

  die() {
    this.isDead = true
    this.tasks = []
  }
}
