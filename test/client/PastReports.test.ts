import { assert, describe, it } from "@effect/vitest"
import * as PastReports from "../../src/client/PastReports.js"
import * as Received from "../../src/client/Received.js"

/** Of the parser, for each line. */
const table = <A>(parse: (received: Received.Received) => A, rows: ReadonlyArray<readonly [string, A]>) => {
  for (const [line, expected] of rows) {
    it(`understands ${JSON.stringify(line)}`, () => assert.deepStrictEqual(parse(Received.parse(line)), expected))
  }
}

describe("what a server says about past lines", () => {
  table(PastReports.pastIn, [
    [
      "* past #ops alice seq=17 at=1764151201123: a: b",
      { conversation: "#ops", from: "alice", text: "a: b", seq: 17, at: 1_764_151_201_123 }
    ],
    [
      "* past @k1 bob zoë auto=yes to=carol+#ops guest=yes seq=1 at=2:",
      { conversation: "bob", from: "zoë", text: "", auto: true, guest: true, to: ["carol", "#ops"], seq: 1, at: 2 }
    ],
    ["* past #ops seq=1 at=2: x", undefined],
    ["* past #ops alice seq=1: x", undefined],
    ["* past #ops alice seq=x at=2: x", undefined],
    ["! past #ops alice seq=1 at=2: x", undefined],
    ["from past #ops alice seq=1 at=2: x", undefined]
  ])
})

describe("what a server says about copies", () => {
  table(PastReports.copyIn, [
    ["* sent bob seq=3 at=4: a: b", { conversation: "bob", seq: 3, at: 4, text: "a: b" }],
    ["* sent #ops seq=3 at=4: x", { conversation: "#ops", seq: 3, at: 4, text: "x" }],
    ["* sent bob seq=3: x", undefined],
    ["* sent: x", undefined],
    ["from sent bob seq=3 at=4: x", undefined]
  ])
})

describe("what a server says about conversations and read marks", () => {
  table(PastReports.conversationIn, [
    ["* conversation #ops last=9 read=7 at=5: x", { conversation: "#ops", last: 9, read: 7, at: 5 }],
    [
      "* conversation Bob guest=yes last=9 read=7 at=5: x",
      { conversation: "Bob", last: 9, read: 7, at: 5, guest: true }
    ],
    ["* conversation bob last=9 at=5: x", { conversation: "bob", last: 9, read: 0, at: 5 }],
    ["* conversation bob read=7 at=5: x", undefined],
    ["* conversation last=9: x", undefined]
  ])
  table(PastReports.readMarkIn, [
    ["* read #ops seq=7: x", { conversation: "#ops", seq: 7 }],
    ["* read @k1 bob seq=0: x", { conversation: "bob", seq: 0 }],
    ["* read bob: x", undefined],
    ["* read seq=7: x", undefined]
  ])
})

describe("what a server says at the end of a reply", () => {
  const nothing = { conversation: undefined, count: undefined, first: undefined, last: undefined, hasMore: false }
  table(PastReports.endIn, [
    [
      "* end @k1 history #ops first=3 last=9 more=yes: x",
      { ...nothing, what: "history", conversation: "#ops", first: 3, last: 9, hasMore: true }
    ],
    ["* end history bob: x", { ...nothing, what: "history", conversation: "bob" }],
    [
      "* end history #ops first=3 last=12 damaged=4-9+12: x",
      {
        ...nothing,
        what: "history",
        conversation: "#ops",
        first: 3,
        last: 12,
        damaged: [
          { first: 4, last: 9 },
          { first: 12, last: 12 }
        ]
      }
    ],
    ["* end search count=2: x", { ...nothing, what: "search", count: 2 }],
    ["* end search count=2 damaged=yes: x", { ...nothing, what: "search", count: 2, damaged: [] }],
    ["* end rooms count=0 more=no: x", { ...nothing, what: "rooms", count: 0 }],
    ["* end: x", undefined],
    ["! end rooms: x", undefined]
  ])
})
