import { assert, describe, it } from "@effect/vitest"
import { NatsExactWrites } from "../../src/cluster/NatsExactWrites.js"
import { JetStreamError, codes } from "../../src/cluster/NatsJetStream.js"

const refused = (found: number) => new JetStreamError(codes.wrongLastSequence, `wrong last sequence: ${found}`)

/** A stream of several servers, which carries writes out one after another, and the writes of nodes to it. */
const world = () => {
  let last = 0
  let sent = 0
  let isSilent = false
  const subjects = new Map<string, number>()
  const carryOut = (subject: string, expected: number, expectedLast: number) => {
    const own = subjects.get(subject) ?? 0
    if (own !== expected) throw refused(own)
    if (last !== expectedLast) throw refused(last)
    subjects.set(subject, ++last)
    return last
  }
  return {
    sent: () => sent,
    silence: () => void (isSilent = true),
    put: (subject: string) => subjects.set(subject, ++last).get(subject) ?? 0,
    node: () => {
      const state = { known: 0, losses: 0 }
      const writes = new NatsExactWrites({
        send: async ({ expected, subject }, expectedLast) => {
          sent += 1
          await new Promise((resolve) => setImmediate(resolve))
          if (isSilent) throw new Error("timeout")
          return carryOut(subject, expected, expectedLast)
        },
        last: () => state.known,
        saw: (number) => void (state.known = Math.max(state.known, number)),
        losses: () => state.losses
      })
      return { state, write: (subject: string, expected: number) => writes.write({ subject, value: "", expected }) }
    }
  }
}

const names = (count: number) => Array.from({ length: count }, (_, i) => `name-${i}`)

describe("exact writes", () => {
  it("need as many attempts as there are writes", async () => {
    const { node, put, sent } = world()
    const one = node()
    const known = names(1_000).map((name) => [name, put(name)] as const)
    const written = await Promise.all(known.map(([name, expected]) => one.write(name, expected)))
    assert.deepStrictEqual(
      written,
      known.map((_, index) => 1_001 + index)
    )
    assert.strictEqual(sent(), 1_001) // the first one finds out what the last message is
  })

  it("of three nodes at once all succeed", async () => {
    const { node, put, sent } = world()
    const nodes = [node(), node(), node()]
    const known = names(300).map((name) => [name, put(name)] as const)
    const written = await Promise.all(
      known.map(([name, expected], index) => nodes[index % 3]?.write(name, expected) ?? Promise.reject())
    )
    assert.strictEqual(new Set(written).size, 300)
    assert.isAtMost(sent(), 1_000)
  })

  it("are refused alone when only their subject has changed", async () => {
    const { node, put } = world()
    const one = node()
    const known = names(10).map((name) => [name, put(name)] as const)
    put("name-4")
    one.state.known = put("other")
    const results = await Promise.allSettled(known.map(([name, expected]) => one.write(name, expected)))
    assert.deepStrictEqual(
      results.flatMap(({ status }, index) => (status === "rejected" ? [index] : [])),
      [4]
    )
  })

  it("of one subject at once: exactly one succeeds", async () => {
    const { node, put } = world()
    const nodes = [node(), node(), node()]
    for (let i = 0; i < 50; i++) {
      const expected = put("bob")
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const results = await Promise.allSettled(nodes.map((one) => one.write("bob", expected)))
      assert.lengthOf(
        results.filter(({ status }) => status === "fulfilled"),
        1
      )
    }
  })

  it("end when no server answers, with all that wait", async () => {
    const { node, sent, silence } = world()
    const one = node()
    silence()
    const results = await Promise.allSettled(names(1_000).map((name) => one.write(name, 1)))
    assert.lengthOf(
      results.filter(({ status }) => status === "rejected"),
      1_000
    )
    assert.strictEqual(sent(), 1)
  })

  it("are not meant for a stream that has lost its messages since", async () => {
    const { node, put } = world()
    const one = node()
    const expected = put("bob")
    const first = one.write("eve", 0)
    const second = one.write("bob", expected)
    one.state.losses += 1
    const results = await Promise.allSettled([first, second])
    assert.strictEqual(results[1].status, "rejected")
  })
})
