import { assert, describe, it } from "vitest"
import { Batch } from "../../src/chat/Batch.js"
import type { Peer } from "../../src/chat/Peer.js"
import * as Contents from "../../src/cluster/Contents.js"
import { maxTextBytes, type Content } from "../../src/cluster/Contents.js"
import { NodeTraffic, type NodeSender } from "../../src/cluster/NodeTraffic.js"
import { headerBytes } from "../../src/cluster/Nodes.js"

const node = { name: "b", incarnation: "1" }

const batchOf = (text: string): Batch<Peer> => {
  const batch = new Batch<Peer>()
  batch.add(text, text.split("\n").length - 1, undefined, undefined, undefined)
  return batch.close()
}

/** Recipients with batches, on a link that takes a number of contents. */
const start = (most = Infinity) => {
  const contents: Array<Content> = []
  const sent: Array<string> = []
  const state = { most, maxContentBytes: 1_048_576 }
  const traffic = new NodeTraffic(node, {
    flushSoon: () => {},
    maxContentBytes: () => state.maxContentBytes,
    frame: (bytes) => new Uint8Array(bytes),
    send: (content) => {
      if (contents.length >= state.most) return false
      assert.isAtMost(content.length, state.maxContentBytes)
      const { isWhole, pieces, reports } = Contents.decode(content.subarray(headerBytes))
      assert.isTrue(isWhole)
      contents.push({ reports, pieces })
      return true
    }
  })
  const offer = (name: string, texts: ReadonlyArray<string>, mayBeSent = () => true) => {
    const [first, ...rest] = texts
    if (first === undefined) return
    const sender: NodeSender = {
      name,
      isOffered: mayBeSent,
      wasSent: () => {
        sent.push(name)
        offer(name, rest, mayBeSent)
      }
    }
    traffic.offer(sender, batchOf(first))
  }
  const textOf = (name: string) =>
    contents.flatMap(({ pieces }) => pieces.filter((piece) => piece.name === name).map(({ text }) => text)).join("")
  return { contents, offer, sent, state, textOf, traffic }
}

const lines = (count: number, length: number) =>
  Array.from({ length: count }, (_, index) => `${index} ${"x".repeat(length)}\n`).join("")

describe("NodeTraffic", () => {
  it("sends everything that there is for a node in one content", () => {
    const { contents, offer, sent, traffic } = start()
    offer("bob", ["one\n", "two\n"])
    offer("carol", ["three\n"])
    traffic.report("dave", [[1, "written"]])
    traffic.flush()
    assert.deepStrictEqual(contents, [
      {
        reports: [{ name: "dave", fates: [[1, "written"]] }],
        pieces: [
          { name: "bob", lines: 1, text: "one\n" },
          { name: "carol", lines: 1, text: "three\n" }
        ]
      },
      { reports: [], pieces: [{ name: "bob", lines: 1, text: "two\n" }] }
    ])
    assert.deepStrictEqual(sent, ["bob", "carol", "bob"])
  })

  it("cuts a large batch between lines, and others do not wait for its end", () => {
    const { contents, offer, sent, textOf, traffic } = start()
    const [large, next] = [lines(10_000, 100), lines(10, 10)]
    offer("bob", [large, next])
    offer("carol", [lines(1, 1)])
    traffic.flush()
    assert.deepStrictEqual(sent, ["bob", "carol", "bob"])
    assert.strictEqual(textOf("bob"), large + next)
    for (const { pieces } of contents) {
      assert.isAtMost(
        pieces.reduce((sum, { text }) => sum + text.length, 0),
        maxTextBytes
      )
      for (const piece of pieces) assert.strictEqual(piece.lines, piece.text.split("\n").length - 1)
    }
  })

  it("does not cut a batch that the next content has room for", () => {
    const { contents, offer, traffic } = start()
    const batches = [lines(200, 100), lines(300, 100), lines(400, 100)]
    batches.forEach((batch, index) => offer(`bob-${index}`, [batch]))
    traffic.flush()
    assert.deepStrictEqual(
      contents.map(({ pieces }) => pieces.map(({ text }) => text)),
      [batches.slice(0, 2), batches.slice(2)]
    )
  })

  it("says whether a client waits for the outcomes of lines", () => {
    const { contents, traffic } = start()
    const [labelled, other] = [batchOf("one\n"), batchOf("two\n")]
    labelled.labels = ["1"]
    for (const [name, batch] of Object.entries({ bob: labelled, carol: other })) {
      traffic.offer({ name, isOffered: () => true, wasSent: () => {} }, batch)
    }
    traffic.flush()
    assert.deepStrictEqual(
      contents.flatMap(({ pieces }) => pieces),
      [
        { name: "bob", lines: 1, text: "one\n", isAwaited: true },
        { name: "carol", lines: 1, text: "two\n" }
      ]
    )
  })

  it("sends a line that is larger than a content alone", () => {
    const { contents, offer, traffic } = start()
    offer("bob", [lines(1, 10)])
    offer("carol", [lines(1, 2 * maxTextBytes)])
    traffic.flush()
    assert.deepStrictEqual(
      contents.map(({ pieces }) => pieces.map(({ name }) => name)),
      [["bob"], ["carol"]]
    )
  })

  it("sends no content that is too large for the engine, and of a line that is, only that there was one", () => {
    const { contents, offer, sent, state, textOf, traffic } = start()
    state.maxContentBytes = 8_192
    const names = Array.from({ length: 1_000 }, (_, index) => `recipient-with-a-long-name-${index}`)
    offer("bob", [`${lines(3, 10)}${lines(1, 10_000)}${lines(1, 5_000)}${lines(2, 10)}`])
    for (const name of names) {
      traffic.report(name, [[1, "written"]])
      offer(name, [lines(2, 10)])
    }
    traffic.flush()
    assert.lengthOf(sent, 1_001)
    assert.strictEqual(textOf("bob"), `${lines(3, 10)}${lines(1, 5_000)}${lines(2, 10)}`)
    const pieces = contents.flatMap((content) => content.pieces)
    assert.deepStrictEqual(
      pieces.filter(({ text }) => text === ""),
      [{ name: "bob", lines: 1, text: "" }]
    )
    for (const name of names) assert.strictEqual(textOf(name), lines(2, 10))
    assert.deepStrictEqual(
      contents.flatMap(({ reports }) => reports.map(({ name }) => name)),
      names
    )
  })

  it("keeps what the link does not take, unless it has returned meanwhile", () => {
    const { contents, offer, sent, state, textOf, traffic } = start(0)
    const returned = new Set<string>()
    for (const name of ["bob", "carol"]) offer(name, [lines(1, 1)], () => !returned.has(name))
    traffic.report("dave", [[1, "written"]])
    traffic.flush()
    assert.deepStrictEqual([contents.length, sent], [0, []])
    state.most = Infinity
    traffic.flush()
    assert.deepStrictEqual(sent, [])
    returned.add("carol")
    traffic.hasRoom()
    traffic.flush()
    assert.deepStrictEqual(sent, ["bob"])
    assert.strictEqual(textOf("carol"), "")
    assert.lengthOf(contents[0]?.reports ?? [], 1)
  })
})
