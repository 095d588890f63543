import { assert, describe, it } from "@effect/vitest"
import { Budget } from "../../src/chat/Budget.js"
import { LiveSource } from "../../src/chat/Live.js"
import { defaults } from "../../src/chat/Options.js"
import type { Peer } from "../../src/chat/Peer.js"
import { Watch } from "../../src/chat/Watch.js"

/** A watch with held peers that note their probes. */
const withHeld = (names: ReadonlyArray<string>) => {
  const probed: Array<string> = []
  const watch = new Watch({
    budget: new Budget(Infinity),
    now: () => 0,
    options: new LiveSource(defaults),
    outboxes: new Set()
  })
  const peers = names.map((name) => {
    const socket = { probe: () => probed.push(name), untaken: () => 0 }
    return { socket, outbox: { unjam: () => {} } } as unknown as Peer
  })
  for (const peer of peers) watch.holdBegins(peer)
  return { watch, peers, probed }
}

/** True for every call after this many. */
const after = (calls: number) => {
  let left = calls
  return () => --left <= 0
}

describe("the probes of clients that are not read from", () => {
  it("continue in later turns until each client had its own", () => {
    const { peers, probed, watch } = withHeld(["one", "two", "three", "four", "five"])
    assert.isTrue(watch.isProbeDue)
    assert.isFalse(watch.probe(after(2)))
    assert.deepStrictEqual(probed, ["one", "two"])
    assert.isFalse(watch.isProbeDue, "they are under way")
    watch.holdEnds(peers[2] as Peer)
    watch.holdBegins(peers[0] as Peer)
    assert.isFalse(watch.probe(after(1)))
    assert.deepStrictEqual(probed, ["one", "two"], "three is read from again")
    assert.isTrue(watch.probe(() => false))
    assert.deepStrictEqual(probed, ["one", "two", "four", "five"])
    assert.isTrue(watch.isProbeDue)
  })

  it("are not due when every client is read from", () => {
    const { peers, watch } = withHeld(["one"])
    watch.holdEnds(peers[0] as Peer)
    assert.isFalse(watch.isProbeDue)
  })
})
