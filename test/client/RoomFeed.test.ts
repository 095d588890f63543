import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { eventually } from "../support/Eventually.js"
import { FollowedRooms, RoomFeed } from "../../src/client/RoomFeed.js"

/**
 * A connection of a client that follows these rooms: what it passes on, and what it asks, of whatever the server says.
 */
const connect = (rooms: FollowedRooms, { isOfAccount = false } = {}) => {
  const posted: Array<string> = []
  const dropped: Array<string> = []
  const feed = new RoomFeed<string>({
    rooms,
    name: "me",
    isOfAccount,
    post: (line) => posted.push(line),
    item: (line) => line,
    drop: (line) => dropped.push(line)
  })
  feed.start()
  return {
    feed,
    posted,
    dropped,
    says: (...lines: ReadonlyArray<string>) => lines.flatMap((line) => feed.take(line, line))
  }
}

const from = (seq: number, who = "bob") => `from ${who} #ops seq=${seq} at=${seq}: ${seq}`

const past = (label: number, seq: number, who = "bob") =>
  `* past @achat-room.${label} #ops ${who} seq=${seq} at=${seq}: ${seq}`

const end = (label: number, more = "") => `* end @achat-room.${label} history #ops${more}: x`

const joined = (last: number, label = 1) => `* room @achat-room.${label} #ops members=1 last=${last}: x`

const ops = (start?: { readonly after?: number; readonly since?: number }) => {
  const rooms = new FollowedRooms()
  rooms.follow("#ops", start)
  return rooms
}

