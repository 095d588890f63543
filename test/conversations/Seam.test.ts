import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fc from "effect/FastCheck"
import type { Peer } from "../../src/chat/Peer.js"
import { NoticeSource } from "../../src/chat/Source.js"
import { Cursors } from "../../src/conversations/Cursors.js"
import { Feed, type WantedPage } from "../../src/conversations/Feed.js"
import { Receipts } from "../../src/conversations/Receipts.js"
import { Rendering } from "../../src/conversations/Rendering.js"
import { alone } from "../../src/ports/OtherServers.js"
import type { AccountId } from "../../src/ports/StoreAccounts.js"
import * as Keys from "../../src/ports/StoreLines.js"
import type { ConversationId, StoredPage, StoredLine, Waiting } from "../../src/ports/StoreLines.js"

const account = 1 as AccountId
const talk = 7 as ConversationId
const key = Keys.withGuest(account, "CAROL")
// A feed looks at no more of them than this.
const device = { words: new Set(), device: { account: { id: account, name: "bob" } }, name: "bob" } as unknown as Peer
const guest = { words: new Set() } as unknown as Peer
const pageLines = 3

const lineOf = (seq: number): StoredLine => ({
  seq,
  at: 0,
  account: undefined,
  author: "carol",
  text: `${seq}`,
  isAuto: false,
  to: ""
})

/** A conversation that this server and others write to, and one device here. */
class Seam {
  /** Lines in the store. */
  private last = 0
  /** What the store has answered, or other servers have told, and this server has not heard yet: each in order. */
  private readonly own: Array<number> = []
  private readonly announcements: Array<number> = []
  private page: readonly [WantedPage, StoredPage] | undefined = undefined
  private waiting: ReadonlyArray<Waiting> | undefined = undefined
  private wantsPage = false
  private asks = true
  private isMissed = false
  private taken = 0
  readonly given: Array<number> = []
  readonly gaps: Array<string> = []
  private readonly cursors = new Cursors()
  private readonly feed: Feed

  constructor() {
    this.feed = new Feed(
      device,
      { account, device: "main" },
      {
        give: (_, text, __, source) => {
          if (source instanceof NoticeSource) this.gaps.push(text)
          else
            for (const one of text.split("\n").slice(0, -1)) {
              this.given.push(Number(one.split(": ")[1]))
            }
        },
        wantPage: () => (this.wantsPage = true),
        cursors: this.cursors,
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
        mayRead: () => true,
        askAgain: () => (this.asks = true)
      }
    )
  }

  readonly events = {
    storeHere: () => this.own.push(++this.last),
    storeElsewhere: () => this.announcements.push(++this.last),
    hearOwn: () => {
      const seq = this.own.shift()
      if (seq !== undefined) this.feed.stored(talk, key, lineOf(seq), guest)
    },
    hearAnnouncement: () => {
      const seq = this.announcements.shift()
      if (seq !== undefined) this.feed.announced(talk, key, seq)
    },
    /** The server that sent them is lost, or this one was taken for lost. */
    loseAnnouncements: () => {
      this.isMissed ||= this.announcements.length > 0
      this.announcements.length = 0
    },
    hearOfLoss: () => {
      if (this.isMissed) this.feed.checkAgain()
      this.isMissed = false
    },
    readPage: () => {
      if (!this.wantsPage || this.page !== undefined) return
      this.wantsPage = false
      const wanted = this.feed.nextPage()
      if (wanted === undefined) return
      const { after, before = Infinity } = wanted
      const all = Array.from({ length: this.last }, (_, index) => index + 1)
      const found = all.filter((seq) => seq > after && seq < before)
      const lines = found.slice(0, pageLines).map(lineOf)
      this.page = [wanted, { lines, first: 1, last: this.last, hasMore: found.length > pageLines }]
    },
    getPage: () => {
      if (this.page === undefined) return
      const [{ conversation }, page] = this.page
      this.page = undefined
      this.feed.page(conversation, page)
    },
    readWaiting: () => {
      if (!this.asks || this.waiting !== undefined) return
      this.asks = false
      const cursor = this.taken
      this.waiting = cursor < this.last ? [{ conversation: talk, key, cursor, first: 1, last: this.last }] : []
    },
    getWaiting: () => {
      const { waiting } = this
      this.waiting = undefined
      if (waiting !== undefined) this.feed.open(waiting)
    },
    take: () => {
      const count = Math.ceil((this.given.length - this.taken) / 2)
      if (count === 0) return
      this.taken += count
      this.feed.delivered(count)
    }
  }

  private get isAtRest() {
    const { announcements, asks, isMissed, own, page, waiting, wantsPage } = this
    return own.length + announcements.length === 0 && !asks && !isMissed && !wantsPage && !page && !waiting
  }

  /** Everything that is on its way arrives. */
  rest() {
    for (let left = 10 + 10 * this.last; !this.isAtRest; left--) {
      assert.isAbove(left, 0, "it comes to rest")
      for (const event of Object.keys(this.events) as Array<keyof Seam["events"]>) {
        if (!event.startsWith("store") && event !== "loseAnnouncements") this.events[event]()
      }
    }
    return this.last
  }
}

const names = Object.keys(new Seam().events) as Array<keyof Seam["events"]>

/** A line whose announcement is lost is found by asking again, while a page that was read before it is on its way. */
const foundDuringPage: Array<keyof Seam["events"]> = [
  "storeElsewhere",
  "readWaiting",
  "getWaiting",
  "readPage",
  "storeElsewhere",
  "loseAnnouncements",
  "hearOfLoss",
  "readWaiting",
  "getWaiting"
]

describe("lines of this server and of others", () => {
  it("are given once and in order, whatever is heard of first", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...names), { maxLength: 80, size: "max" }), (events) => {
        const seam = new Seam()
        for (const event of events) seam.events[event]()
        const last = seam.rest()
        assert.deepStrictEqual(
          seam.given,
          Array.from({ length: last }, (_, index) => index + 1)
        )
        assert.deepStrictEqual(seam.gaps, [])
      }),
      { numRuns: 2_000, examples: [[foundDuringPage]] }
    )
  })
})
