import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as ClusterChat from "../../src/cluster/ClusterChat.js"
import * as MemoryCluster from "../../src/cluster/MemoryCluster.js"
import { startNode } from "../support/ClusterServers.js"
import { pass, type MemoryClient } from "../support/MemoryServer.js"

const steps = (millis: number) => Effect.repeatN(pass(250), Math.ceil(millis / 250) - 1)

const options = { termMillis: 6_000, windowBytes: 100_000 }

const notices = ({ received }: MemoryClient) => received.filter((line) => /^\* (?:joined|left) /u.test(line)).toSorted()

/** Two nodes with two clients each, of which one at each learns who comes and goes. */
const started = Effect.gen(function* () {
  const engine = yield* MemoryCluster.make()
  const start = (name: string) => startNode(ClusterChat.joining(engine.service(name), options))
  const [a, b] = [yield* start("a"), yield* start("b")]
  yield* steps(1_000)
  const [alice, ann] = [yield* a.join("alice"), yield* a.join("ann")]
  const [bob, ben] = [yield* b.join("bob"), yield* b.join("ben")]
  yield* steps(1_000)
  alice.say("/hello")
  bob.say("/hello")
  yield* steps(1_000)
  return { alice, ann, ben, bob, engine }
})

describe("a client that comes or goes in a cluster", () => {
  it.scoped("is not announced again at a node that was lost and is another one now", () =>
    Effect.gen(function* () {
      const { alice, ann, bob, engine } = yield* started
      engine.disconnect("b")
      yield* steps(12_000)
      engine.connect("b")
      yield* steps(6_000)
      assert.deepStrictEqual(notices(bob), [])
      // Node a could not reach these for a time.
      assert.deepStrictEqual(notices(alice), [
        "* joined ben: has joined",
        "* joined bob: has joined",
        "* left ben: has left",
        "* left bob: has left"
      ])
      bob.say("ann: hi")
      yield* steps(1_000)
      assert.include(ann.received, "from bob: hi")
    })
  )

  it.scoped("is announced at a node that was lost if it happened meanwhile", () =>
    Effect.gen(function* () {
      const { ann, bob, engine } = yield* started
      engine.disconnect("b")
      yield* steps(12_000)
      ann.say("/quit")
      yield* ann.ended
      engine.connect("b")
      yield* steps(6_000)
      assert.deepStrictEqual(notices(bob), ["* left ann: has left"])
    })
  )

  it.scoped("is not that the engine has lost its entries", () =>
    Effect.gen(function* () {
      const { alice, bob, engine } = yield* started
      engine.down()
      yield* steps(1_000)
      engine.up(true)
      yield* steps(6_000)
      assert.deepStrictEqual([notices(alice), notices(bob)], [[], []])
    })
  )
})
