import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Contents from "../../src/cluster/Contents.js"
import type { Fates, RoutedLines } from "../../src/cluster/Contents.js"
import { headerBytes } from "../../src/cluster/Nodes.js"
import { settle } from "../support/Turns.js"
import { messages, replies, twoNodes } from "../support/TwoNodes.js"

const reported = (fates: Fates) => Contents.encode({ reports: [{ name: "bob", fates }], pieces: [] })
const given = (piece: Omit<RoutedLines, "name">) =>
  Contents.encode({ reports: [], pieces: [{ name: "carol", ...piece }] })

/** A content of which the head is this, without a text. */
const headed = (head: string) => {
  const content = Buffer.alloc(headerBytes + 4 + head.length)
  content.writeUInt32LE(head.length, headerBytes)
  content.write(head, headerBytes + 4, "latin1")
  return content
}

/** Two lines are on the way from alice to bob, at another node, and node `a` gets a content from there. */
const afterContent = (content: Uint8Array) =>
  Effect.gen(function* () {
    const { a, b, cluster } = yield* twoNodes()
    const [alice, bob, carol] = [yield* a.join("alice"), yield* b.join("bob"), yield* a.join("carol")]
    alice.say("/hello")
    yield* settle
    cluster.node("b").hold()
    alice.say("@1 bob: one", "bob: two")
    yield* settle
    const { host } = cluster.node("a")
    const from = cluster.node("b").as
    host.inTurn(() => host.events.received(from, host.events.read(content.subarray(headerBytes))))
    yield* settle
    const before = { alice: replies(alice).join("\n"), ledger: yield* a.server.ledger, counts: a.counts() }
    cluster.node("b").letGo()
    yield* settle
    const { inFlight } = yield* a.server.ledger
    assert.deepStrictEqual([inFlight, messages(bob).length], [0, 2])
    alice.say("carol: on", "@2 bob: on")
    yield* settle
    assert.strictEqual(messages(carol).at(-1), "from alice: on")
    assert.strictEqual(messages(bob).at(-1), "from alice: on")
    assert.strictEqual((yield* a.server.ledger).inFlight, 0)
    return { ...before, carol: messages(carol), later: replies(alice).at(-1), sent: cluster.node("a").sent }
  })

const lost = "reason=node-lost"

describe("a node that runs another version", () => {
  it.scoped("may have delivered lines that it reports with an unknown word", () =>
    Effect.gen(function* () {
      const { alice, counts, later } = yield* afterContent(reported([[2, "moved"]]))
      assert.include(alice, `! undelivered @1 bob ${lost}: `)
      assert.include(alice, `! undelivered bob ${lost} count=1: `)
      assert.deepStrictEqual([counts.inDoubt, counts.unreadable], [2, 0])
      assert.strictEqual(later, "* written @2 bob: written")
    })
  )

  it.scoped("may have delivered lines that it reports without a number, and the later ones", () =>
    Effect.gen(function* () {
      for (const count of [NaN, 0.5, -3]) {
        const { alice, counts, later } = yield* Effect.scoped(afterContent(reported([[count, "written"]])))
        assert.include(alice, `! undelivered @1 bob ${lost}: `)
        assert.deepStrictEqual([counts.inDoubt, counts.unreadable], [2, 1])
        // Whether its report is about this line, or about one of those, nobody can know.
        assert.match(later ?? "", /^! undelivered @2 bob reason=node-lost: /u)
      }
    })
  )

  it.scoped("may have delivered everything, if nothing of a content can be read", () =>
    Effect.gen(function* () {
      const { alice, counts } = yield* afterContent(new Uint8Array(headerBytes + 2))
      assert.include(alice, `! undelivered @1 bob ${lost}: `)
      assert.deepStrictEqual([counts.inDoubt, counts.unreadable], [2, 1])
    })
  )

  it.scoped("may have lost lines with what it could not read at all, and reports that", () =>
    Effect.gen(function* () {
      const { alice, counts } = yield* afterContent(Contents.encode({ hasLost: true, reports: [], pieces: [] }))
      assert.include(alice, `! undelivered @1 bob ${lost}: `)
      assert.deepStrictEqual([counts.inDoubt, counts.unreadable], [2, 0])
    })
  )

  it.scoped("learns that a content of it could not be read, with the lines in it", () =>
    Effect.gen(function* () {
      for (const unreadable of [new Uint8Array(headerBytes + 2), headed("+bob 1 9\n"), headed(">bob x 9\n")]) {
        const { sent } = yield* Effect.scoped(afterContent(unreadable))
        assert.isTrue(sent.some((content) => Contents.decode(content.subarray(headerBytes)).hasLost))
      }
      const { sent } = yield* Effect.scoped(afterContent(given({ lines: 7, text: "from bob: x\n" })))
      assert.isFalse(sent.some((content) => Contents.decode(content.subarray(headerBytes)).hasLost))
    })
  )

  it.scoped("gets the lines back that cannot be read", () =>
    Effect.gen(function* () {
      for (const lines of [7, NaN]) {
        const { carol, counts } = yield* Effect.scoped(afterContent(given({ lines, text: "from bob: x\n" })))
        assert.deepStrictEqual(carol, ["from alice: on"])
        const returned = lines === 7 ? 7 : 1
        assert.deepStrictEqual(counts.foreign, { received: returned, delivered: 0, returned })
        assert.strictEqual(counts.unreadable, 1)
      }
    })
  )
})
