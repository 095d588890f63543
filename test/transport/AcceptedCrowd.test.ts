import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Net from "node:net"
import { AcceptedCrowd } from "../../src/transport/AcceptedCrowd.js"
import * as Tcp from "../../src/transport/Tcp.js"
import { eventually } from "../support/Eventually.js"
import { watch, type Seen } from "../support/TlsConnections.js"

/** A crowd, the turns of an event loop and a clock. */
const make = ({ canHold = true } = {}) => {
  const admitted: Array<number> = []
  const held: Array<number> = []
  const released: Array<number> = []
  const clock = { millis: 0 }
  let due: Array<() => void> = []
  const crowd = new AcceptedCrowd<number>({
    admit: (socket) => admitted.push(socket),
    hold: (socket) => canHold && held.push(socket) > 0,
    release: (socket) => released.push(socket),
    endOfTurn: (run) => due.push(run),
    now: () => clock.millis
  })
  let next = 0
  const turn = (accepts: boolean) => {
    if (accepts) crowd.accepted(next++)
    const ending = due
    due = []
    for (const run of ending) run()
  }
  const turns = (count: number, accepts: boolean) => {
    for (let i = 0; i < count; i++) turn(accepts)
  }
  return { admitted, clock, crowd, held, released, isIdle: () => due.length === 0, turns }
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index)

describe("AcceptedCrowd", () => {
  it("admits a few clients at once", () => {
    const { admitted, held, isIdle, turns } = make()
    for (let i = 0; i < 10; i++) {
      turns(4, true)
      turns(1, false)
    }
    assert.deepStrictEqual(admitted, upTo(40))
    assert.deepStrictEqual(held, [])
    turns(1, false)
    assert.isTrue(isIdle())
  })

  it("accepts a crowd before it admits the rest of it, in order", () => {
    const { admitted, held, isIdle, released, turns } = make()
    turns(100, true)
    assert.deepStrictEqual(admitted, upTo(4))
    assert.lengthOf(held, 96)
    turns(1, false)
    assert.isAbove(admitted.length, 4)
    assert.isBelow(admitted.length, 20) // not all in one turn
    turns(50, false)
    assert.deepStrictEqual(admitted, upTo(100))
    assert.deepStrictEqual(released, held)
    turns(1, false)
    assert.isTrue(isIdle())
  })

  it("admits everyone at once where no socket can wait", () => {
    const { admitted, turns } = make({ canHold: false })
    turns(100, true)
    assert.deepStrictEqual(admitted, upTo(100))
  })

  it("keeps no one waiting for long, however many arrive", () => {
    const { admitted, clock, turns } = make()
    turns(100, true)
    clock.millis = 499
    turns(1, true)
    assert.lengthOf(admitted, 4)
    clock.millis = 500
    turns(50, true)
    assert.isAbove(admitted.length, 100)
  })

  it("admits all when no more are to be accepted", () => {
    const { admitted, crowd, turns } = make()
    turns(50, true)
    crowd.flush()
    assert.deepStrictEqual(admitted, upTo(50))
  })
})

describe("a crowd of clients over TCP", () => {
  it.scopedLive("is served, including clients that left while they waited", () =>
    Effect.gen(function* () {
      const accepted: Array<Seen> = []
      const { address } = yield* Tcp.listen(
        "127.0.0.1",
        0
      )({
        hardLimit: 1000,
        events: { accepted: (socket) => accepted.push(watch(socket)), dropped: () => {}, failed: () => {} }
      })
      const [stay, leave, reset] = [
        () => {},
        (client: Net.Socket) => client.end(),
        (client: Net.Socket) => client.resetAndDestroy()
      ]
      const clients = Array.from({ length: 300 }, (_, index) => {
        const client = Net.connect(address.port ?? 0, "127.0.0.1")
        client.on("error", () => {})
        client.on("connect", () => client.write("hi", () => [stay, leave, reset][index % 3]?.(client)))
        return client
      })
      yield* Effect.addFinalizer(() => Effect.sync(() => clients.forEach((client) => client.destroy())))
      const count = (is: (seen: Seen) => boolean) => accepted.filter(is).length
      yield* eventually(
        () => accepted.length === 300 && count(({ events }) => events.includes("closed")) === 100,
        "not all have been served"
      )
      yield* eventually(() => count(({ events }) => events.includes("end")) === 100, "not all have ended")
      assert.isAtLeast(
        count(({ text }) => text === "hi"),
        200
      )
      for (const { socket } of accepted) socket.destroy()
    })
  )
})
