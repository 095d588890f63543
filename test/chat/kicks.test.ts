import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { assert } from "vitest"
import { seededRandom } from "../../scripts/random.mjs"
import * as BanSubject from "../../src/chat/BanSubject.js"
import { pass, startMemoryBroker, startMemoryServer, type MemoryClient } from "../support/MemoryServer.js"
import { flood, numbersFrom, range, returnedCount } from "../support/NumberedLines.js"
import { noTimeouts, shortTimeouts } from "../support/SmallSettings.js"
import { settle } from "../support/Turns.js"

const subject = (text: string): BanSubject.BanSubject => Either.getOrThrowWith(BanSubject.parse(text), Error)

const farewell = ({ received }: MemoryClient) => received.at(-1)?.replace(/:.*/u, "")

describe("a client that is kicked", () => {
  it.scoped("gets a last line, has left for the others, and may come back", () =>
    Effect.gen(function* () {
      const { join, server } = yield* startMemoryServer(shortTimeouts)
      const alice = yield* join("alice")
      alice.say("/hello")
      yield* alice.barrier
      const bob = yield* join("Bob")
      assert.isFalse(yield* server.kick("carol"))
      assert.isTrue(yield* server.kick("bob"), "a name that looks the same")
      yield* bob.ended
      assert.strictEqual(farewell(bob), "! kicked fatal")
      assert.isTrue(bob.end().inOrder)
      alice.say("Bob: hi")
      yield* alice.barrier
      yield* pass(250) // notices are collected
      assert.includeMembers(
        alice.received.map((line) => line.replace(/:.*/u, "")),
        ["* left Bob", "! undelivered Bob reason=offline"]
      )
      bob.socket.destroy()
      yield* settle
      yield* join("bob")
    })
  )

  it.scoped("gets what is on its way; the rest of its queue returns at once, with the outcomes of labelled lines", () =>
    Effect.gen(function* () {
      const { join, server } = yield* startMemoryServer({ ...shortTimeouts, outboxBytes: 100_000 })
      const [bob, carol] = [yield* join("bob"), yield* join("carol")]
      const alice = yield* join("alice")
      bob.socket.pause()
      carol.say("/hello")
      yield* carol.barrier
      alice.say(...flood(50))
      yield* alice.barrier // the first batch is in the writer's hands
      alice.say(...flood(50, 50))
      carol.say("@k1 bob: labelled")
      yield* alice.barrier
      yield* carol.barrier
      assert.strictEqual(returnedCount("disconnected", alice.received), 0)
      assert.isTrue(yield* server.kick("bob"))
      yield* settle
      const returned = returnedCount("disconnected", alice.received)
      assert.isAbove(returned, 0)
      assert.include(carol.received.join("\n"), "! undelivered @k1 bob reason=disconnected: ")
      bob.socket.resume()
      yield* bob.ended
      assert.deepStrictEqual(numbersFrom("alice", bob.received), range(0, 100 - returned))
      assert.strictEqual(farewell(bob), "! kicked fatal")
      assert.strictEqual(returnedCount("disconnected", alice.received), returned, "each line is written or returned")
    })
  )

  it.scoped("is gone after the linger time if it takes nothing, and everything that it has not taken returns", () =>
    Effect.gen(function* () {
      const { broker, join, reasons } = yield* startMemoryBroker({ ...noTimeouts, outboxBytes: 100_000 })
      const bob = yield* join("bob")
      const alice = yield* join("alice")
      bob.socket.pause()
      alice.say(...flood(100))
      yield* alice.barrier
      assert.isTrue(yield* broker.moderate((moderation) => moderation.kick("bob")))
      yield* pass(4_000)
      assert.deepStrictEqual(reasons, [])
      yield* pass(1_500)
      assert.deepStrictEqual(reasons, ["kicked"])
      bob.socket.resume()
      yield* settle
      const arrived = numbersFrom("alice", bob.received)
      assert.deepStrictEqual(arrived, range(0, arrived.length))
      assert.strictEqual(arrived.length + returnedCount("disconnected", alice.received), 100)
      assert.strictEqual(broker.ledger.inFlight, 0)
    })
  )

  it.scoped("does not wait for the outcomes of its own lines, which still arrive", () =>
    Effect.gen(function* () {
      const { join, server } = yield* startMemoryServer(noTimeouts)
      const bob = yield* join("bob")
      const alice = yield* join("alice")
      bob.socket.pause()
      alice.say(...flood(30))
      yield* alice.barrier
      assert.isTrue(yield* server.kick("alice"))
      yield* alice.ended
      assert.strictEqual(farewell(alice), "! kicked fatal")
      bob.socket.resume()
      yield* bob.barrier
      assert.deepStrictEqual(numbersFrom("alice", bob.received), range(0, 30))
    })
  )

  it.scoped("gets refusals for lines that the server has not handled yet, such as those of a held sender", () =>
    Effect.gen(function* () {
      const { join, server } = yield* startMemoryServer(noTimeouts)
      const bob = yield* join("bob")
      const alice = yield* join("alice")
      bob.socket.pause()
      alice.say(...flood(200))
      yield* settle
      assert.isTrue(yield* server.kick("alice"))
      yield* settle
      assert.strictEqual(farewell(alice), "! kicked fatal")
      bob.socket.resume()
      yield* bob.barrier
      const arrived = numbersFrom("alice", bob.received)
      assert.isBelow(arrived.length, 200)
      const { accepted, written } = yield* server.ledger
      assert.deepStrictEqual([arrived, accepted, written], [range(0, accepted), arrived.length, arrived.length])
    })
  )

  it.scoped("releases the senders that wait for it", () =>
    Effect.gen(function* () {
      const { join, server } = yield* startMemoryServer(noTimeouts)
      const bob = yield* join("bob")
      const alice = yield* join("alice")
      bob.socket.pause()
      alice.say(...flood(200), "/ping after")
      yield* settle
      assert.notInclude(alice.received, "* pong: after")
      assert.isTrue(yield* server.kick("bob"))
      yield* settle
      assert.include(alice.received, "* pong: after")
      bob.socket.resume()
      yield* bob.ended
      const arrived = numbersFrom("alice", bob.received).length
      const [offline, returned] = ["offline", "disconnected"].map((reason) => returnedCount(reason, alice.received))
      assert.strictEqual(arrived + (offline ?? 0) + (returned ?? 0), 200)
    })
  )

  it.scoped("that acknowledges gets no more time: what it has not acknowledged returns", () =>
    Effect.gen(function* () {
      const { join, server } = yield* startMemoryServer(shortTimeouts)
      const bob = yield* join("bob")
      bob.say("/hello ack")
      yield* bob.barrier
      const alice = yield* join("alice")
      alice.say("bob: 1", "bob: 2", "bob: 3")
      yield* alice.barrier
      bob.say("/ack 1")
      yield* bob.barrier
      assert.isTrue(yield* server.kick("bob"))
      yield* bob.ended
      yield* alice.barrier
      assert.strictEqual(returnedCount("disconnected", alice.received), 2)
      const { received, returned } = yield* server.ledger
      assert.deepStrictEqual({ received, returned }, { received: 1, returned: 2 })
    })
  )

  it.scoped("gets nothing after its last line, not even what returns to itself", () =>
    Effect.gen(function* () {
      const { join, server } = yield* startMemoryServer({ ...noTimeouts, outboxBytes: 100_000 })
      const bob = yield* join("bob")
      bob.socket.pause()
      bob.say(...flood(50))
      yield* settle
      bob.say(...flood(50, 50))
      yield* settle
      assert.isTrue(yield* server.kick("bob"))
      yield* settle
      bob.socket.resume()
      yield* bob.ended
      assert.strictEqual(farewell(bob), "! kicked fatal")
      assert.strictEqual(returnedCount("disconnected", bob.received), 0)
      const { dead, written } = yield* server.ledger
      assert.deepStrictEqual([numbersFrom("bob", bob.received).length, dead], [written, 100 - written])
      assert.isAbove(dead, 0)
    })
  )

  it.scoped("is each client with the name if they only send", () =>
    Effect.gen(function* () {
      const { connect, server } = yield* startMemoryServer(shortTimeouts)
      const scripts = [yield* connect, yield* connect]
      for (const script of scripts) {
        script.say("/hello send-only", "script")
        yield* script.barrier
      }
      assert.isTrue(yield* server.kick("Script"))
      for (const script of scripts) {
        yield* script.ended
        assert.strictEqual(farewell(script), "! kicked fatal")
      }
      yield* settle
      assert.isFalse(yield* server.kick("script"))
    })
  )

  it.scoped("and banned in the same turn still gets the first last line", () =>
    Effect.gen(function* () {
      const { broker, join, reasons } = yield* startMemoryBroker(noTimeouts)
      const bob = yield* join("bob")
      yield* broker.moderate((moderation) => {
        assert.isTrue(moderation.kick("bob"))
        assert.strictEqual(moderation.ban(subject("name=bob"), undefined), 1)
      })
      yield* bob.ended
      assert.strictEqual(farewell(bob), "! kicked fatal")
      assert.isTrue(bob.end().inOrder)
      bob.socket.destroy()
      yield* settle
      assert.deepStrictEqual(reasons, ["kicked"])
    })
  )

  it.scoped("is broken off if it is already leaving", () =>
    Effect.gen(function* () {
      const { broker, join, reasons } = yield* startMemoryBroker(noTimeouts)
      const bob = yield* join("bob")
      const alice = yield* join("alice")
      bob.socket.pause()
      alice.say(...flood(30))
      yield* alice.barrier
      bob.say("/quit")
      yield* settle
      assert.isTrue(yield* broker.moderate((moderation) => moderation.kick("bob")))
      yield* settle
      assert.deepStrictEqual(reasons, ["kicked"])
      assert.isAbove(returnedCount("disconnected", alice.received), 0)
    })
  )

  // Every test server checks its ledger, its memory and its queues at the end.
  it.scoped("loses nothing when clients in any state are kicked", () =>
    Effect.gen(function* () {
      for (const seed of range(0, 12)) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const random = seededRandom(seed)
            const { join, server } = yield* startMemoryServer({ ...shortTimeouts, outboxBytes: 2_048 })
            const names = ["alice", "bob", "carol", "dave"]
            const clients = new Map<string, MemoryClient>()
            for (const _ of range(0, 60)) {
              const name = random.pick(names)
              const client = clients.get(name) ?? (yield* join(name))
              clients.set(name, client)
              if (random.chance(0.2)) client.say(random.pick(["/hello ack", "/hello", "/ack 1", "/quit"]))
              if (random.chance(0.3)) client.socket[random.pick(["pause", "resume"] as const)]()
              for (const number of range(0, random.below(20))) {
                const label = random.chance(0.2) ? "@k " : ""
                client.say(`${label}${random.pick(names)}, ${random.pick(names)}: ${String(number).padEnd(50, ".")}`)
              }
              if (random.chance(0.5)) yield* settle
              if (random.chance(0.3)) yield* pass(random.below(3_000))
              if (!random.chance(0.15)) continue
              const kicked = random.pick(names)
              yield* server.kick(kicked)
              assert.strictEqual((yield* server.measure).pairsUnaccounted, 0, "before it is gone")
              yield* pass(6_000)
              clients.get(kicked)?.socket.destroy()
              clients.delete(kicked)
              yield* settle
              assert.strictEqual((yield* server.measure).pairsUnaccounted, 0)
              assert.strictEqual((yield* server.measure).memoryUnaccountedBytes, 0)
            }
            for (const { socket } of clients.values()) socket.resume()
          })
        )
      }
    })
  )
})
