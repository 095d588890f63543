import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { heads } from "../support/Accounts.js"
import { eventually } from "../support/Eventually.js"
import { account, ask, gets, startGuestRooms, startRooms } from "../support/Rooms.js"

/** Lines without their times and without the text for people. */
const shown = (lines: ReadonlyArray<string>) =>
  lines.map((line) => (line.startsWith("* past ") ? line : (line.split(": ", 1)[0] ?? "")).replaceAll(/ at=\d+/gu, ""))

describe("/history", () => {
  it.scoped("shows what a room keeps, also from before one's join, page by page in both directions", () =>
    Effect.gen(function* () {
      const chat = yield* startRooms()
      const [alice, carol] = [yield* account(chat, "alice"), yield* chat.join("carol")]
      yield* ask(alice, "/join #ops", "#ops: one", "#ops: two", "#ops: three", "#ops: four")
      yield* gets(alice, "* room #ops members=1 last=0 owner=alice: ")
      yield* ask(carol, "/join #ops")
      assert.deepStrictEqual(shown(yield* ask(carol, "/hello", "@1 /history #ops limit=2")).slice(1), [
        "* past @1 #ops alice seq=3: three",
        "* past @1 #ops alice seq=4: four",
        "* end @1 history #ops first=3 last=4 more=yes"
      ])
      assert.deepStrictEqual(shown(yield* ask(carol, "/history #ops before=3")), [
        "* past #ops alice seq=1: one",
        "* past #ops alice seq=2: two",
        "* end history #ops first=1 last=2"
      ])
      assert.deepStrictEqual(shown(yield* ask(carol, "/history #ops after=1 limit=1", "/history #ops after=4")), [
        "* past #ops alice seq=2: two",
        "* end history #ops first=2 last=2 more=yes",
        "* end history #ops"
      ])
      assert.deepStrictEqual(heads(yield* ask(carol, "/history #ops since=0 until=0 limit=101", "/history #ops x")), [
        "! refused history reason=limit",
        "! bad-line"
      ])
    })
  )

  it.scoped("shows an account its direct conversations, and no one else's", () =>
    Effect.gen(function* () {
      const chat = yield* startRooms()
      const [alice, bob] = [yield* account(chat, "alice"), yield* account(chat, "bob", "to")]
      const carol = yield* chat.join("carol")
      yield* ask(alice, "bob, alice: one", "bob: two")
      yield* ask(carol, "bob: three")
      yield* gets(bob, "from carol: three")
      assert.deepStrictEqual(shown(yield* ask(bob, "/history alice", "/history carol", "/history nobody")), [
        "* past alice alice to=alice seq=1: one",
        "* past alice alice seq=2: two",
        "* end history alice first=1 last=2",
        "* past carol carol guest=yes seq=1: three",
        "* end history carol first=1 last=1",
        "* end history nobody"
      ])
      assert.deepStrictEqual(shown(yield* ask(alice, "/history alice", "/history carol")), [
        "* past alice alice seq=1: one",
        "* end history alice first=1 last=1",
        "* end history carol"
      ])
      assert.deepStrictEqual(heads(yield* ask(carol, "/history bob", "/history carol")), [
        "! refused history reason=guest",
        "! refused history reason=guest"
      ])
    })
  )

  it.scoped("shows nothing to a client that is not in the room, not even if the page was read before", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const answer = yield* Deferred.make<void>()
      const chat = yield* startRooms({
        store: (plain) => ({
          ...plain,
          page: (request) =>
            request.limit === 7
              ? Effect.tap(plain.page(request), () =>
                  Effect.zipRight(Deferred.succeed(asked, undefined), Deferred.await(answer))
                )
              : plain.page(request)
        })
      })
      const [alice, phone] = [yield* account(chat, "alice"), yield* account(chat, "alice/phone")]
      const bob = yield* account(chat, "bob")
      yield* ask(bob, "/join #ops", "#ops: secret")
      assert.deepStrictEqual(heads(yield* ask(alice, "/history #ops", "/read #ops 1", "/history #none")), [
        "! refused history reason=not-member",
        "! refused read reason=not-member",
        "! refused history reason=no-room"
      ])
      yield* ask(alice, "/join #ops")
      phone.say("/history #ops limit=7")
      yield* Deferred.await(asked)
      yield* ask(alice, "/leave #ops")
      yield* Deferred.succeed(answer, undefined)
      assert.deepStrictEqual(heads(yield* ask(phone)), ["! refused history reason=not-member"])
      assert.deepStrictEqual(heads(yield* ask(alice, "/conversations")), ["* end conversations count=0"])
    })
  )

  it.scoped("is there for guests without accounts", () =>
    Effect.gen(function* () {
      const chat = yield* startGuestRooms()
      const carol = yield* chat.join("carol")
      yield* ask(carol, "/join #ops", "#ops: one")
      assert.deepStrictEqual(shown(yield* ask(carol, "/history #ops", "/conversations")), [
        "* past #ops carol guest=yes seq=1: one",
        "* end history #ops first=1 last=1",
        "! refused conversations reason=guest"
      ])
    })
  )
})

