import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { StoreError } from "../../src/ports/StoreError.js"
import { heads } from "../support/Accounts.js"
import { messages } from "../support/Conversations.js"
import { eventually } from "../support/Eventually.js"
import type { MemoryClient } from "../support/MemoryServer.js"
import { account, ask, gets, startGuestRooms, startRooms } from "../support/Rooms.js"
import { settle, turnsUntil } from "../support/Turns.js"

describe("a room", () => {
  it.scoped("is created by the first client that joins it, and found by others", () =>
    Effect.gen(function* () {
      const chat = yield* startRooms()
      const alice = yield* account(chat, "alice")
      const carol = yield* chat.join("carol")
      assert.deepStrictEqual(yield* ask(alice, "/join #ops", "/join #ops"), [
        "* room #ops members=1 last=0 owner=alice: ",
        "* room #ops members=1 last=0 owner=alice: "
      ])
      assert.deepStrictEqual(yield* ask(carol, "/hello", "@1 /join #ops", "@2 /join #dev"), [
        carol.received.find((line) => line.startsWith("* hello")) ?? "",
        "* room @1 #ops members=2 last=0 owner=alice: ",
        "* room @2 #dev members=1 last=0: "
      ])
      assert.deepStrictEqual(heads(yield* ask(alice, "/rooms")), [
        "* room #ops members=2 last=0 in=yes owner=alice",
        "* room #dev members=1 last=0",
        "* end rooms count=2"
      ])
    })
  )

  it.scoped("gets lines of its members, stores them, and gives them to all others", () =>
    Effect.gen(function* () {
      const chat = yield* startRooms()
      const alice = yield* account(chat, "alice", "seq")
      const bob = yield* account(chat, "bob", "seq")
      const carol = yield* chat.join("carol")
      yield* ask(alice, "/join #ops")
      yield* ask(bob, "/join #ops")
      yield* ask(carol, "/hello", "/join #ops")
      yield* ask(carol, "@1 #ops: one", "@2 bob, #ops: two", "@3 #OPS: three", "@4 #none, nobody: x")
      yield* gets(carol, "* stored @2 bob: stored")
      yield* ask(alice, "#ops: four")
      yield* gets(carol, "from alice #ops: four")
      assert.deepStrictEqual(
        messages(bob)
          .map((line) => line.replace(/at=\d+/u, "at=…"))
          .toSorted(),
        [
          "from alice #ops seq=3 at=…: four",
          "from carol #ops guest=yes seq=1 at=…: one",
          "from carol #ops guest=yes seq=2 at=…: two",
          "from carol guest=yes seq=1 at=…: two"
        ]
      )
      assert.deepStrictEqual(messages(carol), ["from alice #ops: four"])
      assert.deepStrictEqual(
        heads(carol.received.filter((line) => /^(! undelivered|\* stored)/u.test(line))).toSorted(),
        [
          "! undelivered @3 #OPS reason=no-room",
          "! undelivered @4 #none reason=no-room",
          "! undelivered @4 nobody reason=offline",
          "* stored @1 #ops",
          "* stored @2 #ops",
          "* stored @2 bob"
        ]
      )
    })
  )

  it.scoped("takes lines from its members only", () =>
    Effect.gen(function* () {
      const chat = yield* startRooms()
      const alice = yield* account(chat, "alice")
      const carol = yield* chat.join("carol")
      yield* ask(alice, "/join #ops")
      yield* ask(carol, "/hello", "@1 #ops: one", "#ops: two", "#ops: three")
      yield* gets(carol, "! undelivered #ops reason=not-member count=2: you are not in this room; /join it first")
      assert.include(
        carol.received,
        "! undelivered @1 #ops reason=not-member: you are not in this room; /join it first"
      )
      yield* ask(alice, "/hello", "#ops: bye", "/leave #ops", "@2 #ops: late")
      yield* gets(alice, "! undelivered @2 #ops reason=no-room: there is no such room")
    })
  )
})

