import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as Scheduler from "effect/Scheduler"
import * as Memory from "../../src/ports/Memory.js"
import { FiberScheduler } from "../../src/chat/Scheduler.js"
import * as Server from "../../src/chat/Server.js"
import type { Listen } from "../../src/ports/Transport.js"

const on = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.withScheduler(effect, new FiberScheduler())

describe("FiberScheduler", () => {
  it.live("runs fibers in the order in which they were woken, after the running callback", () =>
    Effect.gen(function* () {
      const scheduler = new FiberScheduler()
      const ran: Array<number> = []
      for (const number of [1, 2, 3]) {
        scheduler.scheduleTask(() => {
          ran.push(number)
          if (number === 1) scheduler.scheduleTask(() => ran.push(4))
        })
      }
      assert.deepStrictEqual(ran, [])
      yield* Effect.promise(() => Promise.resolve())
      assert.deepStrictEqual(ran, [1, 2, 3, 4])
    })
  )

  it.live("runs the other tasks when one throws, and rethrows the error after them", () =>
    Effect.gen(function* () {
      const scheduler = new FiberScheduler()
      const ran: Array<number> = []
      const defect = new Error("defect")
      const thrown = Effect.async<unknown>((resume) => {
        process.setUncaughtExceptionCaptureCallback((error) => resume(Effect.succeed(error)))
        scheduler.scheduleTask(() => {
          throw defect
        })
        scheduler.scheduleTask(() => ran.push(1))
      })
      const restore = Effect.sync(() => process.setUncaughtExceptionCaptureCallback(null))
      assert.strictEqual(yield* Effect.ensuring(thrown, restore), defect)
      scheduler.scheduleTask(() => ran.push(2))
      yield* Effect.promise(() => Promise.resolve())
      assert.deepStrictEqual(ran, [1, 2])
    })
  )

  it.live("continues after a callback that wakes fibers and throws", () =>
    Effect.gen(function* () {
      const scheduler = new FiberScheduler()
      const ran: Array<number> = []
      const wake = () => {
        scheduler.scheduleTask(() => ran.push(1))
        throw new Error("defect")
      }
      assert.throws(() => scheduler.runNow(wake), "defect")
      assert.deepStrictEqual(ran, [1])
      scheduler.scheduleTask(() => ran.push(2))
      yield* Effect.promise(() => Promise.resolve())
      assert.deepStrictEqual(ran, [1, 2])
    })
  )

  it.live("lets the event loop turn while fibers wake each other forever", () =>
    on(
      Effect.gen(function* () {
        const busy = yield* Effect.fork(Effect.forever(Effect.yieldNow()))
        yield* Effect.async<void>((resume) => {
          setTimeout(() => resume(Effect.void), 5)
        })
        yield* Fiber.interrupt(busy)
      })
    )
  )

  it.live("lets other fibers run while one never waits", () =>
    on(
      Effect.gen(function* () {
        const most = 1_000_000
        let rounds = 0
        const busy = yield* Effect.fork(
          Effect.gen(function* () {
            for (let round = 1; round <= most; round++) {
              yield* Effect.sync(() => {
                rounds = round
              })
            }
          })
        )
        yield* Effect.yieldNow()
        assert.isAbove(rounds, 0)
        assert.isBelow(rounds, most)
        yield* Fiber.interrupt(busy)
      })
    )
  )
})

describe("Server.make", () => {
  const schedulerOfServer = Effect.scoped(
    Effect.gen(function* () {
      let found: Scheduler.Scheduler | undefined = undefined
      const listen: Listen = () =>
        Effect.map(FiberRef.get(FiberRef.currentScheduler), (scheduler) => {
          found = scheduler
          return { address: Memory.address, suspend: Effect.void, resume: Effect.void }
        })
      yield* Server.start({ listen: [listen] })
      return found
    })
  )

  it.live("uses its own scheduler unless the application has one", () =>
    Effect.gen(function* () {
      assert.instanceOf(yield* schedulerOfServer, FiberScheduler)
      const own = Scheduler.make(
        (task) => queueMicrotask(task),
        () => false
      )
      assert.strictEqual(yield* Effect.withScheduler(schedulerOfServer, own), own)
    })
  )
})
