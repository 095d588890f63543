import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as Received from "../../src/client/Received.js"
import * as FatalReply from "../../src/protocol/FatalReply.js"
import * as OutcomeReply from "../../src/protocol/OutcomeReply.js"
import * as Reply from "../../src/protocol/Reply.js"
import * as Wire from "../../src/protocol/Wire.js"
import { anyString } from "../support/Arbitraries.js"

const line = (wire: string) => Wire.decode(wire).replace(/\n$/u, "")

const report = (mark: "Refused" | "Notice", code: string, more: object) => ({
  _tag: mark,
  code,
  label: undefined,
  words: [],
  values: new Map(),
  ...(mark === "Refused" ? { fatal: false, retryMillis: undefined } : {}),
  ...more
})

describe("Received.parse", () => {
  const table: ReadonlyArray<readonly [string, Received.Received | object]> = [
    ["from alice: hi", { _tag: "Message", from: "alice", text: "hi" }],
    ["from alice: ", { _tag: "Message", from: "alice", text: "" }],
    ["from alice:", { _tag: "Message", from: "alice", text: "" }],
    ["from alice: a: b", { _tag: "Message", from: "alice", text: "a: b" }],
    ["from alice: ! fatal: no", { _tag: "Message", from: "alice", text: "! fatal: no" }],
    ["from bot auto=yes: hi: x", { _tag: "Message", from: "bot", text: "hi: x", auto: true }],
    ["from bot auto=yes:", { _tag: "Message", from: "bot", text: "", auto: true }],
    ["from bot auto=no: auto=yes: hi", { _tag: "Message", from: "bot", text: "auto=yes: hi" }],
    ["from alice: auto=yes: hi", { _tag: "Message", from: "alice", text: "auto=yes: hi" }],
    [
      "from alice #ops guest=yes word auto=yes seq=17 at=1764151201123: hi",
      {
        _tag: "Message",
        from: "alice",
        text: "hi",
        room: "#ops",
        auto: true,
        guest: true,
        seq: 17,
        at: 1_764_151_201_123
      }
    ],
    [
      "from alice seq=17 at=1764151201123: hi",
      { _tag: "Message", from: "alice", text: "hi", seq: 17, at: 1_764_151_201_123 }
    ],
    ["from alice #ops: hi", { _tag: "Message", from: "alice", text: "hi", room: "#ops" }],
    ["from alice #a=b to=#ops: hi", { _tag: "Message", from: "alice", text: "hi", room: "#a=b", to: ["#ops"] }],
    ["from alice seq=17: hi", { _tag: "Message", from: "alice", text: "hi" }],
    ["from alice seq=1e3 at=-1: hi", { _tag: "Message", from: "alice", text: "hi" }],
    ["from alice seq=9999999999999999 at=1: hi", { _tag: "Message", from: "alice", text: "hi" }],
    ["from alice to=bob: hi", { _tag: "Message", from: "alice", text: "hi", to: ["bob"] }],
    [
      "from alice  to=zoë+#ops  auto=yes : hi",
      { _tag: "Message", from: "alice", text: "hi", auto: true, to: ["zoë", "#ops"] }
    ],
    ["from alice cc=bob tooth=x to: to=bob: hi", { _tag: "Message", from: "alice", text: "to=bob: hi" }],
    ["from zoë: \u2028 ü", { _tag: "Message", from: "zoë", text: "\u2028 ü" }],
    [
      "! undelivered bob, carol reason=offline: nobody",
      report("Refused", "undelivered", {
        words: ["bob", "carol"],
        values: new Map([["reason", "offline"]]),
        text: "nobody"
      })
    ],
    [
      "! undelivered @k1 bob reason=busy retry=1000: wait",
      report("Refused", "undelivered", {
        label: "k1",
        words: ["bob"],
        values: new Map([
          ["reason", "busy"],
          ["retry", "1000"]
        ]),
        retryMillis: 1000,
        text: "wait"
      })
    ],
    [
      "! slow-down retry=soon: a time that is none",
      report("Refused", "slow-down", { values: new Map([["retry", "soon"]]), text: "a time that is none" })
    ],
    [
      "! login-in-use fatal fatal: taken",
      report("Refused", "login-in-use", { words: ["fatal", "fatal"], fatal: true, text: "taken" })
    ],
    [
      "! undelivered fatal reason=offline: no",
      report("Refused", "undelivered", { words: ["fatal"], values: new Map([["reason", "offline"]]), text: "no" })
    ],
    ["* who 2: alice, bob", report("Notice", "who", { words: ["2"], text: "alice, bob" })],
    ["* pong: a: b", report("Notice", "pong", { text: "a: b" })],
    [
      "* new-in-a-later-version x=1: text",
      report("Notice", "new-in-a-later-version", { values: new Map([["x", "1"]]), text: "text" })
    ],
    ...["", "hello", "from", "from alice", "from : x", "!", "! :", "* ", "!who: x", "# room: x"].map(
      (other) => [other, { _tag: "Other", line: other }] as const
    )
  ]
  for (const [given, expected] of table) {
    it(`understands ${JSON.stringify(given)}`, () => assert.deepStrictEqual(Received.parse(given), expected))
  }

  it("takes everything before the colon for the name if an original server sent it", () => {
    for (const name of ["al ice", "alice auto=yes", "alice #ops"]) {
      assert.deepStrictEqual(Received.parse(`from ${name}: hi`, "original"), {
        _tag: "Message",
        from: name,
        text: "hi"
      })
    }
  })

  it("gives every line a meaning", () => {
    FastCheck.assert(
      FastCheck.property(anyString(), (text) => {
        assert.include(["Message", "Refused", "Notice", "Other"], Received.parse(text)._tag)
      })
    )
  })

  it("finds the code and the label in every line that the server can send", () => {
    const refusals = [
      Reply.badLine("why"),
      Reply.tooLong(1),
      Reply.tooManyRecipients(1),
      Reply.slowDown(1),
      Reply.unknownCommand("x"),
      Reply.closing,
      FatalReply.badLogin.line,
      FatalReply.loginInUse("bob").line,
      FatalReply.loginTimeout.line,
      FatalReply.full(1).line,
      FatalReply.kicked.line,
      FatalReply.banned(1).line,
      Reply.labelUsed("bob"),
      FatalReply.passwordRequired("bob").line,
      FatalReply.wrongPassword.line,
      FatalReply.accountRequired.line,
      FatalReply.tlsRequired.line,
      FatalReply.loggedOut("replaced").line,
      Reply.refused("register", "policy")
    ]
    const codes = refusals.map((refusal) => {
      const received = Received.parse(line(refusal("k1")))
      assert.strictEqual(received._tag === "Refused" && received.label, "k1")
      return received._tag === "Refused" && received.code
    })
    const [undelivered = ""] = OutcomeReply.undelivered({ names: ["bob"], reason: "offline", count: 1 })
    const unlabelled = [undelivered, Reply.gap("bob", 1, 2)].map((one) => {
      const parsed = Received.parse(line(one))
      return parsed._tag === "Refused" && parsed.code
    })
    assert.sameMembers([...codes, ...unlabelled], [...Reply.refusals])
  })

  it("recognises the refusals after which the server closes", () => {
    const fatal = [
      FatalReply.badLogin,
      FatalReply.loginInUse("bob"),
      FatalReply.loginTimeout,
      FatalReply.full(1),
      FatalReply.kicked,
      FatalReply.banned(1)
    ]
    for (const { line: refusal } of fatal) {
      const received = Received.parse(line(refusal(undefined)))
      assert.isTrue(received._tag === "Refused" && received.fatal)
    }
  })
})

describe("Received.isUnrequested", () => {
  const table: ReadonlyArray<readonly [string, boolean]> = [
    ["* joined bob: x", true],
    ["* joined #ops bob guest=yes: x", true],
    ["* left bob: x", true],
    ["* left #ops bob: x", true],
    ["* left #ops alice: x", false],
    ["* left #ops alice by=bob: x", false],
    ["* closing grace=1 return=1: x", true],
    ["* bye reason=shutdown: x", true],
    ["* bye reason=quit: x", false],
    ["* room #ops members=1 last=0: x", false],
    ["* topic #ops bob: x", false]
  ]
  for (const [notice, isUnrequested] of table) {
    it(`of ${notice} is ${isUnrequested} for alice`, () => {
      const received = Received.parse(notice)
      assert.strictEqual(received._tag === "Notice" && Received.isUnrequested(received, "alice"), isUnrequested)
    })
  }
})
