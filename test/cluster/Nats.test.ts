import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll } from "vitest"
import * as Nats from "../../src/cluster/Nats.js"
import { natsDriver as load } from "../../src/cluster/NatsConnection.js"
import { NatsJetStream } from "../../src/cluster/NatsJetStream.js"
import { NatsTable } from "../../src/cluster/NatsTable.js"
import { NatsTap } from "../../src/cluster/NatsTap.js"
import { recording, retrying, watching } from "../ports/ClusterFixtures.js"
import { clusterSuite } from "../ports/ClusterSuite.js"
import { eventually } from "../support/Eventually.js"
import * as NatsServers from "../support/NatsServers.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

const driver = NatsServers.driver
const options = { driver, term: "6 seconds" } as const

/** Kills the server and starts it without what it had. */
const replaced = (server: NatsServers.NatsServer) =>
  Effect.zipRight(
    server.kill,
    Effect.zipRight(
      Effect.sync(() => rmSync(server.folder, { recursive: true })),
      server.start
    )
  )

describe.skipIf(NatsServers.missing)("NATS", () => {
  clusterSuite(
    "the cluster on one NATS server, which is killed",
    Effect.map(NatsServers.one(), (server) => ({
      join: (node) => Nats.make({ ...options, servers: [server.url], node }),
      down: server.kill,
      up: server.start
    }))
  )

  it.scopedLive("has watches whatever its term is", () =>
    Effect.gen(function* () {
      const server = yield* NatsServers.one()
      for (const term of ["1 second", "2 seconds", "2500 millis", "10 seconds"] as const) {
        const { directory } = yield* Nats.make({ ...options, term, servers: [server.url], node: "a" })
        let isCurrent = false
        yield* directory.watch("nodes", {
          restarted: () => {},
          put: () => {},
          removed: () => {},
          current: () => (isCurrent = true)
        })
        yield* eventually(() => isCurrent, `no watch with a term of ${term}`)
      }
    })
  )

  describe("three servers", () => {
    const scope = Effect.runSync(Scope.make())
    let servers: ReadonlyArray<NatsServers.NatsServer> = []
    let count = 0
    const urls = () => servers.map(({ url }) => url)
    /** A cluster of its own on the servers. */
    const cluster = Effect.sync(() => {
      const cluster = `test-${++count}`
      return (node: string) => Nats.make({ ...options, servers: urls(), node, cluster })
    })

    beforeAll(async () => {
      servers = await Effect.runPromise(Scope.extend(NatsServers.three(), scope))
    })
    afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

    clusterSuite(
      "the cluster on three NATS servers, which are stopped",
      Effect.map(cluster, (join) => ({
        join,
        down: Effect.forEach(servers, ({ signal }) => signal("SIGSTOP"), { discard: true }),
        up: Effect.forEach(servers, ({ signal }) => signal("SIGCONT"), { discard: true })
      }))
    )

    it.scopedLive(
      "goes on with two of them, with every entry",
      () =>
        Effect.gen(function* () {
          const join = yield* cluster
          const nodes = yield* Effect.forEach(["a", "b", "c", "d"], join)
          const seen = watching()
          const [a] = nodes
          if (a === undefined) throw new Error("no node")
          for (const { directory } of nodes) yield* directory.watch("names", seen.handlers)
          const first = (yield* a.directory.swap("names", "bob", 0, "a")) ?? 0
          for (const server of servers) {
            yield* server.kill
            for (const { directory } of nodes) {
              assert.strictEqual((yield* retrying(directory.get("names", "bob")))?.value, "a")
            }
            yield* server.start
            // It gets what the others have before the next one is killed.
            yield* Effect.sleep("3 seconds")
          }
          assert.isAbove((yield* retrying(a.directory.swap("names", "bob", first, "b"))) ?? 0, first)
          const late = watching()
          yield* a.directory.watch("names", late.handlers)
          yield* eventually(() => late.entries.get("bob") === "b", "a new watch does not see it")
          yield* eventually(() => seen.entries.get("bob") === "b", "an old watch does not see it")
        }),
      60_000
    )
  })

  describe("a server that loses its directory", () => {
    it.scopedLive("has no entry, and its revisions grow", () =>
      Effect.gen(function* () {
        const server = yield* NatsServers.one()
        const [a, b] = [
          yield* Nats.make({ ...options, servers: [server.url], node: "a" }),
          yield* Nats.make({ ...options, servers: [server.url], node: "b" })
        ]
        const seen = watching()
        yield* a.directory.watch("names", seen.handlers)
        yield* eventually(() => seen.log.includes("current"), "the watch does not start")
        const first = (yield* a.directory.swap("names", "bob", 0, "1")) ?? 0
        yield* replaced(server)
        assert.strictEqual(yield* retrying(a.directory.get("names", "bob")), undefined)
        yield* eventually(() => seen.log.includes("emptied"), "the watch does not start again")
        // The same number in the new stream.
        assert.isNumber(yield* retrying(b.directory.swap("names", "bob", 0, "2")))
        assert.strictEqual(yield* a.directory.swap("names", "bob", first, "3"), undefined)
        const entry = yield* a.directory.get("names", "bob")
        assert.strictEqual(entry?.value, "2")
        assert.isAbove(entry?.revision ?? 0, first)
        yield* eventually(() => seen.entries.get("bob") === "2", "the watch does not go on")
      })
    )
  })

  it.scopedLive("reads and writes frames on the socket of the installed driver", () =>
    Effect.gen(function* () {
      const server = yield* NatsServers.one()
      const connect = Effect.promise(() => load(driver).connect({ servers: server.url, reconnect: false }))
      const client = yield* Effect.acquireRelease(connect, (client) => Effect.promise(() => client.close()))
      const tap = NatsTap.on(client)
      if (tap === undefined) return assert.fail("the driver has changed: frames would take the slow way")
      const [frames, messages]: [Array<string>, Array<string>] = [[], []]
      const large = "x".repeat(300_000)
      tap.subscribe("frames", (frame) => void frames.push(Buffer.from(frame).toString()))
      client.subscribe("messages", { callback: (_, message) => void messages.push(message.string()) })
      yield* Effect.promise(() => client.flush()) // it writes later than the tap
      for (const text of ["one", large, ""]) tap.publish("frames", Buffer.from(text))
      client.publish("messages", "two")
      client.publish("frames", "three")
      tap.publish("messages", Buffer.from("four"))
      yield* Effect.promise(() => client.flush())
      assert.deepStrictEqual(frames, ["one", large, "", "three"])
      assert.deepStrictEqual(messages.toSorted(), ["four", "two"])
    })
  )

  it.scopedLive("drops what a stopped server does not take, and reports it as down", () =>
    Effect.gen(function* () {
      const server = yield* NatsServers.one()
      const a = yield* Nats.make({ ...options, servers: [server.url], node: "a", maxUnconfirmedBytes: 8 * 1024 * 1024 })
      const seen = recording()
      const link = yield* a.link(seen.handlers)
      yield* server.signal("SIGSTOP")
      const before = process.memoryUsage().rss
      const frame = Buffer.alloc(64 * 1024)
      for (let i = 0; i < 16_384; i++) link.send("b", frame) // 1 GiB
      yield* Effect.sleep("100 millis")
      assert.isBelow(process.memoryUsage().rss - before, 128 * 1024 * 1024)
      const stopped = performance.now()
      yield* eventually(() => !link.isUp(), "the link is up")
      assert.isBelow(performance.now() - stopped, 3_000)
      yield* server.signal("SIGCONT")
      yield* eventually(() => seen.events.includes("up"), "the link is down")
    })
  )

  it.scopedLive("deletes the markers of removed entries after a minute", () =>
    Effect.gen(function* () {
      const server = yield* NatsServers.one()
      const connection = yield* NatsServers.connected(server.url)
      const jetStream = new NatsJetStream(connection, 1_000)
      let now = 0
      const make = () =>
        new NatsTable(
          connection,
          jetStream,
          "test",
          "names",
          () => now,
          () => {}
        )
      const table = make()
      const messages = Effect.promise(async () => {
        const info = (await connection.request("$JS.API.STREAM.INFO.test-names", "{}", 1_000)).json()
        return (info as { state: { messages: number } }).state.messages
      })
      for (const name of ["one", "two", "again"]) {
        const revision = (yield* Effect.promise(() => table.swap(name, 0, "a"))) ?? 0
        yield* Effect.promise(() => table.swap(name, revision, undefined))
      }
      yield* Effect.promise(() => table.swap("again", 0, "b"))
      now = 59_000
      yield* Effect.promise(() => table.deleteMarkers())
      assert.strictEqual(yield* messages, 3)
      now = 61_000
      yield* Effect.promise(() => table.deleteMarkers())
      assert.strictEqual(yield* messages, 1)
      assert.strictEqual((yield* Effect.promise(() => table.get("again")))?.value, "b")
      const revision = (yield* Effect.promise(() => table.swap("one", 0, "c"))) ?? 0
      const after = (sequence: number) => Effect.promise(() => table.hasAfter(sequence))
      assert.strictEqual(yield* Effect.promise(() => table.lastNumber()), revision)
      assert.deepStrictEqual([yield* after(revision - 1), yield* after(revision)], [true, false])
      yield* Effect.promise(() => table.swap("one", revision, undefined))
      assert.isTrue(yield* after(revision))
      now = 122_000
      yield* Effect.promise(() => table.deleteMarkers())
      assert.strictEqual(yield* Effect.promise(() => table.lastNumber()), revision + 1)
      assert.isFalse(yield* after(revision))
    })
  )

  it.scopedLive("fails to start, and says why, when no server answers in time", () =>
    Effect.gen(function* () {
      const started = performance.now()
      const make = Nats.make({ ...options, servers: ["nats://127.0.0.1:9"], node: "a", startTimeout: "1 second" })
      const { message } = yield* Effect.flip(make)
      assert.strictEqual(message, "no NATS server of nats://127.0.0.1:9 can be used: connection refused")
      assert.isBelow(performance.now() - started, 3_000)
    })
  )

  it.scopedLive("does not start with a server that takes no messages of 1 MiB", () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryFolder, "nats.conf")
      writeFileSync(file, "max_payload: 1048575\n")
      const server = yield* NatsServers.one("-c", file)
      const make = Nats.make({ ...options, servers: [server.url], node: "a", startTimeout: 0 })
      assert.include((yield* Effect.flip(make)).message, "its max_payload is 1048575; it has to be 1048576")
    })
  )

  it.scopedLive("does not use such a server later either, since frames of before would never arrive", () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryFolder, "nats.conf")
      writeFileSync(file, "")
      const server = yield* NatsServers.one("-c", file)
      const again = (maxPayload: number) =>
        Effect.zipRight(
          server.kill,
          Effect.zipRight(
            Effect.sync(() => writeFileSync(file, `max_payload: ${maxPayload}\n`)),
            server.start
          )
        )
      const { link } = yield* Nats.make({ ...options, servers: [server.url], node: "a" })
      const { isUp } = yield* link({ frame: () => {}, up: () => {} })
      assert.isTrue(isUp())
      yield* again(1_048_575)
      yield* Effect.sleep("1 second")
      assert.isFalse(isUp())
      yield* again(1_048_576)
      yield* eventually(isUp, "it does not connect")
    })
  )

  it.scopedLive("starts when a server does, within the time", () =>
    Effect.gen(function* () {
      const server = yield* NatsServers.one()
      yield* server.kill
      yield* Effect.forkScoped(Effect.delay(server.start, "1 second"))
      const a = yield* Nats.make({ ...options, servers: [server.url], node: "a", startTimeout: "10 seconds" })
      assert.isNumber(yield* a.directory.swap("names", "bob", 0, "a"))
    })
  )
})
