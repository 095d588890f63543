import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import type { HistoryRange } from "../../src/client/Requests.js"
import { connect } from "../support/AskingClient.js"
import { log } from "../support/RoomLog.js"

const room = { members: 0, last: 0, isIn: false, isLocked: false, owner: undefined, topic: "" }

describe("a client that asks about a room", () => {
  it.scopedLive("joins it, and leaves it", () =>
    Effect.gen(function* () {
      const { alice, asked } = yield* connect((line, label) =>
        line.startsWith("/join")
          ? [`* room @${label} #ops members=2 last=9 owner=bob: us`]
          : [`* left @${label} #ops alice: x`]
      )
      const ops = alice.room("#ops")
      assert.deepStrictEqual(yield* ops.join, { ...room, room: "#ops", members: 2, last: 9, owner: "bob", topic: "us" })
      yield* ops.leave
      assert.deepStrictEqual(asked, ["/join #ops", "/leave #ops"])
    })
  )

  it.scopedLive("fails with the reason of a refusal", () =>
    Effect.gen(function* () {
      const { alice } = yield* connect((line, label) => {
        if (line === "/break") return "reset"
        if (line.startsWith("/join")) return [`! refused @${label} join reason=looks-like like=#ops: there is #ops`]
        if (line.startsWith("/search")) return [`! refused @${label} search reason=limit retry=250: too many`]
        return [`! unknown-command @${label} members: x`]
      })
      assert.deepInclude(yield* Effect.flip(alice.room("#Ops").join), {
        _tag: "RequestRefused",
        command: "join",
        reason: "looks-like",
        like: "#ops",
        retryMillis: undefined,
        message: "looks-like: there is #ops"
      })
      assert.deepInclude(yield* Effect.flip(alice.search("x")), {
        command: "search",
        reason: "limit",
        retryMillis: 250
      })
      assert.deepInclude(yield* Effect.flip(alice.room("#ops").members), {
        command: "members",
        reason: "unknown-command"
      })
    })
  )

  it.scopedLive("sends nothing that the server would take for something else", () =>
    Effect.gen(function* () {
      const { alice, asked } = yield* connect(() => [])
      for (const name of ["ops", "#", "", "#a b", "#a:b", "#a,#b", "#a\nb"]) {
        assert.deepInclude(yield* Effect.flip(alice.room(name).join), { _tag: "Unsendable", reason: "BadRoom" }, name)
      }
      for (const name of ["", "a b", "/x", "@x", "a\nb", "#"]) {
        const failure = yield* Effect.flip(Stream.runDrain(alice.conversation(name).history()))
        assert.deepInclude(failure, { _tag: "Unsendable" }, name)
      }
      assert.deepInclude(yield* Effect.flip(alice.room("#ops").setTopic("a\nb")), { _tag: "Unsendable" })
      assert.deepStrictEqual(asked, [])
    })
  )

  it.scopedLive("waits, and asks again, where lines come too fast", () =>
    Effect.gen(function* () {
      let tries = 0
      const { alice } = yield* connect((_, label) =>
        (tries += 1) === 1 ? [`! slow-down @${label} retry=20: x`] : [`* end @${label} rooms count=0: x`]
      )
      assert.deepStrictEqual(yield* alice.rooms, [])
      assert.strictEqual(tries, 2)
    })
  )

  it.scopedLive("gets the members of all lines of the reply, and the rooms", () =>
    Effect.gen(function* () {
      const { alice } = yield* connect((line, label) =>
        line === "/rooms"
          ? [
              `* room @${label} #ops members=3 last=1 in=yes: us`,
              `* room @${label} #dev members=1 last=0: `,
              `* end @${label} rooms count=2: x`
            ]
          : [
              `* members @${label} #ops 3 here=2: alice, bob`,
              "* members #ops 1 here=1: mallory",
              `* members @${label} #ops 3 here=2: carol`,
              `* end @${label} members #ops: x`
            ]
      )
      assert.deepStrictEqual(yield* alice.room("#ops").members, { here: ["alice", "bob"], away: ["carol"] })
      assert.deepStrictEqual(
        (yield* alice.rooms).map(({ isIn, room }) => [room, isIn]),
        [
          ["#ops", true],
          ["#dev", false]
        ]
      )
    })
  )

  it.scopedLive("reads and sets the topic, and changes the room", () =>
    Effect.gen(function* () {
      const { alice, asked } = yield* connect((line, label) =>
        line.startsWith("/topic") ? [`* topic @${label} #ops alice: a: b`] : [`* owner @${label} #ops bob: x`]
      )
      const ops = alice.room("#ops")
      assert.strictEqual(yield* ops.topic, "a: b")
      yield* ops.setTopic("a: b")
      yield* ops.change({ _tag: "Invite", name: "bob" })
      yield* ops.change({ _tag: "Lock" })
      yield* ops.change({ _tag: "Silence", name: "bob", millis: 600_000 })
      yield* ops.change({ _tag: "Slow", millis: 4500 })
      yield* ops.change({ _tag: "Slow", millis: 0 })
      assert.deepStrictEqual(asked, [
        "/topic #ops",
        "/topic #ops a: b",
        "/invite #ops bob",
        "/lock #ops",
        "/silence #ops bob 600s",
        "/slow #ops 5s",
        "/slow #ops off"
      ])
    })
  )
})

