import { assert, describe, it } from "vitest"
import { ClusterUnavailable } from "../../src/ports/Cluster.js"
import * as Incarnation from "../../src/cluster/Incarnation.js"
import { beats, FakeCluster, incarnations, leaseOf, pair, revisionOf } from "./FakeCluster.js"

// The term is 12 s, with a beat every second: a node writes for 8 s after it was heard, and is buried after 12.

const noAnswer = new ClusterUnavailable({ reason: "no answer" })

describe("Membership", () => {
  it("buries a node only when its own term, which is longer, is over, so that it never writes after that", () => {
    const cluster = new FakeCluster()
    const a = cluster.node("a", 120_000).join(incarnations.a)
    const b = cluster.node("b").join(incarnations.b)
    a.learn()
    b.learn()
    beats(cluster, 12, [a, b])
    while (!b.told.includes("lost a")) {
      beats(cluster, 1, [b])
      assert.isTrue(!b.told.includes("lost a") || !a.mayWrite)
    }
    assert.isFalse(a.mayWrite)
  })

  it("lets nodes write that hear each other, and each renews its lease once a term", () => {
    const { a, b, cluster } = pair()
    const revisions = new Set<number | undefined>()
    for (let count = 0; count < 48; count++) {
      beats(cluster, 1, [a, b])
      revisions.add(cluster.tables.get("nodes", "a")?.revision)
      assert.isTrue(a.mayWrite && b.mayWrite)
    }
    assert.isAtLeast(revisions.size, 4)
    assert.isAtMost(revisions.size, 6)
    assert.deepStrictEqual(a.told, ["appeared b"])
  })

  it("suspends a node two thirds of the term after the last heartbeat that was heard", () => {
    const { b, cluster } = pair()
    b.isUp = false
    cluster.now += 6_999 // the last heartbeat that it knows to be heard is a second old
    assert.isTrue(b.mayWrite)
    cluster.now += 1
    assert.isFalse(b.mayWrite)
    assert.deepStrictEqual(b.told, ["appeared a", "suspended"])
  })

  it("counts a grant from when the heartbeat was sent, and not from an old one with another number", () => {
    const { a, b, cluster } = pair()
    const old = a.beat
    cluster.now += 7_000
    b.isUp = false
    b.hear(a, old)
    assert.isFalse(b.mayWrite)
  })

  it("buries a silent node after the term, and only then", () => {
    const { a, b, cluster } = pair()
    beats(cluster, 12, [a])
    assert.deepStrictEqual(a.told, ["appeared b"])
    assert.isFalse(b.mayWrite)
    beats(cluster, 2, [a])
    assert.deepStrictEqual(a.told, ["appeared b", "lost b"])
    assert.strictEqual(leaseOf(cluster, "b"), `dead ${incarnations.b} 12000 1`)
    assert.isTrue(a.mayWrite)
  })

  it("does not bury a node that renews its lease, though its heartbeats are lost", () => {
    const { a, b, cluster } = pair()
    for (let count = 0; count < 40; count++) {
      beats(cluster, 1, [a])
      b.tick()
      assert.isTrue(b.mayWrite)
    }
    assert.deepStrictEqual(a.told, ["appeared b"])
  })

  it("buries a node that has never heard of it only after four terms, because that one does not wait for it", () => {
    const { a, b, cluster } = pair()
    const c = cluster.node("c").join(incarnations.c)
    c.learn() // a and b never learn of c
    b.tick()
    b.isPrompt = false // no renewal succeeds
    let wrote = 0
    for (let count = 0; count < 46; count++) {
      beats(cluster, 1, [a, b])
      c.tick()
      if (b.mayWrite) wrote += 1
    }
    assert.isAtLeast(wrote, 28)
    assert.isFalse(b.mayWrite)
    assert.notInclude(c.told, "lost b")
    for (let count = 0; count < 10; count++) {
      beats(cluster, 1, [a, b])
      c.tick()
    }
    assert.include(c.told, "lost b")
  })

  it("suspends a lone node that cannot renew its lease, before another node could bury it", () => {
    const cluster = new FakeCluster()
    const a = cluster.node("a").join(incarnations.a)
    beats(cluster, 12, [a])
    a.isPrompt = false
    cluster.now += 31_999
    assert.isTrue(a.mayWrite)
    cluster.now += 1
    assert.isFalse(a.mayWrite)
  })

  it("does not bury while it is suspended, and not for a silence that was its own", () => {
    const { a, b, cluster } = pair()
    a.isPrompt = false
    cluster.now += 5_000
    a.tick() // reads the lease of b
    for (const request of a.requests.splice(0)) request.answer()
    cluster.now += 20_000
    a.tick()
    assert.deepStrictEqual(a.told, ["appeared b", "suspended"])
    assert.strictEqual(leaseOf(cluster, "b"), `alive ${incarnations.b} 12000 1`)
    a.isPrompt = true
    for (const request of a.requests.splice(0)) request.answer()
    beats(cluster, 4, [a])
    assert.deepStrictEqual(a.told, ["appeared b", "suspended", "resumed"])
    b.tick()
    assert.strictEqual(leaseOf(cluster, "b"), `alive ${incarnations.b} 12000 1`)
  })

  it("does not acknowledge the heartbeats of a node that it is burying", () => {
    const { a, b, cluster } = pair()
    beats(cluster, 12, [a])
    a.isPrompt = false
    beats(cluster, 2, [a]) // the burial is on its way
    b.isPrompt = false
    b.tick()
    a.hear(b)
    a.tick()
    b.hear(a)
    assert.isFalse(b.mayWrite)
    for (const request of a.requests.splice(0)) request.answer()
    assert.include(a.told, "lost b")
  })

  it("drops a burial that came too late", () => {
    const { a, b, cluster } = pair()
    beats(cluster, 12, [a])
    a.isPrompt = false
    beats(cluster, 2, [a])
    b.tick() // renews its lease
    a.isPrompt = true
    for (const request of a.requests.splice(0)) request.answer()
    assert.deepStrictEqual(b.told, ["appeared a", "suspended"])
    beats(cluster, 2, [a, b])
    assert.deepStrictEqual(b.told, ["appeared a", "suspended", "resumed"])
    beats(cluster, 9, [a, b])
    assert.deepStrictEqual(a.told, ["appeared b"])
    assert.isTrue(b.mayWrite)
  })

  it("needs a renewal after another node was lost, whose burial of this one may be on its way", () => {
    const { a, b, cluster } = pair()
    const c = cluster.node("c").join(incarnations.c)
    for (const node of [a, b, c]) node.learn()
    beats(cluster, 9, [a, b, c])
    a.isPrompt = false
    const { revision = 0 } = cluster.tables.get("nodes", "c") ?? {}
    cluster.tables.swap("nodes", "c", revision, `dead ${incarnations.c} 12000 1`)
    a.learn()
    for (let count = 0; count < 12; count++) {
      cluster.now += 1_000
      b.tick()
      a.tick()
      b.hear(a)
      a.hear(b)
    }
    assert.isFalse(a.mayWrite)
    for (const request of a.requests.splice(0)) request.answer()
    a.isPrompt = true
    a.tick()
    assert.isTrue(a.mayWrite)
  })

  it("goes on only after a renewal that began after the last one, and counts it from its beginning", () => {
    const cluster = new FakeCluster()
    const a = cluster.node("a").join(incarnations.a)
    beats(cluster, 3, [a])
    a.isPrompt = false
    beats(cluster, 32, [a])
    assert.isFalse(a.mayWrite)
    const unknown = a.next("swap a")
    unknown.carryOut()
    unknown.fail(noAnswer)
    a.tick()
    a.next("swap a").answer() // there is another revision
    cluster.now += 100
    a.next("get a").answer() // its own lease, alive
    assert.isFalse(a.mayWrite)
    const renewal = a.next("swap a")
    cluster.now += 31_999
    renewal.answer()
    assert.isTrue(a.mayWrite)
    cluster.now += 1
    assert.isFalse(a.mayWrite)
  })

  it("suspends a node whose machine has slept, and does not count a renewal that began before", () => {
    const { a, b, cluster } = pair()
    a.isPrompt = false
    cluster.now += 12_000
    assert.isFalse(a.mayWrite)
    a.tick()
    cluster.wallAhead += 60_000
    for (const request of a.requests.splice(0)) request.answer()
    assert.isFalse(a.mayWrite)
    assert.notInclude(a.told, "resumed")
    a.isPrompt = true
    a.tick()
    assert.isFalse(a.mayWrite)
    b.hear(a)
    b.tick()
    a.hear(b)
    assert.isTrue(a.mayWrite)
    cluster.wallAhead += 60_000
    assert.isFalse(a.mayWrite)
  })

  it("starts again as a new node after it was buried", () => {
    const { a, b, cluster } = pair()
    beats(cluster, 14, [a])
    assert.include(a.told, "lost b")
    b.tick()
    assert.deepStrictEqual(b.told, ["appeared a", "suspended", "lost a", "reborn", "appeared a"])
    assert.isFalse(b.mayWrite)
    assert.isAbove(Number.parseInt(b.membership.incarnation, 16), Number.parseInt(incarnations.b, 16))
    b.membership.reclaimed(incarnations.b)
    assert.isFalse(b.mayWrite)
    b.membership.reclaimed(b.membership.incarnation)
    assert.isTrue(b.mayWrite)
    a.learn()
    assert.deepStrictEqual(a.told, ["appeared b", "lost b", "appeared b"])
    // Its former lease comes late, as from a watch that lags.
    a.membership.learnt({ key: "b", value: `alive ${incarnations.b} 12000 1`, revision: 2 })
    assert.deepStrictEqual(a.told, ["appeared b", "lost b", "appeared b"])
  })

  it("does not take a dead node for alive, whatever comes late", () => {
    const { a } = pair()
    a.membership.learnt({ key: "b", value: `dead ${incarnations.b} 12000 1`, revision: 99 })
    a.membership.learnt({ key: "b", value: `alive ${incarnations.b} 12000 1`, revision: 2 })
    assert.deepStrictEqual(a.told, ["appeared b", "lost b"])
    assert.isFalse(a.membership.isAlive("b", incarnations.b))
    assert.isUndefined(a.membership.isAlive("b", "00000000000b0001"))
    assert.isFalse(a.membership.isAlive("b", "0000000000010000"))
    assert.isUndefined(a.membership.isAlive("x", incarnations.c))
  })

  it("repeats a rebirth whose outcome it does not know", () => {
    const { a, b, cluster } = pair()
    beats(cluster, 14, [a])
    b.isPrompt = false
    b.tick()
    b.next("swap b").answer()
    b.next("get b").answer() // it is dead
    const birth = b.next("swap b")
    birth.carryOut()
    birth.fail(noAnswer)
    const born = leaseOf(cluster, "b")
    b.isPrompt = true
    b.tick()
    assert.include(b.told, "reborn")
    assert.strictEqual(`alive ${b.membership.incarnation} 12000 1`, born)
  })

  it("stays suspended when another process has taken its name", () => {
    const { b, cluster } = pair()
    const { revision = 0 } = cluster.tables.get("nodes", "b") ?? {}
    cluster.tables.swap("nodes", "b", revision, "alive 00000000000f0000 12000 1")
    beats(cluster, 14, [b])
    assert.include(b.told, "replaced")
    beats(cluster, 14, [b])
    assert.isFalse(b.mayWrite)
    assert.strictEqual(leaseOf(cluster, "b"), "alive 00000000000f0000 12000 1")
  })

  it("suspends a node as soon as the watch shows that its lease is dead, or of another process", () => {
    for (const value of [`dead ${incarnations.b} 12000 1`, "alive 00000000000f0000 12000"]) {
      const { b, cluster } = pair()
      b.learn()
      assert.isTrue(b.mayWrite)
      const { revision = 0 } = cluster.tables.get("nodes", "b") ?? {}
      cluster.tables.swap("nodes", "b", revision, value)
      b.learn()
      assert.isFalse(b.mayWrite)
      assert.deepStrictEqual(b.told, ["appeared a", "suspended"])
    }
  })

  it("suspends no node when the only other one leaves in order, at any moment", () => {
    for (let count = 0; count < 24; count++) {
      const { a, b, cluster } = pair()
      beats(cluster, count, [a, b])
      const last = b.membership.leave()
      assert.deepInclude(last, { isAlive: false, hasLeft: true })
      if (last !== undefined) cluster.tables.swap("nodes", "b", revisionOf(cluster, "b"), Incarnation.showLease(last))
      a.learn()
      assert.isTrue(a.mayWrite)
      beats(cluster, 24, [a])
      assert.deepStrictEqual(a.told, ["appeared b", "lost b"])
    }
  })

  it("does not leave in order while a burial is on its way, also one of an earlier incarnation", () => {
    const { a, b, cluster } = pair()
    beats(cluster, 12, [a])
    a.isPrompt = false
    beats(cluster, 2, [a])
    const late = a.requests.splice(0)
    a.isPrompt = true
    cluster.tables.swap("nodes", "a", revisionOf(cluster, "a"), `dead ${incarnations.a} 12000 1`)
    beats(cluster, 12, [a, b])
    assert.include(a.told, "reborn")
    assert.isNotEmpty(late)
    assert.deepInclude(a.membership.leave(), { isAlive: false, hasLeft: false })
  })

  it("knows no node of another version as one of the others, and that it is alive", () => {
    const { a } = pair()
    for (const [at, value] of [`alive ${incarnations.c} 12000`, `alive ${incarnations.c} 12000 9`].entries()) {
      a.membership.learnt({ key: `c${at}`, value, revision: 50 + at })
      assert.isTrue(a.membership.isAlive(`c${at}`, incarnations.c))
    }
    assert.deepStrictEqual(a.told, ["appeared b", "other version c0 0", "other version c1 9"])
    assert.isTrue(a.mayWrite)
  })
})
