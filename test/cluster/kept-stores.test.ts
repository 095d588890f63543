import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { startNode } from "../support/ClusterServers.js"
import { passes } from "../support/Conversations.js"
import { FakeCluster } from "../support/FakeNodes.js"
import { keptStore, startKeptNode } from "../support/KeptNodes.js"
import type { MemoryServer } from "../support/MemoryServer.js"
import { ask } from "../support/Rooms.js"
import { settle } from "../support/Turns.js"

const kept = (cluster: FakeCluster, name: string, open: Effect.Effect.Success<ReturnType<typeof keptStore>>) =>
  Effect.flatMap(open, (store) => startKeptNode(cluster.join(name), store, store.sharing?.server ?? name))

/** Whether a guest can log in now. */
const takes = ({ connect }: MemoryServer, name: string) =>
  Effect.gen(function* () {
    const client = yield* connect
    client.say(name, "/ping")
    yield* settle
    const [first] = client.received
    if (first?.startsWith("! slow-down retry=") === true) return false
    assert.strictEqual(first, "* pong: ")
    client.say("/quit")
    yield* client.ended
    return true
  })

/** Runs a test with what its servers say to their operators. */
const withLog = <A, E, R>(test: (log: ReadonlyArray<string>) => Effect.Effect<A, E, R>) => {
  const log: Array<string> = []
  const logger = Logger.make(({ message }) => void log.push(String(message)))
  return Effect.provide(test(log), Logger.replace(Logger.defaultLogger, logger))
}

describe("nodes that do not use one store", () => {
  it.scoped("with different ones: the later one stays suspended until the first is gone", () =>
    withLog((log) =>
      Effect.gen(function* () {
        const cluster = new FakeCluster()
        const a = yield* kept(cluster, "a", yield* keptStore())
        const open = yield* keptStore()
        const b = yield* kept(cluster, "b", open)
        yield* passes(30_000)
        assert.deepStrictEqual([yield* takes(a, "gina"), yield* takes(b, "hugo")], [true, false])
        assert.deepStrictEqual([a.counts().isOpen, b.counts().isOpen], [true, false])
        assert.lengthOf(
          log.filter((line) => line.startsWith("another node uses another store;")),
          2
        )
        const c = yield* kept(cluster, "c", open)
        yield* passes(30_000)
        assert.deepStrictEqual([yield* takes(a, "gina"), yield* takes(c, "ida")], [true, false])
        cluster.lose(cluster.node("a"))
        yield* passes(1_000)
        assert.deepStrictEqual([yield* takes(b, "hugo"), yield* takes(c, "ida")], [true, true])
        assert.lengthOf(b.others.all, 1)
      })
    )
  )

  it.scoped("with different ones, that start at the same time: one of them goes on", () =>
    Effect.gen(function* () {
      const cluster = new FakeCluster()
      const start = (name: string) => Effect.flatMap(keptStore(), (open) => kept(cluster, name, open))
      const { a, b } = yield* Effect.all({ a: start("a"), b: start("b") }, { concurrency: "unbounded" })
      yield* passes(30_000)
      const isFirst = cluster.node("a").incarnation < cluster.node("b").incarnation
      assert.deepStrictEqual([a.counts().isOpen, b.counts().isOpen], [isFirst, !isFirst])
    })
  )

  it.scoped("a node without one that comes to others with one stays suspended until they are gone", () =>
    withLog((log) =>
      Effect.gen(function* () {
        const cluster = new FakeCluster()
        const open = yield* keptStore()
        const a = yield* kept(cluster, "a", open)
        const bare = yield* startNode(cluster.join("b"))
        yield* settle
        const c = yield* kept(cluster, "c", open)
        yield* passes(30_000)
        assert.deepStrictEqual([yield* takes(a, "gina"), yield* takes(bare, "hugo")], [true, false])
        assert.isAbove(
          log.filter((line) => line.startsWith("another node uses a store, and this one does not;")).length,
          0
        )
        cluster.lose(cluster.node("a"))
        yield* passes(1_000)
        // It was there before this one.
        assert.deepStrictEqual([yield* takes(bare, "hugo"), c.counts().isOpen], [true, false])
        cluster.lose(cluster.node("b"))
        yield* passes(1_000)
        assert.isTrue(yield* takes(c, "ida"))
      })
    )
  )

  it.scoped("a node with one that comes to others without one stays suspended until they are gone", () =>
    Effect.gen(function* () {
      const cluster = new FakeCluster()
      const bare = yield* startNode(cluster.join("a"))
      const client = yield* bare.join("gina")
      const b = yield* kept(cluster, "b", yield* keptStore())
      yield* passes(30_000)
      yield* ask(client, "/ping")
      assert.deepStrictEqual([yield* takes(bare, "hugo"), yield* takes(b, "ida")], [true, false])
      cluster.lose(cluster.node("a"))
      yield* passes(1_000)
      assert.isTrue(yield* takes(b, "ida"))
    })
  )
})