describe("a client that asks about kept lines", () => {
  it.scopedLive("gets its conversations, its devices and its read mark", () =>
    Effect.gen(function* () {
      const { alice, asked } = yield* connect((line, label) => {
        if (line === "/devices")
          return [
            `* device @${label} main here=yes seen=5: x`,
            `* device @${label} ci token=yes seen=4: x`,
            `* end @${label} devices count=2: x`
          ]
        if (line.startsWith("/read")) return [`* read @${label} #ops seq=8: x`]
        return [`* conversation @${label} #ops last=9 read=7 at=5: x`, `* end @${label} conversations count=1: x`]
      })
      assert.deepStrictEqual(yield* alice.conversations, [{ conversation: "#ops", last: 9, read: 7, at: 5 }])
      assert.deepStrictEqual(yield* alice.devices, [
        { name: "main", isHere: true, hasToken: false, seen: 5 },
        { name: "ci", isHere: false, hasToken: true, seen: 4 }
      ])
      assert.strictEqual(yield* alice.room("#ops").markRead(8), 8)
      assert.strictEqual(yield* alice.conversation("bob").markRead({ at: 5 }), 8)
      assert.deepStrictEqual(asked.slice(2), ["/read #ops 8", "/read bob at=5"])
    })
  )

  it.scopedLive("searches", () =>
    Effect.gen(function* () {
      const { alice, asked } = yield* connect((_, label) => [
        `* past @${label} #ops bob seq=9 at=5: disk full`,
        `* past @${label} bob alice seq=1 at=2: disk`,
        `* end @${label} search count=2: x`
      ])
      const found = yield* alice.search(" disk ", { in: "#ops", limit: 5 })
      assert.deepStrictEqual(
        found.map(({ conversation, seq }) => [conversation, seq]),
        [
          ["#ops", 9],
          ["bob", 1]
        ]
      )
      yield* alice.search("disk")
      assert.deepStrictEqual(asked, ["/search in=#ops limit=5 disk", "/search limit=20 disk"])
    })
  )

  it.scopedLive("takes no more lines than it has asked for", () =>
    Effect.gen(function* () {
      const { alice } = yield* connect((_, label) =>
        [1, 2].map((seq) => `* past @${label} #ops bob seq=${seq} at=5: x`)
      )
      assert.deepInclude(yield* Effect.flip(alice.search("x", { limit: 1 })), { reason: "too-long" })
    })
  )
})

