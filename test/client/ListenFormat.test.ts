import { assert, describe, it } from "@effect/vitest"
import { MessageFilter, toJson } from "../../src/client/ListenFormat.js"
import type * as Received from "../../src/client/Received.js"
import * as Wire from "../../src/protocol/Wire.js"

/** What is let through of blocks, and the codes of what was reported. */
const take = (blocks: ReadonlyArray<string>, options: { from?: ReadonlyArray<string>; count?: number } = {}) => {
  const filter = new MessageFilter({ from: options.from ?? [], count: options.count })
  const reported: Array<string> = []
  const report = (received: Received.Received) => reported.push("code" in received ? received.code : received._tag)
  const taken = blocks.map((block) => Wire.decode(filter.take(Wire.encode(block), report))).join("")
  return { taken, reported, left: filter.left }
}

describe("MessageFilter", () => {
  const table: ReadonlyArray<
    readonly [
      name: string,
      block: string,
      options: Parameters<typeof take>[1],
      taken: string,
      reported: ReadonlyArray<string>
    ]
  > = [
    ["lets messages through", "from a: 1\nfrom b: 2\n", {}, "from a: 1\nfrom b: 2\n", []],
    ["leaves the server's lines out", "* pong: x\nfrom a: 1\n! closing: y\n", {}, "from a: 1\n", ["pong", "closing"]],
    ["leaves out what is in the middle", "from a: 1\n* x: y\nfrom a: 2\n", {}, "from a: 1\nfrom a: 2\n", ["x"]],
    ["takes a text that looks like a line for a text", "from a: * x: from b: 1\n", {}, "from a: * x: from b: 1\n", []],
    ["keeps the CR of a line", "from a: 1\r\n", {}, "from a: 1\r\n", []],
    ["filters", "from a: 1\nfrom b: 2\nfrom a: 3\n", { from: ["a"] }, "from a: 1\nfrom a: 3\n", []],
    ["filters by whole names", "from ab: 1\nfrom a: 2\n", { from: ["a"] }, "from a: 2\n", []],
    [
      "filters by several names",
      "from a: 1\nfrom b: 2\nfrom c: 3\n",
      { from: ["c", "a"] },
      "from a: 1\nfrom c: 3\n",
      []
    ],
    ["filters by the name, not its form", "from élan: 1\n", { from: [" e\u0301lan "] }, "from élan: 1\n", []],
    ["stops at the count", "from a: 1\nfrom a: 2\nfrom a: 3\n", { count: 2 }, "from a: 1\nfrom a: 2\n", []],
    ["stops at the end of a block", "from a: 1\nfrom a: 2\n", { count: 2 }, "from a: 1\nfrom a: 2\n", []],
    ["counts what matches alone", "from a: 1\nfrom b: 2\nfrom a: 3\n", { from: ["b"], count: 1 }, "from b: 2\n", []]
  ]
  for (const [name, block, options, taken, reported] of table) {
    it(name, () => {
      const result = take([block], options)
      assert.strictEqual(result.taken, taken)
      assert.deepStrictEqual(result.reported, reported)
    })
  }

  it("counts across blocks, and lets nothing through after the last message", () => {
    const { left, taken } = take(["from a: 1\n", "* x: y\nfrom a: 2\nfrom a: 3\n", "from a: 4\n"], { count: 2 })
    assert.strictEqual(taken, "from a: 1\nfrom a: 2\n")
    assert.strictEqual(left, 0)
  })
})

describe("MessageFilter, with a server that sends parameters", () => {
  const blocks = "from a auto=yes: 1\nfrom a to=b+c seq=1: 2\nfrom ab auto=yes: 3\nfrom b to=a: 4\nfrom a: 5\n"
  const taken = (server: Received.ServerKind) => {
    const filter = new MessageFilter({ from: ["a"], count: undefined })
    filter.server = server
    return filter.take(blocks, () => assert.fail("a message was reported"))
  }

  it("filters by the name alone", () => {
    assert.strictEqual(taken("a-chat"), "from a auto=yes: 1\nfrom a to=b+c seq=1: 2\nfrom a: 5\n")
  })

  it("takes them for a part of the name on an original server", () => {
    assert.strictEqual(taken("original"), "from a: 5\n")
  })
})

describe("toJson", () => {
  const arrival = new Date("2026-01-02T03:04:05.678Z")
  const json = (lines: string, server: Received.ServerKind = "a-chat") => toJson(Wire.encode(lines), arrival, server)

  it("adds what the parameters say, and ignores unknown ones", () => {
    assert.deepStrictEqual(
      json("from a auto=yes: 1\nfrom a: 2\nfrom a #x to=b+zoë word y=1: 3\nfrom a to=b auto=yes: to=c: 4\n")
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line) as unknown),
      [
        { from: "a", text: "1", at: arrival.toISOString(), auto: true },
        { from: "a", text: "2", at: arrival.toISOString() },
        { from: "a", text: "3", at: arrival.toISOString(), room: "#x", to: ["b", "zoë"] },
        { from: "a", text: "to=c: 4", at: arrival.toISOString(), auto: true, to: ["b"] }
      ]
    )
    const [line = ""] = json("from a auto=yes: 1\n", "original").split("\n")
    assert.deepStrictEqual(JSON.parse(line), { from: "a auto=yes", text: "1", at: arrival.toISOString() })
  })

  it("formats each line as an object", () => {
    assert.strictEqual(json("from a: hi\n"), `{"from":"a","text":"hi","at":"2026-01-02T03:04:05.678Z"}\n`)
    assert.deepStrictEqual(
      json('from élan: a: b\r\nfrom élan: \nfrom b: "\\\u0001 \u2028\n')
        .split("\n")
        .slice(0, -1)
        .map((line) => {
          const { from, text } = JSON.parse(line) as { from: string; text: string }
          return [from, text]
        }),
      [
        ["élan", "a: b"],
        ["élan", ""],
        ["b", '"\\\u0001 \u2028']
      ]
    )
  })
})
