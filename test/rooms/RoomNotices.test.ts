import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import type { Peer } from "../../src/chat/Peer.js"
import type { Feed } from "../../src/conversations/Feed.js"
import type { Room } from "../../src/rooms/Room.js"
import { RoomNotices } from "../../src/rooms/RoomNotices.js"

interface Got {
  readonly text: string
  readonly lines: number
}

// Notices look at no more of them than this.
const peer = (hasGreeted = true, isQueueFull = false) => ({ hasGreeted, outbox: { isQueueFull } }) as unknown as Peer
const roomOf = (...peers: ReadonlyArray<Peer>) =>
  ({ feeds: new Set(peers.map((one) => ({ peer: one }) as unknown as Feed)) }) as unknown as Room

const start = Effect.gen(function* () {
  const got = new Map<Peer, Array<Got>>()
  const notices = new RoomNotices({
    inTurn: (run) => Effect.sync(run),
    put: (to, text, lines = 1) => void got.set(to, [...(got.get(to) ?? []), { text, lines }])
  })
  yield* Effect.forkScoped(notices.run)
  return { notices, got }
})

describe("RoomNotices", () => {
  it.scoped("sends many notices in one piece, and none to their author, without hello or without room", () =>
    Effect.gen(function* () {
      const { got, notices } = yield* start
      const [alice, bob, shy, full] = [peer(), peer(), peer(false), peer(true, true)]
      const room = roomOf(alice, bob, shy, full)
      notices.tell(room, "one\n", alice)
      notices.tell(room, "two\n")
      yield* TestClock.adjust(0)
      notices.tell(room, "three\n", bob)
      yield* TestClock.adjust(99)
      assert.deepStrictEqual(got.get(bob), [{ text: "one\ntwo\n", lines: 2 }])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(got.get(alice), [
        { text: "two\n", lines: 1 },
        { text: "three\n", lines: 1 }
      ])
      assert.strictEqual(got.size, 2)
    })
  )

  it.scoped("announces the first thousand of a crowd, and everything else that happens in the room", () =>
    Effect.gen(function* () {
      const { got, notices } = yield* start
      const alice = peer()
      const room = roomOf(alice)
      for (let one = 0; one < 1_500; one++) notices.tellPresence(room, "joined\n")
      notices.tell(room, "locked\n")
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(got.get(alice), [{ text: `${"joined\n".repeat(1_000)}locked\n`, lines: 1_001 }])
      notices.tellPresence(room, "later\n")
      yield* TestClock.adjust(100)
      assert.strictEqual(got.get(alice)?.at(-1)?.text, "later\n")
    })
  )

  it.scoped("serves more members than one turn has room for", () =>
    Effect.gen(function* () {
      const { got, notices } = yield* start
      const room = roomOf(...Array.from({ length: 1_000 }, () => peer()))
      notices.tell(room, "one\n")
      yield* TestClock.adjust(0)
      assert.strictEqual(got.size, 1_000)
    })
  )
})
