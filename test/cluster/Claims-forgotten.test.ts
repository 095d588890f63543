import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import { assert } from "vitest"
import { bob, claimsWorld, mine, other, revisionOf } from "./ClaimsWorld.js"

/** Passes a term. */
const term = ({ claims }: ReturnType<typeof claimsWorld>) => {
  for (let i = 0; i < 12; i++) claims.tick()
}

/** A claim that the directory has taken and the watch has reported, and whose answer has yet to come. */
const reportedEarly = (one: ReturnType<typeof claimsWorld>) =>
  Effect.gen(function* () {
    one.fates.push("slow")
    const fiber = yield* Effect.fork(one.claims.claim("bob", "bob"))
    yield* Effect.yieldNow()
    one.claims.found({ key: bob, revision: revisionOf(one), value: one.entry() ?? "" })
    return fiber
  })

/** A name that was claimed, which the watch has reported, and released. */
const released = (removal: "ok" | "slow" | "unanswered" = "ok") =>
  Effect.gen(function* () {
    const one = claimsWorld()
    yield* one.claims.claim("bob", "bob")
    one.claims.found({ key: bob, revision: revisionOf(one), value: one.entry() ?? "" })
    one.fates.push(removal)
    one.claims.release("bob")
    return one
  })

/** A removal that the directory has carried out, and whose answer has yet to come. */
const removing = (one: ReturnType<typeof claimsWorld>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(one.work)
    while (one.entry() !== undefined) yield* Effect.yieldNow()
    return fiber
  })

