import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Command } from "../../src/chat/Commands.js"
import type { ServerHandle } from "../../src/chat/Server.js"
import { startMemoryBroker, startMemoryServer, type MemoryClient, type MemoryServer } from "../support/MemoryServer.js"
import { flood, numbersFrom, range } from "../support/NumberedLines.js"
import { noTimeouts } from "../support/SmallSettings.js"
import { settle, turns, turnsUntil } from "../support/Turns.js"

const waitForNumber = (number: number, { received }: MemoryClient) =>
  turnsUntil(
    () => numbersFrom("alice", received).includes(number),
    () => `line ${number}`
  )

/** Breaks a connection of alice, and logs in again as soon as the name is free, with lines that follow at once. */
const comeBack = (
  chat: MemoryServer & { readonly server: ServerHandle },
  client: MemoryClient,
  lines: ReadonlyArray<string>
) =>
  Effect.gen(function* () {
    const isPresent = Effect.map(chat.server.names, (names) => names.includes("alice"))
    client.socket.reset()
    while (yield* isPresent) yield* turns(1)
    const again = yield* chat.connect
    again.say("alice", ...lines)
    while (!(yield* isPresent)) yield* turns(1)
    yield* turns(5)
    return again
  })

/** Numbered lines for bob, with a mistake after each: lines that are routed together take little time. */
const numberedWithMistakes = (first: number, end: number) =>
  range(first, end).flatMap((number) => [`bob: ${number}`, "mistake"])

/** Bob does not read, and his queue is full: these lines of alice wait for room in it. */
const held = (chat: MemoryServer, ...lines: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const [bob, carol] = [yield* chat.join("bob"), yield* chat.join("carol")]
    const [alice, dave] = [yield* chat.join("alice"), yield* chat.join("dave")]
    bob.socket.pause()
    dave.say(...flood(100))
    yield* settle
    alice.say(...lines, "/ping held")
    yield* settle
    assert.notInclude(alice.received, "* pong: held")
    return { alice, bob, carol }
  })

describe("a client that comes back under its name", () => {
  it.scoped("is not ahead of its lines that waited for room when its connection broke", () =>
    Effect.gen(function* () {
      const chat = yield* startMemoryServer(noTimeouts)
      const { alice, bob, carol } = yield* held(chat, "bob: 0", "carol: 1", "bob: 1")
      alice.socket.reset()
      yield* settle
      const again = yield* chat.join("alice")
      again.say("carol: 2", "bob: 2")
      yield* settle
      yield* carol.barrier
      assert.deepStrictEqual(numbersFrom("alice", carol.received), [1, 2])
      bob.socket.resume()
      yield* waitForNumber(2, bob)
      assert.deepStrictEqual(numbersFrom("alice", bob.received), [0, 1, 2])
    })
  )

  it.scoped("does not wait until those lines have room", () =>
    Effect.gen(function* () {
      const chat = yield* startMemoryServer(noTimeouts)
      const { alice, bob } = yield* held(chat, "bob: 0", "bob: 1")
      alice.socket.reset()
      yield* settle
      const again = yield* chat.join("alice")
      yield* again.barrier
      // A connection that lives is held as before.
      again.say("bob: 2", "/ping held")
      yield* settle
      assert.notInclude(again.received, "* pong: held")
      bob.socket.resume()
      yield* waitForNumber(2, bob)
      yield* settle
      assert.include(again.received, "* pong: held")
    })
  )

  it.scoped(
    "is not ahead of its lines that waited for their share of the broker's time, however often it comes back",
    () =>
      Effect.gen(function* () {
        const turnBounds = { work: 2_000, share: 700, flushes: 1 }
        const chat = yield* startMemoryServer({ turnBounds })
        const [bob, alice] = [yield* chat.join("bob"), yield* chat.join("alice")]
        alice.say(...numberedWithMistakes(0, 300))
        yield* turns(10)
        const second = yield* comeBack(chat, alice, numberedWithMistakes(300, 400))
        const third = yield* comeBack(chat, second, numberedWithMistakes(400, 500))
        yield* comeBack(chat, third, ["bob: 500"])
        assert.isBelow(numbersFrom("alice", bob.received).length, 300, "lines of the first connection still wait")
        yield* waitForNumber(500, bob)
        assert.deepStrictEqual(numbersFrom("alice", bob.received), range(0, 501))
      })
  )

  it.scoped("is not ahead of its lines that waited for the answer to a command", () =>
    Effect.gen(function* () {
      const slow: Command = { name: "slow", usage: "/slow", about: "takes its time", run: () => Effect.never }
      const chat = yield* startMemoryBroker(noTimeouts, { features: [() => ({ commands: [slow] })] })
      const [bob, alice] = [yield* chat.join("bob"), yield* chat.join("alice")]
      alice.say("/slow", "bob: 1")
      yield* settle
      assert.deepStrictEqual(numbersFrom("alice", bob.received), [])
      alice.socket.reset()
      yield* settle
      const again = yield* chat.join("alice")
      again.say("bob: 2")
      yield* again.barrier
      yield* bob.barrier
      assert.deepStrictEqual(numbersFrom("alice", bob.received), [1, 2])
    })
  )

  it.scoped("gets its last lines returned if more of them wait than a queue may hold", () =>
    Effect.gen(function* () {
      const memory = { bufferBytes: 2_097_152, readBytes: 2_097_152 }
      const chat = yield* startMemoryServer({ ...noTimeouts, memory, maxLineBytes: 1_048_576 })
      const bob = yield* chat.join("bob")
      bob.socket.pause()
      const text = "x".repeat(1_000_000)
      for (let round = 0; round < 22; round++) {
        const alice = yield* chat.join("alice")
        alice.say(`bob: ${round} ${text}`)
        yield* settle
        alice.socket.reset()
        yield* settle
      }
      const { accepted, dead, inFlight } = yield* chat.server.ledger
      // Bob's kernel has two of them, and 17 have more than 16 MiB.
      assert.deepStrictEqual({ accepted, dead, inFlight }, { accepted: 22, dead: 3, inFlight: 17 })
      bob.socket.resume()
      yield* bob.barrier
      assert.deepStrictEqual(numbersFrom("alice", bob.received), range(0, 19))
    })
  )
})
