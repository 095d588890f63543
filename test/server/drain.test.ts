import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Over from "../support/Over.js"
import { startSocketServer } from "../support/SocketServer.js"
import { refusal } from "../support/Refusal.js"
import { headOf } from "../support/WireClient.js"

const pad = "x".repeat(30_000)
const flood = (to: string, count: number) => Array.from({ length: count }, (_, i) => `${to}: ${i} ${pad}\n`).join("")
const heads = (count: number) => Array.from({ length: count }, (_, i) => `from alice: ${i} `)
const headsOf = (lines: ReadonlyArray<string>) => lines.map((line) => line.slice(0, line.indexOf("x")))

describe("the drain", () => {
  it.scopedLive("is immediate without clients", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer({ grace: Duration.seconds(10) })
      const began = performance.now()
      const { cutOff, ledger } = yield* server.drain
      assert.isBelow(performance.now() - began, 500)
      assert.deepStrictEqual([cutOff, ledger.accepted], [0, 0])
    })
  )

  it.scopedLive("ends every connection in order and does not wait for the grace time", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer({ grace: Duration.seconds(10) })
      const clients = yield* Effect.forEach(["alice", "bob", "carol"], server.join)
      const nameless = yield* server.connect
      const began = performance.now()
      const { cutOff } = yield* server.drain
      assert.isBelow(performance.now() - began, 2_000)
      assert.strictEqual(cutOff, 0)
      for (const client of [...clients, nameless]) assert.deepStrictEqual(yield* client.rest, [])
      assert.strictEqual(server.closings("shutdown"), 4)
    })
  )

  it.scopedLive("delivers everything accepted, at the pace of the slowest reader, and then ends in order", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer({ outboxBytes: 20_000_000, grace: Duration.seconds(10) })
      const bob = yield* server.join("bob")
      const alice = yield* server.join("alice")
      yield* bob.pause
      yield* alice.send(`${flood("bob", 400)}nobody: hi\n`)
      yield* alice.expect("! undelivered nobody reason=offline") // so all of them have been accepted
      const drain = yield* Effect.fork(server.drain)
      yield* server.logged("the drain", ({ message }) => message === "draining")
      yield* bob.resume
      assert.deepStrictEqual(headsOf(yield* bob.rest), heads(400))
      assert.deepStrictEqual(yield* alice.rest, [])
      const { cutOff, ledger } = yield* Fiber.join(drain)
      assert.strictEqual(cutOff, 0)
      assert.strictEqual(ledger.inFlight, 0)
    })
  )

  it.scopedLive("delivers or refuses every line, including those of a held sender", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer({
        outboxBytes: 200_000,
        holdTimeout: Duration.seconds(20),
        grace: Duration.seconds(10)
      })
      const bob = yield* server.join("bob")
      const alice = yield* server.join("alice")
      yield* bob.pause
      yield* alice.send(flood("bob", 600))
      yield* server.held(alice)
      const drain = yield* Effect.fork(server.drain)
      yield* server.logged("the drain", ({ message }) => message === "draining")
      yield* bob.resume
      const received = headsOf(yield* bob.rest)
      const refused = yield* alice.rest
      for (const line of refused) assert.strictEqual(headOf(line), "! closing")
      assert.strictEqual(received.length + refused.length, 600)
      assert.deepStrictEqual(received, heads(received.length))
      assert.isAbove(refused.length, 0)
      assert.strictEqual((yield* Fiber.join(drain)).cutOff, 0)
    })
  )

  it.scopedLive("refuses later lines as closing, and delivers none of them", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const bob = yield* server.join("bob")
      const alice = yield* server.greet("alice")
      const nameless = yield* server.connect
      const drain = yield* Effect.fork(server.drain)
      yield* alice.expect("* closing grace=5000 return=1000")
      yield* alice.send("bob: too late\n@k bob: too late\n/who\nno colon\n@k /ping\n")
      yield* nameless.send("carol\n")
      yield* alice.expect("! closing", "! closing @k", "! closing", "! closing", "! closing @k")
      yield* nameless.expect("! closing")
      yield* Fiber.join(drain)
      assert.deepStrictEqual(yield* bob.rest, [])
      assert.strictEqual((yield* server.ledger).accepted, 2, "the barriers only")
    })
  )

  it.scopedLive("returns and counts undelivered lines after the grace time", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer({ outboxBytes: 20_000_000, grace: Duration.millis(400) })
      const slow = yield* server.join("slow")
      const alice = yield* server.join("alice")
      const bob = yield* server.greet("bob")
      yield* slow.pause
      yield* alice.send(`${flood("slow", 400)}nobody: hi\n`)
      yield* alice.expect("! undelivered nobody reason=offline")
      yield* bob.send(`@last slow: labelled\n/ping\n`)
      yield* bob.expect("* pong: ")
      const began = performance.now()
      const { cutOff, ledger } = yield* server.drain
      assert.isAtLeast(performance.now() - began, 390)
      const told = yield* alice.rest
      assert.strictEqual(told.length, 1)
      const count = Number(/^! undelivered slow reason=disconnected count=(\d+): /.exec(told[0] ?? "")?.[1])
      assert.isAbove(count, 0)
      assert.strictEqual(cutOff, count + 1)
      assert.include((yield* bob.rest).map(headOf), "! undelivered @last slow reason=disconnected")
      assert.strictEqual(ledger.inFlight, 0)
      assert.strictEqual(ledger.returned, 2 + count, "and the one to nobody")
      // Lines that the kernel had taken count as written, and arrive.
      yield* slow.resume
      assert.strictEqual(yield* slow.closed, Over.endWithinWrite)
      assert.deepStrictEqual(headsOf(slow.lines), heads(400 - count))
      assert.strictEqual(server.closings("cut-off"), 1)
      const stopped = server.logs.find(({ facts }) => "cutOff" in facts)
      assert.deepStrictEqual([stopped?.level, stopped?.facts["cutOff"]], ["WARN", cutOff])
    })
  )

  it.scopedLive("is not delayed beyond the grace time by a client that only lingers", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer({ grace: Duration.millis(500), linger: Duration.seconds(20) })
      const stubborn = yield* server.join("stubborn")
      yield* stubborn.pause // never sees the end, so never ends its side
      const began = performance.now()
      const { cutOff } = yield* server.drain
      assert.isBelow(performance.now() - began, 2_500)
      assert.strictEqual(cutOff, 0)
    })
  )

  it.scopedLive("runs once, however often it is called", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      yield* server.join("alice")
      const all = yield* Effect.all([server.drain, server.drain, server.drain], { concurrency: "unbounded" })
      assert.strictEqual(new Set(all).size, 1)
      assert.strictEqual(server.logs.filter(({ message }) => message === "draining").length, 1)
    })
  )

  it.scopedLive("refuses connections afterwards", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      yield* server.join("alice")
      yield* server.drain
      assert.strictEqual(yield* refusal(server.connect), "ECONNREFUSED")
    })
  )

  it.scopedLive("continues when one caller stops waiting, and returns its result to the others", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const alice = yield* server.join("alice")
      const impatient = yield* Effect.fork(server.drain)
      yield* server.logged("the start of the drain", ({ message }) => message === "draining")
      yield* Fiber.interrupt(impatient)
      assert.deepStrictEqual(yield* alice.rest, [])
      const { cutOff, ledger } = yield* server.drain
      assert.strictEqual(cutOff, 0)
      assert.strictEqual(ledger.inFlight, 0)
    })
  )
})
