import { assert, describe, it } from "@effect/vitest"
import * as Escape from "../../src/client/Escape.js"
import * as Received from "../../src/client/Received.js"
import { RefusalSplitter, type Part } from "../../src/client/RefusalSplitter.js"
import * as Name from "../../src/protocol/Name.js"
import * as FatalReply from "../../src/protocol/FatalReply.js"
import * as OutcomeReply from "../../src/protocol/OutcomeReply.js"
import * as Reply from "../../src/protocol/Reply.js"
import * as Wire from "../../src/protocol/Wire.js"
import { fuzz, hostile, hostileStream, inReads, same } from "../support/Fuzzing.js"

/** A line's sense without its text. */
const senseOf = (line: string) => {
  if (line.indexOf("\n") !== line.length - 1) assert.fail(JSON.stringify(line))
  const found = Received.parse(Wire.decode(line.slice(0, -1)))
  if (found._tag !== "Refused" && found._tag !== "Notice") return assert.fail(JSON.stringify(found))
  const { code, label, words, values } = found
  return { code, label, words, values: [...values], fatal: found._tag === "Refused" && found.fatal }
}

interface Case {
  readonly lines: ReadonlyArray<string>
  readonly code: string
  readonly words: ReadonlyArray<string>
  readonly values?: ReadonlyArray<readonly [string, string]>
  readonly fatal?: boolean
}

/** Replies with a name that a client chose, and how a client must understand them. */
const naming: ReadonlyArray<(name: string, shown: string, label: string) => Case> = [
  (name, shown, label) => ({
    lines: OutcomeReply.undelivered({ names: [name, "bob"], reason: "offline", count: 2, label }),
    code: "undelivered",
    words: [shown, "bob"],
    values: [["reason", "offline"]]
  }),
  (name, shown, label) => ({
    lines: OutcomeReply.undelivered({ names: ["bob", name], reason: "busy", count: 1, label, retryMillis: 1_000 }),
    code: "undelivered",
    words: ["bob", shown],
    values: [
      ["reason", "busy"],
      ["retry", "1000"]
    ]
  }),
  (name, shown, label) => ({
    lines: OutcomeReply.delivered("written", label, [name]),
    code: "written",
    words: [shown]
  }),
  (name, shown, label) => ({
    lines: [FatalReply.loginInUse(name).line(label)],
    code: "login-in-use",
    words: [shown, "fatal"],
    fatal: true
  }),
  (name, shown, label) => ({
    lines: [Reply.unknownCommand(name)(label)],
    code: "unknown-command",
    words: [shown === "fatal" ? "%66atal" : shown]
  })
]

const labels = ["k1", "fatal", "A-b_c.9", "k".repeat(32)]

const tags: Record<string, string> = { f: "Message", "!": "Refused", "*": "Notice" }

describe("Received.parse", () => {
  it("gives every line a meaning, and confuses no kinds: 50,000 lines", () => {
    fuzz(50_000, hostile(12), (wire) => {
      const line = Wire.decode(wire)
      const { _tag } = Received.parse(line)
      if (_tag !== "Other") same(_tag, tags[line.slice(0, 1)])
    })
  })

  it("parses the replies of the server for any name: 50,000 replies", () => {
    fuzz(50_000, hostile(5), (name, random) => {
      if (name === "") return
      const label = random.pick(labels)
      const {
        code,
        fatal = false,
        lines,
        values = [],
        words
      } = random.pick(naming)(name, Wire.decode(Name.show(name)), label)
      same(lines.map(senseOf), [{ code, label, words, values, fatal }])
    })
  })

  it("parses the messages of the server for any text: 50,000 texts", () => {
    fuzz(50_000, hostile(8), (wire) => {
      const text = Wire.trim(wire)
      const line = Wire.decode(`${Reply.messageHead("bob")}${text}`)
      same(Received.parse(line), { _tag: "Message", from: "bob", text: Wire.decode(text) })
      const pong = Received.parse(Wire.decode(Reply.pong(text, "k").slice(0, -1)))
      same(pong._tag === "Notice" && pong.text, Wire.decode(text))
    })
  })
})

describe("RefusalSplitter", () => {
  it("separates refusals from the rest wherever the reads end: 50,000 streams", () => {
    fuzz(50_000, hostileStream(5, 6), (stream, random) => {
      const splitter = new RefusalSplitter()
      const sides = { output: "", refusals: "" }
      const take = ({ bytes, refused }: Part) => {
        sides[refused ? "refusals" : "output"] += bytes.toString("latin1")
      }
      for (const read of inReads(stream, random)) {
        for (const part of splitter.push(read)) take(part)
      }
      for (const part of splitter.end()) take(part)
      const lines = stream.split(/(?<=\n)/u)
      const refusals = lines.filter((line) => line.startsWith("!"))
      same(sides, { output: lines.filter((line) => !line.startsWith("!")).join(""), refusals: refusals.join("") })
      same(splitter.refused, refusals.length > 0)
      const last = lines.at(-1) ?? ""
      const isOwn = /^[!*]/u.test(last) && last.endsWith("\n") && last.length <= 512
      same(splitter.lastOwnLine, isOwn ? last.replace(/\r?\n$/u, "") : "")
    })
  })
})

/** What a terminal must never be sent. */
const isUnsafe = (point: string) =>
  point !== "\t" && point !== "\n" && /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u.test(point)

/** What may be displayed, depending on its neighbours. */
const isInvisible = (point: string) => /[\p{M}\p{Default_Ignorable_Code_Point}]/u.test(point)

const escaped = (point: string) => {
  const digits = (point.codePointAt(0) ?? 0).toString(16)
  return digits.length <= 2 ? `\\x${digits.padStart(2, "0")}` : `\\u{${digits}}`
}

describe("Escape.show", () => {
  it("escapes what controls a terminal, and nothing that is visible: 50,000 texts", () => {
    fuzz(50_000, hostile(10), (wire) => {
      const text = Wire.decode(wire)
      const shown = Escape.show(text)
      let at = 0
      for (const point of text) {
        const isEscaped = shown.startsWith(escaped(point), at)
        const mayBeEither = isInvisible(point) && !isUnsafe(point)
        const expected = isUnsafe(point) || (mayBeEither && isEscaped) ? escaped(point) : point
        same(shown.slice(at, at + expected.length), expected)
        at += expected.length
      }
      same(at, shown.length)
    })
  })
})
