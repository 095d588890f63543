import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as TestContext from "effect/TestContext"
import type { StoreService } from "../../src/ports/Store.js"
import { StoreError } from "../../src/ports/StoreError.js"
import { slow } from "../support/SlowStore.js"
import { login, messages, passes, seen, startConversations } from "../support/Conversations.js"
import { pass } from "../support/MemoryServer.js"
import { settle, turnsUntil } from "../support/Turns.js"

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
        "! undelivered @a bob reason=unavailable retry=1000: the server cannot store lines at the moment",
        "! undelivered bob reason=unavailable retry=1000: the server cannot store lines at the moment"
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
      carol.say("/hello", ...Array.from({ length: 20 }, (_, line) => `@l${line} bob: ${line}`), "/ping after")
      yield* settle
      assert.isFalse(carol.received.includes("* pong: after"), "held")
      yield* passes(3_000)
      assert.isTrue(carol.received.includes("* pong: after"), "held no longer")
      const returned = carol.received.filter((line) => line.includes("reason=unavailable"))
      assert.isAtLeast(returned.length, 3)
      assert.strictEqual((yield* server.ledger).stored, 0)
      state.isStuck = false
      yield* seen(carol, "* stored @l15")
    })
  )
})

describe("a shutdown", () => {
  it.scoped("stores what was accepted, and tells the senders", () =>
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
        "! undelivered @c bob reason=unavailable retry=1000: the server cannot store lines at the moment"
      ])
      carol.socket.end()
      yield* passes(2_000)
      const { cutOff, ledger } = yield* drained
      assert.deepStrictEqual([cutOff, ledger.stored, ledger.returned, ledger.inFlight], [2, 0, 3, 0])
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

describe("a damaged store", () => {
  it.scoped("still gives what is intact to a device that is known, and that logs in again", () =>
    Effect.gen(function* () {
      const state = { isDamaged: false }
      const damaged = new StoreError({ reason: "damaged", description: "as the test wants it" })
      const unlessDamaged = <A>(request: Effect.Effect<A, StoreError>) =>
        Effect.suspend(() => (state.isDamaged ? Effect.fail(damaged) : request))
      const { connect, join } = yield* startConversations({}, (store) => ({
        ...store,
        append: (lines, cursors) => unlessDamaged(store.append(lines, cursors)),
        saveCursors: (cursors) => unlessDamaged(store.saveCursors(cursors)),
        accounts: { ...store.accounts, openDevice: (...device) => unlessDamaged(store.accounts.openDevice(...device)) }
      }))
      const [carol, bob] = [yield* join("carol"), yield* connect]
      bob.say(...login("bob"))
      yield* bob.barrier
      carol.say("bob: one")
      yield* seen(bob, "from carol")
      state.isDamaged = true
      const again = yield* connect
      again.say(...login("bob"))
      assert.deepStrictEqual((yield* seen(again, "from carol")).length, 1)
    })
  )
})

describe("a part of the store that is damaged", () => {
  const damaged = new StoreError({ reason: "damaged", description: "as the test wants it" })

  it.scoped("costs its lines, of which the device is told, and keeps no other conversation waiting", () =>
    Effect.gen(function* () {
      const { connect, join } = yield* startConversations({}, (store) => ({
        ...store,
        page: (request) =>
          Effect.flatMap(store.page(request), (page) =>
            page.lines.some(({ text }) => text.startsWith("bad")) ? Effect.fail(damaged) : Effect.succeed(page)
          )
      }))
      const [carol, dave] = [yield* join("carol"), yield* join("dave")]
      carol.say("bob: one", "bob: bad", "bob: bad as well", "bob: four", "bob: bad again")
      dave.say(...Array.from({ length: 900 }, (_, number) => `bob: ${number}`))
      yield* settle
      const bob = yield* connect
      bob.say(...login("bob", "seq"))
      // The clock stands still: nothing waits for a while before it goes on.
      yield* seen(bob, "! gap carol first=5 last=5")
      yield* turnsUntil(
        () => bob.received.some((line) => line.startsWith("from dave") && line.endsWith(": 899")),
        () => "all lines of dave"
      )
      const fromCarol = bob.received.filter((line) => /carol/iu.test(line)).map((line) => line.replace(/ at=\d+/u, ""))
      assert.deepStrictEqual(fromCarol, [
        "from carol guest=yes seq=1: one",
        "! gap carol first=2 last=3: these lines are no longer kept",
        "from carol guest=yes seq=4: four",
        "! gap carol first=5 last=5: these lines are no longer kept"
      ])
      carol.say("bob: six")
      yield* seen(bob, "from carol guest=yes seq=6")
    })
  )

  it.scoped("closes the device for which it cannot be read what waits, and no other waits for that", () =>
    Effect.gen(function* () {
      const state = { isDamaged: true }
      const { connect, join } = yield* startConversations({}, (store) => ({
        ...store,
        waiting: (account, device) =>
          state.isDamaged && device === "phone" ? Effect.fail(damaged) : store.waiting(account, device)
      }))
      const carol = yield* join("carol")
      carol.say("bob: one")
      yield* settle
      const [phone, bob] = [yield* connect, yield* connect]
      phone.say(...login("bob/phone"))
      bob.say(...login("bob"))
      yield* seen(bob, "from carol: one")
      assert.deepStrictEqual(yield* seen(phone, "! slow-down"), [
        "! slow-down retry=60000 fatal: the server cannot give you what it has stored for you"
      ])
      phone.socket.end()
      state.isDamaged = false
      const again = yield* connect
      again.say(...login("bob/phone"))
      yield* seen(again, "from carol: one")
    })
  )

  it.scoped("is logged once, and again after some minutes, and so is that the store works again", () => {
    const logged: Array<string> = []
    const logger = Logger.make(({ message }) => void logged.push(String(message)))
    const warnings = () => logged.filter((message) => message.includes("the store does not work")).length
    return Effect.gen(function* () {
      const state = { isDamaged: false }
      const unlessDamaged = <A>(request: Effect.Effect<A, StoreError>) =>
        Effect.suspend(() => (state.isDamaged ? Effect.fail(damaged) : request))
      const { connect, join } = yield* startConversations({}, (store) => ({
        ...store,
        append: (lines, cursors) => unlessDamaged(store.append(lines, cursors)),
        saveCursors: (cursors) => unlessDamaged(store.saveCursors(cursors))
      }))
      const [carol, bob] = [yield* join("carol"), yield* connect]
      bob.say(...login("bob"))
      yield* bob.barrier
      carol.say("/hello", "bob: one")
      yield* seen(bob, "from carol")
      state.isDamaged = true
      yield* passes(20_000)
      for (const label of ["a", "b"]) {
        carol.say(`@${label} bob: again`)
        // The clock stands still.
        yield* seen(carol, `! undelivered @${label} bob reason=unavailable`)
      }
      assert.strictEqual(warnings(), 1)
      yield* pass(300_000)
      yield* passes(5_000)
      assert.strictEqual(warnings(), 2)
      state.isDamaged = false
      yield* passes(2_000)
      assert.lengthOf(
        logged.filter((message) => message === "the store works again"),
        1
      )
    }).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
  })
})

describe("a defect in what a device is given", () => {
  for (const request of ["page", "waiting"] as const) {
    it.scoped(`closes its connection (${request}), and the next one gets everything`, () =>
      Effect.gen(function* () {
        const state = { isDefective: true }
        const once = <A>(answer: Effect.Effect<A, StoreError>) =>
          Effect.suspend(() => {
            if (!state.isDefective) return answer
            state.isDefective = false
            return Effect.die(new Error("as the test wants it"))
          })
        const { connect, join } = yield* startConversations({}, (store) => ({
          ...store,
          ...(request === "page"
            ? { page: (wanted) => once(store.page(wanted)) }
            : { waiting: (account, device) => once(store.waiting(account, device)) })
        }))
        const carol = yield* join("carol")
        carol.say("bob: one", "bob: two")
        yield* settle
        const bob = yield* connect
        bob.say(...login("bob"))
        yield* seen(bob, "! slow-down retry=60000 fatal")
        assert.deepStrictEqual(messages(bob), [])
        bob.socket.end()
        const again = yield* connect
        again.say(...login("bob"))
        yield* seen(again, "from carol: two")
        assert.deepStrictEqual(messages(again), ["from carol: one", "from carol: two"])
      })
    )
  }
})

describe("cursors that could not be saved when a device logged in", () => {
  it.scoped("are saved later", () =>
    Effect.gen(function* () {
      const state = { fails: false }
      const { accounts, connect, join } = yield* startConversations(
        {},
        slow({ delay: () => 0, fails: () => state.fails })
      )
      const [carol, bob, alice] = [yield* join("carol"), yield* connect, yield* connect]
      bob.say(...login("bob"))
      yield* bob.barrier
      carol.say("bob: one")
      yield* seen(bob, "from carol")
      state.fails = true
      alice.say(...login("alice"))
      yield* settle
      state.fails = false
      yield* passes(4_000)
      assert.strictEqual((yield* accounts.store.statistics).given, 1)
    }).pipe(Effect.orDie)
  )
})
