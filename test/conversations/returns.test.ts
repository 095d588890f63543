import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { AccountId } from "../../src/ports/StoreAccounts.js"
import { StoreError } from "../../src/ports/StoreError.js"
import { slow } from "../support/SlowStore.js"
import { login, passes, seen, startConversations } from "../support/Conversations.js"
import { pass } from "../support/MemoryServer.js"
import { settle, turnsUntil } from "../support/Turns.js"

describe("lines that are no longer kept", () => {
  const keep = {
    keep: Duration.hours(1),
    keepBytes: 2 ** 30,
    keepLines: 1_000,
    unreadLines: 1_000,
    unreadBytes: 2 ** 24
  }

  it.scoped("return to a guest on the connection that sent them, and to no other", () =>
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

  it.scoped("return to each of several guests with one name, however often they have taken turns", () =>
    Effect.gen(function* () {
      const { accounts, connect } = yield* startConversations()
      yield* Effect.orDie(accounts.store.configure(keep))
      const guests = [yield* connect, yield* connect]
      for (const guest of guests) guest.say("/hello send-only", "build")
      for (let turn = 0; turn < 150; turn++) {
        for (const guest of guests) {
          guest.say("bob: done")
          yield* guest.barrier
          yield* settle
        }
      }
      yield* pass(3_700_000)
      yield* pass(61_000)
      for (const guest of guests) {
        const returns = yield* seen(guest, "! undelivered bob reason=expired")
        const counts = returns.map((line) => Number(/ count=(\d+):/u.exec(line)?.[1]))
        assert.strictEqual(
          counts.reduce((sum, count) => sum + count, 0),
          150
        )
      }
      const { dead, expired } = yield* accounts.store.statistics
      assert.deepStrictEqual([expired, dead], [300, 0])
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

  it.scoped("return although others of the conversation have just returned", () =>
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

  it.scoped("return once, although the store does not learn at first that they were delivered", () =>
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

  it.scoped("does not return when it is no longer kept", () =>
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
