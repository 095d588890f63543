import { assert, describe, it } from "vitest"
import type { Peer } from "../../src/chat/Peer.js"
import { Predecessors } from "../../src/chat/Predecessors.js"

/** A connection whose lines are still to be routed. Predecessors look at no more of it. */
const unrouted = () => ({ name: "bob", phase: { isHeard: true }, inbox: { isConsumed: false } }) as unknown as Peer

const routed = (peer: Peer) => Object.assign(peer, { inbox: { isConsumed: true } })

describe("Predecessors", () => {
  it("have a connection wait for the one before it, until that is routed", () => {
    const predecessors = new Predecessors()
    const [first, second] = [unrouted(), unrouted()]
    predecessors.ended(first)
    predecessors.joined(second)
    assert.isTrue(predecessors.isNext(first))
    assert.isFalse(predecessors.isNext(second))
    routed(first)
    assert.isTrue(predecessors.isNext(second))
  })

  it("have no connection wait for itself that is replaced and then ends", () => {
    const predecessors = new Predecessors()
    const peer = unrouted()
    predecessors.ended(peer)
    predecessors.ended(peer)
    assert.isTrue(predecessors.isNext(peer))
  })

  it("have no two connections wait for each other, if the one that was replaced ends last", () => {
    const predecessors = new Predecessors()
    const [first, second] = [unrouted(), unrouted()]
    predecessors.ended(first)
    predecessors.joined(second)
    predecessors.ended(second)
    predecessors.ended(first)
    assert.isTrue(predecessors.isNext(first))
    routed(first)
    assert.isTrue(predecessors.isNext(second))
  })
})
