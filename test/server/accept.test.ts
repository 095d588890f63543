import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Prometheus from "../../src/admin/Prometheus.js"
import * as Tcp from "../../src/transport/Tcp.js"
import { startSocketServer, type SocketServer } from "../support/SocketServer.js"
import { refusal } from "../support/Refusal.js"
import * as WireClient from "../support/WireClient.js"

/** Reconnects after `retry=` until there is a place. */
const insist = (server: SocketServer, name: string) =>
  Effect.gen(function* () {
    const client = yield* server.connect
    client.name = name
    yield* client.send(`${name}\n${name}: in\n`)
    const first = yield* client.line
    return first === `from ${name}: in` ? client : yield* Effect.fail(WireClient.headOf(first))
  }).pipe(Effect.retry(Schedule.spaced("20 millis").pipe(Schedule.intersect(Schedule.recurs(250)))))

const dropped = () => Prometheus.registered("achat_connections_dropped_total")[0]?.samples[0]?.value ?? 0

describe("accepting", () => {
  it.scopedLive("serves up to the limit of connections, refuses the next with a retry time, and accepts it later", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer({ maxConnections: 2 })
      const alice = yield* server.join("alice")
      const bob = yield* server.connect // a connection counts from its accept on
      const carol = yield* server.connect
      yield* carol.send("carol\nalice: let me in\n")
      yield* carol.expect("! full retry=5000 fatal")
      assert.deepStrictEqual(yield* carol.rest, [])
      yield* alice.barrier
      yield* bob.end
      yield* bob.rest
      const again = yield* insist(server, "carol")
      yield* again.send("alice: thank you\n")
      yield* alice.expect("from carol: thank you")
      assert.isAtLeast(server.closings("full"), 1)
      const [logged] = server.logs.filter(({ message }) => message.startsWith("full:"))
      assert.strictEqual(logged?.level, "WARN")
    })
  )

  it.scopedLive("a place becomes free however a connection ends", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer({ maxConnections: 1 })
      for (const leave of ["end", "reset", "/quit\n", "/nonsense"] as const) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const client = yield* insist(server, "only")
            if (leave === "end" || leave === "reset") yield* client[leave]
            else yield* client.send(leave) // and the end of this scope closes the socket in mid-line
          })
        )
      }
      yield* Effect.flatMap(insist(server, "last"), (last) => last.barrier)
    })
  )

  it.scopedLive("a crowd at a full server is refused or dropped, and does not affect the clients", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer({ maxConnections: 1 })
      const before = dropped()
      const alice = yield* server.join("alice")
      const crowd = yield* Effect.forEach(
        Array.from({ length: 200 }),
        () =>
          Effect.gen(function* () {
            const client = yield* server.connect
            yield* client.closed
            return client.lines
          }).pipe(Effect.catchAll(() => Effect.succeed([]))),
        { concurrency: "unbounded" }
      )
      for (const lines of crowd) {
        assert.isAtMost(lines.length, 1)
        if (lines[0] !== undefined) assert.strictEqual(WireClient.headOf(lines[0]), "! full retry=5000 fatal")
      }
      assert.isAbove(crowd.filter((lines) => lines.length === 1).length, 0)
      yield* alice.barrier
      assert.strictEqual(server.closings("full") + dropped() - before, crowd.length)
      // One log entry for each kind, however many connections there are.
      assert.isAtMost(server.logs.filter(({ message }) => message.startsWith("full:")).length, 2)
    })
  )

  it.scopedLive("limits the connections of one address, and not those of others", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer({ maxConnectionsPerAddress: 2, limitLoopback: true })
      const alice = yield* server.join("alice")
      yield* server.join("bob")
      const third = yield* server.connect
      yield* third.expect("! full retry=5000 fatal")
      assert.deepStrictEqual(yield* third.rest, [])
      const elsewhere = yield* WireClient.connect(server.address, { localAddress: "127.0.0.2" })
      elsewhere.name = "carol"
      yield* elsewhere.send("carol\n")
      yield* elsewhere.barrier
      yield* alice.end
      yield* alice.rest
      yield* Effect.flatMap(insist(server, "dave"), (dave) => dave.barrier)
    })
  )

  it.scopedLive("continues after hundreds of connections that reset at any moment", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const alice = yield* server.join("alice")
      yield* Effect.forEach(
        Array.from({ length: 400 }, (_, i) => i),
        (i) =>
          Effect.scoped(
            Effect.gen(function* () {
              const client = yield* server.connect
              if (i % 4 === 1) yield* client.send(`c${i}`)
              if (i % 4 === 2) yield* client.send(`c${i}\nalice: hi`)
              if (i % 4 === 3) yield* client.send(`c${i}\nnobody: hi\n/who\n`)
              if (i % 5 > 0) yield* client.reset
            })
          ),
        { concurrency: 50 }
      )
      // Connections that ended in order have sent their unfinished line.
      yield* alice.send("/ping\n")
      for (const line of yield* alice.takeUntil("* pong: ")) assert.match(line, /^from c\d+: hi$/)
    })
  )

  it.scopedLive("pauses while no descriptor is left, logs it once with a hint, and continues afterwards", () =>
    Effect.gen(function* () {
      let isShort = false
      const server = yield* startSocketServer({ descriptors: { limit: 64, isShort: () => isShort } })
      const alice = yield* server.join("alice")
      const bob = yield* server.join("bob")
      isShort = true
      const entry = yield* server.logged("the shortage", ({ facts }) => facts["limit"] === 64)
      assert.strictEqual(entry.level, "WARN")
      assert.match(entry.message, /ulimit -n/)
      assert.strictEqual(yield* refusal(server.connect), "ECONNREFUSED")
      // The clients continue meanwhile: beyond the next check of the descriptors.
      const began = performance.now()
      for (let round = 0; performance.now() - began < 700; round++) {
        yield* alice.send(`bob: ${round}\n`)
        yield* bob.expect(`from alice: ${round}`)
        yield* Effect.sleep(10)
      }
      assert.strictEqual(yield* refusal(server.connect), "ECONNREFUSED")
      isShort = false
      const carol = yield* Effect.retry(server.join("carol"), Schedule.spaced("20 millis"))
      yield* carol.send("alice: I am in\n")
      yield* alice.expect("from carol: I am in")
      assert.strictEqual(server.logs.filter(({ facts }) => "limit" in facts).length, 1)
    })
  )

  it.scopedLive("does not resume after a drain during the pause", () =>
    Effect.gen(function* () {
      let isShort = false
      const server = yield* startSocketServer({ descriptors: { limit: 64, isShort: () => isShort } })
      yield* server.join("alice")
      isShort = true
      yield* server.logged("the shortage", ({ facts }) => facts["limit"] === 64)
      yield* server.drain
      isShort = false
      yield* Effect.sleep(700) // beyond the next check of the descriptors
      assert.strictEqual(yield* refusal(server.connect), "ECONNREFUSED")
    })
  )

  it.scopedLive("reports an address that is in use or not local as an error of one line", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      for (const [host, port, code] of [
        ["127.0.0.1", server.address.port ?? 0, "EADDRINUSE"],
        ["192.0.2.1", 0, "EADDRNOTAVAIL"],
        ["no.such.host.invalid", 0, "ENOTFOUND"],
        ["127.0.0.1", 70_000, "ERR_SOCKET_BAD_PORT"]
      ] as const) {
        const error = yield* refusal(startSocketServer({ listen: [Tcp.listen(host, port)] }))
        assert.strictEqual(error._tag, "TransportError")
        assert.strictEqual(error.during, "Listen")
        if (code === "ENOTFOUND") assert.include(["ENOTFOUND", "EAI_AGAIN"], error.code)
        else assert.strictEqual(error.code, code)
        assert.match(error.reason, /^cannot listen on \S+: [^\n]+$/)
      }
      yield* Effect.flatMap(server.join("alice"), (alice) => alice.barrier)
    })
  )

  it.scopedLive("listens on several addresses, whose clients can reach each other", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer({ listen: [Tcp.listen("127.0.0.1", 0), Tcp.listen("127.0.0.1", 0)] })
      const alice = yield* server.join("alice")
      const other = server.addresses[1] ?? (yield* Effect.dieMessage("one address only"))
      const bob = yield* WireClient.connect(other)
      yield* bob.send("bob\nalice: hi\n")
      yield* alice.expect("from bob: hi")
      yield* server.drain
      assert.strictEqual(yield* refusal(WireClient.connect(other)), "ECONNREFUSED")
    })
  )
})