describe("Claims, when the engine has forgotten something,", () => {
  it.effect("leaves a name to a living node whose entry the engine has lost", () =>
    Effect.gen(function* () {
      const { claims, entry, state } = claimsWorld()
      state.elsewhere = "Bob"
      const claiming = yield* Effect.fork(claims.claim("bob", "bob"))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(claiming), { _tag: "Taken", by: "Bob" })
      assert.isUndefined(entry())
    })
  )

  it.effect("claims names again that the engine has lost", () =>
    Effect.gen(function* () {
      const { claims, entry, tables, work } = claimsWorld()
      yield* claims.claim("bob", "bob")
      tables.clear()
      claims.current(new Map())
      assert.isTrue(claims.hasWork)
      yield* work
      assert.strictEqual(entry(), `a ${mine} bob`)
      claims.current(new Map([[bob, tables.get("names", bob)?.revision ?? 0]]))
      assert.isFalse(claims.hasWork)
    })
  )

  it.effect("gives up a name that another node could claim because the engine had lost this one's claim", () =>
    Effect.gen(function* () {
      const { claims, entry, put, taken, tables, work } = claimsWorld()
      yield* claims.claim("bob", "bob")
      tables.clear()
      put({ node: "b", incarnation: other, name: "Bob" })
      claims.foreign(bob, tables.get("names", bob)?.revision ?? 0)
      assert.isTrue(claims.hasWork)
      yield* work
      assert.deepStrictEqual(taken, ["bob"])
      assert.strictEqual(entry(), `b ${other} Bob`)
    })
  )

  it.effect("claims a name again that a watch reports as removed since", () =>
    Effect.gen(function* () {
      const { claims, entry, tables, work } = claimsWorld()
      yield* claims.claim("bob", "bob")
      const revision = tables.get("names", bob)?.revision ?? 0
      claims.foreign(bob, revision - 1) // from before the claim
      assert.isFalse(claims.hasWork)
      claims.foreign(bob, tables.swap("names", bob, revision, undefined) ?? 0)
      yield* work
      assert.strictEqual(entry(), `a ${mine} bob`)
      assert.isFalse(claims.hasWork)
    })
  )

  describe("when the engine went back to an earlier state", () => {
    it.effect("asks the directory for a name that it has and that may be forgotten", () =>
      Effect.gen(function* () {
        const { claims, entry, tables } = claimsWorld()
        yield* claims.claim("bob", "bob")
        tables.goBack("names", 1)
        claims.current(new Map())
        assert.deepStrictEqual(yield* claims.claim("bob", "bob"), { _tag: "Yours" })
        assert.strictEqual(entry(), `a ${mine} bob`)
      })
    )

    it.effect("claims a name again when a watch that starts again reports an older entry of it", () =>
      Effect.gen(function* () {
        const one = claimsWorld()
        yield* one.claims.claim("bob", "bob")
        one.state.incarnation = "00000000000000ab"
        yield* one.claims.reclaim(() => {})
        one.tables.goBack("names", 1)
        one.claims.found({ key: bob, revision: revisionOf(one), value: one.entry() ?? "" })
        one.claims.current(new Map([[bob, revisionOf(one)]]))
        yield* one.work
        assert.strictEqual(one.entry(), "a 00000000000000ab bob")
      })
    )

    it.effect("claims a name again that no watch reports within a term", () =>
      Effect.gen(function* () {
        const one = claimsWorld()
        yield* one.claims.claim("bob", "bob")
        one.tables.goBack("names", 1)
        for (let i = 0; i < 11; i++) one.claims.tick()
        assert.isFalse(one.claims.hasWork)
        one.claims.tick()
        yield* one.work
        assert.strictEqual(one.entry(), `a ${mine} bob`)
      })
    )

    it.effect("only reads a name that is there, although no watch reports it", () =>
      Effect.gen(function* () {
        const one = claimsWorld()
        yield* one.claims.claim("bob", "bob")
        const revision = revisionOf(one)
        for (let i = 0; i < 12; i++) one.claims.tick()
        yield* one.work
        assert.strictEqual(revisionOf(one), revision)
        for (let i = 0; i < 24; i++) one.claims.tick()
        assert.isFalse(one.claims.hasWork)
      })
    )

    it.effect("has nothing to read once the watch has reported a name, before the answer or after it", () =>
      Effect.gen(function* () {
        for (const isEarly of [true, false]) {
          const one = claimsWorld()
          one.fates.push("slow")
          const fiber = yield* Effect.fork(one.claims.claim("bob", "bob"))
          yield* Effect.yieldNow()
          const told = { key: bob, revision: revisionOf(one), value: one.entry() ?? "" }
          if (isEarly) one.claims.found(told)
          one.catchUp()
          yield* Fiber.join(fiber)
          if (!isEarly) one.claims.found(told)
          for (let i = 0; i < 24; i++) one.claims.tick()
          assert.isFalse(one.claims.hasWork)
        }
      })
    )

    it.effect("gives a name up that another node has claimed before the answer came", () =>
      Effect.gen(function* () {
        const one = claimsWorld()
        const fiber = yield* reportedEarly(one)
        one.tables.goBack("names", 1)
        one.put({ node: "b", incarnation: other, name: "Bob" })
        one.claims.foreign(bob, revisionOf(one)) // the same
        one.catchUp()
        yield* Fiber.join(fiber)
        yield* one.work
        assert.deepStrictEqual(one.taken, ["bob"])
      })
    )

    it.effect("gives a name up that another node has at the same revision", () =>
      Effect.gen(function* () {
        const one = claimsWorld()
        yield* one.claims.claim("bob", "bob")
        one.tables.goBack("names", 1)
        one.put({ node: "b", incarnation: other, name: "Bob" })
        one.claims.foreign(bob, revisionOf(one))
        yield* one.work
        assert.deepStrictEqual(one.taken, ["bob"])
      })
    )

    it.effect("notices that a claim was forgotten that the watch had reported before the answer came", () =>
      Effect.gen(function* () {
        const one = claimsWorld()
        const fiber = yield* reportedEarly(one)
        one.tables.goBack("names", 1)
        one.claims.current(new Map())
        one.catchUp()
        yield* Fiber.join(fiber)
        for (let i = 0; i < 12; i++) one.claims.tick()
        yield* one.work
        assert.strictEqual(one.entry(), `a ${mine} bob`)
      })
    )
  })

  describe("of a removal", () => {
    it.effect("releases a name again whose removal no watch reports within a term", () =>
      Effect.gen(function* () {
        const one = yield* released()
        yield* one.work
        one.tables.goBack("names", 1)
        for (let i = 0; i < 11; i++) one.claims.tick()
        assert.isFalse(one.claims.hasWork)
        one.claims.tick()
        yield* one.work
        assert.isUndefined(one.entry())
      })
    )

    it.effect("releases a name again whose removal was not answered", () =>
      Effect.gen(function* () {
        const one = yield* released("unanswered")
        yield* one.work
        term(one)
        yield* one.work // which finds nothing
        assert.isFalse(one.claims.hasWork)
        one.tables.goBack("names", 1)
        term(one)
        yield* one.work
        assert.isUndefined(one.entry())
      })
    )

    it.effect("waits a term after the answer, however late that was", () =>
      Effect.gen(function* () {
        const one = yield* released("slow")
        const fiber = yield* removing(one)
        term(one)
        one.catchUp()
        yield* Fiber.join(fiber)
        assert.isFalse(one.claims.hasWork)
        one.tables.goBack("names", 1)
        term(one)
        yield* one.work
        assert.isUndefined(one.entry())
      })
    )

    it.effect("asks again later if the directory does not answer", () =>
      Effect.gen(function* () {
        const one = yield* released()
        yield* one.work
        one.tables.goBack("names", 1)
        term(one)
        one.fates.push("lost")
        yield* one.work
        assert.isTrue(one.claims.hasWork)
        yield* one.work
        assert.isUndefined(one.entry())
      })
    )

    it.effect("reads a name once that is free, although no watch reports that", () =>
      Effect.gen(function* () {
        const one = yield* released()
        yield* one.work
        const { requests } = one.state
        term(one)
        yield* one.work
        assert.strictEqual(one.state.requests, requests + 1)
        term(one)
        term(one)
        assert.isFalse(one.claims.hasWork)
      })
    )

    it.effect("has nothing to read once the watch has reported the removal, before the answer or after it", () =>
      Effect.gen(function* () {
        for (const isEarly of [true, false]) {
          const one = yield* released("slow")
          const fiber = yield* removing(one)
          const told = one.tables.changedAt("names", bob)
          if (isEarly) one.claims.foreign(bob, told)
          one.catchUp()
          yield* Fiber.join(fiber)
          if (!isEarly) one.claims.foreign(bob, told)
          term(one)
          term(one)
          assert.isFalse(one.claims.hasWork)
        }
      })
    )

    it.effect("leaves a name to another node that has claimed it meanwhile", () =>
      Effect.gen(function* () {
        const one = yield* released()
        yield* one.work
        one.put({ node: "b", incarnation: other, name: "Bob" })
        term(one)
        yield* one.work
        assert.strictEqual(one.entry(), `b ${other} Bob`)
        assert.isFalse(one.claims.hasWork)
      })
    )

    it.effect("keeps a name that this node has claimed again", () =>
      Effect.gen(function* () {
        const one = yield* released()
        yield* one.work
        yield* one.claims.claim("bob", "bob")
        one.claims.found({ key: bob, revision: revisionOf(one), value: one.entry() ?? "" })
        term(one)
        term(one)
        assert.isFalse(one.claims.hasWork)
        assert.strictEqual(one.entry(), `a ${mine} bob`)
      })
    )
  })

  it.effect("does not keep a name that was released while it was put right", () =>
    Effect.gen(function* () {
      const { catchUp, claims, entry, fates, tables, work } = claimsWorld()
      yield* claims.claim("bob", "bob")
      tables.clear()
      claims.current(new Map())
      fates.push("ok", "slow")
      const repair = yield* Effect.fork(work)
      while (entry() === undefined) yield* Effect.yieldNow()
      claims.release("bob")
      catchUp()
      yield* Fiber.join(repair)
      yield* work
      assert.isUndefined(entry())
      assert.isFalse(claims.hasWork)
    })
  )
})
