import { assert, describe, it } from "vitest"
import { ClusterUnavailable } from "../../src/ports/Cluster.js"
import * as Frame from "../../src/cluster/Frame.js"
import * as Incarnation from "../../src/cluster/Incarnation.js"
import { beats, FakeCluster, incarnations, leaseOf, pair, revisionOf } from "./FakeCluster.js"

// The term is 12 s, with a beat every second: a node writes for 8 s after it was heard, and is buried after 12.

/** The engine has forgotten the burial of b, which reaches it again. */
const forgotten = () => {
  const { a, b, cluster } = pair()
  const named = b.beat && a.beat // with the last heartbeat of b that a has heard
  beats(cluster, 14, [a])
  assert.include(a.told, "lost b")
  while (leaseOf(cluster, "b")?.startsWith("dead") === true) cluster.tables.goBack("nodes", 1)
  assert.isFalse(b.mayWrite)
  b.tick()
  assert.match(leaseOf(cluster, "b") ?? "", /^alive /u)
  return { a, b, cluster, named }
}

const noAnswer = new ClusterUnavailable({ reason: "no answer" })

describe("Membership, when the engine has forgotten something or its watch is silent,", () => {
  it("buries a node again whose burial the engine has lost, unless it may not write itself", () => {
    const { a, cluster } = pair()
    a.membership.learnt({ key: "b", value: `dead ${incarnations.b} 12000 1`, revision: 99 })
    cluster.tables.swap("nodes", "b", revisionOf(cluster, "b"), `alive ${incarnations.b} 12000 1`)
    const renewed = () => ({ key: "b", value: "", revision: 0, ...cluster.tables.get("nodes", "b") })
    a.membership.learnt(renewed())
    assert.match(leaseOf(cluster, "b") ?? "", new RegExp(`^dead ${incarnations.b} `, "u"))
    cluster.tables.swap("nodes", "b", revisionOf(cluster, "b"), `alive ${incarnations.b} 12000 1`)
    cluster.wallAhead += 60_000
    assert.isFalse(a.mayWrite)
    a.membership.learnt(renewed())
    assert.match(leaseOf(cluster, "b") ?? "", /^alive /u)
  })

  it("goes on only as a new node once another one, which knew it, does not name it any more", () => {
    const { a, b, cluster } = pair()
    beats(cluster, 14, [a])
    assert.include(a.told, "lost b")
    // The burial is forgotten: the next renewal of b succeeds.
    while (leaseOf(cluster, "b")?.startsWith("dead") === true) cluster.tables.goBack("nodes", 1)
    assert.match(leaseOf(cluster, "b") ?? "", /^alive /u)
    b.isUp = false
    b.hear(a, a.beat)
    assert.isFalse(b.mayWrite)
    b.isUp = true
    b.tick()
    assert.deepStrictEqual(b.told, ["appeared a", "suspended", "lost a", "reborn", "appeared a"])
    assert.match(leaseOf(cluster, "b") ?? "", new RegExp(`^alive ${b.membership.incarnation} `, "u"))
    b.membership.reclaimed(b.membership.incarnation)
    assert.isTrue(b.mayWrite)
  })

  describe("when its burial is forgotten", () => {
    it("does not write before it hears the others, which do not name it any more", () => {
      const { a, b, named } = forgotten()
      assert.isFalse(b.mayWrite)
      b.hear(a, named) // was on the way since before
      assert.isFalse(b.mayWrite)
      a.tick()
      b.hear(a)
      assert.isFalse(b.mayWrite)
      b.tick()
      assert.deepStrictEqual(b.told, ["appeared a", "suspended", "lost a", "reborn", "appeared a"])
    })

    it("waits for one that is silent until its lease was renewed four times in a row", () => {
      const { b, cluster } = forgotten()
      beats(cluster, 1, [b])
      beats(cluster, 1, [b])
      assert.isFalse(b.mayWrite)
      b.isUp = false
      beats(cluster, 5, [b]) // nothing is renewed
      b.isUp = true
      assert.isFalse(b.mayWrite)
      beats(cluster, 1, [b])
      assert.isTrue(b.mayWrite)
    })

    it("starts to count again after a renewal that failed", () => {
      const { b, cluster } = forgotten()
      beats(cluster, 2, [b])
      b.isPrompt = false
      beats(cluster, 1, [b])
      b.next("swap b").fail(noAnswer)
      b.isPrompt = true
      beats(cluster, 3, [b])
      assert.isFalse(b.mayWrite)
      beats(cluster, 1, [b])
      assert.isTrue(b.mayWrite)
    })

    it("goes on only as a new node if the watch had shown it the burial", () => {
      const { a, b, cluster } = pair()
      beats(cluster, 14, [a])
      b.learn()
      while (leaseOf(cluster, "b")?.startsWith("dead") === true) cluster.tables.goBack("nodes", 1)
      b.tick()
      assert.deepStrictEqual(b.told, ["appeared a", "suspended", "lost a", "reborn", "appeared a"])
    })
  })

  it("goes on at once after a renewal if no node can have buried it yet", () => {
    const { a, cluster } = pair()
    a.isPrompt = false
    beats(cluster, 9, [a])
    assert.isFalse(a.mayWrite)
    a.isPrompt = true
    for (const request of a.requests.splice(0)) request.answer()
    a.tick()
    assert.isTrue(a.mayWrite)
  })

  it("goes on as soon as another node names it", () => {
    const { a, b, cluster } = pair()
    beats(cluster, 10, [])
    cluster.now += 12_000
    assert.isFalse(a.mayWrite)
    a.tick()
    assert.isFalse(a.mayWrite)
    b.hear(a)
    b.tick()
    a.hear(b)
    assert.isTrue(a.mayWrite)
  })

  it("writes nothing more from when another node does not name it any more, but heeds no old heartbeat", () => {
    const cluster = new FakeCluster()
    const a = cluster.node("a").join(incarnations.a)
    a.tick()
    const old = a.beat
    const b = cluster.node("b").join(incarnations.b)
    a.learn()
    b.learn()
    beats(cluster, 3, [a, b])
    b.hear(a, old)
    assert.isTrue(b.mayWrite)
    a.membership.learnt({ key: "b", value: `dead ${incarnations.b} 12000 1`, revision: 99 })
    a.tick()
    b.hear(a, a.beat)
    assert.isFalse(b.mayWrite)
  })

  it("asks for a node that it goes on hearing, and that the watch does not report", () => {
    const { a, b, cluster } = pair()
    const c = cluster.node("c").join(incarnations.c)
    c.learn()
    beats(cluster, 4, [a, b, c])
    assert.notInclude(a.told, "appeared c")
    a.isPrompt = false
    beats(cluster, 1, [a, b, c])
    a.next("get c").answer()
    assert.include(a.told, "appeared c")
    beats(cluster, 12, [a, b, c])
    assert.deepStrictEqual(
      a.requests.filter(({ what }) => what === "get c"),
      []
    )
  })

  it("asks again as long as that is not answered, but not for one that was only heard now and then", () => {
    const { a, b, cluster } = pair()
    const c = cluster.node("c").join(incarnations.c)
    a.isPrompt = false
    beats(cluster, 13, [a, b, c])
    assert.lengthOf(
      a.requests.filter(({ what }) => what === "get c"),
      3
    )
    a.requests.splice(0)
    for (let count = 0; count < 4; count++) {
      beats(cluster, 5, [a, b])
      beats(cluster, 1, [a, b, c])
    }
    assert.notInclude(
      a.requests.map(({ what }) => what),
      "get c"
    )
  })

  it("knows a node that was buried and is a new one, although the watch no longer reports anything", () => {
    const { a, b, cluster } = pair()
    beats(cluster, 14, [a])
    assert.deepStrictEqual(a.told, ["appeared b", "lost b"])
    beats(cluster, 2, [a, b])
    assert.include(b.told, "reborn")
    b.membership.reclaimed(b.membership.incarnation)
    beats(cluster, 6, [a, b])
    assert.deepStrictEqual(a.told, ["appeared b", "lost b", "appeared b"])
    assert.isTrue(a.mayWrite && b.mayWrite)
  })

  it("buries a node again whose burial the engine has lost, although the watch no longer reports anything", () => {
    const { a, b, cluster } = pair()
    a.membership.learnt({ key: "b", value: `dead ${incarnations.b} 12000 1`, revision: 99 })
    beats(cluster, 8, [a, b])
    assert.include(b.told, "reborn")
    b.membership.reclaimed(b.membership.incarnation)
    beats(cluster, 6, [a, b])
    assert.deepStrictEqual(a.told, ["appeared b", "lost b", "appeared b"])
    assert.isTrue(a.mayWrite && b.mayWrite)
  })

  it("does not ask for its own name, nor for a node that does not say its name", () => {
    const { a, b, cluster } = pair()
    a.isPrompt = false
    const own = cluster.node("a").join("00000000000a0001")
    for (let count = 0; count < 12; count++) {
      beats(cluster, 1, [a, b, own])
      a.hear(b, Frame.heartbeat("00000000000c0001", count + 1, new Map(), ""))
    }
    assert.deepStrictEqual(
      a.requests.filter(({ what }) => what.startsWith("get")),
      []
    )
  })

  it("writes its lease again when the engine has lost it, as long as nobody can have buried it", () => {
    const { a, b, cluster } = pair()
    cluster.tables.clear()
    beats(cluster, 12, [a, b])
    assert.strictEqual(leaseOf(cluster, "a"), `alive ${incarnations.a} 12000 1`)
    assert.deepStrictEqual(a.told, ["appeared b"])
    cluster.now += 12_000
    cluster.tables.clear()
    a.tick()
    assert.deepStrictEqual(a.told, ["appeared b", "suspended", "lost b", "reborn", "appeared b"])
  })

  describe("when the engine went back to an earlier lease", () => {
    const earlier = "0000000000a00000"
    const later = "0000000000f00000"

    /** Node a has its second incarnation, and the directory has the first one. */
    const forgotten = (isAlive = true) => {
      const cluster = new FakeCluster()
      cluster.tables.swap("nodes", "a", 0, Incarnation.showLease({ incarnation: earlier, isAlive, termMillis: 12_000 }))
      const a = cluster.node("a").join(later)
      const b = cluster.node("b").join(incarnations.b)
      a.learn()
      b.learn()
      beats(cluster, 3, [a, b])
      while (leaseOf(cluster, "a")?.includes(later) === true) cluster.tables.goBack("nodes", 1)
      return { cluster, a, b }
    }

    it("writes its lease again", () => {
      for (const isAlive of [true, false]) {
        const { a, b, cluster } = forgotten(isAlive)
        beats(cluster, 13, [a, b])
        assert.strictEqual(leaseOf(cluster, "a"), `alive ${later} 12000 1`)
        assert.deepStrictEqual(a.told, ["appeared b"])
      }
    })

    it("is reborn if it was suspended, whatever the clock says", () => {
      for (const isAlive of [true, false]) {
        const { a, cluster } = forgotten(isAlive)
        cluster.wallAhead = -1e15
        cluster.now += 9_000
        a.tick()
        beats(cluster, 2, [a])
        assert.include(a.told, "reborn")
        assert.isAbove(a.membership.incarnation.localeCompare(later), 0)
      }
    })

    it("buries a node that does not write its lease again, also while an earlier process renews", () => {
      const { b, cluster } = forgotten()
      for (let count = 0; count < 30; count++) {
        beats(cluster, 1, [b])
        const lease = leaseOf(cluster, "a") ?? ""
        if (count % 4 === 0 && lease.startsWith("alive")) {
          cluster.tables.swap("nodes", "a", revisionOf(cluster, "a"), lease)
          b.learn()
        }
      }
      assert.include(b.told, "lost a")
      assert.strictEqual(leaseOf(cluster, "a"), `dead ${later} 12000 1`)
    })

    it("tells an earlier process that it has had its successor, which is dead", () => {
      const { b, cluster } = forgotten()
      beats(cluster, 20, [b])
      assert.strictEqual(leaseOf(cluster, "a"), `dead ${later} 12000 1`)
      while (leaseOf(cluster, "a")?.startsWith("dead") === true) cluster.tables.goBack("nodes", 1)
      b.learn()
      assert.strictEqual(leaseOf(cluster, "a"), `dead ${later} 12000 1`)
    })
  })
})
