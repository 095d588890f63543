import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { heads } from "../support/Accounts.js"
import { pass } from "../support/MemoryServer.js"
import { account, ask, gets, startRooms } from "../support/Rooms.js"

const why = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.map(Effect.flip(effect), (error) => (error as unknown as { readonly impossible: string }).impossible)

describe("the operator", () => {
  it.scoped("creates rooms, with an owner or for the first client that comes, and lists them", () =>
    Effect.gen(function* () {
      const chat = yield* startRooms({ mode: "operator" })
      const { operations } = chat
      const [alice, carol] = [yield* account(chat, "alice"), yield* chat.join("carol")]
      yield* Effect.orDie(operations.create("#ops", "alice"))
      yield* Effect.orDie(operations.create("#all", undefined))
      assert.strictEqual(yield* why(operations.create("#OPS", undefined)), "there is the room #ops")
      assert.strictEqual(yield* why(operations.create("#new", "carol")), "there is no account carol")
      assert.strictEqual(yield* why(operations.create("new", undefined)), '"new" is not a room\'s name: # and a name')
      yield* ask(alice, "#ops: one")
      yield* ask(carol, "/join #all")
      assert.deepStrictEqual(yield* operations.list, [
        {
          name: "#ops",
          members: 1,
          here: 1,
          last: 1,
          waiting: 0,
          isLocked: false,
          slowMillis: 0,
          owner: "alice",
          topic: ""
        },
        {
          name: "#all",
          members: 1,
          here: 1,
          last: 0,
          waiting: 0,
          isLocked: false,
          slowMillis: 0,
          owner: undefined,
          topic: ""
        }
      ])
      yield* ask(carol, "/leave #all")
      assert.deepStrictEqual(heads(yield* ask(carol, "/join #all")), ["! refused join reason=policy"])
    })
  )

  it.scoped("does what owners do, and is shown as who did it", () =>
    Effect.gen(function* () {
      const chat = yield* startRooms()
      const { operations } = chat
      const [alice, bob] = [yield* account(chat, "alice"), yield* account(chat, "bob")]
      for (const client of [alice, bob]) yield* ask(client, "/hello", "/join #ops")
      yield* Effect.orDie(operations.act("topic", "#ops", "déjà vu"))
      yield* Effect.orDie(operations.act("owner", "#ops", "bob"))
      yield* Effect.orDie(operations.act("silence", "#ops", "alice 10m"))
      yield* Effect.orDie(operations.act("lock", "#ops", ""))
      yield* pass(100)
      assert.includeMembers(
        [...heads(bob.received)],
        [
          "* topic #ops *operator",
          "* owner #ops bob",
          "* silenced #ops alice by=*operator until=600000",
          "* locked #ops *operator"
        ]
      )
      yield* gets(bob, "* topic #ops *operator: déjà vu")
      assert.strictEqual(yield* why(operations.act("slow", "#ops", "5")), '"5" is not what slow takes')
      assert.strictEqual(yield* why(operations.act("lock", "#none", "")), "there is no room #none")
      assert.strictEqual(yield* why(operations.act("remove", "#ops", "carol")), "no user of that name is in the room")
      yield* Effect.orDie(operations.act("remove", "#ops", "alice"))
      yield* gets(alice, "* left #ops alice by=*operator: is no longer in the room")
    })
  )

  it.scoped("ends a room, also with members in it, and its numbers continue in the next one", () =>
    Effect.gen(function* () {
      const chat = yield* startRooms()
      const { operations } = chat
      const [alice, carol] = [yield* account(chat, "alice"), yield* chat.join("carol")]
      for (const client of [alice, carol]) yield* ask(client, "/hello", "/join #ops")
      yield* ask(alice, "#ops: one", "#ops: two")
      yield* gets(carol, "from alice #ops: two")
      yield* Effect.orDie(operations.end("#ops"))
      for (const client of [alice, carol]) {
        yield* gets(
          client,
          `* left #ops ${client === alice ? "alice" : "carol"} by=*operator: is no longer in the room`
        )
      }
      assert.deepStrictEqual(yield* operations.list, [])
      yield* ask(alice, "@1 #ops: three")
      yield* gets(alice, "! undelivered @1 #ops reason=no-room: there is no such room")
      assert.deepStrictEqual(heads(yield* ask(carol, "/join #ops", "/history #ops")), [
        "* room #ops members=1 last=2",
        "* end history #ops"
      ])
      assert.strictEqual(yield* why(operations.end("#none")), "there is no room #none")
    })
  )
})
