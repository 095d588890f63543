import { assert, describe, it } from "@effect/vitest"
import { LastSeen } from "../../src/client/LastSeen.js"
import type * as Received from "../../src/client/Received.js"
import { FollowedRooms, type RoomStart } from "../../src/client/RoomFeed.js"
import * as Wire from "../../src/protocol/Wire.js"
import { RoomFilter, type RoomFilterOptions } from "../../src/client/RoomFilter.js"

/** A filter of #ops for a client that is logged in, and what it reports and asks. */
const make = (options: Partial<RoomFilterOptions> = {}, start?: RoomStart) => {
  const rooms = new FollowedRooms()
  rooms.follow("#ops", start)
  const filter = new RoomFilter({ from: [], count: undefined, isPastOnly: false, ...options, rooms })
  const posted: Array<string> = []
  const reported: Array<string> = []
  const report = (received: Received.Received) => reported.push("code" in received ? received.code : received._tag)
  const connect = () => {
    filter.connected()
    filter.enter({ name: "me", isOfAccount: false, log: "l", post: (line) => posted.push(line) })
  }
  connect()
  return {
    filter,
    posted,
    reported,
    connect,
    takes: (...lines: ReadonlyArray<string>) => filter.take(lines.map((line) => `${line}\n`).join(""), report)
  }
}

const from = (seq: number, who = "bob") => `from ${who} #ops seq=${seq} at=${seq}: ${seq}`

const past = (label: number, seq: number) => `* past @achat-room.${label} #ops bob seq=${seq} at=${seq}: ${seq}`

const joined = "* room @achat-room.1 #ops members=1 last=3: x"

const end = "* end @achat-room.2 history #ops: x"

const whole = (...lines: ReadonlyArray<string>) => lines.map((line) => `${line}\n`).join("")

/** That an earlier run has had lines up to the fourth. */
const seen = () => {
  const places = new LastSeen()
  places.passed({ conversation: "#ops", seq: 4, at: 4 })
  return places
}

describe("RoomFilter", () => {
  it("lets through what is written in its rooms, and reports what is no message", () => {
    const { filter, reported, takes } = make()
    const others = [
      "from bob: direct",
      "from bob #dev seq=1 at=1: elsewhere",
      "* joined #ops dave: x",
      "! gap #dev first=1 last=2: x"
    ]
    assert.strictEqual(takes(joined, from(4), ...others, from(5)), whole(from(4), from(5)))
    assert.deepStrictEqual(reported, ["joined"])
    assert.strictEqual(filter.handled, 4)
  })

  it("filters by sender, counts, and handles nothing after the last message", () => {
    const { filter, takes } = make({ from: ["alice"], count: 2 })
    const lines = [from(4), from(5, "alice"), from(6), from(7, "alice"), from(8, "alice")]
    assert.strictEqual(takes(joined, ...lines), whole(from(5, "alice"), from(7, "alice")))
    assert.deepStrictEqual([filter.left, filter.handled], [0, 4])
  })

  it("handles what comes while the past is read only once it has let that through", () => {
    const { filter, takes } = make({}, { after: 1 })
    assert.isTrue(filter.isHolding)
    assert.strictEqual(takes(joined, from(4), "from bob: direct"), "")
    assert.strictEqual(filter.handled, 0)
    assert.strictEqual(takes(past(2, 2)), whole(from(2)))
    assert.strictEqual(takes(past(2, 3), end), whole(from(3), from(4)))
    assert.deepStrictEqual([filter.isHolding, filter.handled], [false, 2])
  })

  it("ends with the past, if no more is wanted", () => {
    const { filter, takes } = make({ isPastOnly: true }, { after: 2 })
    assert.strictEqual(takes(joined, past(2, 3)), whole(from(3)))
    assert.isAbove(filter.left, 0)
    assert.strictEqual(takes(end, from(4)), "")
    assert.strictEqual(filter.left, 0)
  })

  it("ends at once where nothing is kept", () => {
    const { filter, takes } = make({ isPastOnly: true }, { after: 0 })
    assert.strictEqual(takes("* room @achat-room.1 #ops members=1 last=0: x"), "")
    assert.strictEqual(filter.left, 0)
  })

  it("continues on the next connection", () => {
    const { connect, takes } = make()
    takes(joined, from(4))
    connect()
    const lines = ["* room @achat-room.1 #ops members=1 last=6: x", past(2, 5), past(2, 6), end, from(7)]
    assert.strictEqual(takes(...lines), whole(from(5), from(6), from(7)))
  })

  it("lets gaps through where they are wanted, and reports them", () => {
    const gap = "! gap #ops first=4 last=6: x"
    const wanted = make({ withGaps: true })
    assert.strictEqual(wanted.takes(joined, gap, from(7)), whole(gap, from(7)))
    const plain = make()
    assert.strictEqual(plain.takes(joined, gap, from(7)), whole(from(7)))
    assert.deepStrictEqual([...wanted.reported, ...plain.reported], ["gap", "gap"])
  })

  it("leaves out what an earlier run has had, unless it was asked for", () => {
    assert.strictEqual(make({ seen: seen() }).takes(joined, from(4), from(5)), whole(from(5)))
    const again = make({ seen: seen() }, { after: 1 })
    assert.strictEqual(again.takes(joined, past(2, 2), past(2, 3), end, from(5)), whole(from(2), from(3), from(5)))
    assert.deepStrictEqual(
      again.filter.takePlaces().map(({ seq }) => seq),
      [2, 3, 5]
    )
    assert.deepStrictEqual(again.filter.takePlaces(), [])
  })

  it("keeps every character", () => {
    const { filter } = make()
    filter.take(`${joined}\n`, () => {})
    const line = Wire.encode("from zoë #ops seq=4 at=4: \u2028 ü à\n")
    assert.strictEqual(
      filter.take(line, () => {}),
      line
    )
  })
})
