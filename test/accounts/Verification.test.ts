import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import * as Credentials from "../../src/accounts/Credentials.js"
import {
  maxPending,
  maxPendingPerAddress,
  rememberedMillis,
  Verification,
  type PasswordClaim
} from "../../src/accounts/Verification.js"
import * as Time from "../../src/ports/Time.js"
import { cheap } from "../support/Accounts.js"
import { settle } from "../support/Turns.js"

const claim: PasswordClaim = { account: "ALICE", address: "192.0.2.1", password: "correct horse" }

const start = (threads = 1) =>
  Effect.map(Effect.clock, (clock) => new Verification({ time: Time.of(clock), threads, cost: cheap }))

/** A record that is there when the test says so, and how often it was asked for. */
const slowRecord = Effect.gen(function* () {
  const gate = yield* Deferred.make<void>()
  const record = yield* Credentials.hash(claim.password, cheap)
  const state = { asked: 0, atOnce: 0, most: 0 }
  const read = Effect.gen(function* () {
    state.asked += 1
    state.atOnce += 1
    state.most = Math.max(state.most, state.atOnce)
    yield* Deferred.await(gate)
    state.atOnce -= 1
    return record
  })
  return { state, read, open: Deferred.succeed(gate, undefined) }
})

const tags = (verdicts: ReadonlyArray<{ readonly _tag: string }>) => verdicts.map(({ _tag }) => _tag)

