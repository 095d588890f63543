import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestContext from "effect/TestContext"
import type { StoreService } from "../../src/ports/Store.js"
import { slow } from "../support/SlowStore.js"
import { login, passes, seen, startConversations } from "../support/Conversations.js"
import { settle } from "../support/Turns.js"

describe("a shutdown", () => {
  it.scoped("stores what was accepted, and reports that to the senders", () =>
    Effect.gen(function* () {
      const { join, server } = yield* startConversations({}, slow({ delay: () => 40, fails: () => false }))
      const carol = yield* join("carol")
      carol.say("/hello", "@a bob: one", "@b bob: two")
      const drained = yield* Effect.fork(server.drain)
      yield* passes(2_000)
      yield* carol.ended
      carol.socket.end()
      yield* passes(1_000)
      const { cutOff, ledger } = yield* drained
      assert.deepStrictEqual([cutOff, ledger.stored, ledger.inFlight], [0, 2, 0])
      assert.deepStrictEqual(yield* seen(carol, "* stored"), ["* stored @a bob: stored", "* stored @b bob: stored"])
    })
  )

  it.scoped("returns what a failing store does not have when the grace time is over", () =>
    Effect.gen(function* () {
      const state = { fails: false }
      const { join, server } = yield* startConversations(
        { grace: Duration.millis(300) },
        slow({ delay: () => 0, fails: () => state.fails })
      )
      state.fails = true
      const carol = yield* join("carol")
      carol.say("/hello", "@a bob: one")
      yield* seen(carol, "! undelivered @a")
      // The store is left alone for a second now.
      carol.say("@b bob: two", "@c bob: three")
      yield* carol.barrier
      const drained = yield* Effect.fork(server.drain)
      yield* passes(500)
      assert.deepStrictEqual(yield* seen(carol, "! undelivered @c"), [
        "! undelivered @c bob reason=unavailable retry=1000: the server cannot store or deliver lines at the moment"
      ])
      carol.socket.end()
      yield* passes(2_000)
      const { cutOff, ledger } = yield* drained
      assert.deepStrictEqual([cutOff, ledger.stored, ledger.returned, ledger.inFlight], [2, 0, 3, 0])
    })
  )

  it.scoped(
    "returns what waits for a store that does not answer as unavailable, not as if the recipient had left",
    () =>
      Effect.gen(function* () {
        const state = { isStuck: false }
        const { join, server } = yield* startConversations(
          { grace: Duration.millis(300) },
          slow({ delay: () => 0, fails: () => false, isStuck: () => state.isStuck })
        )
        state.isStuck = true
        const carol = yield* join("carol")
        carol.say("/hello", "@a bob: one")
        yield* settle
        carol.say("@b bob: two")
        yield* settle
        const drained = yield* Effect.fork(server.drain)
        yield* passes(500)
        assert.deepStrictEqual(yield* seen(carol, "! undelivered"), [
          "! undelivered @b bob reason=unavailable retry=1000: the server cannot store or deliver lines at the moment"
        ])
        state.isStuck = false
        carol.socket.end()
        yield* passes(2_000)
        assert.strictEqual((yield* drained).ledger.returned, 1)
      })
  )

  it.live("saves how far the devices were given their lines", () =>
    Effect.gen(function* () {
      let store: StoreService | undefined = undefined
      yield* Effect.gen(function* () {
        const { connect, join } = yield* startConversations({}, (plain) => (store = plain))
        const [carol, bob] = [yield* join("carol"), yield* connect]
        bob.say(...login("bob"))
        yield* bob.barrier
        carol.say("bob: one")
        yield* seen(bob, "from carol")
      }).pipe(Effect.scoped, Effect.provide(TestContext.TestContext))
      assert.isDefined(store)
      const { given, stored, waiting } = yield* (store as StoreService).statistics
      assert.deepStrictEqual([stored, given, waiting], [1, 1, 0])
    }).pipe(Effect.orDie)
  )

  it.scoped("does not return what the store may have stored, however long it takes", () =>
    Effect.gen(function* () {
      const state = { isStuck: false }
      const { join, server } = yield* startConversations(
        { grace: Duration.seconds(1) },
        slow({ delay: () => 0, fails: () => false, isStuck: () => state.isStuck })
      )
      state.isStuck = true
      const carol = yield* join("carol")
      carol.say("/hello", "@a bob: one")
      yield* settle
      const drained = yield* Effect.fork(server.drain)
      yield* passes(1_250)
      assert.deepStrictEqual(
        carol.received.filter((line) => line.includes("@a")),
        []
      )
      state.isStuck = false
      assert.deepStrictEqual(yield* seen(carol, "* stored"), ["* stored @a bob: stored"])
      carol.socket.end()
      yield* passes(3_000)
      const { cutOff, ledger } = yield* drained
      assert.deepStrictEqual([cutOff, ledger.stored, ledger.returned, ledger.inFlight], [0, 1, 0, 0])
    })
  )
})

describe("the end of a server", () => {
  it.live("does not wait for a store that never answers, and counts the lines that it has", () =>
    Effect.gen(function* () {
      const { cutOff, ledger } = yield* Effect.gen(function* () {
        const state = { isStuck: false }
        const { connect, join, server } = yield* startConversations(
          { grace: Duration.seconds(1), unanswered: 2 },
          slow({ delay: () => 0, fails: () => false, isStuck: () => state.isStuck })
        )
        const [carol, bob] = [yield* join("carol"), yield* connect]
        bob.say(...login("bob"))
        yield* bob.barrier
        state.isStuck = true
        carol.say("bob: one", "bob: two")
        yield* settle
        const drained = yield* Effect.fork(server.drain)
        for (const client of [carol, bob]) client.socket.end()
        yield* passes(3_000)
        return yield* drained
      }).pipe(Effect.scoped, Effect.provide(TestContext.TestContext))
      assert.deepStrictEqual([cutOff, ledger.accepted, ledger.inFlight], [2, 2, 2])
    })
  )
})
