import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import { assert } from "vitest"
import * as Claim from "../../src/cluster/Claim.js"
import { bob, claimsWorld, mine, other } from "./ClaimsWorld.js"

describe("Claims", () => {
  it.effect("releases a claim that is carried out between a reading and its answer", () =>
    Effect.gen(function* () {
      const { catchUp, claims, entry, fates, put, tables, work } = claimsWorld()
      claims.release("bob")
      fates.push("slow")
      const working = yield* Effect.fork(work)
      yield* Effect.repeatN(Effect.yieldNow(), 50)
      put({ node: "a", incarnation: mine, name: "Bob" })
      claims.found(tables.get("names", bob) ?? { key: bob, value: "", revision: 0 })
      catchUp()
      yield* Fiber.join(working)
      yield* work
      assert.isUndefined(entry())
    })
  )

  it.effect("leaves the names of a process alone that has replaced this one", () =>
    Effect.gen(function* () {
      const { claims, entry, put, tables, work } = claimsWorld()
      put({ node: "a", incarnation: other, name: "Bob" })
      claims.found(tables.get("names", bob) ?? { key: bob, value: "", revision: 0 })
      assert.isFalse(claims.hasWork)
      claims.release("bob")
      yield* work
      assert.strictEqual(entry(), `a ${other} Bob`)
      assert.isFalse(claims.hasWork)
    })
  )

  it.effect("takes a name that the watch reports as free only now", () =>
    Effect.gen(function* () {
      const { claims, entry, state } = claimsWorld()
      state.elsewhere = "Bob"
      const claiming = yield* Effect.fork(claims.claim("bob", "bob"))
      yield* TestClock.adjust("100 millis")
      state.elsewhere = undefined
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(yield* Fiber.join(claiming), { _tag: "Yours" })
      assert.strictEqual(entry(), `a ${mine} bob`)
    })
  )

  it.effect("takes a free name, and has it without asking again", () =>
    Effect.gen(function* () {
      const { claims, entry, state } = claimsWorld()
      assert.deepStrictEqual(yield* claims.claim("bob", "Bob"), { _tag: "Yours" })
      assert.strictEqual(entry(), `a ${mine} Bob`)
      const { requests } = state
      assert.deepStrictEqual(yield* claims.claim("bob", "Bob"), { _tag: "Yours" })
      assert.strictEqual(state.requests, requests)
      assert.deepStrictEqual(yield* claims.claim("bob", "bob"), { _tag: "Yours" })
      assert.strictEqual(entry(), `a ${mine} bob`)
    })
  )

  it.effect("does not take a name of another node, unless that one is dead", () =>
    Effect.gen(function* () {
      const { alive, claims, entry, put } = claimsWorld()
      put({ node: "b", incarnation: other, name: "Bob" })
      assert.deepStrictEqual(yield* claims.claim("bob", "bob"), { _tag: "Taken", by: "Bob" })
      alive.delete(other)
      assert.deepStrictEqual(yield* claims.claim("bob", "bob"), { _tag: "Yours" })
      assert.strictEqual(entry(), `a ${mine} bob`)
    })
  )

  it.effect("recognises its own claim when the answer was lost", () =>
    Effect.gen(function* () {
      const { claims, fates } = claimsWorld()
      fates.push("unanswered")
      assert.deepStrictEqual(yield* claims.claim("bob", "bob"), { _tag: "Yours" })
    })
  )

  it.effect("fails while the directory cannot be reached, and frees the name if the claim is carried out late", () =>
    Effect.gen(function* () {
      const { catchUp, claims, entry, fates, tables, work } = claimsWorld()
      fates.push("late")
      assert.isTrue(Exit.isFailure(yield* Effect.exit(claims.claim("bob", "bob"))))
      yield* work
      assert.isFalse(claims.hasWork)
      catchUp()
      assert.strictEqual(entry(), `a ${mine} bob`)
      const found = tables.get("names", bob)
      if (found !== undefined) claims.found(found)
      yield* work
      assert.isUndefined(entry())
    })
  )

  it.effect("frees a name whose claim was interrupted", () =>
    Effect.gen(function* () {
      const { claims, entry, fates, work } = claimsWorld()
      fates.push("ok")
      const fiber = yield* Effect.fork(Effect.zipRight(claims.claim("bob", "bob"), Effect.never))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(fiber)
      claims.release("bob")
      yield* work
      assert.isUndefined(entry())
    })
  )

  it.effect("releases a name until that is done", () =>
    Effect.gen(function* () {
      const { claims, entry, fates, work } = claimsWorld()
      yield* claims.claim("bob", "bob")
      claims.release("bob")
      for (const fate of ["lost", "ok", "lost"] as const) fates.push(fate)
      yield* work
      assert.isTrue(claims.hasWork)
      yield* work
      assert.strictEqual(entry(), `a ${mine} bob`)
      assert.isTrue(claims.hasWork)
      yield* work
      assert.isUndefined(entry())
      assert.isFalse(claims.hasWork)
    })
  )

  it.effect("keeps a name that is claimed again while its removal is on its way", () =>
    Effect.gen(function* () {
      const { catchUp, claims, entry, fates, work } = claimsWorld()
      yield* claims.claim("bob", "bob")
      claims.release("bob")
      fates.push("late")
      yield* work
      // The claim is lost, and only the reading tells: the entry is there, at the revision that is to be removed.
      fates.push("lost", "ok")
      const exit = yield* Effect.exit(claims.claim("bob", "bob"))
      assert.isTrue(Exit.isFailure(exit))
      assert.deepStrictEqual(yield* claims.claim("bob", "bob"), { _tag: "Yours" })
      catchUp()
      assert.strictEqual(entry(), `a ${mine} bob`)
    })
  )

  it.effect("releases a name that it has claimed in one request", () =>
    Effect.gen(function* () {
      const { claims, entry, state, work } = claimsWorld()
      yield* claims.claim("bob", "bob")
      claims.release("bob")
      state.requests = 0
      yield* work
      assert.deepStrictEqual([entry(), state.requests, claims.hasWork], [undefined, 1, false])
    })
  )

  it.effect("releases a name for which the directory has another claim of this node in the meantime", () =>
    Effect.gen(function* () {
      const { claims, entry, put, work } = claimsWorld()
      yield* claims.claim("bob", "bob")
      put({ node: "a", incarnation: mine, name: "Bob" })
      claims.release("bob")
      yield* work
      assert.deepStrictEqual([entry(), claims.hasWork], [undefined, false])
    })
  )

  it.effect("does not remove the claim of a name that was released and claimed again", () =>
    Effect.gen(function* () {
      const { claims, entry, state, work } = claimsWorld()
      yield* claims.claim("bob", "bob")
      claims.release("bob")
      yield* claims.claim("bob", "bob")
      yield* work
      assert.strictEqual(entry(), `a ${mine} bob`)
      claims.release("bob")
      state.requests = 0
      yield* work
      assert.deepStrictEqual([entry(), state.requests], [undefined, 1])
    })
  )

  it.effect("leaves a name alone that another node has taken before the release", () =>
    Effect.gen(function* () {
      const { claims, entry, put, work } = claimsWorld()
      yield* claims.claim("bob", "bob")
      put({ node: "b", incarnation: other, name: "bob" })
      claims.release("bob")
      yield* work
      assert.strictEqual(entry(), `b ${other} bob`)
      assert.isFalse(claims.hasWork)
    })
  )

  it.effect("claims nothing while its node is suspended, nor for an incarnation that is over", () =>
    Effect.gen(function* () {
      const { claims, state } = claimsWorld()
      state.canClaim = false
      assert.isTrue(Exit.isFailure(yield* Effect.exit(claims.claim("bob", "bob"))))
      assert.strictEqual(state.requests, 0)
    })
  )

  it.effect("claims its names again for a new incarnation, and reports which are taken", () =>
    Effect.gen(function* () {
      const { claims, put, state, tables, taken } = claimsWorld()
      yield* claims.claim("bob", "bob")
      yield* claims.claim("eve", "eve")
      put({ node: "b", incarnation: other, name: "Bob" })
      state.incarnation = "00000000000000ab"
      yield* claims.reclaim((_likeness, name) => void taken.push(name))
      assert.deepStrictEqual(taken, ["bob"])
      assert.strictEqual(tables.get("names", Claim.keyOf("eve"))?.value, "a 00000000000000ab eve")
    })
  )

  it.effect("keeps the name of the latest claim, although an earlier one is put right meanwhile", () =>
    Effect.gen(function* () {
      const { claims, entry, fates, work } = claimsWorld()
      yield* claims.claim("bob", "Bob")
      fates.push("unanswered", "lost")
      assert.isTrue(Exit.isFailure(yield* Effect.exit(claims.claim("bob", "bob"))))
      // Both wait for their turn.
      const claim = yield* Effect.fork(claims.claim("bob", "BOB"))
      const repair = yield* Effect.fork(work)
      assert.deepStrictEqual(yield* Fiber.join(claim), { _tag: "Yours" })
      yield* Fiber.join(repair)
      yield* work
      assert.strictEqual(entry(), `a ${mine} BOB`)
      assert.isFalse(claims.hasWork)
    })
  )

  it.effect("writes nothing for a name that another living node has", () =>
    Effect.gen(function* () {
      const { alive, claims, entry, put, state } = claimsWorld()
      put({ node: "b", incarnation: other, name: "Bob" })
      state.elsewhere = "Bob"
      assert.deepStrictEqual(yield* claims.claim("bob", "bob"), { _tag: "Taken", by: "Bob" })
      assert.strictEqual(state.requests, 1)
      alive.delete(other)
      assert.deepStrictEqual(yield* claims.claim("bob", "bob"), { _tag: "Yours" })
      assert.strictEqual(entry(), `a ${mine} bob`)
    })
  )

  it.effect("removes what a later process of its name has left when it is reborn after that one", () =>
    Effect.gen(function* () {
      const { claims, entry, put, state, tables, work } = claimsWorld()
      put({ node: "a", incarnation: "00000000000000ab", name: "bob" })
      claims.found({ key: bob, revision: tables.get("names", bob)?.revision ?? 0, value: entry() ?? "" })
      assert.isFalse(claims.hasWork)
      state.incarnation = "00000000000000ac"
      yield* claims.reclaim(() => {})
      yield* work
      assert.isUndefined(entry())
    })
  )
})
