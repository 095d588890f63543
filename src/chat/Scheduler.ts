import type { RuntimeFiber } from "effect/Fiber"
import type * as Scheduler from "effect/Scheduler"

/** Operations that a fiber may run before it yields to the others; Effect's own default. */
const maxOperations = 2_048

/**
 * Microtasks are queued through this promise: `queueMicrotask` makes an `AsyncResource` for each, at ten times the
 * price (benchmark: ping-pong).
 */
const resolved = Promise.resolve()

/** Rounds in which fibers may wake each other before the event loop gets a turn: a few milliseconds at most. */
const maxRounds = 16

/**
 * Runs the fibers of one server. Woken fibers run after the current callback, in the order in which they were woken;
 * priorities are ignored. Effect's own scheduler keeps a queue for each fiber in a weak map and looks up its limits
 * before every operation, which takes a tenth of the server's time where fibers wake often (benchmarks: churn, 1 to
 * 100).
 */
export class FiberScheduler implements Scheduler.Scheduler {
  private tasks: Array<Scheduler.Task> = []
  private isAwake = false

  shouldYield(fiber: RuntimeFiber<unknown, unknown>): number | false {
    return fiber.currentOpCount > maxOperations ? 0 : false
  }

  scheduleTask(task: Scheduler.Task) {
    this.tasks.push(task)
    if (this.isAwake) return
    this.isAwake = true
    void resolved.then(this.run)
  }

  /**
   * Calls `wake`, and runs the fibers that it wakes before it returns, without a microtask. For callbacks of the event
   * loop that do nothing else (benchmarks: ping-pong, mesh-1).
   */
  runNow(wake: () => void) {
    if (this.isAwake) return wake()
    this.isAwake = true
    try {
      wake()
    } finally {
      this.run()
    }
  }

  private readonly run = () => {
    for (let round = 0; round < maxRounds; round++) {
      const tasks = this.tasks
      if (tasks.length === 0) {
        this.isAwake = false
        return
      }
      this.tasks = []
      for (const task of tasks) attempt(task)
    }
    setImmediate(this.run)
  }
}

/** Runs a task. A thrown defect is rethrown outside the loop, so that it does not stop the other tasks. */
const attempt = (task: Scheduler.Task) => {
  try {
    task()
  } catch (defect) {
    setImmediate(() => {
      throw defect
    })
  }
}

/** `FiberScheduler.runNow` of a scheduler. Another scheduler runs the fibers when it likes. */
export const runNow = (scheduler: Scheduler.Scheduler): ((wake: () => void) => void) =>
  scheduler instanceof FiberScheduler ? (wake) => scheduler.runNow(wake) : (wake) => wake()
