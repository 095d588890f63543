import { describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { readFileSync } from "node:fs"
import { assert } from "vitest"
import * as CloseReason from "../../src/protocol/CloseReason.js"
import { builtIn } from "../../src/chat/Commands.js"
import * as Fate from "../../src/protocol/Fate.js"
import * as PastReply from "../../src/protocol/PastReply.js"
import * as FatalReply from "../../src/protocol/FatalReply.js"
import * as OutcomeReply from "../../src/protocol/OutcomeReply.js"
import * as Reply from "../../src/protocol/Reply.js"
import * as RoomReply from "../../src/protocol/RoomReply.js"
import * as Wire from "../../src/protocol/Wire.js"
import { anyBytes } from "../support/Arbitraries.js"

const undeliveredFor = (reason: OutcomeReply.UndeliveredReason) => (label?: string) =>
  OutcomeReply.undelivered({
    names: ["bob", "b b:,"],
    reason,
    count: 3,
    label,
    retryMillis: reason === "busy" ? 1_000 : undefined
  })

const lookAlike = (name: string) => (name.toLowerCase() === "bob" ? "bob" : undefined)

/** A name that looks the same and is as long as possible: it has invisible characters. */
const withInvisible = (name: string) => name + Wire.encode("\u{e0100}".repeat(31))

const room: RoomReply.RoomFacts = {
  name: "#ops",
  members: 3,
  last: 17,
  isLocked: true,
  owner: "alice",
  topic: "a: topic"
}

/** Every function that renders a line, with an optional label if it accepts one. */
const replies: Record<string, (label?: string) => ReadonlyArray<string>> = {
  badAcknowledgement: (label) => [Reply.badAcknowledgement(label)],
  unexpectedAcknowledgement: (label) => [Reply.unexpectedAcknowledgement(label)],
  badLine: (label) => [Reply.badLine("why")(label)],
  tooLong: (label) => [Reply.tooLong(65_536)(label)],
  tooManyRecipients: (label) => [Reply.tooManyRecipients(1_000)(label)],
  slowDown: (label) => [Reply.slowDown(20)(label)],
  unknownCommand: (label) => [Reply.unknownCommand("no such: thing")(label)],
  closing: (label) => [Reply.closing(label)],
  closingLogin: (label) => [FatalReply.closingLogin(1_000).line(label)],
  badLogin: (label) => [FatalReply.badLogin.line(label)],
  telnetLogin: (label) => [FatalReply.telnetLogin.line(label)],
  loginInUse: (label) => [FatalReply.loginInUse("alice").line(label)],
  loginTimeout: (label) => [FatalReply.loginTimeout.line(label)],
  full: (label) => [FatalReply.full(5_000).line(label)],
  kicked: (label) => [FatalReply.kicked.line(label)],
  banned: (label) => [FatalReply.banned(undefined).line(label)],
  "banned for a time": (label) => [FatalReply.banned(60_000).line(label)],
  "undelivered offline": undeliveredFor("offline"),
  "undelivered disconnected": undeliveredFor("disconnected"),
  "undelivered busy": undeliveredFor("busy"),
  "undelivered slow": undeliveredFor("slow"),
  "undelivered unreachable": undeliveredFor("unreachable"),
  "unknownCommand, with a suggestion": (label) => [Reply.unknownCommand("whoo", "who")(label)],
  ...Object.fromEntries(
    Fate.delivered.map((fate) => [fate, (label = "k1") => OutcomeReply.delivered(fate, label, ["bob", "carol"])])
  ),
  passwordRequired: (label) => [FatalReply.passwordRequired("alice").line(label)],
  wrongPassword: (label) => [FatalReply.wrongPassword.line(label)],
  accountRequired: (label) => [FatalReply.accountRequired.line(label)],
  tlsRequired: (label) => [FatalReply.tlsRequired.line(label)],
  deviceWithoutAccount: (label) => [FatalReply.deviceWithoutAccount.line(label)],
  tooManyWrong: (label) => [FatalReply.tooManyWrong(1_000).line(label)],
  tooManyChecks: (label) => [FatalReply.tooManyChecks(1_000).line(label)],
  tooManyDevices: (label) => [FatalReply.tooManyDevices.line(label)],
  accountsUnavailable: (label) => [FatalReply.accountsUnavailable(1_000).line(label)],
  accounts: (label) => Reply.accounts(["alice"], label),
  cannotGive: (label) => [FatalReply.cannotGive(1_000).line(label)],
  kickedDevice: (label) => [FatalReply.kickedDevice.line(label)],
  loggedOut: (label) => [FatalReply.loggedOut("replaced").line(label)],
  refused: (label) => [Reply.refused("register", "looks-like", { like: "alice" })(label)],
  "refused for now": (label) => [Reply.refused("register", "limit", { retryMillis: 1_000 })(label)],
  registered: (label) => [Reply.registered("alice", label)],
  passwordChanged: (label) => [Reply.passwordChanged(2, label)],
  token: (label) => [Reply.token("phone", `achat_${"0".repeat(32)}`, label)],
  devices: (label) => Reply.devices([{ name: "phone", isHere: true, hasToken: true, seen: 1 }], label),
  forgot: (label) => [Reply.forgot("phone", label)],
  labelUsed: (label) => [Reply.labelUsed("bob")(label)],
  who: (label) => Reply.who(["alice", "bob"], label),
  pong: (label) => [Reply.pong("a: b", label)],
  bye: (label) => [Reply.bye("quit", label)],
  help: (label) => Reply.help(builtIn(), label),
  hello: (label) => [
    Reply.hello(
      { name: "alice", maxLineBytes: 65_536, maxRecipients: 1_000, limits: { rate: 5 }, words: ["ack"] },
      label
    )
  ],
  "hello before the login": (label) => [
    Reply.hello({ name: undefined, maxLineBytes: 1, maxRecipients: 1, limits: {}, words: [] }, label)
  ],
  room: (label) => [RoomReply.room(room, true, label)],
  rooms: (label) => RoomReply.rooms([{ facts: room, isIn: false }], label),
  members: (label) => RoomReply.members("#ops", ["alice", "bob"], 1, label),
  leftRoom: (label) => [RoomReply.left("#ops", "alice", undefined, label)],
  topic: (label) => [RoomReply.topic("#ops", "alice", "a: topic", label)],
  hasInvited: (label) => [RoomReply.hasInvited("#ops", "bob", "alice", label)],
  locked: (label) => [RoomReply.locked("#ops", "alice", true, label)],
  unlocked: (label) => [RoomReply.locked("#ops", "alice", false, label)],
  silenced: (label) => [RoomReply.silenced("#ops", "bob", "alice", 1, label)],
  unsilenced: (label) => [RoomReply.unsilenced("#ops", "bob", RoomReply.operator, label)],
  slow: (label) => [RoomReply.slow("#ops", "alice", 5_000, label)],
  past: (label) => [PastReply.past("#ops", "alice", " seq=17 at=1", "a: text", label)],
  endHistory: (label) => [PastReply.endHistory("#ops", { covered: { first: 4, last: 9 }, hasMore: true }, label)],
  "endHistory of a damaged page": (label) => [
    PastReply.endHistory(
      "bob",
      {
        covered: { first: 4, last: 12 },
        damaged: [
          { first: 4, last: 9 },
          { first: 12, last: 12 }
        ],
        hasMore: false
      },
      label
    )
  ],
  endSearch: (label) => [PastReply.endSearch(2, false, label)],
  "endSearch without damaged lines": (label) => [PastReply.endSearch(2, true, label)],
  conversations: (label) =>
    PastReply.conversations([{ name: "bob", isWithGuest: true, last: 9, read: 4, at: 1 }], label),
  read: (label) => [PastReply.read("bob", 4, label)]
}

const unlabelled: Record<string, () => ReadonlyArray<string>> = {
  sent: () => [Reply.sent("bob", { seq: 1, at: 2, text: "hi" })],
  gap: () => [Reply.gap("bob", 1, 2)],
  given: () => [OutcomeReply.given("bob", 3)],
  returned: () => [OutcomeReply.returned({ recipient: "bob", reason: "expired", first: 1, last: 3, count: 2 })],
  joined: () => [Reply.joined("alice")],
  left: () => [Reply.left("alice")],
  joinedRoom: () => [RoomReply.joined("#ops", "bob", true)],
  removed: () => [RoomReply.left("#ops", "bob", "alice")],
  invited: () => [RoomReply.invited("#ops", "alice")],
  owner: () => [RoomReply.owner("#ops", "alice")],
  serverClosing: () => [Reply.serverClosing(10_000, 1_500)]
}

const codes: ReadonlyArray<string> = [
  ...Reply.refusals.map((code) => `! ${code}`),
  ...Reply.notices.map((code) => `* ${code}`)
]

/** The parts of a line. The text is everything after the first colon. */
const split = (line: string) => {
  const found = /^([!*] [a-z-]+)((?: [^:\n]+)?): ([^\n]*)\n$/.exec(line)
  assert.isNotNull(found, JSON.stringify(line))
  return { code: found?.[1] ?? "", params: found?.[2] ?? "" }
}

const params = (reason: OutcomeReply.UndeliveredReason, count: number, label?: string) =>
  split(OutcomeReply.undelivered({ names: ["bob"], reason, count, label })[0] ?? "").params

describe("Reply", () => {
  for (const [what, render] of Object.entries({ ...replies, ...unlabelled })) {
    it(`renders a registered code, and parameters without a colon: ${what}`, () => {
      for (const line of render()) assert.include(codes, split(line).code)
    })
  }

  for (const [what, render] of Object.entries(replies)) {
    it(`renders the label as the first parameter: ${what}`, () => {
      for (const line of render("k1")) assert.match(split(line).params, /^ @k1(?: |$)/)
    })
  }

  it("has a function for every code, and lists each code once", () => {
    const written = Object.values({ ...replies, ...unlabelled }).flatMap((render) =>
      render().map((line) => split(line).code)
    )
    assert.deepStrictEqual([...new Set(written)].toSorted(), codes.toSorted())
    assert.strictEqual(new Set(codes).size, codes.length)
  })

  it("renders retry= exactly where the same line may succeed later", () => {
    const retrying = Object.entries({ ...replies, ...unlabelled })
      .filter(([, render]) => render().some((line) => / retry=\d+(?: |$)/.test(split(line).params)))
      .map(([what]) => what)
    assert.deepStrictEqual(retrying, [
      "slowDown",
      "closingLogin",
      "full",
      "banned for a time",
      "undelivered busy",
      "tooManyWrong",
      "tooManyChecks",
      "tooManyDevices",
      "accountsUnavailable",
      "cannotGive",
      "refused for now"
    ])
  })

  it("renders fatal exactly where the server closes after the line", () => {
    const fatal = Object.entries({ ...replies, ...unlabelled })
      .filter(([, render]) => render().some((line) => split(line).params.endsWith(" fatal")))
      .map(([what]) => what)
    const logins = ["closingLogin", "badLogin", "telnetLogin", "loginInUse", "loginTimeout", "full"]
    const accounts = [
      "passwordRequired",
      "wrongPassword",
      "accountRequired",
      "tlsRequired",
      "deviceWithoutAccount",
      "tooManyWrong",
      "tooManyChecks",
      "tooManyDevices",
      "accountsUnavailable",
      "cannotGive",
      "kickedDevice",
      "loggedOut"
    ]
    assert.deepStrictEqual(fatal, [...logins, "kicked", "banned", "banned for a time", ...accounts])
    const refusals = [
      FatalReply.badLogin,
      FatalReply.loginInUse("a"),
      FatalReply.loginTimeout,
      FatalReply.full(1),
      FatalReply.kicked
    ]
    for (const { reason } of [...refusals, FatalReply.banned(undefined)]) {
      assert.include(CloseReason.closeReasons, reason)
    }
  })

  it("renders the lines that PROTOCOL.md shows", () => {
    const document = readFileSync(new URL("../../PROTOCOL.md", import.meta.url), "utf8")
    for (const code of codes) assert.match(document, new RegExp(`\`${code.replace("*", "\\*")}[ :\`]`), code)
    const shown = document.matchAll(/`([!*] [a-z][a-z-]*)/g)
    for (const [, code] of shown) assert.include(codes, code, "the document shows a code that the server lacks")
  })

  it("renders each line as PROTOCOL.md defines it", () => {
    const line = (what: string, label?: string) => replies[what]?.(label)[0]?.split(":")[0]
    assert.strictEqual(line("tooLong"), "! too-long max=65536")
    assert.strictEqual(line("tooManyRecipients", "k"), "! too-many-recipients @k max=1000")
    assert.strictEqual(line("slowDown"), "! slow-down retry=20")
    assert.strictEqual(line("unknownCommand"), "! unknown-command no%20such%3A%20thing")
    assert.strictEqual(line("loginInUse"), "! login-in-use alice fatal")
    assert.strictEqual(line("full"), "! full retry=5000 fatal")
    assert.strictEqual(line("undelivered offline"), "! undelivered bob, b%20b%3A%2C reason=offline count=3")
    assert.strictEqual(line("undelivered busy"), "! undelivered bob, b%20b%3A%2C reason=busy retry=1000 count=3")
    assert.strictEqual(line("undelivered slow", "k"), "! undelivered @k bob, b%20b%3A%2C reason=slow")
    assert.strictEqual(line("written"), "* written @k1 bob, carol")
    assert.strictEqual(replies["who"]?.()[0], "* who 2: alice, bob\n")
    assert.strictEqual(replies["pong"]?.("k")[0], "* pong @k: a: b\n")
    assert.strictEqual(line("bye"), "* bye reason=quit")
    assert.strictEqual(
      line("hello"),
      "* hello achat=1 name=alice max-line=65536 max-recipients=1000 max-name=32 rate=5 on=ack"
    )
    assert.strictEqual(line("hello before the login"), "* hello achat=1 max-line=1 max-recipients=1 max-name=32")
    assert.strictEqual(Reply.joined("a"), "* joined a: has joined\n")
    assert.strictEqual(Reply.messageHead("alice"), "from alice: ")
    assert.strictEqual(
      replies["room"]?.()[0],
      "* room #ops members=3 last=17 in=yes locked=yes owner=alice: a: topic\n"
    )
    assert.strictEqual(line("endHistory", "k"), "* end @k history #ops first=4 last=9 more=yes")
    assert.strictEqual(line("endHistory of a damaged page"), "* end history bob first=4 last=12 damaged=4-9+12")
    assert.strictEqual(line("endSearch without damaged lines"), "* end search count=2 damaged=yes")
    assert.strictEqual(line("conversations"), "* conversation bob guest=yes last=9 read=4 at=1")
    assert.strictEqual(line("members", "k"), "* members @k #ops 2 here=1")
    assert.strictEqual(RoomReply.topic("#ops", "", ""), "* topic #ops: \n")
    assert.strictEqual(RoomReply.left("#ops", "bob", "alice"), "* left #ops bob by=alice: is no longer in the room\n")
  })

  describe("undelivered", () => {
    it("has a count if it answers several lines, and always if they return from a queue", () => {
      assert.strictEqual(params("offline", 1), " bob reason=offline")
      assert.strictEqual(params("offline", 2), " bob reason=offline count=2")
      assert.strictEqual(params("busy", 1), " bob reason=busy")
      assert.strictEqual(params("disconnected", 1), " bob reason=disconnected count=1")
      assert.strictEqual(params("unreachable", 1), " bob reason=unreachable count=1")
      assert.strictEqual(params("slow", 7), " bob reason=slow count=7")
      assert.strictEqual(params("slow", 1, "k"), " @k bob reason=slow")
    })
  })

  it("a suggestion comes before the count, on the line that has its name", () => {
    const [line] = OutcomeReply.undelivered({ names: ["Bob", "carol", "BOB"], reason: "offline", count: 2, lookAlike })
    const text = "no recipient of that name is online; did you mean bob?"
    assert.strictEqual(line, `! undelivered Bob, carol, BOB reason=offline like=bob count=2: ${text}\n`)
    const names = ["Bob", ...Array.from({ length: 300 }, (_, index) => `${"n".repeat(26)}${index}`), "BOB", "x"]
    const lines = OutcomeReply.undelivered({ names, reason: "offline", count: 1, lookAlike })
    assert.deepStrictEqual(
      lines.map((one) => [/[Bb][Oo][Bb][, ]/u.test(one.split("like=")[0] ?? ""), one.includes(" like=bob: ")]),
      lines.map((_, index) => [index % (lines.length - 1) === 0, index % (lines.length - 1) === 0])
    )
  })

  it("does not suggest a name that the line was addressed to, and whose client has come meanwhile", () => {
    const [line = ""] = OutcomeReply.undelivered({ names: ["bob", "Bob"], reason: "offline", count: 1, lookAlike })
    assert.strictEqual(line, "! undelivered bob, Bob reason=offline: no recipient of that name is online\n")
  })

  describe("names", () => {
    const many = Array.from({ length: 1_000 }, (_, index) => `${"n".repeat(26)}${index}`)

    it("are split into lines of 4 KiB, in their order, without omissions", () => {
      for (const lines of [
        Reply.who(many),
        OutcomeReply.delivered("written", "k", many),
        OutcomeReply.undelivered({ names: many, reason: "offline", count: 1 })
      ]) {
        assert.isAbove(lines.length, 1)
        for (const line of lines) assert.isBelow(line.length, 4_096 + 128)
        const names = lines.join("").match(/n{26}\d+/g)
        assert.deepStrictEqual(names, many)
      }
    })

    it("count together with the names that they look like", () => {
      const lines = OutcomeReply.undelivered({ names: many, reason: "offline", count: 1, lookAlike: withInvisible })
      for (const line of lines) assert.isBelow(line.length, 4_096 + 1_024)
      assert.deepStrictEqual(lines.join("").match(/n{26}\d+(?=[, ])/g), many)
      assert.deepStrictEqual(
        lines.flatMap((line) => / like=([^ :]+)/.exec(line)?.[1]?.split("+") ?? []),
        many.map(withInvisible)
      )
    })

    it("fit in one line if there is room, and make one line if there are none", () => {
      assert.strictEqual(Reply.who(["a", "b"]).length, 1)
      assert.match(Reply.who([])[0] ?? "", /^\* who 0: ?\n$/)
    })

    it("have their total number on every line", () => {
      for (const line of Reply.who(many)) assert.match(line, /^\* who 1000: /)
    })

    it("cannot break a line, whatever they contain", () => {
      FastCheck.assert(
        FastCheck.property(anyBytes(200), (bytes) => {
          const name = Buffer.from(bytes).toString("latin1")
          FastCheck.pre(name !== "")
          for (const line of [
            ...OutcomeReply.undelivered({ names: [name], reason: "offline", count: 1 }),
            Reply.unknownCommand(name)(undefined),
            FatalReply.loginInUse(name).line(undefined)
          ]) {
            assert.match(Wire.decode(line), /^! [a-z-]+ [^\s:,]+ ?[a-z=]*: [^\n]*\n$/)
          }
        }),
        { numRuns: 1_000 }
      )
    })
  })
})
