import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import type { StoreState } from "../../src/ports/Store.js"
import { slow } from "../support/SlowStore.js"
import { login, messages, passes, seen, startConversations } from "../support/Conversations.js"
import { startRooms } from "../support/Rooms.js"
import { settle } from "../support/Turns.js"

const at = (label: string) => `@${label}`

describe("a store that does not work", () => {
  it.scoped("returns lines to accounts, while guests write to each other, and recovers", () =>
    Effect.gen(function* () {
      const state = { fails: false }
      const { join, server } = yield* startConversations({}, slow({ delay: () => 1, fails: () => state.fails }))
      state.fails = true
      const [carol, dave] = [yield* join("carol"), yield* join("dave")]
      carol.say("/hello", "@a bob, dave: one", "bob: two")
      yield* passes(1_000)
      assert.deepStrictEqual((yield* seen(carol, "! undelivered")).toSorted(), [
        "! undelivered @a bob reason=unavailable retry=1000: the server cannot store or deliver lines at the moment",
        "! undelivered bob reason=unavailable retry=1000: the server cannot store or deliver lines at the moment"
      ])
      assert.deepStrictEqual(messages(dave), ["from carol: one"])
      state.fails = false
      carol.say("@b bob: three")
      yield* passes(1_000)
      assert.deepStrictEqual(yield* seen(carol, "* stored"), ["* stored @b bob: stored"])
      const { returned, stored } = yield* server.ledger
      assert.deepStrictEqual([returned, stored], [2, 1])
    })
  )

  it.scoped("returns lines to accounts also if it has a defect, and recovers", () =>
    Effect.gen(function* () {
      const state = { isDefective: false }
      const { accounts, connect, join, server } = yield* startConversations({}, (store) => ({
        ...store,
        append: (lines, cursors) =>
          state.isDefective ? Effect.die(new Error("as the test wants it")) : store.append(lines, cursors)
      }))
      const [carol, bob] = [yield* join("carol"), yield* connect]
      bob.say(...login("bob"))
      yield* bob.barrier
      carol.say("/hello", "bob: one")
      yield* seen(bob, "from carol")
      state.isDefective = true
      carol.say("@a bob: two")
      assert.lengthOf(yield* seen(carol, "! undelivered @a bob reason=unavailable"), 1)
      state.isDefective = false
      carol.say("@b bob: three")
      yield* passes(3_000)
      assert.lengthOf(yield* seen(carol, "* stored @b"), 1)
      assert.deepStrictEqual(messages(bob), ["from carol: one", "from carol: three"])
      assert.strictEqual((yield* server.ledger).inFlight, 0)
      const { given, waiting } = yield* accounts.store.statistics
      assert.deepStrictEqual([given, waiting], [2, 0])
    }).pipe(Effect.orDie)
  )

  it.scoped("that does not answer holds the senders, and then returns what it was not given", () =>
    Effect.gen(function* () {
      const state = { isStuck: false }
      const { join, server } = yield* startConversations(
        { outboxLines: 16, holdTimeout: Duration.seconds(2) },
        slow({ delay: () => 0, fails: () => false, isStuck: () => state.isStuck })
      )
      state.isStuck = true
      const carol = yield* join("carol")
      carol.say("bob: in its hands")
      yield* settle
      const labels = Array.from({ length: 20 }, (_, line) => `l${line}`)
      carol.say("/hello", ...labels.map((label) => `@${label} bob: ${label}`), "/ping after")
      yield* settle
      assert.isFalse(carol.received.includes("* pong: after"), "held")
      yield* passes(3_000)
      assert.isTrue(carol.received.includes("* pong: after"), "held no longer")
      const returned = carol.received.filter((line) => line.includes("reason=unavailable"))
      assert.deepStrictEqual(returned.map((line) => line.split(" ")[2]).toSorted(), labels.map(at).toSorted())
      assert.strictEqual((yield* server.ledger).stored, 0)
      state.isStuck = false
      yield* passes(100)
      carol.say("@later bob: later")
      yield* seen(carol, "* stored @later")
      assert.strictEqual((yield* server.ledger).stored, 2)
    })
  )

  it.scoped("that does not answer returns a line that waits, and then each at once, until it answers", () =>
    Effect.gen(function* () {
      const state = { isStuck: false }
      const { accounts, connect, join, server } = yield* startRooms({
        server: { holdTimeout: Duration.seconds(2) },
        store: slow({ delay: () => 0, fails: () => false, isStuck: () => state.isStuck })
      })
      const [carol, dave] = [yield* join("carol"), yield* join("dave")]
      yield* connect // it does not log in, so that full outboxes are looked for all the time
      dave.say("/hello", "/join #ops")
      yield* seen(dave, "* room #ops")
      carol.say("/hello", "@first bob: first")
      yield* seen(carol, "* stored @first")
      state.isStuck = true
      carol.say("@in bob: in its hands")
      yield* settle
      carol.say("@wait bob: waits")
      dave.say("@room #ops: to a room")
      yield* passes(1_900)
      const unavailable = () => [...carol.received, ...dave.received].filter((line) => line.includes("=unavailable"))
      assert.deepStrictEqual(unavailable(), [])
      yield* passes(600)
      assert.lengthOf(yield* seen(carol, "! undelivered @wait bob reason=unavailable retry=1000"), 1)
      carol.say("@next bob: at once")
      assert.lengthOf(yield* seen(carol, "! undelivered @next bob reason=unavailable retry=1000"), 1)
      assert.lengthOf(yield* seen(dave, "! undelivered @room #ops reason=unavailable retry=1000"), 1)
      yield* passes(1_000)
      carol.say("@more bob: still at once")
      assert.lengthOf(yield* seen(carol, "! undelivered @more bob reason=unavailable retry=1000"), 1)
      assert.strictEqual((yield* server.ledger).inFlight, 1)
      state.isStuck = false
      assert.lengthOf(yield* seen(carol, "* stored @in"), 1)
      carol.say("@last bob: last")
      assert.lengthOf(yield* seen(carol, "* stored @last"), 1)
      const bob = yield* connect
      bob.say(...login("bob"))
      yield* passes(100)
      assert.deepStrictEqual(
        messages(bob).map((line) => line.slice("from carol: ".length)),
        ["first", "in its hands", "last"]
      )
      assert.strictEqual((yield* accounts.store.statistics).stored, 3)
    }).pipe(Effect.orDie)
  )

  it.scoped("that does not answer does not keep a client in a room for longer than the lines in its hands", () =>
    Effect.gen(function* () {
      const state = { isStuck: false }
      const { join, server } = yield* startRooms({
        server: { holdTimeout: Duration.seconds(2) },
        store: slow({ delay: () => 0, fails: () => false, isStuck: () => state.isStuck })
      })
      const [carol, dave] = [yield* join("carol"), yield* join("dave")]
      dave.say("/hello", "/join #ops")
      carol.say("/hello", "/join #ops")
      yield* seen(carol, "* room #ops")
      state.isStuck = true
      carol.say("@in #ops: in its hands")
      yield* settle
      carol.say("@wait #ops: waits")
      yield* settle
      carol.say("/leave #ops")
      yield* passes(2_500)
      assert.lengthOf(yield* seen(carol, "! undelivered @wait #ops reason=unavailable retry=1000"), 1)
      state.isStuck = false
      assert.lengthOf(yield* seen(carol, "* left #ops carol"), 1)
      assert.deepStrictEqual(messages(dave), ["from carol #ops: in its hands"])
      const { inFlight, returned, stored } = yield* server.ledger
      assert.deepStrictEqual([stored, returned, inFlight], [1, 1, 0])
    })
  )

  it.scoped("that fails is not one that does not answer: lines wait for the next attempt", () =>
    Effect.gen(function* () {
      const state = { fails: false }
      const { join } = yield* startConversations(
        { holdTimeout: Duration.millis(200) },
        slow({ delay: () => 0, fails: () => state.fails })
      )
      state.fails = true
      const carol = yield* join("carol")
      carol.say("/hello", "@a bob: one")
      yield* seen(carol, "! undelivered @a bob reason=unavailable")
      carol.say("@b bob: two")
      yield* passes(700)
      assert.isFalse(carol.received.some((line) => line.includes("@b")))
      state.fails = false
      yield* passes(700)
      assert.lengthOf(yield* seen(carol, "* stored @b bob"), 1)
    })
  )

  it.scoped("that answers slowly keeps no line from being stored", () =>
    Effect.gen(function* () {
      const { join, server } = yield* startConversations(
        { holdTimeout: Duration.millis(400), outboxLines: 16 },
        slow({ delay: () => 5, fails: () => false })
      )
      const carol = yield* join("carol")
      carol.say("/hello", ...Array.from({ length: 200 }, (_, line) => `@l${line} bob: ${line}`))
      yield* passes(2_000)
      const { inFlight, returned, stored } = yield* server.ledger
      assert.deepStrictEqual([stored, returned, inFlight], [200, 0, 0])
    })
  )
})

