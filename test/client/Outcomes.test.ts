import { assert, describe, it } from "@effect/vitest"
import { Outcomes, Recipients, suggested, type Outcome } from "../../src/client/Outcomes.js"

/** What a line to these recipients comes to when the server sends these lines, where `@1` is its label. */
const outcomesOf = (recipients: ReadonlyArray<string>, lines: ReadonlyArray<string>) => {
  const outcomes = new Outcomes()
  const found: Array<readonly [string, ReadonlyArray<string>]> = []
  let isOver = false
  outcomes.expect({
    recipients: new Recipients(recipients),
    due: undefined,
    accept: (outcome, names, isLast) => {
      assert.isFalse(isOver, "an outcome after the last")
      isOver = isLast
      found.push([show(outcome), names])
    }
  })
  const taken = lines.map((line) => outcomes.accept(line))
  assert.strictEqual(outcomes.size, isOver ? 0 : 1)
  return { found, taken, isOver }
}

const show = (outcome: Outcome) => {
  switch (outcome._tag) {
    case "Written":
      return outcome.code ?? "written"
    case "Unknown":
      return "unknown"
    default:
      return outcome.reason
  }
}

const written = ["written", ["bob"]] as const
const unknown = ["unknown", ["bob"]] as const

describe("Outcomes, of a line to bob", () => {
  const cases: Readonly<Record<string, readonly [string, readonly [string, ReadonlyArray<string>]]>> = {
    "a written line": ["* written @1 bob: the kernel took it", written],
    "an empty text": ["* written @1 bob:", written],
    "a returned line": ["! undelivered @1 bob reason=offline: no", ["offline", ["bob"]]],
    "a returned line without a reason": ["! undelivered @1 bob: no", ["undelivered", ["bob"]]],
    "a refused line": ["! bad-line @1: no", ["bad-line", ["bob"]]],
    "a refused line of a later code": ["! expired @1 ttl=3: no", ["expired", ["bob"]]],
    "a label in use": ["! label-used @1 bob: use a new one", ["label-used", ["bob"]]],
    "a label in use with an older server": ["! label-used @1: use a new one", ["label-used", ["bob"]]],
    "a label in use with somebody else": ["! label-used @1 mallory: use a new one", unknown],
    "a good outcome of a later server": ["* stored @1 bob: it waits for bob", ["stored", ["bob"]]],
    "words and keys of a later server": ["* written @1 bob soon at=12 id=a,b: x", written],
    "words and keys of a later server in a return": [
      "! undelivered @1 bob soon reason=busy retry=5: no",
      ["busy", ["bob"]]
    ],
    "a missing colon": ["* written @1 bob", unknown],
    "a missing colon in a return": ["! undelivered @1 bob reason=offline", unknown],
    "a missing colon in a refusal": ["! bad-line @1", unknown],
    "a missing name": ["* written @1: x", unknown],
    "a missing name in a return": ["! undelivered @1 reason=offline: x", unknown],
    "somebody else's name": ["* written @1 mallory: x", unknown],
    "somebody else's name in a return": ["! undelivered @1 mallory reason=offline: x", unknown],
    "part of the name": ["* written @1 bo: x", unknown],
    "another case of the name": ["* written @1 Bob: x", unknown],
    "a colon only after the label": ["* written @1 : x", unknown],
    "a later code for somebody else": ["* stored @1 mallory: x", unknown],
    "somebody else's name after its own": ["* written @1 bob, mallory: x", unknown],
    "somebody else's name before its own in a return": ["! undelivered @1 mallory, bob reason=offline: x", unknown],
    "its own name twice": ["* written @1 bob, bob: x", unknown]
  }
  for (const [name, [line, expected]] of Object.entries(cases)) {
    it(`understands ${name}`, () => {
      assert.deepStrictEqual(outcomesOf(["bob"], [line]), { found: [expected], taken: [true], isOver: true })
    })
  }

  for (const line of [
    "* written @2 bob: x",
    "* written @x bob: x",
    "* written @01 bob: x",
    "* written @1.0 bob: x",
    "* written @1e0 bob: x",
    "* written @0x1 bob: x",
    "* written @+1 bob: x",
    "* written @12",
    "! undelivered @01 bob reason=offline: no",
    "* written bob: x",
    "* written @: x",
    "*written @1 bob: x",
    "from @1 bob: x",
    "* pong: @1",
    "! undelivered bob reason=offline: no"
  ]) {
    it(`takes no notice of ${JSON.stringify(line)}`, () => {
      assert.deepStrictEqual(outcomesOf(["bob"], [line]), { found: [], taken: [false], isOver: false })
    })
  }
})

