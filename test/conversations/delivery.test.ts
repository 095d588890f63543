import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { AccountIndex } from "../../src/accounts/AccountIndex.js"
import type { MemoryClient } from "../support/MemoryServer.js"
import { eventually } from "../support/Eventually.js"
import { login, messages, password, startConversations } from "../support/Conversations.js"
import { turnsUntil } from "../support/Turns.js"

/** Waits for messages, and returns them. */
const has = (client: MemoryClient, count: number) =>
  Effect.map(
    turnsUntil(
      () => messages(client).length >= count,
      () => `${count} messages; there are ${messages(client).length}: ${client.received.slice(-3).join(" | ")}`
    ),
    () => messages(client)
  )

const outcomes = ({ received }: MemoryClient) => received.filter((line) => /^(\* stored|! )/u.test(line))

const hasOutcome = (client: MemoryClient, count: number) =>
  Effect.map(
    turnsUntil(
      () => outcomes(client).length >= count,
      () => `${count} outcomes; the last lines are ${client.received.slice(-3).join(" | ")}`
    ),
    () => outcomes(client)
  )

/** The words that the latest `* hello` has. */
const on = ({ received }: MemoryClient) =>
  / on=(\S+)/u.exec(received.findLast((line) => line.startsWith("* hello")) ?? "")?.[1]

describe("the words of /hello", () => {
  it.scoped("are on as far as they have an effect: a guest has no devices", () =>
    Effect.gen(function* () {
      const { connect, join } = yield* startConversations()
      const carol = yield* join("carol")
      carol.say("/hello ack seq once copies receipts")
      yield* carol.barrier
      assert.strictEqual(on(carol), "ack+receipts+seq")
      const bob = yield* connect
      bob.say("/hello seq once copies")
      yield* bob.barrier
      assert.strictEqual(on(bob), "copies+once+seq", "it may log in to an account")
      bob.say(...login("bob"), "/hello")
      yield* bob.barrier
      assert.strictEqual(on(bob), "copies+once+seq")
    })
  )
})

describe("the name of an account that was freed", () => {
  it.scoped("still stands where its lines are spoken of", () =>
    Effect.gen(function* () {
      const { accounts, connect } = yield* startConversations()
      const alice = yield* connect
      alice.say(...login("alice"), "bob: one", "bob: two", "bob: three")
      yield* alice.barrier
      const { index, operations } = accounts.accounts
      yield* operations.remove("bob").pipe(Effect.zipRight(operations.free("bob")), Effect.orDie)
      yield* accounts.store.configure({
        keep: "30 days",
        keepBytes: 2 ** 30,
        keepLines: 1,
        unreadLines: 9,
        unreadBytes: 9
      })
      yield* accounts.store.retain([])
      const phone = yield* connect
      phone.say(...login("alice/phone", "copies"))
      const [gap, sent] = yield* has(phone, 2)
      assert.strictEqual(gap, "! gap bob first=1 last=2: these lines are no longer kept")
      assert.match(sent ?? "", /^\* sent bob seq=3 at=\d+: three$/u)
      const [bob] = yield* accounts.store.accounts.freed
      assert.isDefined(bob)
      // As after a restart.
      assert.strictEqual(new AccountIndex(yield* accounts.store.accounts.all, [bob]).nameOf(bob.id), "bob")
      assert.strictEqual(index.nameOf(bob.id), "bob")
    }).pipe(Effect.orDie)
  )
})