describe("what the server cannot read", () => {
  it.scopedLive("is reported to the program, and passed over", () =>
    Effect.gen(function* () {
      const ends: Readonly<Record<string, string>> = {
        "/history #ops after=0 limit=100": "history #ops first=1 last=100 damaged=1-99+100 more=yes",
        "/history #ops after=100 limit=100": "history #ops first=101 last=200 damaged=101-200 more=yes",
        "/history #ops after=200 limit=100": "history #ops first=201 last=201",
        "/history #ops limit=100": "history #ops first=102 last=201 damaged=102-200 more=yes",
        "/history #ops before=102 limit=100": "history #ops first=2 last=101 damaged=2-101",
        "/search limit=20 x": "search count=0 damaged=yes"
      }
      const { alice } = yield* connect((line, label) => [`* end @${label} ${ends[line] ?? "history #none"}: x`])
      const told: Array<unknown> = []
      const onDamaged = (lines: unknown) => void told.push(lines)
      yield* Stream.runDrain(alice.room("#ops").history({ after: 0, onDamaged }))
      yield* Stream.runDrain(alice.room("#ops").history({ onDamaged }))
      assert.deepStrictEqual(yield* alice.search("x", { onDamaged }), [])
      assert.deepStrictEqual(told, [
        [
          { first: 1, last: 99 },
          { first: 100, last: 100 }
        ],
        [{ first: 101, last: 200 }],
        [{ first: 102, last: 200 }],
        [{ first: 2, last: 101 }],
        []
      ])
      const logged: Array<string> = []
      const logger = Logger.make(({ annotations, message }) => {
        logged.push(`${String(message)} ${JSON.stringify([...annotations])}`)
      })
      const logging = Effect.provide(Logger.replace(Logger.defaultLogger, logger))
      yield* Stream.runDrain(alice.room("#ops").history({ after: 0 })).pipe(logging)
      yield* alice.search("x").pipe(logging)
      const warning = "the server has left out lines that it cannot read, because its disk is damaged"
      assert.deepStrictEqual(logged, [
        `${warning} [["lines","1 to 99, 100"]]`,
        `${warning} [["lines","101 to 200"]]`,
        `${warning} []`
      ])
    })
  )

  it.scopedLive("is not requested forever by a client whose server always sends the same page", () =>
    Effect.gen(function* () {
      const { alice, asked } = yield* connect((_, label) => [
        `* end @${label} history #ops first=1 last=3 damaged=1-3 more=yes: x`
      ])
      yield* Stream.runDrain(alice.room("#ops").history({ after: 0, onDamaged: () => {} }))
      yield* Stream.runDrain(alice.room("#ops").history({ onDamaged: () => {} }))
      assert.deepStrictEqual(asked, [
        "/history #ops after=0 limit=100",
        "/history #ops after=3 limit=100",
        "/history #ops limit=100",
        "/history #ops before=1 limit=100"
      ])
    })
  )
})

describe("the history of a conversation", () => {
  const table: ReadonlyArray<readonly [string, HistoryRange | undefined, ReadonlyArray<number>]> = [
    ["newest first", undefined, [7, 6, 5, 4, 3, 2, 1]],
    ["newest first, before a number", { before: 5 }, [4, 3, 2, 1]],
    ["oldest first, after a number", { after: 2 }, [3, 4, 5, 6, 7]],
    ["oldest first, from the beginning", { after: 0 }, [1, 2, 3, 4, 5, 6, 7]],
    ["oldest first, since a time", { since: 6 }, [6, 7]],
    ["oldest first, between two numbers", { after: 1, before: 6 }, [2, 3, 4, 5]],
    ["empty", { after: 7 }, []]
  ]
  for (const [name, range, expected] of table) {
    it.scopedLive(`is ${name}`, () =>
      Effect.gen(function* () {
        const { alice } = yield* connect(log(7))
        const lines = yield* Stream.runCollect(alice.room("#ops").history(range))
        assert.deepStrictEqual(
          Chunk.toReadonlyArray(lines).map(({ seq }) => seq),
          expected
        )
      })
    )
  }

  it.scopedLive("is requested only as far as the program reads", () =>
    Effect.gen(function* () {
      const { alice, asked } = yield* connect(log(100))
      yield* Stream.runDrain(Stream.take(alice.room("#ops").history({ after: 0 }), 6))
      assert.deepStrictEqual(asked, ["/history #ops after=0 limit=100", "/history #ops after=3 limit=100"])
    })
  )

  it.scopedLive("ends if the server reports more lines but sends none", () =>
    Effect.gen(function* () {
      const { alice } = yield* connect((_, label) => [`* end @${label} history #ops more=yes: x`])
      assert.deepStrictEqual(Chunk.size(yield* Stream.runCollect(alice.room("#ops").history())), 0)
    })
  )
})
