import { describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { assert } from "vitest"
import type { Inspection } from "../../src/chat/Inspection.js"
import type { Socket } from "../../src/ports/Transport.js"
import { pass, startMemoryServer, type MemoryClient, type MemoryServerOptions } from "../support/MemoryServer.js"
import { flood, numbersFrom, range, returnedCount } from "../support/NumberedLines.js"
import { noTimeouts, shortTimeouts } from "../support/SmallSettings.js"
import { settle, turnsUntil } from "../support/Turns.js"

/** Bob acknowledges, and alice labels her lines. */
const pair = (options: MemoryServerOptions) =>
  Effect.gen(function* () {
    const chat = yield* startMemoryServer(options)
    const bob = yield* chat.join("bob")
    bob.say("/hello ack")
    yield* bob.barrier
    const alice = yield* chat.join("alice")
    alice.say("/hello")
    yield* alice.barrier
    return { ...chat, alice, bob }
  })

/** The lines of a client that are not notices, nor replies to `/ping` or `/hello`. */
const told = ({ received }: MemoryClient) =>
  received.filter((line) => !/^\* (?:joined|left|pong|hello)/.test(line)).map((line) => line.replace(/:.*/, ""))

const isOver = ({ end }: MemoryClient) => end().inOrder || end().closed

/** Acknowledges what has arrived, after everything that the client has already sent. */
const acknowledge = ({ received, say }: MemoryClient) =>
  say(`/ack ${received.filter((line) => line.startsWith("from ")).length}`)

const floodTo = (name: string, count: number) => flood(count).map((line) => line.replace("bob", name))

const labelledTo = (name: string) => range(0, 30).map((number) => `@${number} ${name}: ${number}`)

/** As over TLS: it is not known how far a write has got before all of it is taken. */
const opaque = (socket: Socket): Socket => {
  let written = 0
  return new Proxy(socket, {
    get: (target, key) => {
      if (key === "write") return (bytes: string) => target.write(((written = bytes.length), bytes))
      if (key === "untaken") return () => (target.untaken() === 0 ? 0 : written)
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === "function" ? value.bind(target) : value
    }
  })
}

/** The clients whose connections have ended, and why. */
const closings = ({ inspect }: { readonly inspect: Effect.Effect<Inspection> }) =>
  Effect.map(inspect, ({ closed }) => closed.map(({ name, reason }) => `${name} ${reason}`))

const badAcks = ({ received }: MemoryClient) => received.filter((line) => line.startsWith("! bad-line")).length

describe("a client that acknowledges", () => {
  it.scoped("settles the lines up to the one that it acknowledges, each once", () =>
    Effect.gen(function* () {
      const { alice, bob, server } = yield* pair(noTimeouts)
      alice.say("@a bob: 1", "@b bob: 2", "@c bob: 3", "@d bob: 4")
      yield* alice.barrier
      assert.deepStrictEqual(numbersFrom("alice", bob.received), [1, 2, 3, 4])
      assert.deepStrictEqual(told(alice), [])
      assert.strictEqual((yield* server.ledger).inFlight, 4)
      bob.say("/ack 1", "/ack 3", "/ack 2", "/ack 3", "/ack 0")
      yield* bob.barrier
      yield* alice.barrier
      assert.deepStrictEqual(told(alice), ["* received @a bob", "* received @b bob", "* received @c bob"])
      assert.strictEqual(badAcks(bob), 0)
      bob.say("/ack 4")
      yield* bob.barrier
      const { accepted, inFlight, received, written } = yield* server.ledger
      assert.deepStrictEqual(
        { accepted, inFlight, received, written },
        { accepted: 4, inFlight: 0, received: 4, written: 0 }
      )
    })
  )

  it.scoped("counts messages only: neither replies, nor notices, nor returned lines", () =>
    Effect.gen(function* () {
      const { alice, bob, join } = yield* pair(noTimeouts)
      bob.say("/ping", "nobody: hi", "nonsense")
      alice.say("bob: 1")
      yield* join("carol") // a notice
      yield* alice.barrier
      bob.say("/ack 2", "/ack 1")
      yield* bob.barrier
      assert.strictEqual(badAcks(bob), 2, "the nonsense, and the 2")
    })
  )

  it.scoped(
    "does not count what was queued before its /hello ack, which is written; a second /hello changes nothing",
    () =>
      Effect.gen(function* () {
        const chat = yield* startMemoryServer(noTimeouts)
        const bob = yield* chat.join("bob")
        const alice = yield* chat.join("alice")
        alice.say("/hello")
        bob.socket.pause()
        alice.say(...flood(20))
        yield* alice.barrier
        bob.say("/hello ack")
        yield* settle
        alice.say("@k bob: 20", "@l bob: 21")
        bob.say("/hello ack x", "/hello")
        yield* alice.barrier
        bob.socket.resume()
        yield* bob.barrier
        assert.deepStrictEqual(numbersFrom("alice", bob.received), range(0, 22))
        assert.strictEqual((yield* chat.server.ledger).written, 20)
        bob.say("/ack 1", "/ack 3")
        yield* bob.barrier
        yield* alice.barrier
        assert.deepStrictEqual(told(alice), ["* received @k bob"])
        assert.strictEqual(badAcks(bob), 1)
      })
  )

  it.scoped("is refused an acknowledgement that is none, of more than was sent to it, or without /hello ack", () =>
    Effect.gen(function* () {
      const { alice, bob } = yield* pair(noTimeouts)
      alice.say("bob: 1")
      yield* alice.barrier
      const bad = [
        "/ack",
        "/ack x",
        "/ack -1",
        "/ack 1.0",
        "/ack 1 1",
        "/ack 2",
        "/ack 9999999999999999999999",
        "/acks 1"
      ]
      bob.say(...bad, "@k /ack 2")
      yield* bob.barrier
      assert.deepStrictEqual(
        told(bob).filter((line) => line.startsWith("!")),
        [...Array<string>(7).fill("! bad-line"), "! unknown-command acks", "! bad-line @k"]
      )
      alice.say("/ack 0")
      yield* alice.barrier
      assert.match(alice.received.findLast((line) => line.startsWith("!")) ?? "", /^! bad-line: .*\/hello ack/)
    })
  )

  it.scoped("may acknowledge what it has read of a write that the kernel has not taken whole", () =>
    Effect.gen(function* () {
      const { alice, bob, server } = yield* pair(noTimeouts)
      const receivedPairs = Effect.map(server.ledger, ({ received }) => received)
      alice.say("bob: the first finds the route")
      yield* alice.barrier
      bob.socket.pause()
      alice.say(...flood(20)) // one write, of which the kernel takes ten lines
      yield* alice.barrier
      bob.say("/ack 6", "/ack 22")
      yield* settle
      assert.strictEqual(yield* receivedPairs, 1, "a write is settled when the kernel has taken it whole")
      bob.socket.resume()
      yield* bob.barrier
      assert.strictEqual(yield* receivedPairs, 6)
      assert.strictEqual(badAcks(bob), 1)
      bob.say("/ack 21")
      yield* bob.barrier
      assert.strictEqual(yield* receivedPairs, 21)
    })
  )

  it.scoped("has acknowledged a part of a write that breaks", () =>
    Effect.gen(function* () {
      const { alice, bob, server } = yield* pair(noTimeouts)
      alice.say("bob: the first finds the route")
      yield* alice.barrier
      bob.socket.pause()
      alice.say(...flood(20))
      yield* alice.barrier
      bob.say("/ack 6")
      yield* settle
      bob.socket.reset()
      yield* settle
      const { received, returned, written } = yield* server.ledger
      assert.deepStrictEqual([received, written], [6, 0])
      yield* alice.barrier
      assert.strictEqual(returnedCount("disconnected", alice.received), 15)
      assert.strictEqual(returned, 15)
    })
  )

  it.scoped(
    "has received what it acknowledged of a write that breaks, although the kernel did not say how far it got",
    () =>
      Effect.gen(function* () {
        const { alice, bob, join, server } = yield* pair({ ...noTimeouts, wrap: opaque })
        const carol = yield* join("carol")
        alice.say("bob: the first finds the route")
        yield* alice.barrier
        bob.socket.pause()
        // All of this is one write.
        bob.say("/ping")
        carol.say("bob: hi")
        alice.say("@first bob: 1", ...flood(5), "@last bob: 2", ...flood(15), "@late bob: 3")
        yield* alice.barrier
        bob.say("/ack 9")
        yield* settle
        bob.socket.reset()
        yield* settle
        const { received, returned, written } = yield* server.ledger
        assert.deepStrictEqual([received, written, returned], [9, 0, 16])
        yield* alice.barrier
        assert.deepStrictEqual(told(alice), [
          "* received @first bob",
          "* received @last bob",
          "! undelivered @late bob reason=disconnected",
          "! undelivered bob reason=disconnected count=15"
        ])
      })
  )

  it.scoped("has got the lines of before its /hello ack, too, if it acknowledges a later one of the same write", () =>
    Effect.gen(function* () {
      const chat = yield* startMemoryServer({ ...noTimeouts, wrap: opaque })
      const bob = yield* chat.join("bob")
      const alice = yield* chat.join("alice")
      bob.socket.pause()
      alice.say(...flood(20)) // of which the kernel takes half
      yield* alice.barrier
      // All of this is the next write.
      alice.say("bob: before")
      yield* alice.barrier
      bob.say("/hello ack")
      yield* settle
      alice.say("bob: after", ...flood(10))
      yield* alice.barrier
      bob.socket.resume()
      yield* turnsUntil(
        () => numbersFrom("alice", bob.received).includes(19),
        () => "the first write"
      )
      bob.socket.pause()
      bob.say("/ack 1")
      yield* settle
      bob.socket.reset()
      yield* settle
      const { received, returned, written } = yield* chat.server.ledger
      assert.deepStrictEqual([received, written, returned], [1, 21, 10])
    })
  )

  it.scoped("acknowledges without limit by the rate, and during a shutdown", () =>
    Effect.gen(function* () {
      const { alice, bob, server } = yield* pair({ ...noTimeouts, rate: 5 })
      yield* pass(1_000)
      alice.say("@a bob: 1", "@b bob: 2")
      yield* settle
      bob.say(...range(0, 50).map(() => "/ack 1"))
      yield* settle
      assert.deepStrictEqual(told(bob), ["from alice", "from alice"])
      const drain = yield* Effect.fork(server.drain)
      yield* settle
      bob.say("/ack 2")
      while (drain.unsafePoll() === null) yield* pass(10)
      yield* alice.ended
      assert.deepStrictEqual(
        told(alice).map((line) => line.slice(0, 13)),
        ["* received @a", "* closing gra", "* received @b", "* bye reason="]
      )
      assert.strictEqual(badAcks(bob), 0)
    })
  )

  describe("and whose socket takes nothing", () => {
    /** Bob's program has 20 lines, his kernel has 10 more and a part of another, and his outbox is full. */
    const stuck = Effect.gen(function* () {
      const chat = yield* pair(shortTimeouts)
      chat.alice.say(...flood(20))
      yield* settle
      chat.bob.socket.pause()
      chat.alice.say(...flood(80, 20), "/ping held")
      yield* settle
      assert.deepStrictEqual(numbersFrom("alice", chat.bob.received), range(0, 20))
      return chat
    })

    it.scoped("is neither jammed nor closed as long as it acknowledges what it has, line by line", () =>
      Effect.gen(function* () {
        const { alice, bob, server } = yield* stuck
        for (let line = 1; line <= 6; line++) {
          yield* pass(1_900)
          bob.say(`/ack ${line}`)
        }
        yield* settle
        assert.notInclude(alice.received, "* pong: held")
        yield* pass(7_999)
        assert.deepStrictEqual(yield* closings(server), [])
        yield* pass(251)
        assert.deepStrictEqual(yield* closings(server), ["bob unreachable"])
      })
    )

    it.scoped("is closed as slow-consumer when it has nothing left to acknowledge, and takes nothing for as long", () =>
      Effect.gen(function* () {
        const { bob, server } = yield* stuck
        yield* pass(5_000)
        bob.say("/ack 30")
        yield* settle
        assert.strictEqual((yield* server.measure).unacknowledgedLines, 0)
        yield* pass(7_999)
        assert.deepStrictEqual(yield* closings(server), [])
        yield* pass(251)
        assert.deepStrictEqual(yield* closings(server), ["bob slow-consumer"])
      })
    )

    it.scoped("is closed as slow-consumer if it only repeats its last acknowledgement", () =>
      Effect.gen(function* () {
        const { bob, server } = yield* stuck
        for (let times = 0; times < 5; times++) {
          yield* pass(1_500)
          bob.say("/ack 0")
        }
        yield* pass(500)
        yield* settle
        assert.deepStrictEqual(yield* closings(server), ["bob slow-consumer"])
      })
    )
  })

  describe("and does not process what it reads", () => {
    /** Bob reads everything and acknowledges nothing; his outbox is full, and alice is held. */
    const stuck = Effect.gen(function* () {
      const chat = yield* pair(shortTimeouts)
      chat.alice.say(...flood(100), "/ping held")
      yield* settle
      assert.strictEqual(numbersFrom("alice", chat.bob.received).length, 41)
      return chat
    })

    it.scoped("holds its senders for the hold timeout, and is busy after that", () =>
      Effect.gen(function* () {
        const { alice, bob, server } = yield* stuck
        const [connection] = (yield* server.inspect).connections
        assert.deepStrictEqual([connection?.queueLines, connection?.unacknowledgedLines], [0, 41])
        assert.strictEqual((yield* server.measure).unacknowledgedLines, 41)
        yield* pass(1_999)
        assert.notInclude(alice.received, "* pong: held")
        yield* pass(1)
        assert.include(alice.received, "* pong: held")
        assert.strictEqual(returnedCount("busy", alice.received), 59)
        assert.strictEqual(numbersFrom("alice", bob.received).length, 41)
      })
    )

    it.scoped("releases its senders when it has acknowledged half of what it holds", () =>
      Effect.gen(function* () {
        const { alice, bob } = yield* stuck
        bob.say("/ack 20")
        yield* bob.barrier
        assert.strictEqual(numbersFrom("alice", bob.received).length, 41)
        bob.say("/ack 21")
        yield* bob.barrier
        yield* settle
        assert.isAbove(numbersFrom("alice", bob.received).length, 41)
        assert.notInclude(alice.received, "* pong: held")
        bob.say("/ack 50")
        yield* bob.barrier
        yield* settle
        bob.say("/ack 90")
        yield* bob.barrier
        yield* alice.barrier
        assert.deepStrictEqual(numbersFrom("alice", bob.received), range(0, 100))
      })
    )

    it.scoped("is not busy any more once it acknowledges something", () =>
      Effect.gen(function* () {
        const { alice, bob } = yield* stuck
        yield* pass(2_000)
        const before = alice.received.length
        alice.say("bob: one more")
        yield* alice.barrier
        assert.match(alice.received[before] ?? "", /^! undelivered bob reason=busy retry=1000: /)
        bob.say("/ack 1")
        yield* bob.barrier
        alice.say("bob: and another", "/ping held again")
        yield* pass(1_999)
        assert.notInclude(alice.received, "* pong: held again", "held, and not told that bob is busy")
        bob.say("/ack 41")
        yield* bob.barrier
        yield* settle
        assert.include(alice.received, "* pong: held again")
        assert.include(bob.received, "from alice: and another")
      })
    )

    it.scoped("still gets the replies to its own lines", () =>
      Effect.gen(function* () {
        const { alice, bob } = yield* stuck
        bob.say("alice: I am busy", "/ping", "nobody: hi")
        yield* bob.barrier
        assert.include(alice.received, "from bob: I am busy")
      })
    )

    it.scoped("is unreachable after the stall timeout; everything returns, and its name is free", () =>
      Effect.gen(function* () {
        const { alice, bob, join, server } = yield* stuck
        alice.say("@k bob: busy by then")
        yield* pass(7_999)
        assert.isFalse(isOver(bob))
        yield* pass(251)
        yield* bob.ended
        yield* alice.barrier
        assert.strictEqual(returnedCount("unreachable", alice.received), 41)
        assert.match(alice.received.join("\n"), /^! undelivered bob reason=unreachable count=41: .*may have/m)
        const closed = (yield* server.inspect).closed.map(({ name, reason }) => `${name} ${reason}`)
        assert.deepStrictEqual(closed, ["bob unreachable"])
        assert.strictEqual((yield* server.ledger).inFlight, 0)
        yield* join("bob")
      })
    )

    it.scoped("is not unreachable as long as it acknowledges a line now and then", () =>
      Effect.gen(function* () {
        const { bob } = yield* stuck
        for (let line = 1; line <= 5; line++) {
          yield* pass(7_500)
          bob.say(`/ack ${line}`)
          yield* bob.barrier
        }
        yield* pass(7_999)
        yield* bob.barrier
        yield* pass(300)
        assert.isTrue(isOver(bob))
      })
    )

    it.scoped("is not unreachable as long as it repeats its last acknowledgement, but stays jammed", () =>
      Effect.gen(function* () {
        const { alice, bob, server } = yield* stuck
        for (let times = 1; times <= 5; times++) {
          yield* pass(7_500)
          bob.say("/ack 0")
          yield* bob.barrier
        }
        assert.strictEqual((yield* server.ledger).received, 0)
        alice.say("bob: one more")
        yield* alice.barrier
        assert.match(alice.received.at(-2) ?? "", /^! undelivered bob reason=busy /u)
        yield* pass(8_250)
        assert.isTrue(isOver(bob))
      })
    )

    it.scoped("returns what it has not acknowledged when its connection breaks", () =>
      Effect.gen(function* () {
        const { alice, bob, server } = yield* stuck
        bob.say("/ack 11")
        yield* settle
        bob.socket.destroy()
        yield* pass(10)
        yield* alice.barrier
        assert.strictEqual(returnedCount("disconnected", alice.received), 30)
        const { received, returned, written } = yield* server.ledger
        assert.deepStrictEqual([received, written, returned], [11, 0, 89], "the last 59 found bob offline")
      })
    )
  })

  it.scoped("goes on when the outcomes that it waits for come in the turn in which it would be held", () =>
    Effect.gen(function* () {
      const { alice, bob } = yield* pair({ ...noTimeouts, maxOutcomes: 10 })
      alice.say("/hello ack")
      yield* alice.barrier
      alice.say(...range(0, 11).map((number) => `@${number} bob: ${number}`))
      yield* settle
      assert.lengthOf(numbersFrom("alice", bob.received), 11)
      bob.say("/ack 11")
      alice.say("/ping now")
      yield* turnsUntil(
        () => alice.received.includes("* pong: now"),
        () => "alice is still held"
      )
    })
  )

  it.scoped("acknowledges lines to itself, however many outcomes of them it waits for", () =>
    Effect.gen(function* () {
      const { bob, server } = yield* pair({ ...noTimeouts, maxOutcomes: 10 })
      bob.say(...range(0, 30).map((number) => `@${number} bob: ${number}`))
      yield* settle
      assert.deepStrictEqual(numbersFrom("bob", bob.received), range(0, 30))
      bob.say("/ack 30", "/ping now")
      yield* turnsUntil(
        () => bob.received.includes("* pong: now"),
        () => "bob is held"
      )
      assert.strictEqual(told(bob).filter((line) => line.startsWith("* received @")).length, 30)
      assert.strictEqual((yield* server.ledger).received, 30)
    })
  )

  it.scoped("releases its senders when it leaves, although its own lines wait for others", () =>
    Effect.gen(function* () {
      const { alice, bob, join } = yield* pair({ ...noTimeouts, outboxLines: 16 })
      const carol = yield* join("carol")
      carol.say("/hello ack")
      yield* carol.barrier
      bob.say("carol: in flight")
      yield* bob.barrier
      alice.say(...flood(100), "/ping after the flood")
      yield* settle
      assert.notInclude(alice.received, "* pong: after the flood")
      bob.socket.end()
      yield* turnsUntil(
        () => alice.received.includes("* pong: after the flood"),
        () => "alice is still held"
      )
      assert.isAtLeast(returnedCount("disconnected", alice.received), 16)
    })
  )

  it.scoped("is never unreachable while nothing waits for its acknowledgement", () =>
    Effect.gen(function* () {
      const { alice, bob } = yield* pair(shortTimeouts)
      alice.say("bob: 1")
      yield* settle
      bob.say("/ack 1")
      yield* pass(60_000)
      yield* bob.barrier
      alice.say("bob: 2")
      yield* settle
      yield* pass(7_900)
      yield* bob.barrier
    })
  )

  it.scoped("is given the time anew for the next line, however shortly before it had acknowledged everything", () =>
    Effect.gen(function* () {
      const { alice, bob } = yield* pair(shortTimeouts)
      for (let line = 1; line < 20; line++) {
        alice.say(`bob: ${line}`)
        yield* settle
        yield* pass(7_990)
        bob.say(`/ack ${line}`)
        yield* bob.barrier
      }
    })
  )

  describe("that floods and is flooded", () => {
    it.scoped("both get everything although neither reads nor acknowledges before it has sent everything", () =>
      Effect.gen(function* () {
        const { alice, bob } = yield* pair(noTimeouts)
        alice.say("/hello ack")
        yield* alice.barrier
        const count = 500
        alice.say(...flood(count), "/ping alice is through")
        bob.say(...floodTo("alice", count), "/ping bob is through")
        yield* turnsUntil(
          () => {
            acknowledge(alice)
            acknowledge(bob)
            return (
              alice.received.includes("* pong: alice is through") && bob.received.includes("* pong: bob is through")
            )
          },
          () => `the end of both floods: ${alice.received.length} and ${bob.received.length} lines`
        )
        yield* settle
        assert.strictEqual(badAcks(alice) + badAcks(bob), 0)
        assert.deepStrictEqual(numbersFrom("alice", bob.received), range(0, count))
        assert.deepStrictEqual(numbersFrom("bob", alice.received), range(0, count))
      })
    )

    it.scoped("in a ring of three, each gets everything", () =>
      Effect.gen(function* () {
        const { alice, bob, join } = yield* pair(noTimeouts)
        const carol = yield* join("carol")
        const ring = [alice, bob, carol]
        const names = ["bob", "carol", "alice"]
        for (const client of ring) client.say("/hello ack")
        for (const client of ring) yield* client.barrier
        ring.forEach((client, index) => {
          client.say(...floodTo(names[index] ?? "", 300), "/ping through")
        })
        yield* turnsUntil(
          () => {
            ring.forEach(acknowledge)
            return ring.every(({ received }) => received.includes("* pong: through"))
          },
          () => "the end of the floods"
        )
        yield* settle
        for (const [index, sender] of ["carol", "alice", "bob"].entries()) {
          assert.deepStrictEqual(numbersFrom(sender, ring[index]?.received ?? []), range(0, 300))
        }
      })
    )

    it.scoped("writes to itself more than it may hold", () =>
      Effect.gen(function* () {
        const { bob } = yield* pair(noTimeouts)
        bob.say(...flood(300), "/ping through")
        yield* bob.barrier
        assert.deepStrictEqual(numbersFrom("bob", bob.received), range(0, 300))
      })
    )

    it.scoped("is not unreachable, nor busy, while it is held by a third", () =>
      Effect.gen(function* () {
        const { alice, bob, join } = yield* pair({
          ...shortTimeouts,
          holdTimeout: Duration.minutes(1),
          stallTimeout: Duration.minutes(1)
        })
        const carol = yield* join("carol")
        carol.socket.pause()
        alice.say("bob: 0")
        yield* settle
        yield* pass(50_000)
        bob.say(...floodTo("carol", 100), "/ack 1", "/ping through")
        yield* settle
        assert.notInclude(bob.received, "* pong: through")
        alice.say(...flood(300, 1), "/ping not held")
        yield* settle
        assert.include(alice.received, "* pong: not held", "bob's lines do not count while he is held")
        yield* pass(50_000)
        assert.isFalse(isOver(bob))
        carol.socket.resume()
        yield* turnsUntil(
          () => bob.received.includes("* pong: through"),
          () => "the end of the hold"
        )
        assert.deepStrictEqual(numbersFrom("alice", bob.received), range(0, 301))
        alice.say("bob: 301", "/ping held now")
        yield* settle
        assert.notInclude(alice.received, "* pong: held now", "they count again")
      })
    )

    it.scoped("is unreachable if it waits for outcomes that depend on its own acknowledgements", () =>
      Effect.gen(function* () {
        const { alice, bob } = yield* pair({ ...shortTimeouts, maxOutcomes: 10 })
        alice.say("/hello ack")
        yield* alice.barrier
        alice.say(...labelledTo("bob"), "/ack 11")
        bob.say(...labelledTo("alice"), "/ack 11")
        yield* settle
        yield* pass(8_250)
        assert.isTrue(isOver(alice) || isOver(bob))
        yield* pass(10_000)
        assert.isTrue(isOver(alice) && isOver(bob))
      })
    )

    it.scoped("lives on while it waits for outcomes and these come", () =>
      Effect.gen(function* () {
        const { alice, bob } = yield* pair({ ...shortTimeouts, maxOutcomes: 10 })
        alice.say("/hello ack")
        yield* alice.barrier
        bob.say("alice: never acknowledged in time")
        yield* settle
        alice.say(...range(0, 30).map((number) => `@${number} bob: ${number}`), "/ack 1")
        yield* settle
        for (let line = 1; line <= 4; line++) {
          yield* pass(7_000)
          bob.say(`/ack ${line}`)
          yield* settle
          assert.isFalse(isOver(alice))
        }
        bob.say("/ack 11")
        yield* settle
        assert.isFalse(isOver(alice))
        assert.strictEqual(told(alice).filter((line) => line.startsWith("* received")).length, 11)
      })
    )
  })

  describe("that leaves", () => {
    it.scoped("with /quit gets its queue, may acknowledge, and is gone once it has", () =>
      Effect.gen(function* () {
        const { alice, bob, server } = yield* pair(shortTimeouts)
        alice.say("@a bob: 1", "@b bob: 2")
        yield* alice.barrier
        bob.say("@q /quit", "/ping ignored", "alice: ignored", "/ack 1")
        yield* alice.barrier
        yield* settle
        assert.isFalse(bob.end().inOrder)
        yield* pass(4_900)
        assert.deepStrictEqual(told(alice), ["* received @a bob"])
        bob.say("/ack 99", "x".repeat(200_000), "/ack 2")
        yield* bob.ended
        assert.deepStrictEqual(told(bob).slice(-1), ["* bye @q reason=quit"])
        assert.strictEqual(badAcks(bob), 0)
        yield* alice.barrier
        assert.deepStrictEqual(told(alice), ["* received @a bob", "* received @b bob"])
        assert.deepStrictEqual(
          (yield* server.inspect).closed.map(({ reason }) => reason),
          ["quit"]
        )
      })
    )

    it.scoped("with /quit, and then acknowledges nothing, is gone after the linger time", () =>
      Effect.gen(function* () {
        const { alice, bob } = yield* pair(shortTimeouts)
        alice.say("@a bob: 1", "bob: 2", "bob: 3")
        yield* settle
        yield* pass(3_000)
        bob.say("bob: to myself", "/quit")
        yield* settle
        yield* pass(4_900)
        assert.isFalse(bob.end().inOrder)
        yield* pass(350)
        yield* bob.ended
        assert.match(bob.received.at(-1) ?? "", /^\* bye reason=quit/)
        yield* alice.barrier
        assert.deepStrictEqual(told(alice), [
          "! undelivered @a bob reason=disconnected",
          "! undelivered bob reason=disconnected count=2"
        ])
      })
    )

    it.scoped("with /quit, when it has acknowledged everything, is gone at once", () =>
      Effect.gen(function* () {
        const { alice, bob } = yield* pair(shortTimeouts)
        alice.say("@a bob: 1")
        yield* alice.barrier
        bob.say("/ack 1", "/quit")
        yield* bob.ended
      })
    )

    it.scoped("by shutting down its sending half cannot acknowledge: nothing waits for it", () =>
      Effect.gen(function* () {
        const { alice, bob } = yield* pair(noTimeouts)
        alice.say("/hello ack", "@a bob: 1", "@b bob: 2")
        yield* alice.barrier
        bob.say("/ack 1", "bob: to myself", "alice: the last")
        bob.socket.end()
        yield* settle
        alice.say("/ack 1")
        yield* bob.ended
        yield* alice.barrier
        assert.sameMembers(told(alice), ["from bob", "* received @a bob", "! undelivered @b bob reason=disconnected"])
      })
    )

    it.scoped("while another does, and each has written to the other", () =>
      Effect.gen(function* () {
        const { alice, bob, server } = yield* pair(noTimeouts)
        alice.say("/hello ack")
        yield* alice.barrier
        alice.socket.pause()
        bob.socket.pause()
        alice.say(...flood(30))
        bob.say(...floodTo("alice", 30))
        yield* settle
        alice.socket.end()
        bob.socket.end()
        yield* settle
        alice.socket.resume()
        bob.socket.resume()
        yield* alice.ended
        yield* bob.ended
        assert.strictEqual(numbersFrom("alice", bob.received).length, 30)
        assert.strictEqual((yield* server.ledger).inFlight, 0)
      })
    )
  })

  it.scoped("is waited for by a drain, and cut off at the end of the grace time", () =>
    Effect.gen(function* () {
      const { alice, bob, server } = yield* pair(shortTimeouts)
      alice.say("@a bob: 1", "@b bob: 2")
      yield* alice.barrier
      const drain = yield* Effect.fork(server.drain)
      bob.say("/ack 1")
      yield* pass(490)
      assert.isFalse(bob.end().inOrder)
      yield* pass(20)
      yield* bob.ended
      yield* alice.ended
      while (drain.unsafePoll() === null) yield* pass(50)
      assert.includeMembers(told(alice), ["* received @a bob", "! undelivered @b bob reason=disconnected"])
    })
  )
})
