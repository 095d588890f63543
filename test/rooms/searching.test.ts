import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import { Searches } from "../../src/conversations/Searches.js"
import type { ConversationId } from "../../src/ports/StoreLines.js"
import type { SearchRequest, SearchStep } from "../../src/ports/StoreSearch.js"
import { heads } from "../support/Accounts.js"
import { account, ask, gets, startGuestRooms, startRooms } from "../support/Rooms.js"

/** Lines without their times and without the text for people. */
const shown = (lines: ReadonlyArray<string>) =>
  lines.map((line) => (line.startsWith("* past ") ? line : (line.split(": ", 1)[0] ?? "")).replaceAll(/ at=\d+/gu, ""))

const end = (count: number) => `* end search count=${count}`

describe("/search", () => {
  it.scoped("finds lines of all conversations of an account, or of one, newest first", () =>
    Effect.gen(function* () {
      const chat = yield* startRooms({ server: { searchRate: 0 } })
      const [alice, bob] = [yield* account(chat, "alice"), yield* account(chat, "bob")]
      const carol = yield* chat.join("carol")
      yield* ask(alice, "/hello", "/join #ops", "#ops: red house", "bob: a house, red", "alice: my house is Red")
      yield* ask(bob, "/join #ops")
      yield* ask(carol, "alice: RED! house?")
      yield* gets(alice, "from carol: RED! house?")
      assert.deepStrictEqual(shown(yield* ask(alice, "@1 /search house red")), [
        "* past @1 carol carol guest=yes seq=1: RED! house?",
        "* past @1 alice alice seq=1: my house is Red",
        "* past @1 bob alice seq=1: a house, red",
        "* past @1 #ops alice seq=1: red house",
        "* end @1 search count=4"
      ])
      assert.deepStrictEqual(shown(yield* ask(bob, "/search red")), [
        "* past alice alice seq=1: a house, red",
        "* past #ops alice seq=1: red house",
        end(2)
      ])
      assert.deepStrictEqual(
        shown(yield* ask(bob, "/search limit=1 red", "/search in=#ops red house", "/search blue")),
        ["* past alice alice seq=1: a house, red", end(1), "* past #ops alice seq=1: red house", end(1), end(0)]
      )
      assert.deepStrictEqual(shown(yield* ask(bob, "/search in=alice limit=5 red", "/search in=carol red")), [
        "* past alice alice seq=1: a house, red",
        end(1),
        end(0)
      ])
    })
  )

  it.scoped("finds lines of the rooms that a guest is in", () =>
    Effect.gen(function* () {
      const chat = yield* startGuestRooms()
      const [carol, dave] = [yield* chat.join("carol"), yield* chat.join("dave")]
      yield* ask(carol, "/join #ops", "#ops: one word", "/join #dev", "#dev: another word")
      assert.deepStrictEqual(shown(yield* ask(dave, "/search word")), [end(0)])
      yield* ask(dave, "/join #ops")
      assert.deepStrictEqual(shown(yield* ask(dave, "/search word", "/search in=#dev word", "/search in=carol word")), [
        "* past #ops carol guest=yes seq=1: one word",
        end(1),
        "! refused search reason=not-member",
        "! refused search reason=guest"
      ])
      yield* ask(dave, "/leave #ops")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(shown(yield* ask(dave, "/search word")), [end(0)])
    })
  )

  it.scoped("shows nothing of a room to a client that has left it meanwhile", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const answer = yield* Deferred.make<void>()
      const chat = yield* startRooms({
        store: (plain) => ({
          ...plain,
          search: (request) =>
            Effect.tap(plain.search(request), () =>
              Effect.zipRight(Deferred.succeed(asked, undefined), Deferred.await(answer))
            )
        })
      })
      const [alice, phone] = [yield* account(chat, "alice"), yield* account(chat, "alice/phone")]
      const bob = yield* account(chat, "bob")
      yield* ask(bob, "/join #ops", "#ops: a secret", "alice: another secret")
      yield* ask(alice, "/join #ops")
      alice.say("/search secret", "/search in=#ops secret")
      yield* Deferred.await(asked)
      yield* ask(phone, "/leave #ops")
      yield* Deferred.succeed(answer, undefined)
      yield* gets(alice, "! refused search reason=not-member: you are not in this room; /join it first")
      const past = alice.received.filter((line) => /^\* (?:past|end search)/u.test(line))
      assert.deepStrictEqual(shown(past), ["* past bob bob seq=1: another secret", end(1)])
    })
  )

  it.scoped("is refused where it has no word, another form or too many lines, and for a while after four", () =>
    Effect.gen(function* () {
      const chat = yield* startRooms()
      const alice = yield* account(chat, "alice")
      const refused = ["/search", "/search * -- !", "/search limit=101 a", "/search limit=0 a", "/search in=a:b a"]
      assert.deepStrictEqual(heads(yield* ask(alice, ...refused)), [
        "! refused search reason=no-words",
        "! refused search reason=no-words",
        "! refused search reason=limit",
        "! bad-line",
        "! bad-line"
      ])
      const many = Array.from({ length: 6 }, () => "/search a")
      assert.deepStrictEqual(heads(yield* ask(alice, ...many)), [
        ...Array.from({ length: 4 }, () => end(0)),
        "! refused search reason=limit retry=250",
        "! refused search reason=limit retry=250"
      ])
      yield* TestClock.adjust("250 millis")
      assert.deepStrictEqual(heads(yield* ask(alice, "/search a", "/search a")), [
        end(0),
        "! refused search reason=limit retry=250"
      ])
      const other = yield* account(chat, "alice/phone")
      assert.deepStrictEqual(heads(yield* ask(other, "/search a")), [end(0)])
    })
  )

  it.scoped("is announced with its limit, which can be off and changes while the server runs", () =>
    Effect.gen(function* () {
      const chat = yield* startRooms({ server: { searchRate: 0 } })
      const alice = yield* account(chat, "alice")
      assert.notMatch((yield* ask(alice, "/hello"))[0] ?? "", / search-rate=/u)
      const many = Array.from({ length: 100 }, () => "/search a")
      assert.deepStrictEqual(new Set(heads(yield* ask(alice, ...many))), new Set([end(0)]))
      yield* chat.server.configure({ searchRate: 2 })
      assert.match((yield* ask(alice, "/hello"))[0] ?? "", / search-rate=2[ :]/u)
      assert.deepStrictEqual(heads(yield* ask(alice, ...many.slice(0, 3))), [
        end(0),
        end(0),
        "! refused search reason=limit retry=500"
      ])
    })
  )
})

