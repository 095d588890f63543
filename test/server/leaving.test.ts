import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Over from "../support/Over.js"
import { startSocketServer } from "../support/SocketServer.js"
import { eventually } from "../support/Eventually.js"
import { headOf } from "../support/WireClient.js"

const pad = "x".repeat(30_000)

describe("leaving", () => {
  // Guard: `allowHalfOpen` in src/transport/NetSocket.ts.
  it.scopedLive.skipIf(Over.isWebSocket)(
    "printf 'alice\\nbob: hi\\n' | nc -N shows undelivered lines, and ends in order",
    () =>
      Effect.gen(function* () {
        const server = yield* startSocketServer()
        const script = yield* server.connect
        yield* script.send("alice\nalice: hi\nbob: hi\nno colon\n/ping\n")
        yield* script.end
        const lines = yield* script.rest
        assert.includeMembers(
          lines.map((line) => (line.startsWith("!") ? headOf(line) : line)),
          ["from alice: hi", "! undelivered bob reason=offline", "! bad-line", "* pong: "]
        )
        assert.strictEqual(lines.length, 4)
        assert.strictEqual((yield* server.farewell("alice"))["reason"], "left")
      })
  )

  it.scopedLive.skipIf(Over.isWebSocket)(
    "a last line without LF counts when the stream ends in order, also as a login",
    () =>
      Effect.gen(function* () {
        const server = yield* startSocketServer()
        const bob = yield* server.join("bob")
        const alice = yield* server.connect
        yield* alice.send("alice\nbob: whole\nbob: last")
        yield* alice.end
        yield* bob.expect("from alice: whole", "from alice: last")
        assert.deepStrictEqual(yield* alice.rest, [])
        const taken = yield* server.connect
        yield* taken.send("bob")
        yield* taken.end
        yield* taken.expect("! login-in-use bob fatal")
        assert.deepStrictEqual(yield* taken.rest, [])
        yield* bob.barrier
      })
  )

  it.scopedLive("a last line without LF is dropped when the connection breaks", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const bob = yield* server.join("bob")
      const alice = yield* server.join("alice")
      yield* alice.send("bob: whole\nbob: unfinished")
      yield* bob.expect("from alice: whole")
      yield* alice.reset
      assert.strictEqual((yield* server.farewell("alice"))["reason"], "connection-lost")
      yield* bob.barrier
    })
  )

  // libuv reports an orderly end instead of the reset if a short read and a hang-up fall into the same turn.
  it.scopedLive("a last line without LF is dropped when its bytes and the reset arrive at once", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const bob = yield* server.join("bob")
      for (let round = 0; round < 20; round++) {
        const alice = yield* server.join(`alice${round}`)
        yield* Effect.zipRight(alice.send(`bob: whole\nbob: unfini`), alice.reset)
        yield* bob.expect(`from alice${round}: whole`)
        yield* server.farewell(`alice${round}`)
        yield* bob.barrier
      }
      assert.strictEqual(server.closings("connection-lost"), 20)
    })
  )

  it.scopedLive("lines sent before a reset are still delivered", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const bob = yield* server.join("bob")
      for (let round = 0; round < 50; round++) {
        const alice = yield* server.join(`alice${round}`)
        yield* alice.send("bob: 1\nbob: 2\nnobody: 3\nbob: 4\n")
        yield* alice.reset
        yield* bob.expect(...[1, 2, 4].map((i) => `from alice${round}: ${i}`))
      }
      yield* bob.barrier
      const { dead } = yield* server.ledger
      assert.isAtMost(dead, 50, "only the lines of senders that broke off count as dead")
    })
  )

  it.scopedLive.skipIf(Over.isWebSocket)(
    "a client that shut down its sending side gets what was queued for it, and nothing new",
    () =>
      Effect.gen(function* () {
        const server = yield* startSocketServer({ outboxBytes: 20_000_000 })
        const bob = yield* server.join("bob")
        const alice = yield* server.join("alice")
        yield* bob.pause
        yield* alice.send(Array.from({ length: 400 }, (_, i) => `bob: ${i} ${pad}\n`).join(""))
        yield* alice.barrier
        yield* bob.end
        do yield* alice.send("/who\n")
        while ((yield* alice.line) !== "* who 1: alice")
        yield* alice.send("bob: too late\n")
        yield* alice.expect("! undelivered bob reason=offline")
        assert.isAbove((yield* server.ledger).inFlight, 0)
        yield* bob.resume
        const lines = yield* bob.rest
        assert.deepStrictEqual(
          lines.map((line) => line.slice(0, 20)),
          Array.from({ length: 400 }, (_, i) => `from alice: ${i} ${pad}`.slice(0, 20))
        )
        yield* alice.barrier
      })
  )

  // Guard: `this.socket.end()` and `resume()` before the destroy in `NetSocket.close`: with unread input on the
  // server's side a destroy makes the kernel send a reset, which discards what the client has not read yet.
  it.scopedLive("everything up to the last line arrives, however much of the client's input is unread", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer({ linger: Duration.seconds(5) })
      const bob = yield* server.join("bob")
      const alice = yield* server.join("alice")
      yield* alice.pause
      yield* bob.send(Array.from({ length: 2_000 }, (_, i) => `alice: ${i} ${pad.slice(0, 200)}\n`).join(""))
      yield* bob.barrier
      yield* alice.send("/quit\n")
      yield* alice.send(`unread: ${pad}\n`.repeat(300))
      assert.strictEqual((yield* server.farewell("alice"))["reason"], "quit")
      yield* alice.resume
      const lines = yield* alice.rest // fails on ECONNRESET
      assert.strictEqual(lines.length, 2_001)
      assert.match(lines.at(-1) ?? "", /^\* bye[ :]/)
      assert.match(lines.at(-2) ?? "", /^from bob: 1999 /)
    })
  )

  it.scopedLive("a refused client gets the reason, however many lines follow its login", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      for (let round = 0; round < 20; round++) {
        const script = yield* server.connect
        yield* script.send(`no name\n${`bob: ${pad}\n`.repeat(20)}`)
        yield* script.expect("! bad-login fatal")
        assert.deepStrictEqual(yield* script.rest, [])
      }
    })
  )

  it.scopedLive(
    "a client that does not close its side is destroyed after the linger time; its name is free before",
    () =>
      Effect.gen(function* () {
        const server = yield* startSocketServer({ linger: Duration.millis(500) })
        const old = yield* server.join("alice")
        yield* old.pause // does not see the server's end, so it never ends its own side
        yield* old.send("/quit\n")
        yield* server.farewell("alice")
        const began = performance.now()
        const newcomer = yield* server.join("alice")
        assert.isBelow(performance.now() - began, 400)
        const bob = yield* server.join("bob")
        // The drain below waits for the old connection, so this measures its linger time.
        yield* eventually(() => performance.now() - began > 600, "")
        yield* bob.send("alice: still you\n")
        yield* newcomer.expect("from bob: still you")
      })
  )

  // Guard: a name is freed by `Names.free` alone, once its writer has ended, and not when it can no longer be
  // addressed.
  it.scopedLive.skipIf(Over.isWebSocket)("a name is not free while its queue is still being sent", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer({ outboxBytes: 20_000_000 })
      const bob = yield* server.join("bob")
      const old = yield* server.join("alice")
      yield* old.pause
      yield* bob.send(`alice: ${pad}\n`.repeat(400))
      yield* bob.barrier
      yield* old.end
      do yield* bob.send("/who\n")
      while ((yield* bob.line) !== "* who 1: bob")
      const early = yield* server.connect
      yield* early.send("alice\n")
      yield* early.expect("! login-in-use alice fatal")
      yield* old.resume
      assert.strictEqual((yield* old.rest).length, 400)
      const newcomer = yield* server.join("alice")
      yield* bob.send("alice: hello\n")
      yield* newcomer.expect("from bob: hello")
    })
  )

  it.scopedLive("the end of an older connection never removes a new client with the same name", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer({ outboxBytes: 1_000_000, holdTimeout: Duration.millis(30) })
      const bob = yield* server.join("bob")
      for (let round = 0; round < 30; round++) {
        // A connection with a pending write breaks twice: its read fails, and its write.
        const old = yield* server.join("alice")
        yield* old.pause
        yield* bob.send(`alice: ${pad}\n`.repeat(round % 2 === 0 ? 250 : 1))
        yield* bob.send(`bob: sent\n`)
        yield* bob.takeUntil("from bob: sent")
        if (round % 3 === 0) yield* old.end
        yield* round % 3 === 0 ? Effect.sync(() => old.destroy()) : old.reset
        const login = Effect.gen(function* () {
          const client = yield* server.connect
          client.name = "alice"
          yield* client.send("alice\nalice: in\n")
          return (yield* client.line) === "from alice: in" ? client : yield* Effect.fail("in use")
        })
        const newcomer = yield* Effect.retry(login, { times: 200 })
        yield* bob.send(`alice: hello ${round}\n`)
        yield* newcomer.expect(`from bob: hello ${round}`)
        yield* newcomer.send("/who\n/quit\n")
        yield* newcomer.expect("* who 2: alice, bob")
        yield* newcomer.rest
      }
    })
  )

  // Guard: `NetSocket.untaken` and `Batch.splitAt`: lines that the kernel took before a write failed count as written.
  it.scopedLive("no line is both received and returned when a recipient breaks off in the middle of a write", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer({ outboxBytes: 400_000 })
      const alice = yield* server.join("alice")
      for (let round = 0; round < 10; round++) {
        const before = yield* server.ledger
        const bob = yield* server.join("bob")
        yield* alice.send(Array.from({ length: 300 }, (_, i) => `bob: ${i} ${pad}\n`).join(""))
        yield* bob.until("some lines", () => (bob.lines.length > 5 * round ? true : undefined))
        yield* bob.reset
        yield* alice.send("/ping all told\n")
        const told = yield* alice.takeUntil("* pong: all told")
        const returned = told.reduce((sum, line) => {
          const found = /^! undelivered bob reason=(?:disconnected|offline)(?: count=(\d+))?: /.exec(line)
          assert.isNotNull(found, line)
          return sum + Number(found?.[1] ?? 1)
        }, 0)
        assert.isAtMost(bob.lines.length + returned, 300)
        const after = yield* server.ledger
        assert.strictEqual(after.returned - before.returned, returned)
        assert.strictEqual(after.written - before.written, 300 - returned + 1) // and bob's barrier
        assert.isAtLeast(after.written - before.written, bob.lines.length)
      }
    })
  )
})
