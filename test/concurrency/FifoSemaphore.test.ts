import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import { FifoSemaphore } from "../../src/concurrency/FifoSemaphore.js"

const latch = () => Deferred.unsafeMake<void>(FiberId.none)

describe("FifoSemaphore", () => {
  it.effect("lets as many run as it has permits, in the order in which they came", () =>
    Effect.gen(function* () {
      for (const permits of [1, 3]) {
        const semaphore = new FifoSemaphore(permits)
        const order: Array<number> = []
        let running = 0
        let most = 0
        const work = (number: number) =>
          Effect.gen(function* () {
            order.push(number)
            running += 1
            most = Math.max(most, running)
            yield* Effect.yieldNow()
            running -= 1
          })
        const numbers = Array.from({ length: 20 }, (_, number) => number)
        yield* Effect.forEach(numbers, (number) => semaphore.withPermit(work(number)), { concurrency: "unbounded" })
        assert.deepStrictEqual(order, numbers)
        assert.strictEqual(most, permits)
      }
    })
  )

  it.effect("releases a permit after a failure, a defect and an interruption", () =>
    Effect.gen(function* () {
      const semaphore = new FifoSemaphore(1)
      yield* Effect.exit(semaphore.withPermit(Effect.fail("failure")))
      yield* Effect.exit(semaphore.withPermit(Effect.die("defect")))
      const fiber = yield* Effect.fork(semaphore.withPermit(Effect.never))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(yield* semaphore.withPermit(Effect.succeed(1)), 1)
    })
  )

  it.effect("forgets a fiber that is interrupted while it waits", () =>
    Effect.gen(function* () {
      const semaphore = new FifoSemaphore(1)
      const end = latch()
      const first = yield* Effect.fork(semaphore.withPermit(Deferred.await(end)))
      yield* Effect.yieldNow()
      const second = yield* Effect.fork(semaphore.withPermit(Effect.void))
      const third = yield* Effect.fork(semaphore.withPermit(Effect.succeed(3)))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(second)
      yield* Deferred.succeed(end, undefined)
      yield* Fiber.join(first)
      assert.strictEqual(yield* Fiber.join(third), 3)
    })
  )

  it.effect("passes on the permit of a fiber that is interrupted after it was given it and before it resumes", () =>
    Effect.gen(function* () {
      const semaphore = new FifoSemaphore(1)
      const end = latch()
      let hasRun = false
      const waits = semaphore.withPermit(Effect.sync(() => (hasRun = true)))
      yield* Effect.fork(
        Effect.zipRight(
          semaphore.withPermit(Deferred.await(end)),
          // Before any other fiber runs.
          Effect.sync(() => second.unsafeInterruptAsFork(FiberId.none))
        )
      )
      yield* Effect.yieldNow()
      const second = yield* Effect.fork(waits)
      yield* Effect.yieldNow()
      const third = yield* Effect.fork(semaphore.withPermit(Effect.succeed(3)))
      yield* Deferred.succeed(end, undefined)
      assert.strictEqual(yield* Fiber.join(third), 3)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.await(second)))
      assert.isFalse(hasRun)
    })
  )

  it.effect("resumes one fiber for each permit that becomes free", () =>
    Effect.gen(function* () {
      const semaphore = new FifoSemaphore(1)
      let resumed = 0
      const end = latch()
      const first = yield* Effect.fork(semaphore.withPermit(Deferred.await(end)))
      yield* Effect.yieldNow()
      const others = yield* Effect.forEach(Array.from({ length: 1_000 }), () =>
        Effect.fork(
          semaphore.withPermit(
            Effect.zipRight(
              Effect.sync(() => (resumed += 1)),
              Effect.never
            )
          )
        )
      )
      yield* Effect.yieldNow()
      yield* Deferred.succeed(end, undefined)
      yield* Fiber.join(first)
      yield* Effect.yieldNow()
      assert.strictEqual(resumed, 1)
      yield* Fiber.interruptAll(others)
    })
  )
})
