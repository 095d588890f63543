import { describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import { assert } from "vitest"
import { Budget } from "../../src/chat/Budget.js"
import { LiveSource } from "../../src/chat/Live.js"
import { defaults } from "../../src/chat/Options.js"
import type { Peer } from "../../src/chat/Peer.js"
import { Watch } from "../../src/chat/Watch.js"

const second = Duration.seconds(1)

/** How long one tick takes with these options, in milliseconds. */
const tickMillis = 125

/** A watch with a client that has not logged in; `ticks` lets ticks take this long, and returns how many expired. */
const make = () => {
  let now = 5_000
  const options = { ...defaults, loginTimeout: second, holdTimeout: second, stallTimeout: second }
  const watch = new Watch({
    budget: new Budget(1_000_000),
    now: () => now,
    options: new LiveSource(options),
    outboxes: new Set()
  })
  const peer = { socket: { probe: () => {} } } as unknown as Peer
  watch.loginBegins(peer)
  const tick = (millis: number) =>
    Effect.gen(function* () {
      const due = yield* Effect.fork(watch.due)
      yield* Effect.yieldNow()
      now += millis
      yield* TestClock.adjust(tickMillis)
      yield* due
      return watch.tick().loginsExpired.length
    })
  return (...millis: ReadonlyArray<number>) => Effect.forEach(millis, tick)
}

const inTime = Array.from({ length: 8 }, () => tickMillis)
const expiresAtTheEnd = [...inTime.slice(1).map(() => 0), 1]

describe("the time of deadlines", () => {
  it.effect("passes with ticks that come in time", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* make()(...inTime), expiresAtTheEnd)
    })
  )

  it.effect("does not pass while the process is stopped", () =>
    Effect.gen(function* () {
      const ticks = make()
      assert.deepStrictEqual(yield* ticks(60_000), [0])
      assert.deepStrictEqual(yield* ticks(...inTime), expiresAtTheEnd)
    })
  )

  it.effect("passes with ticks that are a little late", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* make()(200, 200, 200, 200, 200), [0, 0, 0, 0, 1])
    })
  )

  it.effect("passes more slowly on a machine where every tick is late, but it passes", () =>
    Effect.gen(function* () {
      const ticks = make()
      assert.deepStrictEqual(yield* ticks(1_000), [0])
      assert.deepStrictEqual(yield* ticks(...inTime.map(() => 1_000)), expiresAtTheEnd)
    })
  )
})
