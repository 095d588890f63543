import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as TestContext from "effect/TestContext"
import type { StoreService } from "../../src/ports/Store.js"
import type { AccountId } from "../../src/ports/StoreAccounts.js"
import { StoreError } from "../../src/ports/StoreError.js"
import { slow } from "../support/SlowStore.js"
import { login, messages, startConversations } from "../support/Conversations.js"
import { pass, type MemoryClient } from "../support/MemoryServer.js"
import { settle, turnsUntil } from "../support/Turns.js"

const seen = (client: MemoryClient, start: string) =>
  Effect.map(
    turnsUntil(
      () => client.received.some((line) => line.startsWith(start)),
      () => `a line that starts with ${start}; the last are ${client.received.slice(-3).join(" | ")}`
    ),
    () => client.received.filter((line) => line.startsWith(start))
  )

/** Moves the clock in steps, so that everything that ticks can tick. */
const passes = (millis: number) => Effect.repeatN(pass(250), millis / 250 - 1)

const gap = (last: number) => `! gap alice first=1 last=${last}: these lines are no longer kept`

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
      yield* seen(bob, "! gap CAROL first=5 last=5")
      yield* turnsUntil(
        () => bob.received.some((line) => line.startsWith("from dave") && line.endsWith(": 899")),
        () => "all lines of dave"
      )
      const fromCarol = bob.received.filter((line) => /carol/iu.test(line)).map((line) => line.replace(/ at=\d+/u, ""))
      assert.deepStrictEqual(fromCarol, [
        "from carol guest=yes seq=1: one",
        "! gap carol first=2 last=3: these lines are no longer kept",
        "from carol guest=yes seq=4: four",
        "! gap CAROL first=5 last=5: these lines are no longer kept"
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

describe("lines that are kept no longer", () => {
  const keep = {
    keep: Duration.hours(1),
    keepBytes: 2 ** 30,
    keepLines: 1_000,
    unreadLines: 1_000,
    unreadBytes: 2 ** 24
  }

  it.scoped("return to a guest on the connection that sent them, and to nobody else", () =>
    Effect.gen(function* () {
      const { accounts, join } = yield* startConversations()
      yield* Effect.orDie(accounts.store.configure(keep))
      const carol = yield* join("carol")
      carol.say("bob: one", "bob: two")
      const dave = yield* join("dave")
      dave.say("bob: from dave")
      yield* settle
      dave.say("/quit")
      yield* dave.ended
      dave.socket.end()
      yield* settle
      const next = yield* join("dave")
      next.say("bob: from the next dave")
      yield* passes(1_000)
      yield* pass(3_700_000)
      yield* pass(61_000)
      assert.deepStrictEqual(yield* seen(carol, "! undelivered"), [
        "! undelivered bob reason=expired first=1 last=2 count=2: was not read in time"
      ])
      assert.deepStrictEqual(yield* seen(next, "! undelivered"), [
        "! undelivered bob reason=expired first=2 last=2 count=1: was not read in time"
      ])
      const { dead, expired, stored, waiting } = yield* accounts.store.statistics
      assert.deepStrictEqual([stored, expired, waiting, dead], [4, 4, 0, 1])
    }).pipe(Effect.orDie)
  )

  it.scoped("return to each of several guests with one name, as far as it has sent them", () =>
    Effect.gen(function* () {
      const { accounts, connect } = yield* startConversations()
      yield* Effect.orDie(accounts.store.configure(keep))
      const guests = [yield* connect, yield* connect, yield* connect]
      for (const guest of guests) {
        guest.say("/hello send-only", "build")
        yield* guest.barrier
      }
      const [one, other, gone] = guests
      assert(one !== undefined && other !== undefined && gone !== undefined)
      for (const guest of [one, other, other, gone, one, other]) {
        guest.say("bob: done")
        yield* guest.barrier
        yield* settle
      }
      gone.socket.reset()
      yield* settle
      yield* pass(3_700_000)
      yield* pass(61_000)
      assert.deepStrictEqual(yield* seen(one, "! undelivered"), [
        "! undelivered bob reason=expired first=1 last=5 count=2: was not read in time"
      ])
      assert.deepStrictEqual(yield* seen(other, "! undelivered"), [
        "! undelivered bob reason=expired first=2 last=6 count=3: was not read in time"
      ])
      const { dead, expired } = yield* accounts.store.statistics
      assert.deepStrictEqual([expired, dead], [6, 1])
    }).pipe(Effect.orDie)
  )

  it.scoped("count for the acknowledgements of a guest", () =>
    Effect.gen(function* () {
      const { accounts, join } = yield* startConversations({ stallTimeout: Duration.hours(9) })
      yield* Effect.orDie(accounts.store.configure(keep))
      const carol = yield* join("carol")
      carol.say("/hello ack", "bob: one")
      yield* carol.barrier
      yield* pass(3_700_000)
      yield* pass(61_000)
      yield* seen(carol, "! undelivered bob reason=expired")
      const dave = yield* join("dave")
      dave.say("carol: hi")
      yield* seen(carol, "from dave: hi")
      const refusals = () => carol.received.filter((line) => line.startsWith("! bad-line")).length
      carol.say("/ack 2")
      yield* carol.barrier
      assert.strictEqual(refusals(), 0)
      carol.say("/ack 3")
      yield* carol.barrier
      assert.strictEqual(refusals(), 1)
    }).pipe(Effect.orDie)
  )

  it.scoped("return to an account when it comes, once it has taken that", () =>
    Effect.gen(function* () {
      const { accounts, connect } = yield* startConversations()
      yield* Effect.orDie(accounts.store.configure(keep))
      const alice = yield* connect
      alice.say(...login("alice"), "bob: one")
      yield* alice.barrier
      alice.socket.reset()
      yield* settle
      yield* pass(3_700_000)
      yield* pass(61_000)
      const again = yield* connect
      again.say(...login("alice", "ack"))
      const told = ["! undelivered bob reason=expired first=1 last=1 count=1: was not read in time"]
      assert.deepStrictEqual(yield* seen(again, "! undelivered"), told)
      again.socket.reset()
      yield* settle
      const third = yield* connect
      third.say(...login("alice", "ack"))
      assert.deepStrictEqual(yield* seen(third, "! undelivered"), told, "it was not acknowledged")
      third.say("/ack 1")
      yield* third.barrier
      yield* settle
      third.socket.reset()
      yield* settle
      const fourth = yield* connect
      fourth.say(...login("alice", "ack"))
      yield* fourth.barrier
      yield* settle
      assert.deepStrictEqual(
        fourth.received.filter((line) => line.startsWith("! undelivered")),
        []
      )
    }).pipe(Effect.orDie)
  )

  it.scoped("return although others of the conversation have just been told", () =>
    Effect.gen(function* () {
      const { accounts, connect } = yield* startConversations({ stallTimeout: Duration.hours(9) })
      yield* Effect.orDie(accounts.store.configure({ ...keep, keepLines: 1 }))
      const alice = yield* connect
      alice.say(...login("alice", "ack"), "bob: one", "bob: two")
      yield* alice.barrier
      yield* pass(61_000)
      assert.deepStrictEqual(yield* seen(alice, "! undelivered"), [
        "! undelivered bob reason=expired first=1 last=1 count=1: was not read in time"
      ])
      // The second one expires before the first return is acknowledged.
      alice.say("bob: three")
      yield* alice.barrier
      yield* pass(61_000)
      alice.say("/ack 1")
      yield* turnsUntil(
        () => alice.received.filter((line) => line.startsWith("! undelivered")).length === 2,
        () => `two returns; the last lines are ${alice.received.slice(-3).join(" | ")}`
      )
      assert.deepStrictEqual((yield* seen(alice, "! undelivered")).slice(1), [
        "! undelivered bob reason=expired first=2 last=2 count=1: was not read in time"
      ])
    }).pipe(Effect.orDie)
  )

  it.scoped("return once, although the store does not learn at first that they were told", () =>
    Effect.gen(function* () {
      const state = { fails: false }
      const { accounts, connect } = yield* startConversations({}, (store) => ({
        ...store,
        returns: {
          ...store.returns,
          told: (returns) =>
            state.fails
              ? Effect.fail(new StoreError({ reason: "unavailable", description: "as the test wants it" }))
              : store.returns.told(returns)
        }
      }))
      yield* Effect.orDie(accounts.store.configure({ ...keep, keepLines: 1 }))
      const alice = yield* connect
      alice.say(...login("alice"), "bob: one", "bob: two")
      yield* alice.barrier
      alice.socket.reset()
      yield* settle
      yield* pass(61_000)
      state.fails = true
      const laptop = yield* connect
      laptop.say(...login("alice"))
      yield* seen(laptop, "! undelivered")
      const phone = yield* connect
      phone.say(...login("alice/phone"))
      yield* phone.barrier
      laptop.socket.reset()
      yield* settle
      state.fails = false
      yield* passes(3_000)
      const again = yield* connect
      again.say(...login("alice"))
      yield* again.barrier
      yield* settle
      for (const { received } of [phone, again]) {
        assert.deepStrictEqual(
          received.filter((line) => line.startsWith("! undelivered")),
          []
        )
      }
      assert.deepStrictEqual(yield* accounts.store.returns.pending(1 as AccountId), [])
    }).pipe(Effect.orDie)
  )

  it.scoped("return to a guest, although an earlier one of its name ended while the store had its line", () =>
    Effect.gen(function* () {
      const state = { isStuck: false }
      const { accounts, join } = yield* startConversations(
        {},
        slow({ delay: () => 0, fails: () => false, isStuck: () => state.isStuck })
      )
      yield* Effect.orDie(accounts.store.configure(keep))
      state.isStuck = true
      const before = yield* join("carol")
      before.say("bob: one")
      yield* settle
      before.socket.reset()
      yield* passes(1_000)
      state.isStuck = false
      yield* settle
      const carol = yield* join("carol")
      carol.say("bob: two")
      yield* passes(1_000)
      yield* pass(3_700_000)
      yield* pass(61_000)
      assert.deepStrictEqual(yield* seen(carol, "! undelivered"), [
        "! undelivered bob reason=expired first=2 last=2 count=1: was not read in time"
      ])
    }).pipe(Effect.orDie)
  )

  it.scoped("stay while they are in a device's outbox", () =>
    Effect.gen(function* () {
      const { accounts, connect, join } = yield* startConversations({
        memory: { bufferBytes: 32 },
        stallTimeout: Duration.hours(9)
      })
      yield* Effect.orDie(accounts.store.configure(keep))
      const [carol, bob] = [yield* join("carol"), yield* connect]
      bob.say(...login("bob"))
      yield* bob.barrier
      bob.socket.pause()
      carol.say(...Array.from({ length: 20 }, (_, line) => `bob: line ${line}`))
      yield* settle
      yield* pass(3_700_000)
      yield* pass(61_000)
      assert.strictEqual((yield* accounts.store.statistics).expired, 0)
      bob.socket.resume()
      yield* seen(bob, "from carol: line 19")
      assert.lengthOf(messages(bob), 20)
    }).pipe(Effect.orDie)
  )

  it.scoped("stay while they are in the outbox of the slowest of several devices", () =>
    Effect.gen(function* () {
      const { accounts, connect } = yield* startConversations({ stallTimeout: Duration.hours(9) })
      yield* Effect.orDie(accounts.store.configure({ ...keep, keepLines: 1 }))
      const [bob, alice, copies] = [yield* connect, yield* connect, yield* connect]
      bob.say(...login("bob", "ack"))
      yield* bob.barrier
      alice.say(...login("alice"))
      copies.say(...login("alice/phone", "ack copies"))
      yield* alice.barrier
      yield* copies.barrier
      alice.say("bob: one", "bob: two", "bob: three")
      yield* seen(bob, "from alice: three")
      yield* seen(copies, "* sent bob seq=3")
      copies.say("/ack 2")
      yield* copies.barrier
      yield* pass(61_000)
      assert.strictEqual((yield* accounts.store.statistics).expired, 0)
    }).pipe(Effect.orDie)
  )

  it.scoped("stay while they are on their way from the store to a device", () =>
    Effect.gen(function* () {
      const page = yield* Effect.makeLatch(true)
      const { accounts, connect, join } = yield* startConversations({ stallTimeout: Duration.hours(9) }, (store) => ({
        ...store,
        page: (request) => Effect.tap(store.page(request), () => page.await)
      }))
      yield* Effect.orDie(accounts.store.configure({ ...keep, keepLines: 1 }))
      const [carol, bob] = [yield* join("carol"), yield* connect]
      carol.say("bob: one", "bob: two")
      yield* settle
      yield* page.close
      bob.say(...login("bob", "ack"))
      yield* bob.barrier
      yield* pass(61_000)
      yield* page.open
      yield* seen(bob, "from carol: two")
      yield* settle
      assert.strictEqual((yield* accounts.store.statistics).expired, 0)
      assert.deepStrictEqual(messages(bob), ["from carol: one", "from carol: two"])
    }).pipe(Effect.orDie)
  )

  it.scoped("stay while the store has not answered that they are stored", () =>
    Effect.gen(function* () {
      const answer = yield* Effect.makeLatch(true)
      const { accounts, connect, join } = yield* startConversations({ stallTimeout: Duration.hours(9) }, (store) => ({
        ...store,
        append: (...lines) => Effect.tap(store.append(...lines), () => answer.await)
      }))
      yield* Effect.orDie(accounts.store.configure({ ...keep, keepLines: 1 }))
      const [carol, bob] = [yield* join("carol"), yield* connect]
      bob.say(...login("bob", "ack"))
      yield* bob.barrier
      yield* answer.close
      carol.say("bob: one", "bob: two")
      yield* settle
      yield* pass(61_000)
      yield* answer.open
      yield* seen(bob, "from carol: two")
      yield* settle
      assert.strictEqual((yield* accounts.store.statistics).expired, 0)
      bob.say("/ack 2")
      yield* bob.barrier
      yield* passes(2_000)
      yield* pass(61_000)
      const { expired, given, lines } = yield* accounts.store.statistics
      assert.deepStrictEqual({ expired, given, lines }, { expired: 0, given: 2, lines: 1 })
    }).pipe(Effect.orDie)
  )

  it.scoped("leave a gap for a device that was given others", () =>
    Effect.gen(function* () {
      const { accounts, connect } = yield* startConversations()
      yield* Effect.orDie(accounts.store.configure({ ...keep, keepLines: 2 }))
      const [alice, laptop] = [yield* connect, yield* connect]
      alice.say(...login("alice"))
      laptop.say(...login("bob"))
      yield* alice.barrier
      yield* laptop.barrier
      alice.say("bob: 1", "bob: 2", "bob: 3", "bob: 4", "bob: 5")
      yield* seen(laptop, "from alice: 5")
      yield* passes(2_000)
      yield* pass(61_000)
      const phone = yield* connect
      phone.say(...login("bob/phone"))
      yield* seen(phone, "from alice: 5")
      assert.deepStrictEqual(messages(phone), [
        "! gap alice first=1 last=3: these lines are no longer kept",
        "from alice: 4",
        "from alice: 5"
      ])
    }).pipe(Effect.orDie)
  )

  /** Three lines to bob, of which the first `gone` are kept no longer. */
  const leavingGap = (gone: number) =>
    Effect.gen(function* () {
      const { accounts, connect } = yield* startConversations({ memory: { bufferBytes: 32 } })
      yield* accounts.store.configure({ ...keep, keepLines: 3 - gone })
      const alice = yield* connect
      alice.say(...login("alice"), "bob: 1", "bob: 2", "bob: 3")
      yield* alice.barrier
      yield* pass(61_000)
      return (...words: ReadonlyArray<string>) =>
        Effect.map(connect, (phone) => {
          phone.say(...login("bob/phone", ...words))
          return phone
        })
    })

  it.scoped("leave a gap of which a device is told until its kernel has taken that", () =>
    Effect.gen(function* () {
      const come = yield* leavingGap(3)
      const first = yield* come()
      first.socket.pause()
      yield* settle // the kernel has 32 bytes of the line
      first.socket.reset()
      const second = yield* come()
      yield* seen(second, gap(3))
      yield* second.barrier
      second.say("/quit")
      yield* second.ended
      const third = yield* come()
      yield* third.barrier
      yield* settle
      assert.deepStrictEqual(messages(third), [])
    }).pipe(Effect.orDie)
  )

  it.scoped("leave a gap of which a device with 'ack' is told until it has acknowledged what comes after it", () =>
    Effect.gen(function* () {
      const come = yield* leavingGap(1)
      const all = [gap(1), "from alice: 2", "from alice: 3"]
      for (const acknowledged of [0, 1]) {
        const phone = yield* come("ack")
        yield* seen(phone, "from alice: 3")
        assert.deepStrictEqual(messages(phone), all)
        phone.say(`/ack ${acknowledged}`)
        yield* phone.barrier
        phone.socket.reset()
      }
      const last = yield* come("ack")
      yield* seen(last, "from alice: 3")
      assert.deepStrictEqual(messages(last), ["from alice: 3"])
    }).pipe(Effect.orDie)
  )

  it.scoped("leave a gap of which a device with 'ack' is told once, if nothing comes after it", () =>
    Effect.gen(function* () {
      const come = yield* leavingGap(3)
      const first = yield* come("ack")
      yield* seen(first, gap(3))
      yield* first.barrier
      first.socket.reset()
      const second = yield* come("ack")
      yield* second.barrier
      yield* settle
      assert.deepStrictEqual(messages(second), [])
    }).pipe(Effect.orDie)
  )
})

describe("receipts", () => {
  it.scoped("tell a sender how far an account was given what it sent", () =>
    Effect.gen(function* () {
      const { connect, join } = yield* startConversations()
      const [alice, carol] = [yield* connect, yield* join("carol")]
      alice.say(...login("alice", "receipts"))
      carol.say("/hello receipts", "bob: hi")
      yield* alice.barrier
      alice.say("bob: one", "bob: two")
      yield* alice.barrier
      const bob = yield* connect
      bob.say(...login("bob", "ack"))
      yield* seen(bob, "from alice: two")
      yield* settle
      assert.deepStrictEqual(
        alice.received.filter((line) => line.startsWith("* delivered")),
        [],
        "it has not acknowledged them"
      )
      bob.say("/ack 3")
      assert.deepStrictEqual(yield* seen(alice, "* delivered"), ["* delivered bob seq=2: given to a device"])
      assert.deepStrictEqual(yield* seen(carol, "* delivered"), ["* delivered bob seq=1: given to a device"])
      // The other device has been given nothing yet.
      const phone = yield* connect
      phone.say(...login("bob/phone"))
      yield* seen(phone, "from alice: two")
      yield* phone.barrier
      yield* settle
      assert.lengthOf(yield* seen(alice, "* delivered"), 1, "a slower device brings no other receipt")
    })
  )
})

describe("receipts for a client that only sends", () => {
  it.scoped("come as well, and again for a line that it sends again", () =>
    Effect.gen(function* () {
      const { connect } = yield* startConversations()
      const send = (...lines: ReadonlyArray<string>) =>
        Effect.tap(connect, (client) => {
          client.say(...login("alice", "send-only once receipts seq"), ...lines)
          return client.barrier
        })
      const first = yield* send("@k1 bob: one")
      const bob = yield* connect
      bob.say(...login("bob"))
      assert.deepStrictEqual(yield* seen(first, "* delivered"), ["* delivered bob seq=1: given to a device"])
      first.socket.reset()
      yield* settle
      const second = yield* send("@k1 bob: one")
      assert.deepStrictEqual(yield* seen(second, "* delivered"), ["* delivered bob seq=1: given to a device"])
      assert.deepStrictEqual(messages(bob), ["from alice: one"])
    })
  )
})

describe("a line that was given a moment ago", () => {
  const give = Effect.gen(function* () {
    const chat = yield* startConversations()
    const [alice, phone] = [yield* chat.connect, yield* chat.connect]
    alice.say(...login("alice"))
    phone.say(...login("bob/phone"))
    yield* phone.barrier
    const { store } = chat.accounts
    const once = Effect.gen(function* () {
      alice.say("bob: one", "bob: two")
      yield* seen(phone, "from alice: two")
      yield* settle
    })
    const isGiven = Effect.gen(function* () {
      yield* settle
      yield* alice.barrier
      assert.deepStrictEqual(
        alice.received.filter((line) => line.startsWith("! ")),
        []
      )
      const { expired, given, waiting } = yield* store.statistics
      assert.deepStrictEqual({ expired, given, waiting }, { expired: 0, given: 2, waiting: 0 })
    })
    return { ...chat, store, once, isGiven }
  })

  it.scoped("does not return when its recipient is removed", () =>
    Effect.gen(function* () {
      const { accounts, isGiven, once } = yield* give
      yield* once
      yield* accounts.accounts.operations.remove("bob").pipe(Effect.orDie)
      yield* isGiven
    })
  )

  it.scoped("does not return when it is kept no longer", () =>
    Effect.gen(function* () {
      const { isGiven, once, store } = yield* give
      yield* store.configure({ keep: "30 days", keepBytes: 2 ** 30, keepLines: 1, unreadLines: 9, unreadBytes: 999 })
      yield* passes(59_500)
      yield* once
      yield* pass(600)
      yield* settle
      assert.strictEqual((yield* store.statistics).lines, 1)
      yield* isGiven
    }).pipe(Effect.orDie)
  )

  it.scoped("is not given again when its device is forgotten", () =>
    Effect.gen(function* () {
      const { accounts, isGiven, once, store } = yield* give
      yield* once
      const bob = accounts.accounts.index.named("bob")
      assert.isDefined(bob)
      assert.isTrue(yield* store.accounts.forget(bob.id, "phone"))
      yield* isGiven
    }).pipe(Effect.orDie)
  )
})

describe("receipts for clients that only send", () => {
  it.scoped("come for a line that is sent again after its reader has left", () =>
    Effect.gen(function* () {
      const { accounts, connect } = yield* startConversations()
      const send = Effect.tap(connect, (client) => {
        client.say(...login("alice", "send-only once receipts seq"), "@k1 bob: one")
        return client.barrier
      })
      const first = yield* send
      first.socket.reset()
      const bob = yield* connect
      bob.say(...login("bob"))
      yield* seen(bob, "from alice: one")
      yield* bob.barrier
      bob.say("/quit")
      yield* bob.ended
      yield* passes(2_000)
      assert.strictEqual((yield* accounts.store.statistics).given, 1)
      assert.deepStrictEqual(yield* seen(yield* send, "* delivered"), ["* delivered bob seq=1: given to a device"])
    })
  )

  it.scoped("come to each of several guests with one name", () =>
    Effect.gen(function* () {
      const { connect } = yield* startConversations()
      const [one, other] = [yield* connect, yield* connect]
      for (const client of [one, other]) {
        client.say("/hello send-only receipts seq", "build", "bob: done")
        yield* client.barrier
      }
      const bob = yield* connect
      bob.say(...login("bob"))
      for (const client of [one, other]) {
        assert.deepStrictEqual(yield* seen(client, "* delivered"), ["* delivered bob seq=2: given to a device"])
      }
    })
  )
})

describe("accounts that are written to once", () => {
  it.scoped("get a line to all of them, however many they are", () =>
    Effect.gen(function* () {
      const state = { isStuck: false }
      const { accounts, connect, join } = yield* startConversations(
        { maxRecipients: 2_000, outboxLines: 16, holdTimeout: Duration.seconds(2) },
        slow({ delay: () => 0, fails: () => false, isStuck: () => state.isStuck })
      )
      const others = Array.from({ length: 1_500 }, (_, number) => `account${number}`)
      for (const name of others) {
        const made = yield* accounts.store.accounts.create({ name, likeness: name.toUpperCase(), credential: "" })
        if (made !== undefined) accounts.accounts.index.add(made)
      }
      const carol = yield* join("carol")
      const all = ["bob", ...others].join(", ")
      carol.say("/hello", `@all ${all}: hi`)
      yield* seen(carol, "* stored @all")
      const bob = yield* connect
      bob.say(...login("bob"))
      yield* seen(bob, "from carol: hi")
      carol.say(`@next ${all}: hi again`)
      yield* seen(carol, "* stored @next")
      yield* seen(bob, "from carol: hi again")
      // By now a thousand others were forgotten.
      carol.say("bob: and again")
      yield* seen(bob, "from carol: and again")
      assert.strictEqual((yield* accounts.store.statistics).stored, 3_003)
      for (const { id } of yield* accounts.store.accounts.all) {
        if (id > 2) assert.lengthOf(yield* accounts.store.waiting(id, "main"), 1)
      }
      // Nobody holds a sender for ever, whichever of them it is.
      state.isStuck = true
      carol.say(...Array.from({ length: 40 }, () => `${others.join(", ")}: hi`), "/ping after")
      yield* passes(4_000)
      assert.isTrue(carol.received.includes("* pong: after"))
      state.isStuck = false
    }).pipe(Effect.orDie)
  )

  it.scoped("are forgotten when there are many, and found again", () =>
    Effect.gen(function* () {
      const { accounts, connect, join } = yield* startConversations()
      const { index } = accounts.accounts
      for (let number = 0; number < 1_100; number++) {
        const name = `account${number}`
        const made = yield* accounts.store.accounts.create({ name, likeness: name.toUpperCase(), credential: "" })
        if (made !== undefined) index.add(made)
      }
      const carol = yield* join("carol")
      carol.say(...Array.from({ length: 1_100 }, (_, number) => `account${number}: hi`), "bob: one")
      yield* carol.barrier
      yield* settle
      carol.say("account0: again", "bob: two")
      const bob = yield* connect
      bob.say(...login("bob"))
      yield* seen(bob, "from carol: two")
      yield* passes(1_500)
      const { stored, waiting } = yield* accounts.store.statistics
      assert.deepStrictEqual([stored, waiting], [1_103, 1_101])
    }).pipe(Effect.orDie)
  )
})
