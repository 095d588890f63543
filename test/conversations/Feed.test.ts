import { assert, describe, it } from "@effect/vitest"
import type { Peer } from "../../src/chat/Peer.js"
import { NoticeSource } from "../../src/chat/Source.js"
import { Cursors } from "../../src/conversations/Cursors.js"
import { Feed } from "../../src/conversations/Feed.js"
import { pageLines } from "../../src/conversations/FeedWindow.js"
import { Receipts } from "../../src/conversations/Receipts.js"
import { Rendering } from "../../src/conversations/Rendering.js"
import { RoomRun } from "../../src/conversations/RoomRun.js"
import { alone } from "../../src/ports/OtherServers.js"
import type { AccountId } from "../../src/ports/StoreAccounts.js"
import * as Keys from "../../src/ports/StoreLines.js"
import type { ConversationId, StoredLine } from "../../src/ports/StoreLines.js"
import * as Effect from "effect/Effect"

const account = 1 as AccountId
const talk = 7 as ConversationId
const other = 8 as ConversationId
const key = Keys.withGuest(account, "CAROL")
// A feed looks at no more of them than this.
const device = { words: new Set(), device: { account: { id: account, name: "bob" } }, name: "bob" } as unknown as Peer
const guest = { words: new Set() } as unknown as Peer

const line = (seq: number): StoredLine => ({
  seq,
  at: 0,
  account: undefined,
  author: "carol",
  text: `${seq}`,
  isAuto: false,
  to: ""
})

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, index) => first + index)

const pageOf = (first: number, last: number, hasMore = false) => ({
  lines: range(first, last).map(line),
  first: 1,
  last,
  hasMore
})

type Waits = readonly [conversation: ConversationId, cursor: number, last: number]

const open = (...waiting: ReadonlyArray<Waits>) => openAs(device, ...waiting)

const openAs = (peer: Peer, ...waiting: ReadonlyArray<Waits>) => {
  const given: Array<number> = []
  const gaps: Array<string> = []
  const cursors = new Cursors()
  let wanted = 0
  const feed = new Feed(
    peer,
    { account, device: "main" },
    {
      give: (_, text, __, source) => {
        if (source instanceof NoticeSource) {
          gaps.push(text)
          source.delivered(1) // it is written at once
        } else {
          const lines = text.split("\n").slice(0, -1)
          given.push(...lines.map((one) => Number(one.split(": ")[1])))
        }
      },
      wantPage: () => (wanted += 1),
      cursors,
      receipts: new Receipts({
        sharing: undefined,
        failed: () => Effect.void,
        others: alone,
        inTurn: (run) => Effect.sync(run),
        put: () => {},
        givenOfGuest: () => {},
        writersTo: () => []
      }),
      rendering: new Rendering({ nameOf: () => "", nameOfRoom: () => "", isListed: () => true }),
      mayRead: () => true
    }
  )
  const openNow = () =>
    feed.open(waiting.map(([conversation, cursor, last]) => ({ conversation, key, cursor, first: 1, last })))
  return { feed, given, gaps, openNow, wanted: () => wanted, cursor: () => cursors.take(0).at(-1)?.seq }
}

const stored = (feed: Feed, ...seqs: ReadonlyArray<number>) => {
  for (const seq of seqs) feed.stored(talk, key, line(seq), guest)
}

