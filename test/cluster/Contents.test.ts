import { assert, describe, it } from "vitest"
import * as LineForm from "../../src/chat/LineForm.js"
import * as Contents from "../../src/cluster/Contents.js"
import { countLines, endOfLines, type Content, type Fates } from "../../src/cluster/Contents.js"
import { headerBytes } from "../../src/cluster/Nodes.js"
import * as ReceivedForm from "../../src/cluster/ReceivedForm.js"
import * as Wire from "../../src/protocol/Wire.js"

const roundTrip = (content: Content) => Contents.decode(Contents.encode(content).subarray(headerBytes))

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
        { name: "bob", lines: 1, text: "from alice: >bob 1 2\n", isAwaited: true },
        { name: Wire.encode("çarol"), lines: 2, text: Wire.encode("from älice: ü\nfrom x: \n") },
        { name: "dave", lines: 1, text: "from a: b\n", isAwaited: true }
      ]
    }
  ])("are read as they were written: %j", (content) => {
    assert.deepStrictEqual(roundTrip(content), {
      hasLost: false,
      ...content,
      unread: [],
      mayHaveLines: false,
      isWhole: true
    })
  })

  it.each<[string, Fates]>([
    ["no number", [[NaN, "written"]]],
    ["a fraction", [[0.5, "written"]]],
    ["a negative number", [[-3, "written"]]],
    ["zero", [[0, "written"]]],
    ["a number without a word", [[1, "written 2"]]],
    [
      "a number that is not exact, after one that is",
      [
        [1, "written"],
        [2 ** 53, "written"]
      ]
    ]
  ])("with a report of %s leave the fates of these lines unknown", (_, fates) => {
    const sound = { name: "carol", fates: [[1, "offline"]] } as const
    assert.deepStrictEqual(roundTrip({ reports: [{ name: "bob", fates }, sound], pieces: [] }), {
      hasLost: false,
      reports: [sound],
      pieces: [],
      unread: ["bob"],
      mayHaveLines: false,
      isWhole: false
    })
  })

  it.each([
    ["more lines than it says", 1, "from a: x\nfrom a: y\n", 1],
    ["fewer lines than it says", 7, "from a: x\n", 7],
    ["no number of lines", NaN, "from a: x\n", 1],
    ["more lines than bytes", 1e12, "from a: x\n", 1],
    ["half a line", 1, "from a: x", 1],
    ["half a line at its end", 2, "from a: x\nfrom a: y", 2],
    ["lines without a text", 2, "", 2]
  ])("with a piece of %s return it", (_, lines, text, returned) => {
    const sound = { name: "carol", lines: 1, text: "from a: x\n" }
    assert.deepStrictEqual(roundTrip({ reports: [], pieces: [{ name: "bob", lines, text }, sound] }), {
      reports: [],
      pieces: [{ name: "bob", lines: returned, text: "" }, sound],
      hasLost: false,
      unread: [],
      mayHaveLines: !(lines < 1e12),
      isWhole: false
    })
  })

  it("are all in doubt if a node has lost some of them", () => {
    const read = roundTrip({ hasLost: true, reports: [], pieces: [] })
    assert.deepInclude(read, { hasLost: true, unread: "all", mayHaveLines: false, isWhole: true })
  })

  it("of an unknown kind may have lines", () => {
    const content = Contents.encode({ reports: [{ name: "bob", fates: [[1, "written"]] }], pieces: [] }).subarray(
      headerBytes
    )
    content[4] = "+".charCodeAt(0)
    assert.deepInclude(Contents.decode(content), { reports: [], unread: [], mayHaveLines: true, isWhole: false })
  })

  it("that end too early return what is missing", () => {
    const [one, two] = [
      { name: "bob", lines: 1, text: "from a: x\n" },
      { name: "carol", lines: 1, text: "from a: y\n" }
    ] as const
    const content = Contents.encode({ reports: [], pieces: [one, two] }).subarray(headerBytes)
    assert.deepStrictEqual(Contents.decode(content.subarray(0, content.length - 1)).pieces, [one, { ...two, text: "" }])
    for (const length of [0, 3, 10]) {
      assert.deepStrictEqual(Contents.decode(content.subarray(0, length)), {
        reports: [],
        pieces: [],
        unread: "all",
        mayHaveLines: true,
        isWhole: false
      })
    }
    const more = Buffer.concat([content, Buffer.from("x")])
    assert.deepStrictEqual(Contents.decode(more), {
      hasLost: false,
      reports: [],
      pieces: [one, two],
      unread: [],
      mayHaveLines: false,
      isWhole: false
    })
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
