import type { RuntimeFiber } from "effect/Fiber"
import type * as Scheduler from "effect/Scheduler"

/** How many operations a fiber may do before the others get their turn; Effect's own default. */
const maxOperations = 2_048

/** How often in a row fibers may wake each other before the event loop gets its turn: some milliseconds at most. */
const maxRounds = 16

/**
 * Runs the fibers of one server: those that were woken run when the running callback is over, in the order in which
 * they were woken; priorities do not count. Effect's own scheduler keeps a queue for each fiber, in a weak map, and
 * looks its limits up before every operation: a tenth of the server's time where fibers often wake (benchmarks: churn,
 * 1 to 100).
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
    queueMicrotask(this.run)
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

/** What a task throws is nobody's fault but its own: it is thrown where it harms no other. */
const attempt = (task: Scheduler.Task) => {
  try {
    task()
  } catch (defect) {
    setImmediate(() => {
      throw defect
    })
  }
}