describe("Feed", () => {
  it("gives lines as they are stored, and moves the cursor when they are taken", () => {
    const { cursor, feed, given, openNow } = open()
    openNow()
    stored(feed, 1, 2, 3)
    assert.deepStrictEqual(given, [1, 2, 3])
    assert.isUndefined(cursor())
    feed.delivered(2)
    assert.strictEqual(cursor(), 2)
    assert.deepStrictEqual(feed.held, [{ conversation: talk, after: 2 }])
  })

  it("counts the lines of a room that it has taken, whatever the other members have", () => {
    const room = 9 as ConversationId
    const feeds = [open(), open(), open()].map(({ cursor, feed, openNow }) => {
      openNow()
      feed.follow(room, Keys.ofRoom(room), 0, 0)
      return { cursor, feed }
    })
    const run = new RoomRun(room, [1, 2, 3].map(line), [guest, guest, guest])
    for (const { feed } of feeds) feed.storedAll(run)
    const [one, gone, other] = feeds as [(typeof feeds)[0], (typeof feeds)[0], (typeof feeds)[0]]
    one.feed.delivered(2)
    gone.feed.forget(room, Keys.ofRoom(room))
    assert.deepStrictEqual(
      feeds.map(({ feed }) => feed.held),
      [[{ conversation: room, after: 2 }], [], [{ conversation: room, after: 0 }]]
    )
    one.feed.delivered(1)
    other.feed.delivered(3)
    assert.deepStrictEqual([one.cursor(), gone.cursor(), other.cursor()], [3, undefined, 3])
  })

  it("has room for lines without end while the device takes all but the last few", () => {
    const { feed, given, openNow } = open()
    openNow()
    for (let seq = 1; seq <= 40_000; seq++) {
      stored(feed, seq)
      if (seq > 3) feed.delivered(1)
    }
    assert.lengthOf(given, 40_000)
    assert.isTrue(feed.isLive(key))
    assert.deepStrictEqual(feed.held, [{ conversation: talk, after: 39_997 }])
  })

  it("passes lines that are not for the device as soon as it has taken those before", () => {
    const own = { ...device, words: new Set() } as unknown as Peer
    const { cursor, feed, openNow } = openAs(own)
    const between = Keys.keyBetween(account, 2 as AccountId)
    const write = (seq: number) => feed.stored(talk, between, { ...line(seq), account, author: "bob" }, own)
    openNow()
    feed.stored(talk, between, line(1), guest)
    write(2)
    assert.isUndefined(cursor())
    feed.delivered(1)
    assert.strictEqual(cursor(), 2)
    write(3)
    assert.strictEqual(cursor(), 3)
    assert.deepStrictEqual(feed.held, [])
  })

  it("begins with what waits, and is live after a page that is the last", () => {
    const { feed, given, openNow } = open([talk, 4, 6])
    openNow()
    assert.deepStrictEqual(feed.nextPage(), { conversation: talk, after: 4 })
    assert.isFalse(feed.isLive(key))
    feed.page(talk, pageOf(5, 6))
    assert.isTrue(feed.isLive(key))
    stored(feed, 7)
    assert.deepStrictEqual(given, [5, 6, 7])
  })

  it("asks for another page as long as there is more, or something was stored meanwhile", () => {
    const { feed, given, openNow } = open([talk, 0, 2])
    openNow()
    feed.nextPage()
    feed.page(talk, pageOf(1, 2, true))
    assert.deepStrictEqual(feed.nextPage(), { conversation: talk, after: 2 })
    stored(feed, 4)
    feed.page(talk, pageOf(3, 3))
    assert.isFalse(feed.isLive(key))
    assert.deepStrictEqual(feed.nextPage(), { conversation: talk, after: 3 })
    feed.page(talk, pageOf(4, 4))
    assert.isTrue(feed.isLive(key))
    assert.deepStrictEqual(given, [1, 2, 3, 4])
  })

  it("gives no copies of its own lines, also where a page has them", () => {
    const copying = { ...device, words: new Set(["copies"]) } as unknown as Peer
    const { feed, given, openNow } = openAs(copying)
    const between = Keys.keyBetween(account, 2 as AccountId)
    const own = (seq: number) => ({ ...line(seq), account, author: "bob" })
    feed.stored(talk, between, own(1), copying)
    openNow()
    feed.stored(talk, between, own(2), copying)
    feed.stored(talk, between, own(3), guest)
    feed.page(talk, { lines: [own(1), own(2), own(3)], first: 1, last: 3, hasMore: false })
    assert.deepStrictEqual(given, [3])
  })

  it("recovers when the store's answers overtake each other", () => {
    const { feed, given, openNow } = open()
    // Stored before it is known what waits, and not among that.
    stored(feed, 3, 4)
    openNow()
    assert.deepStrictEqual(feed.nextPage(), { conversation: talk, after: 2 })
    feed.page(talk, pageOf(3, 5))
    // It was on the page.
    stored(feed, 5)
    assert.deepStrictEqual(given, [3, 4, 5])
    // One is missing.
    stored(feed, 7)
    assert.deepStrictEqual(given, [3, 4, 5])
    assert.deepStrictEqual(feed.nextPage(), { conversation: talk, after: 5 })
    feed.page(talk, pageOf(6, 7))
    assert.deepStrictEqual(given, [3, 4, 5, 6, 7])
  })

  it("falls behind when the device has no room, and asks for a page when it has taken enough", () => {
    const { feed, given, openNow, wanted } = open()
    openNow()
    stored(feed, ...range(1, 5_000))
    const { length } = given
    assert.isBelow(length, 5_000)
    assert.isUndefined(feed.nextPage())
    const before = wanted()
    feed.delivered(pageLines - 1)
    assert.isUndefined(feed.nextPage())
    assert.strictEqual(wanted(), before)
    feed.delivered(1)
    assert.isAbove(wanted(), before)
    assert.deepStrictEqual(feed.nextPage(), { conversation: talk, after: length })
  })

  it("reports what waited in a conversation that has ended meanwhile", () => {
    const { feed, gaps, openNow } = open([talk, 2, 5])
    openNow()
    feed.nextPage()
    feed.page(talk, { lines: [], first: 1, last: 0, hasMore: false })
    assert.lengthOf(gaps, 1)
    assert.match(gaps[0] ?? "", / first=3 last=5:/u)
    assert.isTrue(feed.isLive(key))
  })

  it("feeds conversations in turn", () => {
    const { feed, openNow } = open([talk, 0, 900], [other, 0, 900])
    openNow()
    assert.strictEqual(feed.nextPage()?.conversation, talk)
    feed.page(talk, pageOf(1, 2, true))
    assert.strictEqual(feed.nextPage()?.conversation, other)
    feed.page(other, pageOf(1, 2, true))
    assert.strictEqual(feed.nextPage()?.conversation, talk)
  })

  it("reports lines that are gone, and passes over them", () => {
    const { cursor, feed, gaps, openNow } = open([talk, 2, 9])
    openNow()
    feed.nextPage()
    feed.page(talk, { ...pageOf(8, 9), first: 8 })
    assert.deepStrictEqual(gaps, ["! gap carol first=3 last=7: these lines are no longer kept\n"])
    assert.strictEqual(cursor(), 7)
  })

  it("reports damaged lines, and continues after them", () => {
    const { cursor, feed, gaps, given, openNow } = open([talk, 0, 6])
    openNow()
    feed.nextPage()
    feed.page(talk, { lines: [1, 3].map(line), first: 1, last: 6, hasMore: true })
    assert.deepStrictEqual(feed.nextPage(), { conversation: talk, after: 3 })
    feed.page(talk, { lines: [line(4)], first: 1, last: 6, hasMore: false })
    assert.deepStrictEqual(given, [1, 3, 4])
    assert.deepStrictEqual(gaps, [
      "! gap carol first=2 last=2: these lines are no longer kept\n",
      "! gap carol first=5 last=6: these lines are no longer kept\n"
    ])
    feed.delivered(3)
    assert.strictEqual(cursor(), 6)
    assert.isUndefined(feed.nextPage())
  })

  it("continues after a page whose last lines are damaged, or all of them, and reports them once", () => {
    const { feed, gaps, given, openNow } = open([talk, 0, 9])
    openNow()
    feed.nextPage()
    feed.page(talk, { lines: [line(1)], damaged: [{ first: 2, last: 4 }], first: 1, last: 9, hasMore: true })
    assert.deepStrictEqual(feed.nextPage(), { conversation: talk, after: 4 })
    feed.page(talk, { lines: [], damaged: [{ first: 5, last: 6 }], first: 1, last: 9, hasMore: true })
    assert.deepStrictEqual(feed.nextPage(), { conversation: talk, after: 6 })
    feed.page(talk, pageOf(7, 9))
    assert.deepStrictEqual(given, [1, 7, 8, 9])
    assert.deepStrictEqual(gaps, ["! gap carol first=2 last=6: these lines are no longer kept\n"])
    assert.isUndefined(feed.nextPage())
  })

  it("reads a page that is damaged line by line, and passes over those that cannot be read", () => {
    const { cursor, feed, gaps, given, openNow } = open([talk, 0, 9], [other, 0, 900])
    openNow()
    assert.deepStrictEqual(feed.nextPage(), { conversation: talk, after: 0 })
    feed.damaged(talk)
    assert.strictEqual(feed.nextPage()?.conversation, other, "it has lost its turn")
    feed.page(other, pageOf(1, 1, true))
    assert.deepStrictEqual(feed.nextPage(), { conversation: talk, after: 0, before: 2 })
    const single = (seq: number) => feed.page(talk, { lines: [line(seq)], first: 1, last: 9, hasMore: false })
    let seqOfOther = 1
    const next = () => {
      seqOfOther += 1
      feed.page(other, pageOf(seqOfOther, seqOfOther, true))
      return feed.nextPage()
    }
    single(1)
    assert.deepStrictEqual(next(), { conversation: talk, after: 1 })
    for (const after of [1, 2, 3]) {
      feed.damaged(talk)
      assert.deepStrictEqual(next(), { conversation: talk, after, before: after + 2 })
    }
    single(4)
    assert.deepStrictEqual(next(), { conversation: talk, after: 4 })
    assert.isFalse(feed.isLive(key))
    for (let seq = 4; seq <= 9; seq++) feed.damaged(talk)
    assert.deepStrictEqual(given, [1, 1, 2, 3, 4, 5, 4, 6])
    assert.deepStrictEqual(gaps, [
      "! gap carol first=2 last=3: these lines are no longer kept\n",
      "! gap carol first=5 last=9: these lines are no longer kept\n"
    ])
    feed.delivered(given.length)
    assert.strictEqual(cursor(), 9)
  })

  it("passes over a line that is missing in a page of one line", () => {
    const { feed, gaps, given, openNow } = open([talk, 0, 3])
    openNow()
    feed.damaged(talk)
    feed.page(talk, { lines: [], first: 1, last: 3, hasMore: false })
    assert.deepStrictEqual(feed.nextPage(), { conversation: talk, after: 1 })
    feed.page(talk, pageOf(2, 3))
    assert.deepStrictEqual(given, [2, 3])
    assert.deepStrictEqual(gaps, ["! gap carol first=1 last=1: these lines are no longer kept\n"])
  })

  it("gives nothing after its end", () => {
    const { feed, given, openNow } = open([talk, 0, 2])
    openNow()
    feed.nextPage()
    feed.end()
    feed.page(talk, pageOf(1, 2))
    stored(feed, 3)
    assert.deepStrictEqual(given, [])
    assert.isUndefined(feed.nextPage())
  })
})
