import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { heads } from "../support/Accounts.js"
import { messages } from "../support/Conversations.js"
import { eventually } from "../support/Eventually.js"
import { pass, type MemoryClient } from "../support/MemoryServer.js"
import { account, ask, gets, startRooms } from "../support/Rooms.js"
import { settle } from "../support/Turns.js"

const aboutBob = ({ received }: MemoryClient) => heads(received.filter((line) => line.includes(" #ops bob")))

describe("the owner of a room", () => {
  it.scoped("locks it for invited accounts, and invites them", () =>
    Effect.gen(function* () {
      const chat = yield* startRooms({ accounts: ["erin"] })
      const [alice, bob] = [yield* account(chat, "alice"), yield* account(chat, "bob", "to")]
      const [carol, dave] = [yield* chat.join("carol"), yield* chat.join("dave")]
      yield* ask(bob, "/hello")
      yield* ask(carol, "/hello")
      yield* ask(dave, "/hello to")
      yield* ask(alice, "/hello", "/join #ops")
      yield* ask(carol, "/join #ops")
      assert.deepStrictEqual(heads(yield* ask(carol, "/lock #ops", "/invite #ops bob")), [
        "! refused lock reason=not-owner",
        "! refused invite reason=not-owner"
      ])
      yield* ask(alice, "dave, #ops: listed")
      assert.deepStrictEqual(heads(yield* ask(alice, "@1 /lock #ops", "dave, bob, #ops: hidden")), [
        "* locked @1 #ops alice"
      ])
      yield* gets(carol, "* left #ops carol by=alice: is no longer in the room")
      assert.deepStrictEqual(messages(dave), ["from alice to=#ops: listed", "from alice to=bob: hidden"])
      yield* gets(bob, "from alice to=dave: hidden")
      assert.deepStrictEqual(heads(yield* ask(bob, "/join #ops", "/members #ops", "/history #ops", "/rooms")), [
        "! refused join reason=policy",
        "! refused members reason=no-room",
        "! refused history reason=no-room",
        "* end rooms count=0"
      ])
      yield* ask(bob, "@2 #ops: hi")
      yield* gets(bob, "! undelivered @2 #ops reason=no-room: there is no such room")
      assert.deepStrictEqual(heads(yield* ask(alice, "/invite #ops bob", "/invite #ops carol", "/invite #ops erin")), [
        "* invited #ops bob by=alice",
        "! refused invite reason=policy",
        "* invited #ops erin by=alice"
      ])
      yield* gets(bob, "* invited #ops alice: invites you; you can /join this room")
      assert.deepStrictEqual(heads(yield* ask(bob, "/rooms", "/join #ops", "/join #ops")), [
        "* room #ops members=1 last=2 locked=yes owner=alice",
        "* end rooms count=1",
        "* room #ops members=2 last=2 locked=yes owner=alice",
        "* room #ops members=2 last=2 locked=yes owner=alice"
      ])
      assert.deepStrictEqual(heads(yield* ask(alice, "/remove #ops erin", "/remove #ops erin")), [
        "* left #ops erin by=alice",
        "! refused remove reason=not-member"
      ])
      assert.deepStrictEqual(heads(yield* ask(yield* account(chat, "erin"), "/join #ops")), [
        "! refused join reason=policy"
      ])
      assert.deepStrictEqual(heads(yield* ask(alice, "/unlock #ops")), ["* unlocked #ops alice"])
      assert.deepStrictEqual(heads(yield* ask(carol, "/join #ops")), ["* room #ops members=3 last=2 owner=alice"])
    })
  )

  it.scoped("removes members, who are given nothing more", () =>
    Effect.gen(function* () {
      const chat = yield* startRooms()
      const [alice, bob] = [yield* account(chat, "alice"), yield* account(chat, "bob")]
      const [phone, carol] = [yield* account(chat, "bob/phone", "copies"), yield* chat.join("carol")]
      for (const client of [alice, bob, carol]) yield* ask(client, "/hello", "/join #ops")
      assert.deepStrictEqual(heads(yield* ask(alice, "/remove #ops bob", "/remove #ops carol", "/remove #ops alice")), [
        "* left #ops bob by=alice",
        "* left #ops carol by=alice",
        "! refused remove reason=policy"
      ])
      yield* gets(bob, "* left #ops bob by=alice: is no longer in the room")
      yield* gets(phone, "* left #ops bob by=alice: is no longer in the room")
      yield* ask(alice, "#ops: secret")
      for (const client of [bob, phone, carol]) {
        yield* ask(client, "/history #ops", "/conversations", "/read #ops 1", "/members #ops", "#ops: hi")
        assert.isFalse(client.received.some((line) => /secret|conversation |\* read|\* members/u.test(line)))
      }
      yield* gets(carol, "! undelivered #ops reason=not-member: you are not in this room; /join it first")
      bob.socket.destroy()
      yield* settle
      const again = yield* account(chat, "bob")
      yield* ask(again, "/join #ops")
      yield* ask(alice, "#ops: welcome")
      yield* gets(again, "from alice #ops: welcome")
      assert.deepStrictEqual(messages(again), ["from alice #ops: welcome"])
    })
  )

  it.scoped("removes members who come back at once, without notifying them of their removal again", () =>
    Effect.gen(function* () {
      const chat = yield* startRooms()
      const [alice, bob] = [yield* account(chat, "alice"), yield* account(chat, "bob")]
      const carol = yield* chat.join("carol")
      for (const client of [alice, carol, bob]) yield* ask(client, "/hello", "/join #ops")
      yield* pass(200)
      // The first notice is sent at once, and further ones are collected.
      yield* ask(alice, "/topic #ops lunch", "/remove #ops bob")
      yield* ask(bob, "/join #ops")
      yield* pass(200)
      assert.deepStrictEqual(aboutBob(carol), ["* joined #ops bob", "* left #ops bob by=alice", "* joined #ops bob"])
      assert.deepStrictEqual(aboutBob(bob), ["* left #ops bob by=alice"])
    })
  )

  it.scoped("passes it on, by a command, by leaving, and when the account is removed", () =>
    Effect.gen(function* () {
      const chat = yield* startRooms({ accounts: ["erin"] })
      const [alice, bob, erin] = [
        yield* account(chat, "alice"),
        yield* account(chat, "bob"),
        yield* account(chat, "erin")
      ]
      for (const client of [alice, bob, erin]) yield* ask(client, "/hello", "/join #ops")
      assert.deepStrictEqual(heads(yield* ask(alice, "/owner #ops erin", "/lock #ops", "/owner #ops carol")), [
        "* owner #ops erin",
        "! refused lock reason=not-owner",
        "! refused owner reason=not-owner"
      ])
      yield* ask(erin, "/leave #ops")
      yield* pass(100)
      yield* gets(bob, "* owner #ops alice: owns the room from now on")
      yield* Effect.orDie(chat.accounts.accounts.operations.remove("alice"))
      yield* pass(100)
      yield* gets(bob, "* owner #ops bob: owns the room from now on")
      assert.include(heads(bob.received), "* left #ops alice")
      const stored = yield* Effect.orDie(chat.accounts.store.rooms.all)
      assert.deepStrictEqual(
        stored.map(({ members, owner }) => [owner, members].flat().map(Number)),
        [[2, 2]]
      )
    })
  )

  it.scoped("silences members for a time, even guests that reconnect", () =>
    Effect.gen(function* () {
      const chat = yield* startRooms()
      const [alice, carol] = [yield* account(chat, "alice"), yield* chat.join("carol")]
      yield* ask(alice, "/join #ops")
      yield* ask(carol, "/hello", "/join #ops")
      const [silenced] = yield* ask(alice, "/silence #ops carol 10m")
      assert.match(silenced ?? "", /^\* silenced #ops carol by=alice until=600\d\d\d: /u)
      yield* ask(carol, "@1 #ops: one")
      yield* gets(carol, "! undelivered @1 #ops reason=silenced retry=600000: you may not write in this room for now")
      carol.socket.destroy()
      yield* settle
      const again = yield* chat.join("carol")
      yield* ask(again, "/hello", "/join #ops", "@2 #ops: two")
      yield* settle
      assert.match(heads(again.received).join("\n"), /! undelivered @2 #ops reason=silenced retry=\d+/u)
      yield* pass(600_000)
      yield* ask(again, "#ops: three")
      yield* gets(alice, "from carol #ops: three")
      yield* ask(alice, "/silence #ops carol 1h")
      assert.deepStrictEqual(heads(yield* ask(alice, "/unsilence #ops carol", "/unsilence #ops carol")), [
        "* unsilenced #ops carol by=alice",
        "! refused unsilence reason=policy"
      ])
      yield* ask(again, "#ops: four")
      yield* gets(alice, "from carol #ops: four")
      assert.deepStrictEqual(
        heads(yield* ask(alice, "/silence #ops nobody 1m", "/silence #ops alice 1m", "/silence #ops carol 1w")),
        ["! refused silence reason=not-member", "! refused silence reason=policy", "! bad-line"]
      )
    })
  )

  it.scoped("silences a guest also after it has registered, but not one who has become the owner", () =>
    Effect.gen(function* () {
      const chat = yield* startRooms()
      const [alice, bob] = [yield* account(chat, "alice"), yield* account(chat, "bob", "")]
      const carol = yield* chat.join("carol")
      yield* ask(alice, "/join #ops")
      yield* ask(bob, "/join #ops")
      yield* ask(carol, "/hello", "/join #ops")
      yield* ask(alice, "/silence #ops bob 10m", "/silence #ops carol 10m")
      carol.say("/register correct horse")
      yield* eventually(() => carol.received.some((line) => line.startsWith("* registered carol")), "carol registers")
      yield* ask(carol, "/join #ops", "@1 #ops: one")
      yield* gets(carol, "! undelivered @1 #ops reason=silenced retry=600000: you may not write in this room for now")
      yield* ask(bob, "@2 #ops: two")
      yield* gets(bob, "! undelivered @2 #ops reason=silenced retry=600000: you may not write in this room for now")
      assert.deepStrictEqual(heads(yield* ask(alice, "/unsilence #ops carol", "/owner #ops bob")), [
        "* unsilenced #ops carol by=alice",
        "* owner #ops bob"
      ])
      yield* ask(carol, "#ops: three")
      yield* gets(alice, "from carol #ops: three")
      yield* ask(bob, "#ops: four")
      yield* gets(alice, "from bob #ops: four")
    })
  )

  it.scoped("slows the room down for all but itself", () =>
    Effect.gen(function* () {
      const chat = yield* startRooms()
      const [alice, bob, carol] = [
        yield* account(chat, "alice"),
        yield* account(chat, "bob"),
        yield* chat.join("carol")
      ]
      for (const client of [alice, bob, carol]) yield* ask(client, "/hello", "/join #ops")
      assert.deepStrictEqual(heads(yield* ask(alice, "/slow #ops 5s")), ["* slow #ops alice millis=5000"])
      yield* ask(alice, "#ops: a1", "#ops: a2")
      yield* ask(bob, "#ops: b1")
      yield* ask(carol, "#ops: c1", "@1 #ops: c2")
      const refused =
        "! undelivered @1 #ops reason=slow-mode retry=5000: this room is in slow mode; wait before your next line"
      yield* gets(carol, refused)
      yield* pass(5_000)
      yield* ask(carol, "#ops: c3")
      yield* gets(alice, "from carol #ops: c3")
      assert.deepStrictEqual(messages(alice), ["from bob #ops: b1", "from carol #ops: c1", "from carol #ops: c3"])
      assert.deepStrictEqual(heads(yield* ask(alice, "/slow #ops off")), ["* slow #ops alice millis=0"])
      yield* ask(carol, "#ops: c4", "#ops: c5")
      yield* gets(alice, "from carol #ops: c5")
      const [stored] = yield* Effect.orDie(chat.accounts.store.rooms.all)
      assert.strictEqual(stored?.slowMillis, 0)
    })
  )
})
