import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import { assert } from "vitest"
import * as Claim from "../../src/cluster/Claim.js"
import { Claims } from "../../src/cluster/Claims.js"
import { MemoryTables } from "../../src/cluster/MemoryTables.js"
import { ClusterUnavailable } from "../../src/ports/Cluster.js"

const unavailable = new ClusterUnavailable({ reason: "no answer" })

const mine = "00000000000000aa"
const other = "00000000000000bb"
const bob = Claim.keyOf("bob")

type Fate = "ok" | "lost" | "late" | "slow" | "unanswered"

/** The claims of node a. Requests have their fates in turn, and then all is well. */
const world = () => {
  const tables = new MemoryTables()
  const fates: Array<Fate> = []
  const late: Array<() => void> = []
  const alive = new Set([mine, other])
  const state = { incarnation: mine, canClaim: true, requests: 0, elsewhere: undefined as string | undefined }
  const taken: Array<string> = []
  const request = <A>(run: () => A) =>
    Effect.suspend((): Effect.Effect<A, ClusterUnavailable> => {
      state.requests += 1
      const fate = fates.shift() ?? "ok"
      if (fate === "ok") return Effect.sync(run)
      if (fate === "slow") {
        const value = run()
        return Effect.async((resume) => void late.push(() => resume(Effect.succeed(value))))
      }
      if (fate === "unanswered") run()
      if (fate === "late") late.push(run)
      return Effect.fail(unavailable)
    })
  const claims = new Claims({
    self: "a",
    directory: {
      get: (table, key) => request(() => tables.get(table, key)),
      swap: (table, key, revision, value) => request(() => tables.swap(table, key, revision, value)),
      watch: () => Effect.void
    },
    incarnation: () => state.incarnation,
    canClaim: () => state.canClaim,
    isAlive: (_node, incarnation) => Effect.sync(() => alive.has(incarnation)),
    elsewhere: () => state.elsewhere
  })
  const put = (claim: Claim.NameClaim) =>
    tables.swap("names", bob, tables.get("names", bob)?.revision ?? 0, Claim.show(claim))
  return {
    tables,
    claims,
    fates,
    alive,
    state,
    taken,
    put,
    work: claims.work((_likeness, name) => void taken.push(name)),
    entry: () => tables.get("names", bob)?.value,
    /** What was given up is carried out. */
    catchUp: () => {
      for (const run of late.splice(0)) run()
    }
  }
}

const revisionOf = ({ tables }: ReturnType<typeof world>) => tables.get("names", bob)?.revision ?? 0

/** A claim that the directory has taken and the watch has reported, and whose answer has yet to come. */
const reportedEarly = (one: ReturnType<typeof world>) =>
  Effect.gen(function* () {
    one.fates.push("slow")
    const fiber = yield* Effect.fork(one.claims.claim("bob", "bob"))
    yield* Effect.yieldNow()
    one.claims.found({ key: bob, revision: revisionOf(one), value: one.entry() ?? "" })
    return fiber
  })

