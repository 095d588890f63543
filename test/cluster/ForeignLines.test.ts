import { assert, describe, it } from "vitest"
import type { Peer } from "../../src/chat/Peer.js"
import type { Source } from "../../src/chat/Source.js"
import { LiveSource } from "../../src/chat/Live.js"
import { defaults } from "../../src/chat/Options.js"
import { ForeignLines } from "../../src/cluster/ForeignLines.js"

const node = { name: "a", incarnation: "1" }

/** A client whose queue is in the test's hands. */
const client = {
  outbox: { isJammed: false, jamReason: "busy", ended: undefined, form: 0, lines: 1 }
} as unknown as Peer

const start = () => {
  const given: Array<{ readonly text: string; readonly source: Source }> = []
  const soon: Array<() => void> = []
  const later: Array<() => void> = []
  const reports: Array<string> = []
  const state = { isOpen: true }
  const lines = new ForeignLines({
    broker: {
      present: (name) => (name === "bob" ? client : undefined),
      give: (_peer, text, _lines, source) => void given.push({ text, source }),
      soon: (run) => void soon.push(run),
      options: new LiveSource(defaults)
    },
    later: (run) => void later.push(run),
    isOpen: () => state.isOpen,
    report: (_node, name, fates) => void reports.push(`${name}: ${fates.map((fate) => fate.join(" ")).join(", ")}`)
  })
  /** The end of a turn. */
  const turn = () => {
    for (const run of soon.splice(0)) run()
  }
  /** The end of the time that reports wait. */
  const pass = () => {
    for (const run of later.splice(0)) run()
  }
  const receive = (count: number, name = "bob", isAwaited = true) =>
    lines.receive(node, [
      { name, lines: count, text: "from alice: hi\n".repeat(count), ...(isAwaited && { isAwaited }) }
    ])
  const source = (index: number) => given[index]?.source
  return { given, lines, pass, receive, reports, source, state, turn }
}

describe("ForeignLines", () => {
  it("reports fates in the order of the lines, as soon as they are known", () => {
    const { lines, receive, reports, source, turn } = start()
    receive(3)
    receive(2)
    source(1)?.delivered(2, "written")
    turn()
    assert.deepStrictEqual(reports, [])
    source(0)?.delivered(1, "written")
    turn()
    assert.deepStrictEqual(reports, ["bob: 1 written"])
    source(0)?.delivered(2, "received")
    turn()
    assert.deepStrictEqual(reports.slice(1), ["bob: 2 received, 2 written"])
    assert.strictEqual(lines.queued, 0)
    assert.deepStrictEqual(lines.ledger, { received: 5, delivered: 5, returned: 0 })
  })

  it("takes lines that return while others are in hand for the last ones", () => {
    const { receive, reports, source, turn } = start()
    receive(5)
    source(0)?.returned?.(2, "disconnected")
    turn()
    assert.deepStrictEqual(reports, [])
    source(0)?.delivered(1, "written")
    source(0)?.returned?.(1, "unreachable")
    source(0)?.returned?.(1, "slow")
    turn()
    assert.deepStrictEqual(reports, ["bob: 1 written, 1 unreachable, 1 slow, 2 disconnected"])
  })

  it("returns lines for a name that is not here, or while nothing may be written, after those before", () => {
    const { given, receive, reports, source, state, turn } = start()
    receive(1)
    state.isOpen = false
    receive(2)
    receive(1, "carol")
    turn()
    state.isOpen = true
    receive(1, "carol")
    turn()
    assert.deepStrictEqual(reports, ["carol: 1 unavailable", "carol: 1 offline"])
    assert.lengthOf(given, 1)
    source(0)?.delivered(1, "written")
    turn()
    assert.deepStrictEqual(reports.slice(2), ["bob: 1 written, 2 unavailable"])
  })

  it("returns a line if only its number has come", () => {
    const { given, lines, reports, turn } = start()
    lines.receive(node, [{ name: "bob", lines: 1, text: "" }])
    turn()
    assert.deepStrictEqual([given.length, reports], [0, ["bob: 1 unavailable"]])
  })

  it("reports deliveries for which no client waits after a while, all at once", () => {
    const { pass, receive, reports, source, turn } = start()
    receive(3, "bob", false)
    receive(2, "bob", false)
    source(0)?.delivered(3, "written")
    turn()
    source(1)?.delivered(1, "written")
    turn()
    assert.deepStrictEqual(reports, [])
    pass()
    assert.deepStrictEqual(reports, ["bob: 4 written"])
    source(1)?.delivered(1, "written")
    turn()
    pass()
    assert.deepStrictEqual(reports.slice(1), ["bob: 1 written"])
  })

  it("reports them at once with lines that return, or for which a client waits, or when they are many", () => {
    const { lines, pass, receive, reports, source, turn } = start()
    receive(3, "bob", false)
    source(0)?.delivered(2, "written")
    source(0)?.returned?.(1, "disconnected")
    turn()
    receive(1, "bob", false)
    receive(1)
    source(1)?.delivered(1, "written")
    source(2)?.delivered(1, "written")
    turn()
    receive(1_000, "bob", false)
    receive(2_000, "bob", false)
    source(3)?.delivered(1_000, "written")
    turn()
    assert.deepStrictEqual(reports, ["bob: 2 written, 1 disconnected", "bob: 2 written"])
    source(4)?.delivered(2_000, "written")
    turn()
    assert.deepStrictEqual(reports.slice(2), ["bob: 3000 written"])
    receive(1, "bob", false)
    source(5)?.delivered(1, "written")
    lines.reportSoon()
    turn()
    assert.deepStrictEqual(reports.slice(3), ["bob: 1 written"])
    pass()
    assert.lengthOf(reports, 4)
  })

  it("reports nothing to a node that is lost, and knows whose queues have lines of others", () => {
    const { lines, receive, reports, source, turn } = start()
    receive(1)
    lines.lost(node)
    assert.deepStrictEqual([...lines.unwritten], [client])
    source(0)?.delivered(1, "written")
    turn()
    assert.deepStrictEqual(reports, [])
    assert.deepStrictEqual([...lines.unwritten], [])
  })
})
