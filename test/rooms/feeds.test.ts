import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { messages } from "../support/Conversations.js"
import type { MemoryClient } from "../support/MemoryServer.js"
import { account, ask, gets, startGuestRooms, startRooms } from "../support/Rooms.js"
import { settle, turns, turnsUntil } from "../support/Turns.js"

const has = (client: MemoryClient, count: number) =>
  turnsUntil(
    () => messages(client).length >= count,
    () => `${count} messages; there are ${messages(client).length}: ${client.received.slice(-3).join(" | ")}`
  )

const texts = (client: MemoryClient) => messages(client).map((line) => line.split(": ")[1] ?? "")

const many = 3_000

/** More than the outbox, and what a feed gives live, can hold. */
const numbered = Array.from({ length: many }, (_, line) => `#ops: ${line} ${"x".repeat(500)}`)

const numbersIn = (client: MemoryClient) => messages(client).map((line) => Number(line.split(": ")[1]?.split(" ")[0]))

const expected = Array.from({ length: many }, (_, line) => line)

describe("all members of a room", () => {
  it.scoped("get the lines of all others in one order, however these were stored", () =>
    Effect.gen(function* () {
      const chat = yield* startRooms()
      const [alice, bob, carol] = [
        yield* account(chat, "alice", "seq"),
        yield* account(chat, "bob"),
        yield* chat.join("carol")
      ]
      const readers = [yield* chat.join("dave"), yield* chat.join("erin"), alice]
      for (const client of [alice, bob, carol, ...readers]) yield* ask(client, "/join #ops")
      for (let round = 0; round < 20; round++) {
        for (const [who, client] of [bob, carol].entries()) {
          client.say(...Array.from({ length: 1 + (round % 3) }, (_, line) => `#ops: ${who} ${round} ${line}`))
          if (round % 4 === who) yield* settle
        }
      }
      yield* ask(bob, "#ops: last")
      yield* ask(carol, "#ops: last")
      for (const client of readers) yield* has(client, 80)
      const [first = [], ...others] = readers.map(texts)
      for (const other of others) assert.deepStrictEqual(other, first)
      assert.deepStrictEqual(
        messages(alice).map((line) => Number(/ seq=(\d+) /u.exec(line)?.[1])),
        first.map((_, index) => index + 1)
      )
      // The senders get each other's lines in the same order.
      for (const [who, client] of [bob, carol].entries()) {
        assert.deepStrictEqual(
          texts(client).filter((text) => text !== "last"),
          first.filter((text) => text !== "last" && !text.startsWith(`${who} `))
        )
      }
    })
  )
})

describe("the feed of a guest", () => {
  it.scoped("gives what the guest was too slow for from the log, in order, and holds no sender", () =>
    Effect.gen(function* () {
      const chat = yield* startRooms()
      const [carol, dave] = [yield* chat.join("carol"), yield* chat.join("dave")]
      const alice = yield* account(chat, "alice")
      yield* ask(alice, "/join #ops")
      yield* ask(carol, "/join #ops")
      yield* ask(dave, "/join #ops")
      dave.socket.pause()
      alice.say(...numbered)
      yield* has(carol, many)
      yield* ask(alice, "#ops: last")
      yield* gets(carol, "from alice #ops: last")
      assert.isBelow(messages(dave).length, many)
      dave.socket.resume()
      yield* has(dave, many + 1)
      assert.deepStrictEqual(numbersIn(dave).slice(0, many), expected)
      assert.deepStrictEqual(numbersIn(carol).slice(0, many), expected)
    })
  )

  it.scoped("does not give a guest its own lines, not even from the log", () =>
    Effect.gen(function* () {
      const chat = yield* startRooms()
      const carol = yield* chat.join("carol")
      const alice = yield* account(chat, "alice", "to")
      yield* ask(alice, "/join #ops")
      yield* ask(carol, "/join #ops")
      carol.socket.pause()
      alice.say(...numbered.slice(0, -1), `@9 ${numbered.at(-1)}`)
      yield* gets(alice, "* stored @9 #ops: stored")
      // By now, the feed has given as much as it may have under way.
      carol.say("#ops: mine")
      yield* gets(alice, "from carol #ops: mine")
      alice.say("#ops: 3000")
      yield* settle
      carol.socket.resume()
      yield* has(carol, many + 1)
      assert.deepStrictEqual(numbersIn(carol), [...expected, many])
    })
  )

  it.scoped("reports lines that are no longer kept", () =>
    Effect.gen(function* () {
      const chat = yield* startGuestRooms({ keepLines: 100 })
      const [carol, dave] = [yield* chat.join("carol"), yield* chat.join("dave")]
      yield* ask(carol, "/join #ops")
      yield* ask(dave, "/join #ops")
      dave.socket.pause()
      carol.say(...numbered)
      yield* carol.barrier
      for (let left = many; left > 0; left -= 200) yield* chat.retain
      dave.socket.resume()
      yield* turnsUntil(
        () => numbersIn(dave).at(-1) === many - 1,
        () => `the last line; the last is ${messages(dave).at(-1)?.slice(0, 40)}`
      )
      const gap = messages(dave).findIndex((line) => line.startsWith("! gap "))
      assert.strictEqual(
        messages(dave)[gap],
        `! gap #ops first=${gap + 1} last=${many - 100}: these lines are no longer kept`
      )
    })
  )
})