const registers = (client: MemoryClient, name: string) =>
  Effect.zipRight(
    Effect.sync(() => client.say("/register correct horse")),
    eventually(() => client.received.some((line) => line.startsWith(`* registered ${name}`)), `${name} registers`)
  )

const withoutTimes = (lines: ReadonlyArray<string>) => lines.map((line) => line.replace(/ at=\d+/u, ""))

describe("a guest that registers", () => {
  it.scoped("stays in its rooms, as an account, and misses nothing and gets nothing twice", () =>
    Effect.gen(function* () {
      let meanwhile: Effect.Effect<void> = Effect.void
      const chat = yield* startRooms({
        server: { memory: { bufferBytes: 32 } },
        store: (store) => ({
          ...store,
          waiting: (...device) =>
            Effect.zipRight(
              Effect.suspend(() => meanwhile),
              store.waiting(...device)
            )
        })
      })
      const alice = yield* account(chat, "alice", "seq")
      yield* ask(alice, "/join #ops", "#ops: from before the join")
      const carol = yield* chat.join("carol")
      yield* ask(carol, "/hello seq", "/join #ops", "/join #own", "#ops: as a guest")
      // Some of what was written is in the queue of the connection, some is still in the store.
      carol.socket.pause()
      alice.say(...Array.from({ length: 6_000 }, (_, line) => `#ops: ${line}`))
      yield* alice.barrier
      // More is stored once the account is a member, before its device is given anything.
      let said = 6_000
      meanwhile = Effect.suspend(() => {
        alice.say(`#ops: ${said++}`, `#ops: ${said++}`)
        return alice.barrier
      })
      carol.say("/register correct horse")
      yield* eventually(() => said > 6_000, "carol's device is asked for")
      carol.socket.resume()
      yield* ask(alice, "#ops: after")
      yield* turnsUntil(
        () => carol.received.some((line) => line.endsWith(": after")),
        () => "the last line"
      )
      assert.deepStrictEqual(
        withoutTimes(messages(carol)),
        [...Array.from({ length: said }, (_, line) => `${line}`), "after"].map(
          (text, index) => `from alice #ops seq=${index + 3}: ${text}`
        )
      )
      assert.isEmpty(carol.received.filter((line) => /^\* (?:left|joined) #/u.test(line)))
      yield* ask(carol, "#ops: as an account")
      yield* turnsUntil(
        () => messages(alice).length === 2,
        () => "both lines"
      )
      assert.deepStrictEqual(withoutTimes(messages(alice)), [
        "from carol #ops guest=yes seq=2: as a guest",
        `from carol #ops seq=${said + 4}: as an account`
      ])
      assert.deepStrictEqual(yield* ask(carol, "/members #ops", "/members #own"), [
        "* members #ops 2 here=2: alice, carol",
        "* end members #ops: all members",
        "* members #own 1 here=1: carol",
        "* end members #own: all members"
      ])
      // As every account, it is a member while it is away.
      carol.socket.destroy()
      yield* settle
      assert.deepStrictEqual(yield* ask(alice, "/members #ops"), [
        "* members #ops 2 here=1: alice, carol",
        "* end members #ops: all members"
      ])
      const stored = yield* Effect.orDie(chat.accounts.store.rooms.all)
      assert.deepStrictEqual(
        stored.map(({ members, name, owner }) => [name, members.length, owner !== undefined]),
        [
          ["#ops", 2, true],
          ["#own", 1, false]
        ]
      )
    })
  )

  it.scoped("is in no room that it was removed from, or has left, meanwhile", () =>
    Effect.gen(function* () {
      const chat = yield* startRooms()
      const alice = yield* account(chat, "alice")
      const carol = yield* chat.join("carol")
      yield* ask(alice, "/hello", "/join #ops", "/join #dev")
      yield* ask(carol, "/hello", "/join #ops", "/join #dev", "/leave #dev")
      carol.say("/register correct horse")
      yield* ask(alice, "/remove #ops carol")
      yield* eventually(() => carol.received.some((line) => line.startsWith("* registered carol")), "carol registers")
      yield* ask(carol, "@1 #ops: one", "@2 #dev: two", "@3 /history #ops", "@4 /members #dev")
      yield* gets(carol, "! undelivered @1 #ops reason=not-member: you are not in this room; /join it first")
      yield* gets(carol, "! undelivered @2 #dev reason=not-member: you are not in this room; /join it first")
      assert.deepStrictEqual(heads(carol.received.filter((line) => line.startsWith("! refused"))), [
        "! refused @3 history reason=not-member",
        "! refused @4 members reason=not-member"
      ])
      const stored = yield* Effect.orDie(chat.accounts.store.rooms.all)
      assert.deepStrictEqual(
        stored.map(({ members }) => members.length),
        [1, 1]
      )
    })
  )

  it.scoped("is a member of its rooms also if its connection breaks meanwhile", () =>
    Effect.gen(function* () {
      const gate = { isOpen: false, joins: 0 }
      const chat = yield* startRooms({
        store: (store) => ({
          ...store,
          rooms: {
            ...store.rooms,
            join: (room, member) =>
              Effect.zipRight(
                turnsUntil(
                  () => {
                    gate.joins += 1
                    return gate.isOpen
                  },
                  () => "the gate opens"
                ),
                store.rooms.join(room, member)
              )
          }
        })
      })
      const carol = yield* chat.join("carol")
      yield* ask(carol, "/hello", "/join #own")
      carol.say("/register correct horse")
      yield* eventually(() => gate.joins > 0, "the store is asked")
      carol.socket.destroy()
      yield* settle
      gate.isOpen = true
      const alice = yield* account(chat, "alice")
      yield* settle
      assert.deepStrictEqual(yield* ask(alice, "/rooms"), [
        "* room #own members=1 last=0: ",
        "* end rooms count=1: all rooms"
      ])
    })
  )

  it.scoped("is notified that it has left a room of which its account could not become a member", () =>
    Effect.gen(function* () {
      const chat = yield* startRooms({
        store: (store) => ({
          ...store,
          rooms: {
            ...store.rooms,
            join: () => Effect.fail(new StoreError({ reason: "unavailable", description: "as the test wants it" }))
          }
        })
      })
      const [alice, carol] = [yield* account(chat, "alice"), yield* chat.join("carol")]
      yield* ask(alice, "/join #ops")
      yield* ask(carol, "/hello", "/join #ops", "/join #own")
      yield* registers(carol, "carol")
      assert.deepStrictEqual(
        carol.received.filter((line) => line.startsWith("* left")),
        ["* left #ops carol: is no longer in the room", "* left #own carol: is no longer in the room"]
      )
      yield* ask(carol, "@1 #ops: one", "@2 #own: two", "@3 /history #ops")
      yield* gets(carol, "! undelivered @1 #ops reason=not-member: you are not in this room; /join it first")
      yield* gets(carol, "! undelivered @2 #own reason=no-room: there is no such room")
      assert.include(heads(carol.received), "! refused @3 history reason=not-member")
    })
  )
})

describe("a server without a store of its own", () => {
  it.scoped("has rooms of guests", () =>
    Effect.gen(function* () {
      const chat = yield* startGuestRooms()
      const [carol, dave] = [yield* chat.join("carol"), yield* chat.join("dave")]
      yield* ask(carol, "/hello seq", "/join #ops")
      const hello = carol.received.find((line) => line.startsWith("* hello")) ?? ""
      assert.match(
        hello,
        / on=seq store=memory log=\S+ rooms=open max-rooms=100 max-topic=300 max-history=100 search-rate=4:/u
      )
      yield* ask(dave, "/join #ops", "#ops: one")
      yield* gets(carol, "* joined #ops dave guest=yes: is in the room")
      yield* ask(carol, "@1 #ops: two")
      yield* gets(dave, "from carol #ops: two")
      assert.match(messages(carol).join(), /^from dave #ops guest=yes seq=1 at=\d+: one$/u)
    })
  )
})