describe("Verification", () => {
  for (const threads of [1, 2]) {
    it.effect(`checks at most ${threads} passwords at once`, () =>
      Effect.gen(function* () {
        const verification = yield* start(threads)
        const { open, read, state } = yield* slowRecord
        const checks = yield* Effect.forEach(
          Array.from({ length: 10 }, (_, index) => index),
          (index) => Effect.fork(verification.check({ ...claim, account: `A${index}`, address: `${index}` }, read))
        )
        yield* settle
        assert.strictEqual(state.atOnce, threads)
        yield* open
        assert.deepStrictEqual([...new Set(tags(yield* Fiber.join(Fiber.all(checks))))], ["Right"])
        assert.strictEqual(state.most, threads)
      })
    )
  }

  it.effect("limits how many wait, in all and for each address, and asks the others to come back", () =>
    Effect.gen(function* () {
      const verification = yield* start()
      const { open, read } = yield* slowRecord
      const ask = (index: number, address: string) =>
        Effect.fork(verification.check({ ...claim, account: `A${index}`, address }, read))
      const own = yield* Effect.forEach(
        Array.from({ length: maxPendingPerAddress + 1 }, (_, index) => index),
        (index) => ask(index, "own")
      )
      yield* settle
      const refused = own.at(-1)
      assert.isDefined(refused)
      const verdict = refused === undefined ? undefined : yield* Fiber.join(refused)
      assert.strictEqual(verdict?._tag, "Busy")
      const retryMillis = verdict?._tag === "Busy" ? verdict.retryMillis : 0
      assert.isTrue(retryMillis >= 1_000 && retryMillis <= 2_000, `${retryMillis}`)
      const others = yield* Effect.forEach(
        Array.from({ length: maxPending - maxPendingPerAddress + 1 }, (_, index) => index),
        (index) => ask(1_000 + index, `other ${index}`)
      )
      yield* settle
      const last = others.at(-1)
      assert.strictEqual(last === undefined ? undefined : (yield* Fiber.join(last))._tag, "Busy")
      yield* open
      const all = tags(yield* Fiber.join(Fiber.all([...own, ...others])))
      assert.lengthOf(
        all.filter((tag) => tag === "Right"),
        maxPending
      )
      assert.strictEqual((yield* verification.check({ ...claim, address: "own" }, read))._tag, "Right")
    })
  )

  it.effect("never turns away an address that was right before, and checks its passwords one after the other", () =>
    Effect.gen(function* () {
      const verification = yield* start(2)
      const { open, read, state } = yield* slowRecord
      yield* Effect.fork(Effect.delay(open, 0))
      yield* TestClock.adjust(1)
      yield* verification.check(claim, read)
      const next = yield* slowRecord
      const wrong = yield* Effect.forEach(Array.from({ length: 20 }), () =>
        Effect.fork(verification.check({ ...claim, password: "battery staple" }, next.read))
      )
      yield* settle
      assert.deepStrictEqual([state.asked, next.state.atOnce], [1, 1])
      yield* next.open
      assert.deepStrictEqual([...new Set(tags(yield* Fiber.join(Fiber.all(wrong))))], ["Wrong"])
      assert.strictEqual(next.state.most, 1)
    })
  )

  it.effect("remembers a password that was right for ten minutes, and no other", () =>
    Effect.gen(function* () {
      const verification = yield* start()
      let asked = 0
      const record = yield* Credentials.hash(claim.password, cheap)
      const read = Effect.sync(() => {
        asked += 1
        return record
      })
      const check = (change: Partial<PasswordClaim> = {}) =>
        Effect.map(verification.check({ ...claim, ...change }, read), ({ _tag }) => `${_tag} ${asked}`)
      assert.strictEqual(yield* check(), "Right 1")
      assert.strictEqual(yield* check({ address: "192.0.2.2" }), "Right 1")
      assert.strictEqual(yield* check({ password: "battery staple" }), "Wrong 2")
      assert.strictEqual(yield* check({ account: "BOB" }), "Right 3")
      yield* TestClock.adjust(rememberedMillis - 1)
      assert.strictEqual(yield* check({ account: "BOB" }), "Right 3")
      yield* TestClock.adjust(rememberedMillis)
      assert.strictEqual(yield* check(), "Right 4")
      verification.forget(claim.account)
      assert.strictEqual(yield* check(), "Right 5")
    })
  )

  it.effect("does not remember a password that was changed while it was compared", () =>
    Effect.gen(function* () {
      const verification = yield* start()
      const { open, read } = yield* slowRecord
      let isCurrent = true
      const early = yield* Effect.fork(verification.check(claim, read, () => isCurrent))
      yield* settle
      isCurrent = false
      verification.forget(claim.account)
      yield* open
      assert.strictEqual((yield* Fiber.join(early))._tag, "Right")
      const changed = Effect.succeed(yield* Credentials.hash("battery staple", cheap))
      assert.strictEqual((yield* verification.check(claim, changed))._tag, "Wrong")
    })
  )

  it.effect("compares no guess with a remembered password while the address has to wait", () =>
    Effect.gen(function* () {
      const verification = yield* start()
      const record = Effect.succeed(yield* Credentials.hash(claim.password, cheap))
      yield* verification.check(claim, record)
      const attacker = { ...claim, address: "198.51.100.9" }
      for (let guess = 0; guess < 6; guess++)
        yield* verification.check({ ...attacker, password: `guess ${guess}` }, record)
      assert.deepStrictEqual(yield* verification.check(attacker, record), { _tag: "Throttled", retryMillis: 1_000 })
    })
  )

  it.effect("does the same work where there is no account, and nobody is right there", () =>
    Effect.gen(function* () {
      const verification = yield* start()
      assert.deepStrictEqual(yield* verification.check(claim, Effect.succeed(undefined)), { _tag: "Wrong" })
    })
  )

  it.effect("returns a new record for one of another cost", () =>
    Effect.gen(function* () {
      const verification = yield* start()
      const old = yield* Credentials.hash(claim.password, { ln: 2, r: 1, p: 1 })
      const verdict = yield* verification.check(claim, Effect.succeed(old))
      const renewed = verdict._tag === "Right" ? (verdict.record ?? "") : ""
      assert.match(renewed, /^\$scrypt\$ln=1,r=1,p=1\$/u)
      assert.isTrue(yield* Credentials.verify(claim.password, renewed))
    })
  )

  it.effect("forgets a check whose store has failed", () =>
    Effect.gen(function* () {
      const verification = yield* start()
      for (let count = 0; count <= maxPendingPerAddress; count++) {
        assert.strictEqual(yield* Effect.flip(verification.check(claim, Effect.fail("broken"))), "broken")
      }
    })
  )
})