describe("the feed of a device", () => {
  it.scoped("gives lines of the account's other devices as copies", () =>
    Effect.gen(function* () {
      const chat = yield* startRooms()
      const alice = yield* account(chat, "alice")
      const [phone, bob] = [yield* account(chat, "alice/phone", "copies"), yield* account(chat, "bob")]
      yield* ask(alice, "/join #ops", "#ops: one")
      yield* ask(bob, "/join #ops", "#ops: two")
      yield* gets(phone, "from bob #ops: two")
      assert.deepStrictEqual(
        messages(phone).map((line) => line.replace(/at=\d+/u, "at=…")),
        ["* sent #ops seq=1 at=…: one", "from bob #ops: two"]
      )
      assert.deepStrictEqual(messages(alice), ["from bob #ops: two"])
    })
  )

  it.scoped("gives a device that comes later what was written since the account joined, once", () =>
    Effect.gen(function* () {
      const chat = yield* startRooms()
      const alice = yield* account(chat, "alice")
      const bob = yield* account(chat, "bob", "ack")
      yield* ask(alice, "/join #ops", "#ops: before")
      yield* ask(bob, "/join #ops")
      yield* ask(alice, "#ops: one", "#ops: two")
      yield* gets(bob, "from alice #ops: two")
      yield* ask(bob, "/ack 1")
      bob.socket.destroy()
      yield* settle
      yield* ask(alice, "#ops: three")
      const again = yield* account(chat, "bob", "ack")
      yield* has(again, 2)
      assert.deepStrictEqual(messages(again), ["from alice #ops: two", "from alice #ops: three"])
    })
  )

  it.scoped("gives nothing of a room that the account has left, not even what had been waiting", () =>
    Effect.gen(function* () {
      const chat = yield* startRooms()
      const [alice, bob] = [yield* account(chat, "alice"), yield* account(chat, "bob")]
      const phone = yield* account(chat, "bob/phone")
      yield* ask(alice, "/join #ops")
      yield* ask(bob, "/join #ops")
      phone.socket.pause()
      alice.say(...numbered)
      yield* has(bob, many)
      yield* ask(bob, "/leave #ops")
      yield* ask(alice, "#ops: secret")
      yield* ask(bob, "/join #ops")
      yield* ask(alice, "#ops: 3000")
      phone.socket.resume()
      yield* gets(phone, "from alice #ops: 3000")
      assert.isBelow(messages(phone).length, many)
      assert.isFalse(phone.received.some((line) => line.includes("secret")))
      assert.isFalse(phone.received.some((line) => line.startsWith("! gap")))
    })
  )
})

describe("a line to a room of a server without a store on disk", () => {
  it.scoped("is given in the turn in which it is read, as one to a name is", () =>
    Effect.gen(function* () {
      const chat = yield* startGuestRooms()
      const [carol, dave] = [yield* chat.join("carol"), yield* chat.join("dave")]
      for (const client of [carol, dave]) yield* ask(client, "/join #ops")
      const turnsFor = (line: string) =>
        Effect.gen(function* () {
          yield* settle
          const { length } = messages(dave)
          carol.say(line)
          for (let count = 1; ; count++) {
            yield* turns(1)
            if (messages(dave).length > length) return count
            assert.isBelow(count, 100, "it never arrives")
          }
        })
      assert.strictEqual(yield* turnsFor("#ops: hi"), yield* turnsFor("dave: hi"))
    })
  )
})