describe("a guest that follows a room", () => {
  it("joins it, and gets what comes after that", () => {
    const { feed, posted, says } = connect(ops())
    assert.deepStrictEqual(posted, ["@achat-room.1 /join #ops"])
    assert.isFalse(feed.isLive)
    assert.deepStrictEqual(says(joined(3), from(4), "from bob: direct", from(5)), [
      from(4),
      "from bob: direct",
      from(5)
    ])
    assert.isTrue(feed.isLive)
    assert.lengthOf(posted, 1)
  })

  it("begins after a line, page by page, and then continues with what has come meanwhile", () => {
    const { feed, posted, says } = connect(ops({ after: 1 }))
    assert.deepStrictEqual(says(joined(4), from(5), past(2, 2), past(2, 3, "me"), end(2, " more=yes")), [
      from(2),
      from(3, "me")
    ])
    assert.isFalse(feed.isLive)
    assert.deepStrictEqual(says(past(3, 4), past(3, 5), from(6), end(3), from(7)), [from(4), from(5), from(6), from(7)])
    assert.isTrue(feed.isLive)
    assert.deepStrictEqual(posted.slice(1), [
      "@achat-room.2 /history #ops after=1 limit=100",
      "@achat-room.3 /history #ops after=3 limit=100"
    ])
  })

  it("begins at a time", () => {
    const { posted, says } = connect(ops({ since: 2 }))
    assert.deepStrictEqual(says(joined(3), past(2, 2), past(2, 3), end(2)), [from(2), from(3)])
    assert.deepStrictEqual(posted.slice(1), ["@achat-room.2 /history #ops since=2 limit=100"])
  })

  it("requests nothing where there is nothing", () => {
    for (const start of [{ after: 0 }, { since: 5 }, { after: 9 }]) {
      const { feed, posted, says } = connect(ops(start))
      assert.deepStrictEqual(says(joined(0)), [])
      assert.isTrue(feed.isLive)
      assert.lengthOf(posted, 1)
    }
  })

  it("gets on the next connection what it has missed, without what it has sent itself", () => {
    const rooms = ops()
    connect(rooms).says(joined(3), from(4))
    const { posted, says } = connect(rooms)
    assert.deepStrictEqual(says(joined(7), from(8), past(2, 5, "me"), past(2, 6), past(2, 7), end(2)), [
      from(6),
      from(7),
      from(8)
    ])
    assert.deepStrictEqual(posted, ["@achat-room.1 /join #ops", "@achat-room.2 /history #ops after=4 limit=100"])
    // Nothing is missing any more.
    const next = connect(rooms)
    assert.deepStrictEqual(next.says(joined(8), from(9)), [from(9)])
    assert.lengthOf(next.posted, 1)
  })

  it("gets a report of lines that are no longer kept", () => {
    const rooms = ops()
    connect(rooms).says(joined(3))
    assert.deepStrictEqual(connect(rooms).says(joined(9), past(2, 8), past(2, 9), end(2)), [
      "! gap #ops first=4 last=7: lines that this client was not given",
      from(8),
      from(9)
    ])
  })

  it("drops repeated lines", () => {
    const { dropped, says } = connect(ops())
    assert.deepStrictEqual(says(joined(3), from(4), from(4), from(2), from(5)), [from(4), from(5)])
    assert.deepStrictEqual(dropped, [joined(3), from(4), from(2)])
  })

  it("begins again where the server has another log", () => {
    const rooms = ops()
    rooms.useLog("a")
    connect(rooms).says(joined(3), from(4))
    rooms.useLog("a")
    assert.strictEqual(rooms.place("#ops")?.after, 4)
    rooms.useLog("b")
    const { says } = connect(rooms)
    assert.deepStrictEqual(says(joined(1), from(2)), [from(2)])
  })

  it("stops trying to join once it is refused", () => {
    const rooms = ops()
    const { says } = connect(rooms)
    assert.deepStrictEqual(says("! refused @achat-room.1 join reason=policy: locked"), [
      "! refused join #ops reason=policy: locked"
    ])
    assert.deepStrictEqual(connect(rooms).posted, [])
  })

  it("does not join a room again that it has left, or was removed from", () => {
    const rooms = ops()
    const { says } = connect(rooms)
    const left = "* left #ops me by=bob: x"
    assert.deepStrictEqual(says(joined(3), "* left #ops bob: x", left), ["* left #ops bob: x", left])
    assert.deepStrictEqual(connect(rooms).posted, [])
  })

  it("continues with a gap where the past is refused", () => {
    const rooms = ops()
    connect(rooms).says(joined(3))
    assert.deepStrictEqual(
      connect(rooms).says(joined(5), from(6), "! refused @achat-room.2 history reason=not-member: x", from(7)),
      [
        "! refused history #ops reason=not-member: x",
        "! gap #ops first=4 last=5: lines that this client was not given",
        from(6),
        from(7)
      ]
    )
  })

  it("continues with a gap where too much comes while the past is read", () => {
    const rooms = ops()
    connect(rooms).says(joined(1))
    const { says } = connect(rooms)
    const live = Array.from({ length: 10_001 }, (_, index) => from(index + 5))
    assert.deepStrictEqual(says(joined(4), past(2, 2), ...live, past(2, 3), end(2, " more=yes"), from(10_006)), [
      from(2),
      "! gap #ops first=3 last=4: lines that this client was not given",
      ...live,
      from(10_006)
    ])
  })

  it("follows a room that the program has joined, from what the program has got", () => {
    const rooms = new FollowedRooms()
    assert.deepStrictEqual(connect(rooms).says(from(8), from(9)), [from(8), from(9)])
    rooms.joined("#ops", 7)
    const { posted, says } = connect(rooms)
    assert.deepStrictEqual(says(joined(9)), [])
    assert.deepStrictEqual(posted, ["@achat-room.1 /join #ops"])
  })

  it.live("asks again where lines come too fast", () =>
    Effect.gen(function* () {
      const { feed, posted, says } = connect(ops({ after: 0 }))
      assert.deepStrictEqual(says("! slow-down @achat-room.1 retry=20: x"), [])
      yield* eventually(() => posted.length === 2, "the room is not joined again")
      assert.deepStrictEqual(posted[1], "@achat-room.2 /join #ops")
      assert.deepStrictEqual(says(joined(0, 2)), [])
      assert.isTrue(feed.isLive)
    })
  )

  it("learns of damaged lines in their place, also where it begins in the past", () => {
    const { feed, posted, says } = connect(ops({ after: 0 }))
    const damaged = " first=1 last=8 damaged=1-2+5+8 more=yes"
    assert.deepStrictEqual(says(joined(9), past(2, 3), past(2, 4), past(2, 6), past(2, 7), end(2, damaged)), [
      "! gap #ops first=1 last=2: lines that this client was not given",
      from(3),
      from(4),
      "! gap #ops first=5 last=5: lines that this client was not given",
      from(6),
      from(7),
      "! gap #ops first=8 last=8: lines that this client was not given"
    ])
    assert.deepStrictEqual(says(past(3, 9), end(3, " first=9 last=9"), from(10)), [from(9), from(10)])
    assert.isTrue(feed.isLive)
    assert.deepStrictEqual(posted.slice(1), [
      "@achat-room.2 /history #ops after=0 limit=100",
      "@achat-room.3 /history #ops after=8 limit=100"
    ])
  })

  it("passes over pages that are damaged as a whole", () => {
    for (const [start, asked] of [
      [{ since: 5 }, "since=5"],
      [{ after: 3 }, "after=3"]
    ] as const) {
      const { feed, posted, says } = connect(ops(start))
      assert.deepStrictEqual(says(joined(300), end(2, " first=4 last=103 damaged=4-103 more=yes")), [
        "! gap #ops first=4 last=103: lines that this client was not given"
      ])
      assert.deepStrictEqual(says(end(3, " first=104 last=203 damaged=104-203 more=yes")), [
        "! gap #ops first=104 last=203: lines that this client was not given"
      ])
      assert.deepStrictEqual(says(past(4, 300), end(4, " first=204 last=300 damaged=204-299"), from(301)), [
        "! gap #ops first=204 last=299: lines that this client was not given",
        from(300),
        from(301)
      ])
      assert.isTrue(feed.isLive)
      assert.deepStrictEqual(
        posted.slice(1).map((line) => line.split(" ")[3]),
        [asked, "after=103", "after=203"]
      )
    }
  })

  it("gets reports of damaged lines that it has missed, and of lines no longer kept", () => {
    const rooms = ops()
    connect(rooms).says(joined(3))
    const { feed, says } = connect(rooms)
    assert.deepStrictEqual(says(joined(9), past(2, 8, "me"), end(2, " first=6 last=9 damaged=6-7+9"), from(10)), [
      "! gap #ops first=4 last=7: lines that this client was not given",
      "! gap #ops first=9 last=9: lines that this client was not given",
      from(10)
    ])
    assert.isTrue(feed.isLive)
  })

  it("does not repeat a request that brought nothing, although there is more", () => {
    for (const start of [{ after: 2 }, { since: 5 }]) {
      const { feed, posted, says } = connect(ops(start))
      const [first, asked] = [(start.after ?? 0) + 1, posted.length + 1]
      assert.deepStrictEqual(says(joined(9), end(2, " more=yes"), from(10)), [
        `! gap #ops first=${first} last=9: lines that this client was not given`,
        from(10)
      ])
      assert.isTrue(feed.isLive)
      assert.lengthOf(posted, asked)
    }
  })

  it("bounds the size of a page", () => {
    const { says } = connect(ops({ since: 1 }))
    const lines = Array.from({ length: 150 }, (_, index) => past(2, 10 + index))
    assert.deepStrictEqual(
      says(joined(200), ...lines),
      Array.from({ length: 150 }, (_, index) => from(10 + index))
    )
  })

  it("continues after a gap that the server has reported", () => {
    const rooms = ops()
    const gap = "! gap #ops first=4 last=9: x"
    assert.deepStrictEqual(connect(rooms).says(joined(3), gap), [gap])
    assert.deepStrictEqual(connect(rooms).says(joined(9)), [])
  })
})

describe("an account that follows a room", () => {
  it("joins it once, and gets what waits for its device", () => {
    const rooms = ops()
    const first = connect(rooms, { isOfAccount: true })
    assert.deepStrictEqual(first.says(joined(9), from(5), from(6)), [from(5), from(6)])
    const second = connect(rooms, { isOfAccount: true })
    assert.deepStrictEqual(second.posted, [])
    assert.deepStrictEqual(second.says(from(6), from(7)), [from(7)])
  })

  it("begins in the past, and does not get again what waits for its device", () => {
    const { says } = connect(ops({ after: 0 }), { isOfAccount: true })
    assert.deepStrictEqual(says(joined(2), from(2), past(2, 1), past(2, 2), end(2), from(3)), [
      from(1),
      from(2),
      from(3)
    ])
  })
})