describe("Claims", () => {
  it.effect("releases a claim that is carried out between a reading and its answer", () =>
    Effect.gen(function* () {
      const { catchUp, claims, entry, fates, put, tables, work } = world()
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
      const { claims, entry, put, tables, work } = world()
      put({ node: "a", incarnation: other, name: "Bob" })
      claims.found(tables.get("names", bob) ?? { key: bob, value: "", revision: 0 })
      assert.isFalse(claims.hasWork)
      claims.release("bob")
      yield* work
      assert.strictEqual(entry(), `a ${other} Bob`)
      assert.isFalse(claims.hasWork)
    })
  )

  it.effect("leaves a name to a living node whose entry the engine has lost", () =>
    Effect.gen(function* () {
      const { claims, entry, state } = world()
      state.elsewhere = "Bob"
      const claiming = yield* Effect.fork(claims.claim("bob", "bob"))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(claiming), { _tag: "Taken", by: "Bob" })
      assert.isUndefined(entry())
    })
  )

  it.effect("takes a name of which the watch tells only now that it is free", () =>
    Effect.gen(function* () {
      const { claims, entry, state } = world()
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
      const { claims, entry, state } = world()
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
      const { alive, claims, entry, put } = world()
      put({ node: "b", incarnation: other, name: "Bob" })
      assert.deepStrictEqual(yield* claims.claim("bob", "bob"), { _tag: "Taken", by: "Bob" })
      alive.delete(other)
      assert.deepStrictEqual(yield* claims.claim("bob", "bob"), { _tag: "Yours" })
      assert.strictEqual(entry(), `a ${mine} bob`)
    })
  )

  it.effect("recognises its own claim when the answer was lost", () =>
    Effect.gen(function* () {
      const { claims, fates } = world()
      fates.push("unanswered")
      assert.deepStrictEqual(yield* claims.claim("bob", "bob"), { _tag: "Yours" })
    })
  )

  it.effect("fails while the directory cannot be reached, and frees the name if the claim is carried out late", () =>
    Effect.gen(function* () {
      const { catchUp, claims, entry, fates, tables, work } = world()
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
      const { claims, entry, fates, work } = world()
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
      const { claims, entry, fates, work } = world()
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
      const { catchUp, claims, entry, fates, work } = world()
      yield* claims.claim("bob", "bob")
      claims.release("bob")
      fates.push("ok", "late")
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
      const { claims, entry, state, work } = world()
      yield* claims.claim("bob", "bob")
      claims.release("bob")
      state.requests = 0
      yield* work
      assert.deepStrictEqual([entry(), state.requests, claims.hasWork], [undefined, 1, false])
    })
  )

  it.effect("releases a name of which the directory has another claim of this node by now", () =>
    Effect.gen(function* () {
      const { claims, entry, put, work } = world()
      yield* claims.claim("bob", "bob")
      put({ node: "a", incarnation: mine, name: "Bob" })
      claims.release("bob")
      yield* work
      assert.deepStrictEqual([entry(), claims.hasWork], [undefined, false])
    })
  )

  it.effect("does not remove the claim of a name that was released and claimed again", () =>
    Effect.gen(function* () {
      const { claims, entry, state, work } = world()
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
      const { claims, entry, put, work } = world()
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
      const { claims, state } = world()
      state.canClaim = false
      assert.isTrue(Exit.isFailure(yield* Effect.exit(claims.claim("bob", "bob"))))
      assert.strictEqual(state.requests, 0)
    })
  )

  it.effect("claims its names again for a new incarnation, and tells which are taken", () =>
    Effect.gen(function* () {
      const { claims, put, state, tables, taken } = world()
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
      const { claims, entry, fates, work } = world()
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

  it.effect("claims names again that the engine has lost", () =>
    Effect.gen(function* () {
      const { claims, entry, tables, work } = world()
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

  it.effect("writes nothing for a name that another living node has", () =>
    Effect.gen(function* () {
      const { alive, claims, entry, put, state } = world()
      put({ node: "b", incarnation: other, name: "Bob" })
      state.elsewhere = "Bob"
      assert.deepStrictEqual(yield* claims.claim("bob", "bob"), { _tag: "Taken", by: "Bob" })
      assert.strictEqual(state.requests, 1)
      alive.delete(other)
      assert.deepStrictEqual(yield* claims.claim("bob", "bob"), { _tag: "Yours" })
      assert.strictEqual(entry(), `a ${mine} bob`)
    })
  )

  it.effect("gives up a name that another node could claim because the engine had lost this one's claim", () =>
    Effect.gen(function* () {
      const { claims, entry, put, taken, tables, work } = world()
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

  it.effect("claims a name again of which a watch tells that it was removed since", () =>
    Effect.gen(function* () {
      const { claims, entry, tables, work } = world()
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
        const { claims, entry, tables } = world()
        yield* claims.claim("bob", "bob")
        tables.goBack("names", 1)
        claims.current(new Map())
        assert.deepStrictEqual(yield* claims.claim("bob", "bob"), { _tag: "Yours" })
        assert.strictEqual(entry(), `a ${mine} bob`)
      })
    )

    it.effect("claims a name again of which a watch that starts again tells an older entry", () =>
      Effect.gen(function* () {
        const one = world()
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

    it.effect("claims a name again of which no watch tells within a term", () =>
      Effect.gen(function* () {
        const one = world()
        yield* one.claims.claim("bob", "bob")
        one.tables.goBack("names", 1)
        for (let i = 0; i < 11; i++) one.claims.tick()
        assert.isFalse(one.claims.hasWork)
        one.claims.tick()
        yield* one.work
        assert.strictEqual(one.entry(), `a ${mine} bob`)
      })
    )

    it.effect("only reads a name that is there, although no watch tells of it", () =>
      Effect.gen(function* () {
        const one = world()
        yield* one.claims.claim("bob", "bob")
        const revision = revisionOf(one)
        for (let i = 0; i < 12; i++) one.claims.tick()
        yield* one.work
        assert.strictEqual(revisionOf(one), revision)
        for (let i = 0; i < 24; i++) one.claims.tick()
        assert.isFalse(one.claims.hasWork)
      })
    )

    it.effect("has nothing to read once the watch has told of a name, before the answer or after it", () =>
      Effect.gen(function* () {
        for (const isEarly of [true, false]) {
          const one = world()
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
        const one = world()
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
        const one = world()
        yield* one.claims.claim("bob", "bob")
        one.tables.goBack("names", 1)
        one.put({ node: "b", incarnation: other, name: "Bob" })
        one.claims.foreign(bob, revisionOf(one))
        yield* one.work
        assert.deepStrictEqual(one.taken, ["bob"])
      })
    )

    it.effect("notices that a claim was forgotten which the watch had told before the answer came", () =>
      Effect.gen(function* () {
        const one = world()
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

  it.effect("does not keep a name that was released while it was put right", () =>
    Effect.gen(function* () {
      const { catchUp, claims, entry, fates, tables, work } = world()
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

  it.effect("removes what a later process of its name has left when it is reborn after that one", () =>
    Effect.gen(function* () {
      const { claims, entry, put, state, tables, work } = world()
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