describe("Outcomes, of a line to several", () => {
  it("has the suggestion for each absent name", () => {
    const outcomes = new Outcomes()
    const found: Array<Outcome> = []
    const recipients = new Recipients(["Bob", "carol", "ZOË"])
    outcomes.expect({ recipients, due: undefined, accept: (outcome) => found.push(outcome) })
    outcomes.accept("! undelivered @1 Bob, carol, ZOË reason=offline like=bob+zoë: did you mean bob, zoë?")
    const [outcome] = found
    if (outcome === undefined) return assert.fail("no outcome")
    assert.deepStrictEqual(
      recipients.names.map((name) => suggested(outcome, name)),
      ["bob", undefined, "zoë"]
    )
  })

  const all = ["bob", "carol", "dave"]

  it("ends when each has one, in whatever order and on however many lines", () => {
    const { found, isOver } = outcomesOf(all, [
      "* written @1 dave: x",
      "! undelivered @1 carol reason=offline: no",
      "* stored @1 bob: x"
    ])
    assert.deepStrictEqual(found, [
      ["written", ["dave"]],
      ["offline", ["carol"]],
      ["stored", ["bob"]]
    ])
    assert.isTrue(isOver)
    assert.deepStrictEqual(outcomesOf(all, ["* written @1 dave, bob, carol: x"]).found, [
      ["written", ["dave", "bob", "carol"]]
    ])
  })

  it("knows for which of them the label is in use, and that the line is stored for the others", () => {
    const lines = ["! label-used @1 carol: no", "* stored @1 bob: x", "! label-used @1 dave: no"]
    assert.deepStrictEqual(outcomesOf(all, lines), {
      found: [
        ["label-used", ["carol"]],
        ["stored", ["bob"]],
        ["label-used", ["dave"]]
      ],
      taken: [true, true, true],
      isOver: true
    })
  })

  it("does not know the other outcomes once one is for another recipient, or comes twice", () => {
    assert.deepStrictEqual(outcomesOf(all, ["* written @1 carol: x", "* written @1 bob, mallory: x"]), {
      found: [
        ["written", ["carol"]],
        ["unknown", ["bob", "dave"]]
      ],
      taken: [true, true],
      isOver: true
    })
    assert.deepStrictEqual(outcomesOf(all, ["* written @1 bob: x", "* written @1 bob: x"]).found, [
      ["written", ["bob"]],
      ["unknown", ["carol", "dave"]]
    ])
  })

  it("does not take a word for a name", () => {
    const { found, isOver } = outcomesOf(["bob", "soon"], ["* written @1 bob soon: x"])
    assert.deepStrictEqual(found, [["written", ["bob"]]])
    assert.isFalse(isOver)
  })

  it("finds recipients that the server shows in another form", () => {
    const long = "x".repeat(40)
    const { found, isOver } = outcomesOf(
      ["a b", long, "bob"],
      [`! undelivered @1 a%20b, ${"x".repeat(32)}… reason=offline: no`, "* written @1 bob: x"]
    )
    assert.deepStrictEqual(found, [
      ["offline", ["a b", long]],
      ["written", ["bob"]]
    ])
    assert.isTrue(isOver)
  })

  it("knows rooms, also as a server without rooms shows them", () => {
    const { found, isOver } = outcomesOf(
      ["#ops", "#a b", "#dev"],
      [
        "* stored @1 #ops seq=7 at=9: x",
        "! undelivered @1 #a%20b reason=no-room: no",
        "! undelivered @1 %23dev reason=offline: no"
      ]
    )
    assert.deepStrictEqual(found, [
      ["stored", ["#ops"]],
      ["no-room", ["#a b"]],
      ["offline", ["#dev"]]
    ])
    assert.isTrue(isOver)
  })

  it("counts two names that are shown alike as two", () => {
    const [one, two] = [`${"x".repeat(40)}1`, `${"x".repeat(40)}2`]
    const shown = `${"x".repeat(32)}…`
    const { found, isOver } = outcomesOf([one, two, "bob"], [`! undelivered @1 ${shown} reason=offline: no`])
    assert.strictEqual(found.length, 1)
    assert.isFalse(isOver)
    assert.isTrue(outcomesOf([one, two], [`! undelivered @1 ${shown}, ${shown} reason=offline: no`]).isOver)
  })
})
