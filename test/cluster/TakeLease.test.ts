import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import { assert } from "vitest"
import { MemoryTables } from "../../src/cluster/MemoryTables.js"
import { takeLease } from "../../src/cluster/TakeLease.js"
import * as Term from "../../src/cluster/Term.js"
import { type ClusterDirectory, ClusterUnavailable } from "../../src/ports/Cluster.js"

const term = Term.of(12_000)
const earlier = "00000000000a0000"
/** A lease of the earlier process. */
const lease = (state: "alive" | "dead", termMillis = term.bury) => `${state} ${earlier} ${termMillis} 1`
const noAnswer = new ClusterUnavailable({ reason: "no answer" })

/** A directory, and a process of node a that starts. */
const starting = (failing: { get: boolean; swap: boolean } = { get: false, swap: false }) => {
  const tables = new MemoryTables()
  const write = (value: string) => tables.swap("nodes", "a", tables.get("nodes", "a")?.revision ?? 0, value)
  const directory: ClusterDirectory = {
    get: (table, key) => Effect.suspend(() => (failing.get ? noAnswer : Effect.succeed(tables.get(table, key)))),
    swap: (table, key, revision, value) =>
      Effect.suspend(() => {
        const done = tables.swap(table, key, revision, value)
        return failing.swap ? noAnswer : Effect.succeed(done)
      }),
    watch: () => Effect.void
  }
  const start = Effect.gen(function* () {
    const clock = yield* TestClock.testClock()
    const now = () => clock.unsafeCurrentTimeMillis()
    const fiber = yield* Effect.fork(takeLease({ self: "a", term, directory, now, wall: now, random: () => 0.5 }))
    yield* TestClock.adjust(0)
    return { isDone: () => fiber.unsafePoll() !== null, join: Fiber.join(fiber) }
  })
  return { tables, write, start }
}

describe("takeLease", () => {
  it.effect("takes a lease at once that no process has, or that is dead", () =>
    Effect.gen(function* () {
      for (const value of [undefined, lease("dead")]) {
        const { start, tables, write } = starting()
        if (value !== undefined) write(value)
        const { incarnation, revision } = yield* (yield* start).join
        assert.strictEqual(tables.get("nodes", "a")?.value, `alive ${incarnation} 12000 1`)
        assert.strictEqual(tables.get("nodes", "a")?.revision, revision)
      }
    })
  )

  it.effect("waits for four terms until an earlier process can no longer write", () =>
    Effect.gen(function* () {
      const { start, tables, write } = starting()
      write(lease("alive"))
      const process = yield* start
      yield* TestClock.adjust(47_000)
      assert.strictEqual(tables.get("nodes", "a")?.value, lease("alive"))
      yield* TestClock.adjust(1_000)
      assert.isAbove(Number.parseInt((yield* process.join).incarnation, 16), Number.parseInt(earlier, 16))
    })
  )

  it.effect("waits for four terms of the earlier process, if those are longer", () =>
    Effect.gen(function* () {
      const { start, write } = starting()
      write(lease("alive", 20_000))
      const process = yield* start
      yield* TestClock.adjust(79_000)
      assert.isFalse(process.isDone())
      yield* TestClock.adjust(1_000)
      assert.isTrue(process.isDone())
    })
  )

  it.effect("waits as long as an earlier process renews its lease, and no longer than until it has left", () =>
    Effect.gen(function* () {
      const { start, write } = starting()
      write(lease("alive"))
      const process = yield* start
      for (let renewals = 0; renewals < 10; renewals++) {
        yield* TestClock.adjust(40_000)
        write(lease("alive"))
      }
      assert.isFalse(process.isDone())
      write(lease("dead"))
      yield* TestClock.adjust(term.beat)
      assert.isTrue(process.isDone())
    })
  )

  it.effect("waits on while the engine does not answer", () =>
    Effect.gen(function* () {
      const failing = { get: false, swap: false }
      const { start, write } = starting(failing)
      write(lease("alive"))
      const process = yield* start
      failing.get = true
      yield* TestClock.adjust(60_000)
      assert.isFalse(process.isDone())
      failing.get = false
      yield* TestClock.adjust(term.beat)
      assert.isTrue(process.isDone())
    })
  )

  it.effect("does not wait for itself after a swap whose answer was lost", () =>
    Effect.gen(function* () {
      const failing = { get: false, swap: true }
      const { start, tables } = starting(failing)
      const process = yield* start
      const error = yield* Effect.flip(process.join)
      assert.strictEqual(error.reason, "the lease of the node a could not be taken")
      assert.strictEqual(tables.get("nodes", "a")?.revision, 8) // each swap was done, at the revision of the one before
    })
  )
})
