import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as MemoryCluster from "../../src/cluster/MemoryCluster.js"
import { watching } from "../ports/ClusterFixtures.js"
import { clusterSuite } from "../ports/ClusterSuite.js"
import { eventually } from "../support/Eventually.js"

clusterSuite(
  "the cluster in memory",
  Effect.map(MemoryCluster.make(), (engine) => ({
    join: (node) => Effect.succeed(engine.service(node)),
    down: Effect.sync(() => engine.down()),
    up: Effect.sync(() => engine.up())
  }))
)

it.scopedLive("an engine that merges changes reports only the last one of an entry", () =>
  Effect.gen(function* () {
    const engine = yield* MemoryCluster.make({ watchDelay: () => 20, merges: () => true })
    const { directory } = engine.service("a")
    const seen = watching()
    yield* directory.watch("names", seen.handlers)
    yield* eventually(() => seen.log.includes("current"), "the watch is not current")
    const told = Effect.sync(() => seen.log.splice(0))
    yield* told
    const two = (yield* directory.swap("names", "two", 0, "1")) ?? 0
    yield* directory.swap("names", "one", 0, "1")
    yield* directory.swap("names", "two", two, undefined)
    yield* eventually(() => engine.hasTold("a"), "the watch is not told everything")
    assert.deepStrictEqual(yield* told, ["one=1", "-two"])
  })
)
