import { describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { assert } from "vitest"
import { pass, startMemoryBroker, startMemoryServer } from "../support/MemoryServer.js"
import { settle, turnsUntil } from "../support/Turns.js"

/** A small chat: two dozen lines fill a queue, and a kernel takes a dozen. */
const small = {
  outboxBytes: 4_096,
  memory: { bufferBytes: 1_024 },
  loginTimeout: Duration.seconds(4),
  holdTimeout: Duration.seconds(2),
  stallTimeout: Duration.seconds(8),
  linger: Duration.seconds(5),
  grace: Duration.millis(500)
}

/** Numbered lines of 100 bytes on the wire for a recipient of a sender called alice. */
const flood = (count: number, first = 0) =>
  Array.from({ length: count }, (_, index) => `bob: ${String(first + index).padEnd(87, ".")}`)

/** The numbers in messages from a flood. */
const numbers = (lines: ReadonlyArray<string>) =>
  lines.flatMap((line) => {
    const found = /^from \w+: (\d+)\.+$/.exec(line)
    return found === null ? [] : [Number(found[1])]
  })

/** How many lines the refusals of a reason stand for. */
const counted = (reason: string, lines: ReadonlyArray<string>) =>
  lines
    .filter((line) => line.startsWith("! undelivered") && line.includes(` reason=${reason}`))
    .reduce((sum, line) => sum + Number(/ count=(\d+)/.exec(line)?.[1] ?? 1), 0)

const range = (start: number, end: number) => Array.from({ length: end - start }, (_, index) => start + index)

describe("the login timeout", () => {
  it.scoped("closes a silent connection exactly at its time", () =>
    Effect.gen(function* () {
      const { connect, reasons } = yield* startMemoryBroker(small)
      const client = yield* connect
      yield* pass(3_999)
      assert.deepStrictEqual(client.received, [])
      assert.isFalse(client.end().inOrder)
      yield* pass(1)
      assert.match(yield* client.next, /^! login-timeout fatal: /)
      yield* client.ended
      client.socket.end()
      yield* settle
      assert.deepStrictEqual(reasons, ["login-timeout"])
    })
  )

  it.scoped("does not count what is no login: bytes without LF, commands", () =>
    Effect.gen(function* () {
      const { connect } = yield* startMemoryServer(small)
      const client = yield* connect
      client.say("/hello", "/who")
      yield* pass(3_000)
      client.socket.write("ali")
      yield* pass(1_000)
      assert.match(client.received.at(-1) ?? "", /^! login-timeout fatal: /)
      yield* client.ended
    })
  )

  it.scoped("leaves alone who logged in just in time", () =>
    Effect.gen(function* () {
      const { connect, server } = yield* startMemoryServer(small)
      const client = yield* connect
      yield* pass(3_999)
      client.say("alice")
      yield* pass(20_000)
      yield* client.barrier
      assert.deepStrictEqual(yield* server.names, ["alice"])
    })
  )

  it.scoped("is noticed late by an eighth of it at most, whenever the connection came", () =>
    Effect.gen(function* () {
      const { connect } = yield* startMemoryServer(small)
      const first = yield* connect
      yield* pass(7)
      const second = yield* connect
      yield* pass(3_993)
      assert.isTrue(first.end().inOrder)
      assert.isFalse(second.end().inOrder)
      yield* pass(257)
      assert.isTrue(second.end().inOrder)
    })
  )
})

describe("a recipient that does not read", () => {
  /** Alice has flooded bob, who does not read: the kernel has 10 lines and a bit, the queue is full, alice is held. */
  const stuck = Effect.gen(function* () {
    const chat = yield* startMemoryServer(small)
    const bob = yield* chat.join("bob")
    const alice = yield* chat.join("alice")
    bob.socket.pause()
    alice.say(...flood(100), "/ping held")
    yield* settle
    return { ...chat, alice, bob }
  })

  it.scoped("holds its senders for the hold timeout, exactly, and is busy then", () =>
    Effect.gen(function* () {
      const { alice } = yield* stuck
      yield* pass(1_999)
      assert.notInclude(alice.received, "* pong: held")
      yield* pass(1)
      assert.include(alice.received, "* pong: held")
      const busy = alice.received.find((line) => line.startsWith("! undelivered bob reason=busy retry=1000 count="))
      assert.isDefined(busy)
    })
  )

  it.scoped("is answered for at once while it is jammed", () =>
    Effect.gen(function* () {
      const { alice } = yield* stuck
      yield* pass(2_000)
      const before = alice.received.length
      alice.say("bob: one more")
      yield* alice.barrier
      assert.match(alice.received[before] ?? "", /^! undelivered bob reason=busy retry=1000: /)
    })
  )

  it.scoped("holds its senders again once it has taken a byte, even if its queue is still full", () =>
    Effect.gen(function* () {
      const { alice, bob } = yield* stuck
      yield* pass(2_000)
      bob.socket.resume()
      yield* turnsUntil(
        () => numbers(bob.received).length > 0,
        () => "a first read"
      )
      bob.socket.pause()
      yield* pass(250)
      const before = alice.received.length
      alice.say("bob: one more", "/ping held again")
      yield* pass(1_750)
      assert.strictEqual(alice.received.length, before, "held, and not answered as busy")
      yield* pass(500)
      assert.strictEqual(alice.received.at(-1), "* pong: held again")
    })
  )

  it.scoped("gets everything that was not answered as busy, in order, when it reads again", () =>
    Effect.gen(function* () {
      const { alice, bob } = yield* stuck
      yield* pass(2_000)
      const busy = counted("busy", alice.received)
      assert.isAbove(busy, 0)
      bob.socket.resume()
      yield* pass(250)
      alice.say(...flood(10, 100))
      yield* alice.barrier
      yield* bob.barrier
      assert.deepStrictEqual(numbers(bob.received), [...range(0, 100 - busy), ...range(100, 110)])
    })
  )

  it.scoped("releases its senders without any time passing when it reads again before it is jammed", () =>
    Effect.gen(function* () {
      const { alice, bob } = yield* stuck
      yield* pass(1_000)
      bob.socket.resume()
      yield* settle
      assert.deepStrictEqual(numbers(bob.received), range(0, 100))
      assert.include(alice.received, "* pong: held")
      assert.isFalse(alice.received.some((line) => line.startsWith("!")))
    })
  )

  it.scoped("is not jammed as long as it takes a byte now and then", () =>
    Effect.gen(function* () {
      const { alice, bob } = yield* stuck
      for (let second = 0; second < 4; second++) {
        yield* pass(1_750)
        bob.socket.resume()
        while (bob.received.length === 0 || numbers(bob.received).length < 10 * (second + 1)) yield* settle
        bob.socket.pause()
        if (alice.received.includes("* pong: held")) break
      }
      assert.isFalse(alice.received.some((line) => line.includes("reason=busy")))
    })
  )

  it.scoped("is closed at the stall timeout, exactly, and what it did not take is returned, exactly", () =>
    Effect.gen(function* () {
      const { alice, bob, server } = yield* stuck
      yield* pass(7_999)
      assert.deepStrictEqual(yield* server.names, ["alice", "bob"])
      yield* pass(1)
      assert.deepStrictEqual(yield* server.names, ["alice"])
      yield* alice.barrier
      const [busy, slow] = [counted("busy", alice.received), counted("slow", alice.received)]
      assert.isAbove(busy, 0)
      assert.isAbove(slow, 0)
      bob.socket.resume()
      yield* bob.ended
      // The kernel took 1,024 bytes in lines of 100, and the answer to the login's ping was read before.
      assert.deepStrictEqual(numbers(bob.received), range(0, 10))
      assert.strictEqual(bob.rest().length, 24)
      assert.strictEqual(10 + busy + slow, 100)
    })
  )

  it.scoped("is closed as slow-consumer even with a queue that is not full", () =>
    Effect.gen(function* () {
      const { broker, join, reasons } = yield* startMemoryBroker(small)
      const bob = yield* join("bob")
      const alice = yield* join("alice")
      bob.socket.pause()
      alice.say(...flood(12))
      yield* pass(8_000)
      assert.deepStrictEqual(reasons, ["slow-consumer"])
      yield* alice.barrier
      assert.include(alice.received.join("\n"), "! undelivered bob reason=slow count=2: ")
      assert.strictEqual(broker.ledger.snapshot().inFlight, 0)
    })
  )

  it.scoped("is not closed for being silent", () =>
    Effect.gen(function* () {
      const { join, server } = yield* startMemoryServer(small)
      const bob = yield* join("bob")
      bob.socket.pause()
      yield* pass(600_000)
      assert.deepStrictEqual(yield* server.names, ["bob"])
    })
  )
})

describe("a client that does not read the answers to its own lines", () => {
  it.scoped("is not read from, not released by the jam, and closed at the stall timeout; nobody else notices", () =>
    Effect.gen(function* () {
      const { broker, join, reasons } = yield* startMemoryBroker(small)
      const alice = yield* join("alice")
      const bob = yield* join("bob")
      alice.socket.pause()
      for (let index = 0; index < 5_000; index++) alice.say("no such line")
      yield* pass(3_000)
      const held = broker.members.pipe(Effect.map(({ byName }) => byName.get("alice")?.outbox.bytes))
      assert.isAtMost((yield* held) ?? 0, small.outboxBytes + 200)
      assert.isAbove(alice.socket.untaken(), 0, "it is not read from")
      yield* bob.barrier
      yield* pass(5_000)
      assert.deepStrictEqual(reasons, ["slow-consumer"])
      bob.say("alice: hi")
      yield* bob.barrier
      assert.include(bob.received.join("\n"), "! undelivered alice reason=offline: ")
    })
  )
})

describe("the linger", () => {
  it.scoped("waits for the client's end until the deadline, exactly; the name is free meanwhile", () =>
    Effect.gen(function* () {
      const { broker, join, reasons } = yield* startMemoryBroker(small)
      const first = yield* join("bob")
      first.say("/quit")
      yield* first.ended
      assert.match(first.received.at(-1) ?? "", /^\* bye reason=quit: /)
      const second = yield* join("bob")
      yield* pass(4_999)
      assert.deepStrictEqual(reasons, [])
      yield* pass(1)
      assert.deepStrictEqual(reasons, ["quit"])
      assert.isTrue((yield* broker.members).byName.has("bob"), "the newcomer stays")
      second.say("bob: me")
      assert.strictEqual(
        yield* Effect.zipRight(
          second.barrier,
          Effect.sync(() => second.received.at(-2))
        ),
        "from bob: me"
      )
    })
  )

  it.scoped("is over when the client ends", () =>
    Effect.gen(function* () {
      const { join, reasons } = yield* startMemoryBroker(small)
      const client = yield* join("bob")
      client.say("/quit")
      yield* client.ended
      client.socket.end()
      yield* settle
      assert.deepStrictEqual(reasons, ["quit"])
      assert.isTrue(client.end().closed)
      assert.isUndefined(client.end().error)
    })
  )
})

describe("the drain", () => {
  it.scoped("is over when everything was delivered and everybody has gone", () =>
    Effect.gen(function* () {
      const { join, server } = yield* startMemoryServer(small)
      const bob = yield* join("bob")
      const alice = yield* join("alice")
      alice.say("/hello", ...flood(30))
      yield* alice.barrier
      const drain = yield* Effect.fork(server.drain)
      yield* pass(10)
      alice.say("bob: too late")
      yield* pass(300)
      yield* alice.ended
      yield* bob.ended
      alice.socket.end()
      bob.socket.end()
      const { cutOff, ledger } = yield* Fiber.join(drain)
      assert.strictEqual(cutOff, 0)
      assert.deepStrictEqual(ledger, { accepted: 30, written: 30, returned: 0, dead: 0, inFlight: 0 })
      assert.deepStrictEqual(numbers(bob.received), range(0, 30))
      const [notice, refusal, bye] = alice.received.slice(-3)
      assert.match(notice ?? "", /^\* closing grace=500 return=1000: /)
      assert.match(refusal ?? "", /^! closing: /)
      assert.match(bye ?? "", /^\* bye reason=shutdown: /)
    })
  )

  it.scoped("cuts off exactly at the grace time; what is left is returned, counted and told", () =>
    Effect.gen(function* () {
      const { join, server } = yield* startMemoryServer({ ...small, holdTimeout: Duration.seconds(60) })
      const bob = yield* join("bob")
      const alice = yield* join("alice")
      bob.socket.pause()
      alice.say(...flood(30))
      yield* alice.barrier
      const drain = yield* Effect.fork(server.drain)
      yield* pass(499)
      assert.isFalse(alice.end().inOrder)
      assert.isFalse(alice.received.some((line) => line.startsWith("! undelivered")))
      yield* pass(1)
      assert.include(alice.received.join("\n"), "! undelivered bob reason=disconnected count=20: ")
      yield* pass(50)
      yield* alice.ended
      alice.socket.end()
      yield* pass(1_000)
      const { cutOff, ledger } = yield* Fiber.join(drain)
      assert.strictEqual(cutOff, 20)
      assert.deepStrictEqual(ledger, { accepted: 30, written: 10, returned: 20, dead: 0, inFlight: 0 })
    })
  )

  it.scoped("delivers what a held sender had in hand, when its recipient reads again in time", () =>
    Effect.gen(function* () {
      const { join, server } = yield* startMemoryServer({ ...small, holdTimeout: Duration.seconds(60) })
      const bob = yield* join("bob")
      const alice = yield* join("alice")
      bob.socket.pause()
      alice.say(...flood(100)) // 9,200 bytes: the server has some of it, the rest is on its way
      yield* settle
      const drain = yield* Effect.fork(server.drain)
      yield* pass(300)
      bob.socket.resume()
      yield* pass(300)
      yield* alice.ended
      yield* bob.ended
      alice.socket.end()
      bob.socket.end()
      const { cutOff, ledger } = yield* Fiber.join(drain)
      assert.strictEqual(cutOff, 0)
      const delivered = numbers(bob.received)
      assert.deepStrictEqual(delivered, range(0, delivered.length))
      assert.strictEqual(ledger.written, delivered.length)
      const refused = alice.received.filter((line) => line.startsWith("! closing")).length
      assert.strictEqual(delivered.length + refused, 100, "each line was delivered or refused")
    })
  )

  it.scoped("takes no new connection, and happens once", () =>
    Effect.gen(function* () {
      const { join, server } = yield* startMemoryServer(small)
      const alice = yield* join("alice")
      const [first, second] = [yield* Effect.fork(server.drain), yield* Effect.fork(server.drain)]
      yield* pass(100)
      alice.socket.end()
      yield* pass(100)
      assert.deepStrictEqual(yield* Fiber.join(first), yield* Fiber.join(second))
    })
  )
})

describe("the rate", () => {
  const limited = Effect.gen(function* () {
    const chat = yield* startMemoryServer({ ...small, rate: 5 })
    yield* pass(1_000)
    const alice = yield* chat.connect
    alice.say("alice", "alice: 1", "alice: 2", "alice: 3", "alice: 4") // a second's worth: the login counts
    for (const text of ["1", "2", "3", "4"]) assert.strictEqual(yield* alice.next, `from alice: ${text}`)
    return alice
  })

  it.scoped("lets a second's worth pass at once, and refuses the next line", () =>
    Effect.gen(function* () {
      const alice = yield* limited
      alice.say("alice: 5")
      assert.match(yield* alice.next, /^! slow-down retry=200: /)
    })
  )

  for (const rate of [1, 3, 5, 7, 60, 999]) {
    it.scoped(`tells the truth: after retry the line passes, also if it was tried too early: ${rate} a second`, () =>
      Effect.gen(function* () {
        const { connect } = yield* startMemoryServer({ ...small, rate })
        yield* pass(1_000)
        const alice = yield* connect
        alice.say("alice", ...Array.from({ length: rate - 1 }, () => "alice: x"))
        for (let line = 1; line < rate; line++) yield* alice.next
        for (const wait of [0, 1, 37, 99]) {
          alice.say("alice: x")
          const retry = Number(/^! slow-down retry=(\d+): /.exec(yield* alice.next)?.[1])
          assert.isAtMost(retry, Math.ceil(1_000 / rate))
          const early = Math.min(wait, retry - 1)
          yield* pass(early)
          alice.say("alice: too early")
          assert.match(yield* alice.next, new RegExp(`^! slow-down retry=${retry - early}: `))
          yield* pass(retry - early)
          alice.say("alice: in time")
          assert.strictEqual(yield* alice.next, "from alice: in time")
        }
      })
    )
  }

  it.scoped("refills to a second's worth, and no more", () =>
    Effect.gen(function* () {
      const alice = yield* limited
      yield* pass(3_600_000)
      alice.say(...["a", "b", "c", "d", "e", "f"].map((text) => `alice: ${text}`))
      for (const text of ["a", "b", "c", "d", "e"]) assert.strictEqual(yield* alice.next, `from alice: ${text}`)
      assert.match(yield* alice.next, /^! slow-down retry=200: /)
    })
  )

  it.scoped("does not charge a held line twice", () =>
    Effect.gen(function* () {
      const { connect, join } = yield* startMemoryServer({
        ...small,
        rate: 60,
        outboxBytes: 1_024,
        holdTimeout: Duration.hours(1)
      })
      yield* pass(1_000)
      const bob = yield* join("bob")
      const alice = yield* connect
      bob.socket.pause()
      alice.say("alice", ...flood(59))
      for (let round = 0; round < 20; round++) {
        bob.socket.resume()
        yield* settle
        bob.socket.pause()
      }
      bob.socket.resume()
      yield* settle
      assert.deepStrictEqual(numbers(bob.received), range(0, 59))
      assert.deepStrictEqual(alice.received, [])
    })
  )
})