describe("a line to an account", () => {
  it.scoped("is stored while the account is away, and given to it when it logs in", () =>
    Effect.gen(function* () {
      const { connect, join, server } = yield* startConversations()
      const carol = yield* join("carol")
      carol.say("/hello", "@a bob: one", "bob: two")
      assert.deepStrictEqual(yield* hasOutcome(carol, 1), ["* stored @a bob: stored"])
      const bob = yield* connect
      bob.say(...login("bob"))
      assert.deepStrictEqual(yield* has(bob, 2), ["from carol: one", "from carol: two"])
      yield* bob.barrier
      const { accepted, returned, stored, written } = yield* server.ledger
      assert.deepStrictEqual([accepted, stored, written, returned], [2, 2, 0, 0])
    })
  )

  it.scoped("returns if it is for a name that only looks like the account's, and names that one", () =>
    Effect.gen(function* () {
      const { join } = yield* startConversations()
      const carol = yield* join("carol")
      carol.say("/hello", "@a Bob: one")
      assert.deepStrictEqual(yield* hasOutcome(carol, 1), [
        "! undelivered @a Bob reason=offline like=bob: no recipient of that name is online; did you mean bob?"
      ])
    })
  )

  it.scoped("is given as it is stored while the account is connected, once", () =>
    Effect.gen(function* () {
      const { connect, join } = yield* startConversations()
      const carol = yield* join("carol")
      const bob = yield* connect
      bob.say(...login("bob"))
      yield* bob.barrier
      carol.say("bob: one", "bob: two")
      assert.deepStrictEqual(yield* has(bob, 2), ["from carol: one", "from carol: two"])
      const again = yield* connect
      again.say(...login("bob/phone"))
      yield* again.barrier
      carol.say("bob: three")
      assert.deepStrictEqual(yield* has(bob, 3), ["from carol: one", "from carol: two", "from carol: three"])
      assert.deepStrictEqual(yield* has(again, 3), ["from carol: one", "from carol: two", "from carol: three"])
    })
  )

  it.scoped("has its number and time for those who said seq, in outcomes as well", () =>
    Effect.gen(function* () {
      const { connect, join } = yield* startConversations()
      const [carol, bob, alice] = [yield* join("carol"), yield* connect, yield* connect]
      bob.say(...login("bob", "seq"))
      alice.say(...login("alice", "seq"))
      yield* bob.barrier
      yield* alice.barrier
      carol.say("bob: from a guest")
      yield* has(bob, 1)
      alice.say("@x bob: one", "@y bob: two")
      assert.deepStrictEqual(yield* hasOutcome(alice, 2), [
        "* stored @x bob seq=1 at=0: stored",
        "* stored @y bob seq=2 at=0: stored"
      ])
      assert.deepStrictEqual(yield* has(bob, 3), [
        "from carol guest=yes seq=1 at=0: from a guest",
        "from alice seq=1 at=0: one",
        "from alice seq=2 at=0: two"
      ])
    })
  )

  it.scoped("that was stored is not stored again with the same label, for those who said once", () =>
    Effect.gen(function* () {
      const { connect } = yield* startConversations()
      const [bob, alice] = [yield* connect, yield* connect]
      bob.say(...login("bob"))
      alice.say(...login("alice", "once"))
      yield* bob.barrier
      alice.say("@x bob: one", "@x bob: one", "@x bob: another", "@y bob: two")
      assert.deepStrictEqual(yield* hasOutcome(alice, 4), [
        "* stored @x bob: stored",
        "* stored @x bob again=yes: stored",
        "! label-used @x bob: this label belongs to another line; use a new one",
        "* stored @y bob: stored"
      ])
      assert.deepStrictEqual(yield* has(bob, 2), ["from alice: one", "from alice: two"])
      const again = yield* connect
      again.say(...login("bob"))
      yield* bob.ended
      yield* again.barrier
      alice.say("@x bob: one", "@z bob: three")
      assert.deepStrictEqual(yield* has(again, 1), ["from alice: three"])
    })
  )

  it.scoped(
    "with a label in use is refused for those who have the first line, by name, and stored for the others",
    () =>
      Effect.gen(function* () {
        const { connect } = yield* startConversations({}, undefined, { accounts: ["dana"] })
        const [alice, bob, dana] = [yield* connect, yield* connect, yield* connect]
        bob.say(...login("bob"))
        dana.say(...login("dana"))
        alice.say(...login("alice", "once"))
        yield* bob.barrier
        yield* dana.barrier
        alice.say("@x bob: one", "@x bob, dana: another")
        yield* hasOutcome(alice, 3)
        alice.say("@x bob, dana: a third")
        const text = "this label belongs to another line; use a new one"
        assert.deepStrictEqual((yield* hasOutcome(alice, 5)).toSorted(), [
          `! label-used @x bob: ${text}`,
          `! label-used @x bob: ${text}`,
          `! label-used @x dana: ${text}`,
          "* stored @x bob: stored",
          "* stored @x dana: stored"
        ])
        assert.deepStrictEqual(yield* has(bob, 1), ["from alice: one"])
        assert.deepStrictEqual(yield* has(dana, 1), ["from alice: another"])
      })
  )

  it.scoped("shows its other recipients, and that a program sent it, to those who asked", () =>
    Effect.gen(function* () {
      const { connect, join } = yield* startConversations()
      const [carol, bob] = [yield* join("carol"), yield* connect]
      bob.say(...login("bob", "to auto"))
      yield* bob.barrier
      carol.say("/hello auto", "bob, alice: both", "bob: a: b")
      assert.deepStrictEqual(yield* has(bob, 2), ["from carol to=alice auto=yes: both", "from carol auto=yes: a: b"])
    })
  )

  it.scoped("of one's own is given to all devices, and to others as a copy where they asked", () =>
    Effect.gen(function* () {
      const { connect } = yield* startConversations()
      const [laptop, phone] = [yield* connect, yield* connect]
      laptop.say(...login("alice", "copies"))
      yield* laptop.barrier
      phone.say(...login("alice/phone", "copies"))
      yield* phone.barrier
      laptop.say("alice: a note", "bob: hi")
      assert.deepStrictEqual(yield* has(phone, 2), ["from alice: a note", "* sent bob seq=1 at=0: hi"])
      assert.deepStrictEqual(yield* has(laptop, 1), ["from alice: a note"])
    })
  )

  it.scoped("does not come back to its device as a copy after a crash, if that sent it with `once`", () =>
    Effect.gen(function* () {
      // What devices have been given is not saved, as in the last second before a crash.
      const { connect } = yield* startConversations({}, (store) => ({
        ...store,
        append: (lines) => store.append(lines, []),
        saveCursors: () => Effect.void
      }))
      const [bob, phone, laptop] = [yield* connect, yield* connect, yield* connect]
      for (const [client, device] of [
        [bob, "bob"],
        [phone, "alice/phone"],
        [laptop, "alice"]
      ] as const) {
        client.say(...login(device, "copies once seq"))
        yield* client.barrier
      }
      laptop.say("@1 bob: one", "@2 alice: a note")
      phone.say("@1 bob: two")
      yield* has(laptop, 2)
      laptop.socket.destroy()
      bob.say("alice: three")
      yield* has(phone, 3)
      const again = yield* connect
      again.say(...login("alice", "copies once seq"))
      const texts = (yield* has(again, 3)).map((line) => line.replace(/ at=\d+/u, ""))
      assert.deepStrictEqual(texts.toSorted(), [
        "* sent bob seq=2: two",
        "from alice seq=1: a note",
        "from bob seq=3: three"
      ])
    })
  )

  it.scoped("comes in order, none twice and none lost, however many wait and come meanwhile", () =>
    Effect.gen(function* () {
      const { connect, join } = yield* startConversations()
      const carol = yield* join("carol")
      const say = (from: number, to: number) =>
        carol.say(...Array.from({ length: to - from }, (_, line) => `bob: ${from + line}`))
      say(0, 600)
      yield* carol.barrier
      const bob = yield* connect
      bob.say(...login("bob"))
      say(600, 900)
      yield* has(bob, 300)
      bob.socket.pause()
      say(900, 1_700)
      yield* carol.barrier
      bob.socket.resume()
      yield* has(bob, 1_000)
      say(1_700, 1_900)
      const expected = Array.from({ length: 1_900 }, (_, line) => `from carol: ${line}`)
      assert.deepStrictEqual(yield* has(bob, 1_900), expected)
    })
  )
})

