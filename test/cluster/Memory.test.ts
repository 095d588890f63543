import * as Effect from "effect/Effect"
import * as Memory from "../../src/cluster/Memory.js"
import { clusterSuite } from "../ports/ClusterSuite.js"

clusterSuite(
  "the cluster in memory",
  Effect.map(Memory.make(), (engine) => ({
    join: (node) => Effect.succeed(engine.service(node)),
    down: Effect.sync(() => engine.down()),
    up: Effect.sync(() => engine.up())
  }))
)