describe("cursors", () => {
  it.scoped("are saved although the store failed once", () =>
    Effect.gen(function* () {
      const state = { fails: false }
      const { accounts, connect, join } = yield* startConversations(
        {},
        slow({ delay: () => 0, fails: () => state.fails })
      )
      const [carol, bob] = [yield* join("carol"), yield* connect]
      bob.say(...login("bob"))
      yield* bob.barrier
      carol.say("bob: one")
      yield* seen(bob, "from carol")
      state.fails = true
      yield* passes(1_500)
      state.fails = false
      assert.strictEqual((yield* accounts.store.statistics).given, 0)
      yield* passes(3_000)
      assert.strictEqual((yield* accounts.store.statistics).given, 1)
    }).pipe(Effect.orDie)
  )
})

describe("cursors that could not be saved when their device logged in", () => {
  it.scoped("are saved later, and the device gets nothing again", () =>
    Effect.gen(function* () {
      const state = { fails: false }
      const { accounts, connect, join } = yield* startConversations(
        {},
        slow({ delay: () => 0, fails: () => state.fails })
      )
      const [carol, bob, again] = [yield* join("carol"), yield* connect, yield* connect]
      bob.say(...login("bob"))
      yield* bob.barrier
      carol.say("bob: one")
      yield* seen(bob, "from carol")
      state.fails = true
      again.say(...login("bob"))
      yield* settle
      state.fails = false
      yield* passes(4_000)
      assert.strictEqual((yield* accounts.store.statistics).given, 1)
      assert.deepStrictEqual(messages(again), [])
    }).pipe(Effect.orDie)
  )
})

describe("a server whose store does not work at its start", () => {
  const causes = { full: "the disk is full", damaged: "found damage", unavailable: "does not answer" }
  for (const reason of ["full", "damaged", "unavailable"] as const) {
    it.scoped(`warns of it at once, and says when it works again: ${reason}`, () => {
      const logged: Array<string> = []
      const logger = Logger.make(({ annotations, message }) => {
        if (!String(message).includes("the store")) return
        logged.push([message, ...[...annotations].map(([name, value]) => `${name}=${String(value)}`)].join(" "))
      })
      return Effect.gen(function* () {
        let state: StoreState = reason
        const { join } = yield* startConversations({}, (store) => ({ ...store, state: () => state }))
        const carol = yield* join("carol")
        const [warning = "", ...more] = logged
        assert.match(warning, /^the store does not work; lines to accounts return until it does .*reason=/u)
        assert.include(warning, `reason=${reason}`)
        assert.include(warning, causes[reason])
        assert.deepStrictEqual(more, [])
        state = "ok"
        carol.say("/hello", "@a bob: one")
        assert.lengthOf(yield* seen(carol, "* stored @a"), 1)
        assert.deepStrictEqual(logged.slice(1), ["the store works again"])
      }).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
    })
  }
})
