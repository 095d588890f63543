import { assert, describe, it } from "@effect/vitest"
import { serialize } from "node:v8"
import { Backlog } from "../../src/chat/Backlog.js"
import type { Event } from "../../src/chat/Events.js"
import type { Peer } from "../../src/chat/Peer.js"

const peer = (name: string, phase: "Login" | "Present" = "Present", bytesAhead = 20) =>
  ({ name, phase: { _tag: phase }, inbox: { bytesAhead } }) as Peer
const read = (of: Peer): Event => ({ _tag: "Read", peer: of })
const left = (name: string): Event => ({
  _tag: "Left",
  peer: peer(name),
  departure: { reason: "left", unfinished: undefined, queued: [], handled: undefined }
})

/** What an event is about, or its tag. */
const shown = (event: Event | undefined) =>
  event === undefined ? undefined : "peer" in event ? `${event._tag} ${event.peer.name}` : event._tag

const drained = (next: () => Event | undefined) => {
  const events: Array<string | undefined> = []
  for (let event = next(); event !== undefined; event = next()) events.push(shown(event))
  return events
}

describe("Backlog", () => {
  it("serves the input of logged-in clients first, and queues logins", () => {
    const backlog = new Backlog()
    backlog.add(read(peer("new", "Login")))
    backlog.add(read(peer("alice")))
    backlog.add(left("bob"))
    assert.deepStrictEqual(
      drained(() => backlog.nextPrompt()),
      ["Read alice"]
    )
    assert.deepStrictEqual(
      drained(() => backlog.nextQueued()),
      ["Read new", "Left bob"]
    )
    assert.strictEqual(backlog.length, 0)
  })

  it("serves small input before large, but large input waits for no more than 32 of them", () => {
    const backlog = new Backlog()
    const add = (names: ReadonlyArray<string>, bytes: number) => {
      for (const name of names) backlog.add(read(peer(name, "Present", bytes)))
    }
    const small = Array.from({ length: 34 }, (_, index) => `small${index}`)
    add(["large0", "large1"], 513)
    add(small, 512)
    assert.deepStrictEqual(
      drained(() => backlog.nextPrompt()),
      [...small.slice(0, 32), "large0", ...small.slice(32), "large1"].map((name) => `Read ${name}`)
    )
  })

  it("queues the ends of clients, of which there may be thousands at once", () => {
    const backlog = new Backlog()
    backlog.add(read(peer("leaving", "Present", 0)))
    backlog.add(read(peer("alice")))
    assert.deepStrictEqual(
      drained(() => backlog.nextPrompt()),
      ["Read alice"]
    )
    assert.strictEqual(shown(backlog.nextQueued()), "Read leaving")
  })

  it(
    "serves events and waiting clients in turn, each in order, so that a login waits for one flood and not for " +
      "all",
    () => {
      const backlog = new Backlog()
      for (let number = 0; number < 4; number++) backlog.continueLater(peer(`flooder${number}`))
      assert.strictEqual(shown(backlog.nextQueued()), "Continue flooder0")
      backlog.add(left("alice"))
      backlog.add(read(peer("alice", "Login")))
      assert.deepStrictEqual(
        drained(() => backlog.nextQueued()),
        ["Left alice", "Continue flooder1", "Read alice", "Continue flooder2", "Continue flooder3"]
      )
      assert.isFalse(backlog.hasQueue)
    }
  )

  it("keeps nothing that was taken, although a flood never leaves it empty", () => {
    const backlog = new Backlog()
    for (const name of ["one", "two"]) backlog.continueLater(peer(name))
    const { length } = serialize(backlog)
    for (let round = 0; round < 10_001; round++) {
      const event = backlog.nextQueued()
      if (event?._tag === "Continue") backlog.continueLater(event.peer)
      backlog.add(left("gone"))
      backlog.nextQueued()
    }
    assert.strictEqual(backlog.length, 2)
    assert.isBelow(serialize(backlog).length, 2 * length)
  })
})
