import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { assert } from "vitest"
import { seededRandom } from "../../scripts/random.mjs"
import * as Frame from "../../src/cluster/Frame.js"
import * as MemoryCluster from "../../src/cluster/MemoryCluster.js"
import { content, join, term, type TestNode, until } from "./Cluster.js"

const numbers = ({ nodes }: TestNode) =>
  nodes.inspect().others.map(({ acknowledged, early, sent, taken }) => ({ acknowledged, early, sent, taken }))

const isProbe = (frame: Uint8Array) => Frame.read(frame)?.kind === Frame.Kind.probe

/** Nodes that lose the frames by which they ask what has arrived. */
const withoutProbes = (memory: MemoryCluster.MemoryCluster): Pick<MemoryCluster.MemoryCluster, "service"> => ({
  service: (...of) => {
    const service = memory.service(...of)
    return {
      ...service,
      link: (events) =>
        Effect.map(service.link(events), (link) => ({
          ...link,
          send: (to: string, frame: Uint8Array) => isProbe(frame) || link.send(to, frame)
        }))
    }
  }
})

describe("MakeNodes", () => {
  it.scopedLive("brings contents to another node, each once and in order", () =>
    Effect.gen(function* () {
      const { pick } = seededRandom(1)
      // Lost, twice, and after later ones.
      const carry = () => pick<ReadonlyArray<number>>([[0], [0], [], [0, 3], [2]])
      const memory = yield* MemoryCluster.make({ carry })
      const [a, b] = yield* Effect.all([join(memory, "a"), join(memory, "b")])
      yield* until(() => a.told.includes("appeared b") && b.told.includes("appeared a"))
      for (let number = 0; number < 20; number++) assert.isTrue(a.nodes.send(a.other("b"), content(`${number}`)))
      assert.isTrue(b.nodes.send(b.other("a"), content("back")))
      yield* until(() => b.told.includes("received a 19") && a.told.includes("received b back"))
      assert.deepStrictEqual(
        b.told.filter((one) => one.startsWith("received")),
        Array.from({ length: 20 }, (_, number) => `received a ${number}`)
      )
    })
  )

  it.scopedLive("acknowledges what it has taken, also if it has nothing to send", () =>
    Effect.gen(function* () {
      const memory = yield* MemoryCluster.make()
      const [a, b] = yield* Effect.all([join(memory, "a"), join(memory, "b")])
      yield* until(() => a.told.includes("appeared b") && b.told.includes("appeared a"))
      a.nodes.send(a.other("b"), content("one"))
      const inFlight = () => a.nodes.inspect().others.map(({ inFlightBytes }) => inFlightBytes)
      assert.deepStrictEqual(inFlight(), [content("one").length])
      yield* until(() => b.told.includes("received a one") && inFlight().join() === "0")
      assert.deepStrictEqual(numbers(a), [{ acknowledged: 1, early: 0, sent: 1, taken: 0 }])
      assert.deepStrictEqual(numbers(b), [{ acknowledged: 0, early: 0, sent: 0, taken: 1 }])
    })
  )

  it.scopedLive("sends a content that was lost again within a second, however long the term is", () =>
    Effect.gen(function* () {
      let lost = 0
      const carry = (from: string) => {
        if (from !== "a" || !isSent || lost > 0) return [0]
        lost += 1
        return []
      }
      let isSent = false
      const memory = yield* MemoryCluster.make({ carry })
      const options = { termMillis: 120_000 }
      const [a, b] = yield* Effect.all([join(memory, "a", options), join(memory, "b", options)])
      yield* until(() => a.told.includes("appeared b") && b.told.includes("appeared a"))
      isSent = true
      a.nodes.send(a.other("b"), content("one"))
      const isThere = until(() => b.told.includes("received a one"))
      yield* Effect.timeoutFail(isThere, { duration: "8 seconds", onTimeout: () => new Error("it waits for a beat") })
      assert.strictEqual(lost, 1)
    })
  )

  it.scopedLive("asks a node for what that has sent before it was known", () =>
    Effect.gen(function* () {
      let delay = 0
      const memory = yield* MemoryCluster.make({ watchDelay: (node) => (node === "b" ? delay : 0) })
      const options = { termMillis: 120_000 }
      const b = yield* join(memory, "b", options)
      delay = 100
      const a = yield* join(withoutProbes(memory), "a", options)
      yield* until(() => a.told.includes("appeared b"))
      a.nodes.send(a.other("b"), content("one"))
      assert.notInclude(b.told, "appeared a")
      yield* until(() => b.told.includes("received a one"))
    })
  )

  it.scopedLive("gives a name to one node, and reports to the others where it is", () =>
    Effect.gen(function* () {
      const memory = yield* MemoryCluster.make()
      const [a, b] = yield* Effect.all([join(memory, "a"), join(memory, "b")])
      assert.deepStrictEqual(yield* a.nodes.claim("bob", "Bob"), { _tag: "Yours" })
      assert.deepStrictEqual(yield* a.nodes.claim("bob", "Bob"), { _tag: "Yours" })
      assert.deepStrictEqual(yield* b.nodes.claim("bob", "bob"), { _tag: "Taken", by: "Bob" })
      yield* until(() => b.nodes.where("Bob")?.name === "a")
      assert.include(b.told, "nameMoved Bob a")
      assert.strictEqual(b.nodes.alike("bob"), "Bob")
      assert.strictEqual(b.nodes.inspect().names, 1)
      assert.strictEqual((yield* b.nodes.find("Bob"))?.name, "a")
      assert.isUndefined(yield* b.nodes.find("bob"))
      a.nodes.release("bob")
      yield* until(() => b.told.includes("nameMoved Bob nowhere"))
      assert.deepStrictEqual(yield* b.nodes.claim("bob", "bob"), { _tag: "Yours" })
    })
  )

  it.scopedLive("suspends a node that is cut off, frees its names, and lets it come back as a new one", () =>
    Effect.gen(function* () {
      const memory = yield* MemoryCluster.make()
      const [a, b] = yield* Effect.all([join(memory, "a"), join(memory, "b")])
      yield* b.nodes.claim("bob", "bob")
      yield* b.nodes.claim("eve", "eve")
      yield* until(() => a.nodes.where("bob") !== undefined)
      memory.disconnect("b")
      yield* until(() => b.told.includes("suspended"))
      assert.isFalse(a.told.includes("lost b"))
      yield* until(() => a.told.includes("lost b"))
      assert.deepStrictEqual(yield* a.nodes.claim("bob", "bob"), { _tag: "Yours" })
      memory.connect("b")
      yield* until(() => b.told.includes("resumed"))
      assert.deepStrictEqual(
        b.told.filter((one) => !one.startsWith("nameMoved")),
        ["appeared a", "suspended", "lost a", "reborn", "appeared a", "nameTaken bob", "resumed"]
      )
      yield* until(() => a.nodes.where("eve") !== undefined)
      a.nodes.send(a.other("b"), content("welcome"))
      yield* until(() => b.told.includes("received a welcome"))
    })
  )

  it.scopedLive(
    "frees the names of a node that leaves, and takes that of a buried one whose node this one never met",
    () =>
      Effect.gen(function* () {
        const memory = yield* MemoryCluster.make()
        const a = yield* join(memory, "a")
        yield* Effect.scoped(
          Effect.gen(function* () {
            const b = yield* join(memory, "b")
            yield* b.nodes.claim("bob", "bob")
            yield* until(() => a.told.includes("nameMoved bob b"))
          })
        )
        assert.match(memory.entries("nodes").find(({ key }) => key === "b")?.value ?? "", /^left /u)
        yield* until(() => a.told.includes("lost b"))
        assert.deepStrictEqual(a.told, ["appeared b", "nameMoved bob b", "lost b", "nameMoved bob nowhere"])
        const c = yield* join(memory, "c")
        assert.deepStrictEqual(yield* c.nodes.claim("bob", "Bob"), { _tag: "Yours" })
      })
  )

  it.scopedLive("also leaves in order if the engine has forgotten its lease", () =>
    Effect.gen(function* () {
      const memory = yield* MemoryCluster.make({ forgotten: () => ({ isTold: true, noticedAfter: 60_000 }) })
      const a = yield* join(memory, "a")
      const b = yield* Scope.make()
      yield* Scope.extend(join(memory, "b"), b)
      yield* until(() => a.told.includes("appeared b"))
      while (memory.entries("nodes").some(({ key }) => key === "b")) memory.goBack("nodes", 1)
      yield* Scope.close(b, Exit.void)
      assert.match(memory.entries("nodes").find(({ key }) => key === "b")?.value ?? "", /^left /u)
    })
  )

  it.scopedLive("lets a second process of its name wait until the first one has left", () =>
    Effect.gen(function* () {
      const memory = yield* MemoryCluster.make()
      const b = yield* join(memory, "b")
      const first = yield* Scope.make()
      const a = yield* Scope.extend(join(memory, "a"), first)
      yield* until(() => a.told.includes("appeared b"))
      const second = yield* Effect.fork(join(memory, "a", {}, "a2"))
      yield* a.nodes.claim("bob", "bob")
      yield* Effect.sleep(term)
      assert.isFalse(a.nodes.isSuspended())
      assert.deepStrictEqual(b.told, ["appeared a", "nameMoved bob a"])
      yield* Scope.close(first, Exit.void)
      const a2 = yield* Fiber.join(second)
      assert.deepStrictEqual(yield* a2.nodes.claim("bob", "bob"), { _tag: "Yours" })
      yield* until(() => b.told.filter((one) => one === "nameMoved bob a").length === 2)
      // A node that has lost another one may be suspended until its next renewal, if the last one was long ago.
      assert.deepStrictEqual(
        b.told.filter((one) => /^(?:appeared|lost) /u.test(one)),
        ["appeared a", "lost a", "appeared a"]
      )
    })
  )

  it.scopedLive("does not bring back a name that was released while it was asked for", () =>
    Effect.gen(function* () {
      let isSlow = false
      const request = (node: string) => ({ arrives: 0, answers: isSlow && node === "a" ? 100 : 0 })
      const memory = yield* MemoryCluster.make({ request })
      const [a, b] = yield* Effect.all([join(memory, "a"), join(memory, "b")])
      yield* b.nodes.claim("bob", "bob")
      yield* until(() => a.nodes.where("bob") !== undefined)
      isSlow = true
      const finding = yield* Effect.fork(a.nodes.find("bob"))
      yield* Effect.sleep("20 millis") // it was read, and the answer is on its way
      b.nodes.release("bob")
      yield* until(() => a.told.includes("nameMoved bob nowhere"))
      yield* finding
      assert.isUndefined(a.nodes.where("bob"))
    })
  )

  it.scopedLive("asks the directory about nodes that it does not know yet", () =>
    Effect.gen(function* () {
      // The watch of c is late.
      const memory = yield* MemoryCluster.make({ watchDelay: (node) => (node === "c" ? 3_600_000 : 0) })
      const b = yield* join(memory, "b")
      yield* b.nodes.claim("bob", "Bob")
      const c = yield* join(memory, "c")
      assert.deepStrictEqual(yield* c.nodes.claim("bob", "bob"), { _tag: "Taken", by: "Bob" })
      assert.deepStrictEqual(c.told, ["appeared b"])
      assert.isUndefined(c.nodes.where("Bob"))
      assert.strictEqual(yield* c.nodes.find("Bob"), c.other("b"))
      assert.strictEqual(c.nodes.where("Bob"), c.other("b"))
      assert.isUndefined(yield* c.nodes.find("eve"))
    })
  )

  it.scopedLive("heals a node that was cut off for less than the term", () =>
    Effect.gen(function* () {
      const memory = yield* MemoryCluster.make()
      const [a, b] = yield* Effect.all([join(memory, "a"), join(memory, "b")])
      yield* until(() => a.told.includes("appeared b") && b.told.includes("appeared a"))
      memory.down()
      yield* until(() => b.told.includes("suspended") && a.told.includes("suspended"))
      a.nodes.send(a.other("b"), content("later"))
      memory.up()
      yield* until(() => b.told.includes("received a later"))
      assert.deepStrictEqual(b.told, ["appeared a", "suspended", "resumed", "received a later"])
    })
  )

  it.scopedLive("counts frames that were sent again, also to a node that was lost, and as the node that it was", () =>
    Effect.gen(function* () {
      let isLossy = true
      const memory = yield* MemoryCluster.make({ carry: () => (isLossy ? [] : [0]) })
      const [a, b] = yield* Effect.all([join(memory, "a"), join(memory, "b")])
      yield* until(() => a.told.includes("appeared b") && b.told.includes("appeared a"))
      a.nodes.send(a.other("b"), content("one"))
      b.nodes.send(b.other("a"), content("two"))
      isLossy = false
      yield* until(() => b.told.includes("received a one") && a.told.includes("received b two"))
      memory.disconnect("b")
      yield* until(() => b.told.includes("suspended"))
      const before = [a, b].map(({ nodes }) => nodes.inspect().frames)
      for (const { resent } of before) assert.isAbove(resent, 0)
      yield* until(() => a.told.includes("lost b"))
      assert.deepStrictEqual([a.nodes.inspect().others, a.nodes.inspect().frames], [[], before[0]])
      memory.connect("b")
      yield* until(() => b.told.includes("resumed") && b.told.lastIndexOf("appeared a") > b.told.indexOf("reborn"))
      for (const { resent } of b.nodes.inspect().others) assert.strictEqual(resent, 0)
      assert.deepStrictEqual(b.nodes.inspect().frames, before[1])
    })
  )
})
