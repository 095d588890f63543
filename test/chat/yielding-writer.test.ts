import * as Effect from "effect/Effect"
import type { Scheduler, Task } from "effect/Scheduler"
import { assert, describe, it } from "vitest"
import type { Batch } from "../../src/chat/Batch.js"
import { Budget } from "../../src/chat/Budget.js"
import { Outbox } from "../../src/chat/Outbox.js"

/** Lets a fiber yield once, before a given one of its operations. */
class Steps implements Scheduler {
  private readonly tasks: Array<Task> = []

  private operation = 0

  constructor(private readonly yieldsAt: number) {}

  shouldYield(): number | false {
    this.operation += 1
    return this.operation === this.yieldsAt ? 0 : false
  }

  scheduleTask(task: Task) {
    this.tasks.push(task)
  }

  /** Runs this many steps, or fewer if the fiber waits. Returns how many. */
  run(most: number): number {
    let count = 0
    for (; count < most; count++) {
      const task = this.tasks.shift()
      if (task === undefined) break
      task()
    }
    return count
  }
}

/** A writer whose socket takes everything at once, as in `Connection`. */
const writer = (outbox: Outbox<string>, write: (batch: Batch<string>) => void): Effect.Effect<void> => {
  const go = (batch: Batch<string> | undefined): Effect.Effect<void> =>
    writeAll(batch) ?? outbox.next({ go, write: writeAll })
  const writeAll = (first: Batch<string> | undefined): Effect.Effect<void> | undefined => {
    for (let batch = first; batch !== undefined; batch = outbox.ready()) {
      write(batch)
      outbox.taken(batch)
      if (batch.isLast) return Effect.void
    }
    return undefined
  }
  return Effect.suspend(() => go(outbox.ready()))
}

/** Each is a batch of its own. */
const large = (mark: string) => `${mark.padEnd(65_536, ".")}\n`

const marks = (batches: ReadonlyArray<string>) => batches.join("").match(/\d+|last/gu) ?? []

interface Plan {
  /** The operation before which the writer yields. */
  readonly yieldsAt: number
  /** Its steps before the broker puts the batches, and from then until the broker acts again. */
  readonly before: number
  readonly between: number
  /** Large batches, which are followed by a small one. */
  readonly queued: number
  readonly act: "retract" | "put"
}

/** Returns the number of steps between that the writer could take. */
const interleave = (plan: Plan): number => {
  const { act, before, between, queued, yieldsAt } = plan
  const steps = new Steps(yieldsAt)
  const outbox = new Outbox<string>({ lines: 1e6, bytes: 1e8, outcomes: 1e6, budget: new Budget(1e9) }, "bob")
  const written: Array<string> = []
  const fiber = Effect.runFork(
    writer(outbox, ({ text }) => written.push(text)),
    { scheduler: steps }
  )
  steps.run(before)
  for (let index = 0; index < queued; index++) outbox.put(large(`${index}`), 1, "alice", undefined)
  outbox.put(`${queued}\n`, 1, "alice", undefined)
  outbox.flush()
  const ran = steps.run(between)
  const retracted = act === "retract" ? outbox.retract().map(({ text }) => text) : []
  outbox.reply("last\n", 0)
  outbox.end("kicked")
  steps.run(10_000)
  const where = JSON.stringify(plan)
  assert.isNotNull(fiber.unsafePoll(), `the writer waits without end: ${where}`)
  const expected = Array.from({ length: queued + 1 }, (_, index) => `${index}`)
  assert.deepStrictEqual([...marks(written).slice(0, -1), ...marks(retracted)], expected, where)
  assert.strictEqual(marks(written).at(-1), "last", where)
  assert.deepStrictEqual([outbox.lines, outbox.bytes], [0, 0], where)
  return ran
}

describe("an outbox whose writer yields before any one operation", () => {
  for (const act of ["retract", "put"] as const) {
    it(`loses no wake-up and hands out each batch once while the broker acts: ${act}`, () => {
      for (let yieldsAt = 1; yieldsAt <= 24; yieldsAt++) {
        for (let before = 0; before <= 3; before++) {
          for (let queued = 0; queued <= 2; queued++) {
            const plan = { yieldsAt, before, queued, act }
            for (let between = 0; interleave({ ...plan, between }) === between; between++);
          }
        }
      }
    })
  }
})
