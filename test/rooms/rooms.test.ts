import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { heads } from "../support/Accounts.js"
import { messages } from "../support/Conversations.js"
import { eventually } from "../support/Eventually.js"
import { account, ask, gets, startGuestRooms, startRooms } from "../support/Rooms.js"
import { turnsUntil } from "../support/Turns.js"

describe("a room", () => {
  it.scoped("is created by who joins it first, and found by others", () =>
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

describe("a guest that registers", () => {
  it.scoped(
    "is told that it has left its rooms, writes to none before it joins again, and is in them as an account then",
    () =>
      Effect.gen(function* () {
        const chat = yield* startRooms()
        const alice = yield* account(chat, "alice", "seq")
        yield* ask(alice, "/join #ops")
        const carol = yield* chat.connect
        yield* ask(carol, "/hello", "carol", "/join #ops", "/join #own")
        carol.say("/register correct horse")
        yield* eventually(() => carol.received.some((line) => line.startsWith("* registered carol")), "carol registers")
        assert.deepStrictEqual(
          carol.received.filter((line) => line.startsWith("* left")),
          ["* left #ops carol: is no longer in the room", "* left #own carol: is no longer in the room"]
        )
        yield* ask(carol, "@1 #ops: one", "@2 /history #ops", "@3 /members #ops", "@4 #own: two")
        yield* gets(carol, "! undelivered @1 #ops reason=not-member: you are not in this room; /join it first")
        yield* gets(carol, "! undelivered @4 #own reason=no-room: there is no such room")
        assert.deepStrictEqual(heads(carol.received.filter((line) => line.startsWith("! refused"))), [
          "! refused @2 history reason=not-member",
          "! refused @3 members reason=not-member"
        ])
        yield* ask(carol, "/join #ops", "#ops: three")
        yield* turnsUntil(
          () => messages(alice).length > 0,
          () => "alice gets the line"
        )
        assert.deepStrictEqual(
          messages(alice).map((line) => line.replace(/at=\d+/u, "at=…")),
          ["from carol #ops seq=1 at=…: three"]
        )
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
