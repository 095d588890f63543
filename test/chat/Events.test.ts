import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Events, type Event } from "../../src/chat/Events.js"

/**
 * Counts the turns of the event loop until the broker handles an event. Turn 1 is the one in which it is reported.
 *
 * @param isAccepting whether a connection is accepted in a turn
 */
const turnsUntilHandled = (isAccepting: (turn: number) => boolean) =>
  Effect.gen(function* () {
    const events = yield* Events.make
    const handled = yield* turnsOf(events, () => false)
    let turns = 0
    const turn = () => {
      if (handled.length > 0) return
      if (isAccepting(turns)) events.accepted()
      if (turns === 1) events.report({ _tag: "Tick" })
      turns += 1
      setImmediate(turn)
    }
    turn()
    while (handled.length === 0) yield* nextTurn
    assert.deepStrictEqual(handled, [[{ _tag: "Tick" }]])
    return turns - 1
  })

/** What a broker handles from now on, turn by turn. */
const turnsOf = (events: Events, handle: (turn: number) => boolean) =>
  Effect.gen(function* () {
    const turns: Array<ReadonlyArray<Event>> = []
    yield* Effect.forkScoped(events.handleAll((these) => handle(turns.push(these))))
    yield* Effect.yieldNow()
    return turns
  })

const nextTurn = Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void)))

describe("Events", () => {
  it.scopedLive("reach the broker at the end of the turn", () =>
    Effect.map(
      turnsUntilHandled(() => false),
      (turns) => assert.strictEqual(turns, 1)
    )
  )

  it.scopedLive("do not wait for a single accept, nor for one that was long ago", () =>
    Effect.gen(function* () {
      for (const accept of [0, 1]) assert.strictEqual(yield* turnsUntilHandled((turn) => turn === accept), 1)
    })
  )

  it.scopedLive("are collected while a connection is accepted in every turn", () =>
    Effect.map(
      turnsUntilHandled((turn) => turn <= 3),
      (turns) => assert.strictEqual(turns, 4)
    )
  )

  it.scopedLive("reach the broker after 16 turns although connections are still accepted", () =>
    Effect.map(
      turnsUntilHandled(() => true),
      (turns) => assert.strictEqual(turns, 16)
    )
  )

  it.scopedLive("of the turn in which a broker continues reach it at the end of that turn", () =>
    Effect.gen(function* () {
      const events = yield* Events.make
      const turns = yield* turnsOf(events, (turn) => {
        if (turn === 1) setImmediate(() => events.report({ _tag: "Tick" }))
        return turn <= 2
      })
      events.report({ _tag: "Drain" })
      for (let turn = 0; turn < 6; turn++) yield* nextTurn
      assert.deepStrictEqual(turns, [[{ _tag: "Drain" }], [{ _tag: "Tick" }], []], "it continues in any case")
      assert.strictEqual(events.waiting, 0)
    })
  )

  it.scopedLive("that are collected while connections are accepted do not hold a broker that continues", () =>
    Effect.gen(function* () {
      const events = yield* Events.make
      const turns = yield* turnsOf(events, (turn) => {
        if (turn <= 4) events.accepted()
        if (turn === 3) events.report({ _tag: "Tick" })
        return turn <= 5
      })
      events.report({ _tag: "Drain" })
      for (let turn = 0; turn < 10; turn++) yield* nextTurn
      assert.deepStrictEqual(turns, [[{ _tag: "Drain" }], [], [], [], [], [{ _tag: "Tick" }]])
    })
  )

  it.scopedLive("reported before there is a broker wait for it", () =>
    Effect.gen(function* () {
      const events = yield* Events.make
      events.report({ _tag: "Tick" })
      yield* nextTurn
      yield* nextTurn
      const turns = yield* turnsOf(events, () => false)
      yield* nextTurn
      yield* nextTurn
      assert.deepStrictEqual(turns, [[{ _tag: "Tick" }]])
    })
  )
})
