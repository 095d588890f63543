import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Incarnation from "../../src/cluster/Incarnation.js"
import * as MemoryCluster from "../../src/cluster/MemoryCluster.js"
import * as OtherVersions from "../../src/cluster/OtherVersions.js"
import { pass } from "../support/MemoryServer.js"

const termMillis = 6_000
const incarnation = "0000000000000001"
const other = { incarnation, isAlive: true, termMillis, version: 7 }

const steps = (millis: number) => Effect.repeatN(pass(250), Math.ceil(millis / 250) - 1)

/** A lease in the directory, and a node that wants to join. */
const having = (lease: Incarnation.Lease) =>
  Effect.gen(function* () {
    const memory = yield* MemoryCluster.make()
    const { directory } = memory.service("a")
    const write = (revision: number, lease: Incarnation.Lease) =>
      Effect.fork(directory.swap("nodes", "a", revision, Incarnation.showLease(lease)))
    yield* write(0, lease)
    yield* steps(250)
    const joining = yield* Effect.fork(Effect.either(OtherVersions.refuse(memory.service("b"), termMillis)))
    yield* steps(1_000)
    const revision = memory.entries("nodes")[0]?.revision ?? 0
    return { memory, joining, renew: write(revision, lease) }
  })

describe("a node that finds others", () => {
  it.scoped("joins those of its own version, and does not wait for those that have left", () =>
    Effect.gen(function* () {
      for (const lease of [
        { ...other, version: 1 },
        { ...other, isAlive: false }
      ]) {
        const { joining } = yield* having(lease)
        assert.strictEqual((yield* Fiber.join(joining))._tag, "Right")
      }
    })
  )

  it.scoped("refuses those of another version, in one sentence", () =>
    Effect.gen(function* () {
      const { joining, renew } = yield* having(other)
      assert.isNull(yield* Effect.map(Fiber.poll(joining), (exit) => (exit._tag === "None" ? null : exit)))
      yield* renew
      yield* steps(1_000)
      const joined = yield* Fiber.join(joining)
      assert.match(
        joined._tag === "Left" ? joined.left.reason : "",
        /^the node a speaks version 7 of the protocol between nodes, and this program speaks version 1: stop all nodes/u
      )
    })
  )

  it.scoped("waits until a lease of another version has not been renewed for a while, and ends it", () =>
    Effect.gen(function* () {
      const { joining, memory } = yield* having(other)
      yield* steps(22_000)
      assert.strictEqual((yield* Fiber.poll(joining))._tag, "None")
      yield* steps(3_000)
      assert.strictEqual((yield* Fiber.join(joining))._tag, "Right")
      assert.match(memory.entries("nodes")[0]?.value ?? "", /^dead /u)
    })
  )
})
