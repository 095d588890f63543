import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import type * as Scheduler from "effect/Scheduler"

type Task = () => void

interface Timer {
  readonly at: number
  readonly task: Task
}

/** Enough turns for the smallest bounds of a turn. */
const maxBusyTurns = 5_000

/** Far more tasks than any turn has: beyond this they would never end. */
const maxTasks = 1_000_000

/**
 * A replacement for Node's event loop: fibers run as its tasks, `setImmediate` and the clock follow its turns.
 * Everything happens within one call, without promises, timers or turns of the real loop, so a run depends only on its
 * input and takes about a millisecond.
 */
export class SimulatedLoop {
  /** Milliseconds since the beginning in which the process was running: every check uses this time. */
  now = 0
  /** Milliseconds in which the process was stopped. Only its clocks, and thus its timers, have them. */
  private stoppedMillis = 0
  /** How far the wall clock has been set forward. */
  private wallMillis = 0
  /** The number of turns so far. */
  turn = 0
  private reads = 0
  /** The turns after which something was left to do at once. */
  readonly busyTurns = new Set<number>()
  /** How often it was not idle after far more turns than any input needs. */
  restless = 0
  /** Called at the beginning of each turn, for the network. */
  poll: Task = () => {}
  /** Whether the network moved in the last turn, and so will in the next one: no time passes meanwhile. */
  isMoving: () => boolean = () => false
  /** A number that grows with each step of work that ends some time, however long it takes. */
  progress: () => number = () => 0
  private tasks: Array<Task> = []
  private immediates: Array<Task> = []
  private readonly timers = new Set<Timer>()

  readonly scheduler: Scheduler.Scheduler = {
    shouldYield: (fiber) =>
      fiber.currentOpCount > fiber.getFiberRef(FiberRef.currentMaxOpsBeforeYield)
        ? fiber.getFiberRef(FiberRef.currentSchedulingPriority)
        : false,
    scheduleTask: (task) => void this.tasks.push(task)
  }

  readonly clock: Clock.Clock = {
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    unsafeCurrentTimeMillis: () => this.wallTime,
    unsafeCurrentTimeNanos: () => this.nanos,
    currentTimeMillis: Effect.sync(() => this.wallTime),
    currentTimeNanos: Effect.sync(() => this.nanos),
    sleep: (duration) =>
      Effect.async((resume) => {
        // Node's timers have whole milliseconds, at least one: a sleep until just before now would otherwise never end.
        const millis = Math.max(1, Math.trunc(Duration.toMillis(duration)))
        const cancel = this.after(millis, () => resume(Effect.void))
        return Effect.sync(cancel)
      })
  }

  /** The server's monotonic clock. */
  get monotonic(): number {
    return this.now + this.stoppedMillis
  }

  private get nanos(): bigint {
    return BigInt(Math.round(this.monotonic * 1_000_000))
  }

  private get wallTime(): number {
    return this.monotonic + this.wallMillis
  }

  /** An administrator sets the wall clock. */
  setWallClock(millis: number) {
    this.wallMillis += millis
  }

  /**
   * The process is stopped and continues later, as by SIGSTOP and SIGCONT: all timers that were due meanwhile are late.
   */
  stop(millis: number, during: "poll" | "timers") {
    this.stoppedMillis += millis
    if (during === "timers") this.fire(this.monotonic)
    this.pass(0)
  }

  /** The process is gone: nothing that it was about to do happens any more. */
  crash() {
    this.tasks = []
    this.immediates = []
    this.timers.clear()
  }

  /** Numbers the reads of all sockets. */
  nextRead(): number {
    return ++this.reads
  }

  /** Pending timers. */
  get pending(): number {
    return this.timers.size
  }

  after(millis: number, task: Task): Task {
    const timer = { at: this.monotonic + millis, task }
    this.timers.add(timer)
    return () => this.timers.delete(timer)
  }

  /** Runs `body` with the global `setImmediate` of this loop. */
  within<A>(body: () => A): A {
    const real = globalThis.setImmediate
    const ours = (task: Task) => void this.immediates.push(task)
    globalThis.setImmediate = ours as unknown as typeof real // the code under test keeps no handle
    try {
      return body()
    } finally {
      globalThis.setImmediate = real
    }
  }

  /** Runs all ready tasks, as Node runs microtasks after every callback. */
  settle() {
    for (let done = 0; this.tasks.length > 0;) {
      const tasks = this.tasks
      this.tasks = []
      for (const task of tasks) task()
      done += tasks.length
      if (done > maxTasks) throw new Error("the fibers never come to rest")
    }
  }

  /** One turn, as in Node: the network's events, and then the callbacks of `setImmediate`. */
  turns(count: number) {
    for (let left = count; left > 0; left--) {
      this.turn += 1
      this.poll()
      this.settle()
      const immediates = this.immediates
      this.immediates = []
      for (const immediate of immediates) {
        immediate()
        this.settle()
      }
      if (this.isBusy) this.busyTurns.add(this.turn)
    }
  }

  /** Whether something is left to do at once. */
  get isBusy(): boolean {
    return this.immediates.length > 0
  }

  /** Two turns, and more while the broker continues: it takes no noticeable time. */
  private turnsUntilIdle() {
    this.turns(2)
    let before = this.progress()
    for (let left = maxBusyTurns; this.isBusy || this.isMoving(); left--) {
      const now = this.progress()
      if (now > before) left = maxBusyTurns
      before = now
      if (left === 0) {
        this.restless += 1
        return
      }
      this.turns(1)
    }
  }

  /** Moves the clock, with turns around every timer that becomes due. */
  pass(millis: number) {
    const until = this.now + millis
    this.turnsUntilIdle()
    for (;;) {
      const due = this.nextDue(until + this.stoppedMillis)
      if (due === undefined) break
      this.now = Math.max(this.now, due - this.stoppedMillis)
      this.fire(Math.max(due, this.monotonic))
      this.turnsUntilIdle()
    }
    this.now = until
  }

  private fire(due: number) {
    for (const timer of Array.from(this.timers)) {
      if (timer.at > due || !this.timers.delete(timer)) continue
      timer.task()
      this.settle()
    }
  }

  private nextDue(until: number): number | undefined {
    let next: number | undefined = undefined
    for (const { at } of this.timers) if (at <= until && (next === undefined || at < next)) next = at
    return next
  }
}