describe("a new device", () => {
  it.scoped("starts where the furthest device is, to the line", () =>
    Effect.gen(function* () {
      const { connect, join } = yield* startConversations()
      const [carol, bob] = [yield* join("carol"), yield* connect]
      bob.say(...login("bob"))
      yield* bob.barrier
      carol.say("bob: one", "bob: two")
      yield* has(bob, 2)
      const tablet = yield* connect
      tablet.say(`bob/tablet: ${password}`, "/ping in")
      // The password is checked in a thread, for which no number of turns is enough.
      yield* eventually(() => tablet.received.includes("* pong: in"), "a login takes no longer")
      carol.say("bob: three")
      assert.deepStrictEqual(yield* has(tablet, 1), ["from carol: three"])
    })
  )
})

describe("a device that reconnects", () => {
  it.scoped("gets what it had not taken when its connection broke", () =>
    Effect.gen(function* () {
      const { connect, join } = yield* startConversations({ memory: { bufferBytes: 512 } })
      const [carol, bob] = [yield* join("carol"), yield* connect]
      bob.say(...login("bob", "seq"))
      yield* bob.barrier
      bob.socket.pause()
      carol.say(...Array.from({ length: 300 }, (_, line) => `bob: ${line}`))
      yield* carol.barrier
      bob.socket.reset()
      const again = yield* connect
      again.say(...login("bob", "seq"))
      yield* turnsUntil(
        () => messages(again).at(-1)?.endsWith(": 299") === true,
        () => `the last line; there is ${messages(again).at(-1)}`
      )
      const numbers = messages(again).map((line) => Number(/seq=(\d+)/u.exec(line)?.[1]))
      const first = numbers[0] ?? 0
      assert.isBelow(first, 30, "no more than its kernel had taken is missing")
      assert.deepStrictEqual(
        numbers,
        Array.from({ length: 300 - first + 1 }, (_, index) => first + index)
      )
    })
  )

  it.scoped("gets again what it had not acknowledged, and nothing else", () =>
    Effect.gen(function* () {
      const { connect, join } = yield* startConversations()
      const [carol, bob] = [yield* join("carol"), yield* connect]
      bob.say(...login("bob", "ack seq"))
      yield* bob.barrier
      carol.say(...Array.from({ length: 10 }, (_, line) => `bob: ${line}`))
      yield* has(bob, 10)
      bob.say("/ack 4")
      yield* bob.barrier
      const again = yield* connect
      again.say(...login("bob", "ack seq"))
      yield* bob.ended
      assert.match(bob.received.at(-1) ?? "", /^! logged-out reason=replaced fatal: /u)
      const lines = yield* has(again, 6)
      assert.deepStrictEqual(
        lines,
        Array.from({ length: 6 }, (_, index) => `from carol guest=yes seq=${index + 5} at=0: ${index + 4}`)
      )
      again.say("/ack 6")
      yield* again.barrier
      carol.say("bob: next")
      assert.lengthOf(yield* has(again, 7), 7)
    })
  )
})
