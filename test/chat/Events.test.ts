import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Events } from "../../src/chat/Events.js"

/**
 * Counts the turns of the event loop until the broker gets an event. Turn 1 is the one in which it is reported.
 *
 * @param isAccepting whether a connection is accepted in a turn
 */
const turnsUntilTaken = (isAccepting: (turn: number) => boolean) =>
  Effect.gen(function* () {
    const events = yield* Events.make
    let turns = 0
    let isTaken = false
    const turn = () => {
      if (isTaken) return
      if (isAccepting(turns)) events.accepted()
      if (turns === 1) events.report({ _tag: "Tick" })
      turns += 1
      setImmediate(turn)
    }
    const taken = yield* Effect.fork(events.take)
    yield* Effect.yieldNow()
    turn()
    assert.deepStrictEqual(yield* taken, [{ _tag: "Tick" }])
    isTaken = true
    return turns - 1
  })

describe("Events", () => {
  it.live("reach the broker at the end of the turn", () =>
    Effect.map(
      turnsUntilTaken(() => false),
      (turns) => assert.strictEqual(turns, 1)
    )
  )

  it.live("do not wait for a single accept, nor for one that was long ago", () =>
    Effect.gen(function* () {
      for (const accept of [0, 1]) assert.strictEqual(yield* turnsUntilTaken((turn) => turn === accept), 1)
    })
  )

  it.live("are collected while a connection is accepted in every turn", () =>
    Effect.map(
      turnsUntilTaken((turn) => turn <= 3),
      (turns) => assert.strictEqual(turns, 4)
    )
  )

  it.live("reach the broker after 16 turns although connections are still accepted", () =>
    Effect.map(
      turnsUntilTaken(() => true),
      (turns) => assert.strictEqual(turns, 16)
    )
  )

  it.live("of the turn in which a broker that continues waits reach it at the end of that turn", () =>
    Effect.gen(function* () {
      const events = yield* Events.make
      const taken = yield* Effect.fork(events.takeIfAny)
      yield* Effect.yieldNow()
      events.report({ _tag: "Tick" })
      assert.deepStrictEqual(yield* taken, [{ _tag: "Tick" }])
      assert.deepStrictEqual(yield* events.takeIfAny, [], "it continues in any case")
      assert.strictEqual(events.waiting, 0)
    })
  )

  it.live("that are collected while connections are accepted do not hold a broker that continues", () =>
    Effect.gen(function* () {
      const events = yield* Events.make
      for (let turn = 0; turn < 4; turn++) {
        events.accepted()
        if (turn === 2) events.report({ _tag: "Tick" })
        assert.deepStrictEqual(yield* events.takeIfAny, [], `in turn ${turn}`)
      }
      assert.deepStrictEqual(yield* events.takeIfAny, [{ _tag: "Tick" }])
    })
  )
})