describe("/conversations and /read", () => {
  it.scoped("list the conversation that a name leads to, and none with a former owner of the name", () =>
    Effect.gen(function* () {
      const chat = yield* startRooms()
      const [alice, carol] = [yield* account(chat, "alice"), yield* chat.join("carol")]
      const listed = Effect.map(ask(alice, "/conversations"), shown)
      yield* ask(carol, "/hello", "alice: one", "alice: two")
      yield* gets(alice, "from carol: two")
      yield* ask(alice, "/read carol 2")
      assert.deepStrictEqual(yield* listed, [
        "* conversation carol guest=yes last=2 read=2",
        "* end conversations count=1"
      ])
      carol.say("/register correct horse")
      yield* eventually(() => carol.received.some((line) => line.startsWith("* registered carol")), "carol registers")
      assert.deepStrictEqual(yield* listed, ["* end conversations count=0"])
      yield* ask(carol, "alice: three")
      yield* gets(alice, "from carol: three")
      assert.deepStrictEqual(yield* listed, ["* conversation carol last=1 read=0", "* end conversations count=1"])
      const found = (yield* ask(alice, "/search one")).filter((line) => line.startsWith("* past "))
      assert.match(found.join("\n"), /^\* past carol carol guest=yes seq=1 at=\d+: one$/u)
      const { operations } = chat.accounts.accounts
      yield* operations.remove("carol")
      assert.deepStrictEqual(yield* listed, ["* conversation carol last=1 read=0", "* end conversations count=1"])
      yield* operations.free("carol")
      assert.deepStrictEqual(yield* listed, [
        "* conversation carol guest=yes last=2 read=2",
        "* end conversations count=1"
      ])
    })
  )

  it.scoped("show how far an account has read, on all of its devices", () =>
    Effect.gen(function* () {
      const chat = yield* startRooms()
      const [alice, phone] = [yield* account(chat, "alice"), yield* account(chat, "alice/phone", "copies")]
      const [bob, carol] = [yield* account(chat, "bob"), yield* chat.join("carol")]
      yield* ask(bob, "/join #ops", "#ops: early", "alice: one", "alice: two", "alice: three")
      yield* ask(carol, "alice: hi")
      yield* ask(alice, "/join #ops")
      yield* ask(bob, "#ops: late")
      yield* gets(alice, "from bob #ops: late")
      yield* gets(alice, "from carol: hi")
      // All at one time, so in any order.
      assert.deepStrictEqual(shown(yield* ask(alice, "/conversations")).toSorted(), [
        "* conversation #ops last=2 read=1",
        "* conversation bob last=3 read=0",
        "* conversation carol guest=yes last=1 read=0",
        "* end conversations count=3"
      ])
      assert.deepStrictEqual(heads(yield* ask(alice, "/read bob 2", "/read bob 1", "/read #ops 1")), [
        "* read bob seq=2",
        "* read bob seq=2",
        "* read #ops seq=1"
      ])
      assert.deepStrictEqual(heads(yield* ask(alice, "/read nobody 4", "/read bob x", "/read bob at=9999999999999")), [
        "* read nobody seq=0",
        "! bad-line",
        "* read bob seq=3"
      ])
      assert.include(phone.received, "* read bob seq=2: read up to here")
      assert.deepStrictEqual(heads(yield* ask(carol, "/read alice 1")), ["! refused read reason=guest"])
      yield* ask(alice, "#ops: sent")
      assert.include(shown(yield* ask(alice, "/conversations")), "* conversation #ops last=3 read=3")
    })
  )
})