const found = (text: string) => ({
  conversation: 1 as ConversationId,
  key: { kind: "room", room: 1 as ConversationId } as const,
  line: { seq: 1, at: 0, account: undefined, author: "a", text, isAuto: false, to: "" }
})

describe("the steps of searches", () => {
  const request = { reader: "guest", within: [], phrases: [], limit: 3 } as const
  const steps: ReadonlyArray<SearchStep> = [
    { lines: [], next: 90 },
    { lines: [found("one"), found("two")], next: 50 },
    { lines: [found("three")], next: 20 },
    { lines: [found("four")], next: undefined }
  ]

  /** A store of which a step takes 10 ms. */
  const start = () => {
    const asked: Array<{ readonly request: SearchRequest; readonly at: number }> = []
    const searches = new Searches({
      search: (request) =>
        Effect.delay(
          Effect.clockWith((clock) =>
            Effect.sync(() => {
              asked.push({ request, at: clock.unsafeCurrentTimeMillis() })
              return steps.find(({ next }) => (next ?? 0) < (request.from ?? 100)) ?? { lines: [], next: undefined }
            })
          ),
          "10 millis"
        )
    })
    return { asked, searches }
  }

  it.scoped("end with the last line that is asked for, and with enough bytes", () =>
    Effect.gen(function* () {
      const { asked, searches } = start()
      const all = yield* Effect.fork(searches.find(request, 1000))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(
        (yield* all).lines.map(({ line }) => line.text),
        ["one", "two", "three"]
      )
      assert.deepStrictEqual(
        asked.map(({ request: { from, limit } }) => [from, limit]),
        [
          [undefined, 3],
          [90, 3],
          [50, 1]
        ]
      )
      const few = yield* Effect.fork(searches.find(request, 6))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(
        (yield* few).lines.map(({ line }) => line.text),
        ["one", "two"]
      )
    })
  )

  it.scoped("are one at a time, in turn, with a pause after each that is as long as it took", () =>
    Effect.gen(function* () {
      const { asked, searches } = start()
      yield* Effect.fork(searches.find(request, 1000))
      yield* Effect.fork(searches.find({ ...request, limit: 100 }, 1000))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(
        asked.map(({ at, request: { from, limit } }) => [at, limit <= 3, from]),
        [
          [10, true, undefined],
          [30, false, undefined],
          [50, true, 90],
          [70, false, 90],
          [90, true, 50],
          [110, false, 50],
          [130, false, 20]
        ]
      )
    })
  )
})
