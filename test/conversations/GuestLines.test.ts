import { assert, describe, it } from "vitest"
import * as Effect from "effect/Effect"
import type { Peer } from "../../src/chat/Peer.js"
import { GuestLines } from "../../src/conversations/GuestLines.js"
import { Receipts } from "../../src/conversations/Receipts.js"
import { alone } from "../../src/ports/OtherServers.js"
import type { AccountId } from "../../src/ports/StoreAccounts.js"
import type { ConversationId } from "../../src/ports/StoreLines.js"
import type { UndeliveredRange } from "../../src/ports/StoreUpkeep.js"

const [one, two] = [1 as ConversationId, 2 as ConversationId]

const peers = () => Array.from({ length: 3 }, () => ({ outbox: { ended: undefined } }) as unknown as Peer)

const range = (conversation: ConversationId, first: number, last: number): UndeliveredRange => ({
  conversation,
  reason: "expired",
  recipient: "bob",
  account: undefined,
  first,
  last,
  count: last - first + 1
})

const world = (maxRuns: number) => {
  const ended: Array<Peer> = []
  const lines = new GuestLines((guest) => {
    ended.push(guest)
    ;(guest.outbox as { ended: unknown }).ended = "connection-lost"
  }, maxRuns)
  const [a, b, c] = peers() as [Peer, Peer, Peer]
  const among = (conversation: ConversationId, first: number, last: number) =>
    lines.among(range(conversation, first, last)).map(({ count, peer }) => [[a, b, c].indexOf(peer), count])
  return { lines, ended, a, b, c, among }
}

describe("the lines of guests", () => {
  it("are all remembered as long as they are no more runs than there may be", () => {
    const { a, among, b, ended, lines } = world(6)
    for (let seq = 1; seq <= 6; seq++) lines.stored(one, seq, seq % 2 === 0 ? a : b)
    for (let seq = 7; seq <= 100; seq++) lines.stored(one, seq, a) // continues the last run
    assert.deepStrictEqual(ended, [])
    assert.deepStrictEqual(among(one, 1, 100), [
      [1, 3],
      [0, 97]
    ])
  })

  it("end the connection that has most of them when there are more, and are known of all others", () => {
    const { a, among, b, c, ended, lines } = world(6)
    lines.stored(two, 1, b)
    for (let seq = 1; seq <= 6; seq++) lines.stored(one, seq, seq % 2 === 0 ? c : a)
    assert.deepStrictEqual(ended, [a])
    assert.deepStrictEqual(among(one, 1, 6), [[2, 3]])
    assert.deepStrictEqual(among(two, 1, 1), [[1, 1]])
    assert.deepStrictEqual(lines.writers, [b, c])
    lines.stored(one, 7, a) // was in the store's hands
    assert.deepStrictEqual(among(one, 7, 7), [])
    for (let seq = 2; seq <= 3; seq++) lines.stored(two, seq, seq % 2 === 0 ? c : b)
    assert.deepStrictEqual(ended, [a])
  })

  it("do not count once they were given, and their writers are still known", () => {
    const { a, among, b, ended, lines } = world(6)
    for (let seq = 1; seq <= 100; seq++) {
      lines.stored(one, seq, seq % 2 === 0 ? a : b)
      lines.given(one, seq - 5)
    }
    assert.deepStrictEqual(ended, [])
    assert.deepStrictEqual(among(one, 96, 100), [
      [0, 3],
      [1, 2]
    ])
    lines.given(one, 100)
    lines.given(one, 100)
    assert.deepStrictEqual(lines.writersIn(one), [b, a])
    lines.ended(a)
    assert.deepStrictEqual(lines.writersIn(one), [b])
    lines.ended(b)
    assert.deepStrictEqual([lines.writersIn(one), lines.writers], [[], []])
  })

  it("stay known of a run that was given in part", () => {
    const { a, among, lines } = world(6)
    for (let seq = 1; seq <= 10; seq++) lines.stored(one, seq, a)
    lines.given(one, 4)
    assert.deepStrictEqual(among(one, 5, 10), [[0, 6]])
  })

  it("are known to be given when the reader is given them", () => {
    const given: Array<readonly [ConversationId, number]> = []
    const receipts = new Receipts({
      others: alone,
      sharing: undefined,
      failed: () => Effect.void,
      inTurn: (run) => Effect.sync(run),
      put: () => {},
      givenOfGuest: (conversation, seq) => void given.push([conversation, seq]),
      writersTo: () => []
    })
    const bob = 7 as AccountId
    const guest = { kind: "guest", account: bob, likeness: "build" } as const
    receipts.given({ conversation: one, key: guest, seq: 5 }, bob, "bob")
    receipts.given({ conversation: one, key: guest, seq: 4 }, bob, "bob") // a slower device
    receipts.given({ conversation: two, key: { kind: "accounts", accounts: [bob, bob] }, seq: 5 }, bob, "bob")
    assert.deepStrictEqual(given, [[one, 5]])
  })
})
