import { assert, describe, it } from "@effect/vitest"
import * as Received from "../../src/client/Received.js"
import * as RoomReports from "../../src/client/RoomReports.js"

const plain = { members: 0, last: 0, isIn: false, isLocked: false, owner: undefined, topic: "" }

describe("what a server says about a room", () => {
  const rooms: ReadonlyArray<readonly [string, RoomReports.RoomReport | undefined]> = [
    [
      "* room #ops members=3 last=17 in=yes locked=yes owner=zoë: a: topic",
      { room: "#ops", members: 3, last: 17, isIn: true, isLocked: true, owner: "zoë", topic: "a: topic" }
    ],
    ["* room @k1 #ops members=1 last=0: ", { ...plain, room: "#ops", members: 1 }],
    ["* room #ops:", { ...plain, room: "#ops" }],
    ["* room #ops members=x last=-1 in=no: hi", { ...plain, room: "#ops", topic: "hi" }],
    ["* room ops members=3 last=17: hi", undefined],
    ["* room: hi", undefined],
    ["! room #ops: hi", undefined],
    ["from room #ops: hi", undefined]
  ]
  for (const [line, expected] of rooms) {
    it(`is the room, or none, of ${JSON.stringify(line)}`, () =>
      assert.deepStrictEqual(RoomReports.roomIn(Received.parse(line)), expected))
  }

  const members: ReadonlyArray<readonly [string, RoomReports.MembersReport | undefined]> = [
    ["* members #ops 3 here=2: alice, bob", { room: "#ops", count: 3, here: 2, names: ["alice", "bob"] }],
    ["* members #ops 0: ", { room: "#ops", count: 0, here: 0, names: [] }],
    ["* members #ops: alice", undefined],
    ["* members #ops x here=2: alice", undefined],
    ["* members 3 here=2: alice", undefined]
  ]
  for (const [line, expected] of members) {
    it(`are the members, or none, of ${JSON.stringify(line)}`, () =>
      assert.deepStrictEqual(RoomReports.membersIn(Received.parse(line)), expected))
  }

  const notices: ReadonlyArray<readonly [string, RoomReports.RoomNotice | undefined]> = [
    ["* joined #ops alice: x", { _tag: "Joined", room: "#ops", names: ["alice"], areGuests: false }],
    [
      "* joined #ops alice, bob guest=yes: x",
      { _tag: "Joined", room: "#ops", names: ["alice", "bob"], areGuests: true }
    ],
    ["* joined alice: x", undefined],
    ["* joined #ops: x", undefined],
    ["* left #ops bob: x", { _tag: "Left", room: "#ops", names: ["bob"], by: undefined }],
    ["* left #ops bob by=alice: x", { _tag: "Left", room: "#ops", names: ["bob"], by: "alice" }],
    ["* left bob: x", undefined],
    ["* topic #ops alice: a: b", { _tag: "Topic", room: "#ops", name: "alice", topic: "a: b" }],
    ["* topic @1 #ops:", { _tag: "Topic", room: "#ops", name: undefined, topic: "" }],
    ["* owner #ops bob: x", { _tag: "Owner", room: "#ops", name: "bob" }],
    ["* locked #ops alice: x", { _tag: "Locked", room: "#ops", isLocked: true }],
    ["* unlocked #ops alice: x", { _tag: "Locked", room: "#ops", isLocked: false }],
    ["* invited #ops alice: x", { _tag: "Invited", room: "#ops", by: "alice" }],
    [
      "* silenced #ops bob by=alice until=1764151201123: x",
      { _tag: "Silenced", room: "#ops", name: "bob", by: "alice", until: 1_764_151_201_123 }
    ],
    ["* silenced #ops bob: x", { _tag: "Silenced", room: "#ops", name: "bob", by: undefined, until: Infinity }],
    [
      "* unsilenced #ops bob by=alice: x",
      { _tag: "Silenced", room: "#ops", name: "bob", by: "alice", until: undefined }
    ],
    ["* later #ops bob: x", undefined],
    ["! joined #ops alice: x", undefined],
    ["from joined #ops: x", undefined]
  ]
  for (const [line, expected] of notices) {
    it(`is the notice, or none, of ${JSON.stringify(line)}`, () =>
      assert.deepStrictEqual(RoomReports.roomNoticeIn(Received.parse(line)), expected))
  }
})
