import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { login, messages, passes, seen, startConversations } from "../support/Conversations.js"
import { pass } from "../support/MemoryServer.js"
import { settle } from "../support/Turns.js"

const gap = (last: number) => `! gap alice first=1 last=${last}: these lines are no longer kept`

describe("lines that are no longer kept", () => {
  const keep = {
    keep: Duration.hours(1),
    keepBytes: 2 ** 30,
    keepLines: 1_000,
    unreadLines: 1_000,
    unreadBytes: 2 ** 24
  }

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

  it.scoped("stay while they are in a device's outbox", () =>
    Effect.gen(function* () {
      const { accounts, connect, join } = yield* startConversations({
        memory: { bufferBytes: 32 },
        stallTimeout: Duration.hours(9)
      })
      yield* Effect.orDie(accounts.store.configure({ ...keep, keep: Duration.minutes(1) }))
      const [carol, bob] = [yield* join("carol"), yield* connect]
      bob.say(...login("bob"))
      yield* bob.barrier
      bob.socket.pause()
      carol.say(...Array.from({ length: 20 }, (_, line) => `bob: line ${line}`))
      yield* settle
      // Not an hour: while a socket takes nothing, the server looks at it four times a second.
      yield* pass(61_000)
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

  it.scoped("of a guest leave a gap that has the guest's name, also if none of them is left", () =>
    Effect.gen(function* () {
      const { accounts, connect, join } = yield* startConversations()
      const gina = yield* join("Gina")
      gina.say("bob: 1", "bob: 2")
      yield* gina.barrier
      const laptop = yield* connect
      laptop.say(...login("bob"))
      yield* seen(laptop, "from Gina: 2")
      laptop.socket.destroy()
      yield* settle
      gina.say("bob: 3")
      yield* settle
      yield* accounts.store.configure({ ...keep, keep: "1 second" })
      yield* passes(2_000)
      yield* pass(61_000)
      const again = yield* connect
      again.say(...login("bob"), "/conversations")
      yield* seen(again, "! gap ")
      assert.deepStrictEqual(messages(again), ["! gap Gina first=3 last=3: these lines are no longer kept"])
      yield* seen(again, "* end conversations")
      assert.match(again.received.join("\n"), /^\* conversation Gina guest=yes last=3 read=0 at=0: /mu)
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

  it.scoped("leave a gap that is reported to a device until its kernel has taken the report", () =>
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

  it.scoped("leave a gap that is reported to a device with 'ack' until it has acknowledged what follows", () =>
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

  it.scoped("leave a gap that is reported to a device with 'ack' once, if nothing follows", () =>
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
