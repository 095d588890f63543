import { assert, describe, it } from "vitest"
import * as LineForm from "../../src/chat/LineForm.js"
import { countLines, decode, encode, endOfLines, type Content } from "../../src/cluster/Contents.js"
import { headerBytes } from "../../src/cluster/Nodes.js"
import * as ReceivedForm from "../../src/cluster/ReceivedForm.js"
import * as Wire from "../../src/protocol/Wire.js"

const roundTrip = (content: Content) => decode(encode(content).subarray(headerBytes))

describe("Contents", () => {
  it.each<Content>([
    { reports: [], pieces: [] },
    { reports: [{ name: "bob", fates: [[3, "written"]] }], pieces: [] },
    {
      reports: [
        {
          name: Wire.encode("bób"),
          fates: [
            [1, "received"],
            [20, "slow-mode"]
          ]
        },
        { name: "carol", fates: [[1, "offline"]] }
      ],
      pieces: [
        { name: "bob", lines: 1, text: "from alice: >bob 1 2\n" },
        { name: Wire.encode("çarol"), lines: 2, text: Wire.encode("from älice: ü\nfrom x: \n") },
        { name: "dave", lines: 1, text: "from a: b\n" }
      ]
    }
  ])("are read as they were written: %j", (content) => {
    assert.deepStrictEqual(roundTrip(content), content)
  })

  it.each([
    ["a\nbb\nccc\n", 0, 100, 9],
    ["a\nbb\nccc\n", 0, 9, 9],
    ["a\nbb\nccc\n", 0, 8, 5],
    ["a\nbb\nccc\n", 0, 1, 2],
    ["a\nbb\nccc\n", 2, 1, 5],
    ["a\nbb\nccc\n", 5, 1, 9],
    ["aaaaaaaa\nb\n", 0, 3, 9]
  ])("cut %j from %d within %d bytes at %d", (text, start, bytes, end) => {
    assert.strictEqual(endOfLines(text, start, bytes), end)
    assert.strictEqual(countLines(text, start, end), text.slice(start, end).split("\n").length - 1)
  })
})

describe("ReceivedForm", () => {
  const all = "from a to=b+c auto=yes: x to=y\nfrom a: auto=yes: from b to=c: z\nfrom a auto=yes: \n"

  it.each([
    [LineForm.all, all],
    [LineForm.plain, "from a: x to=y\nfrom a: auto=yes: from b to=c: z\nfrom a: \n"],
    [LineForm.of(new Set(["to"])), "from a to=b+c: x to=y\nfrom a: auto=yes: from b to=c: z\nfrom a: \n"],
    [LineForm.of(new Set(["auto"])), "from a auto=yes: x to=y\nfrom a: auto=yes: from b to=c: z\nfrom a auto=yes: \n"]
  ])("%d has only the parameters that were asked for", (form, text) => {
    assert.strictEqual(ReceivedForm.render(all, form), text)
  })
})
