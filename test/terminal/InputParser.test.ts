import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { InputParser, maxPaste, type InputEvent } from "../../src/terminal/InputParser.js"
import { anyString } from "../support/Arbitraries.js"
import { malformed } from "../support/Fuzzing.js"

const make = () => {
  const events: Array<InputEvent> = []
  const parser = new InputParser((event) => events.push(event))
  return { events, parser, push: (text: string) => parser.push(Buffer.from(text)) }
}

const parse = (...reads: ReadonlyArray<string | Uint8Array>) => {
  const { events, parser } = make()
  for (const read of reads) parser.push(typeof read === "string" ? Buffer.from(read) : read)
  return events
}

/** The keys that an input means, once every wait has ended. */
const rest = (...reads: ReadonlyArray<string>) => {
  const { events, parser, push } = make()
  for (const read of reads) push(read)
  for (let waits = 0; parser.patience !== undefined && waits < 10; waits++) parser.expire()
  return events.map((event) =>
    event._tag === "Print" || event._tag === "Meta"
      ? event.text
      : event._tag === "Control"
        ? `^${String.fromCodePoint((event.code + 0x40) & 0x7f)}`
        : event._tag === "Paste"
          ? `<${event.text}>`
          : event._tag
  )
}

const isTyping = ({ _tag }: InputEvent) => _tag === "Print" || _tag === "Paste"

/** Reports that a terminal may send although nobody asked, or because the program before asked. */
const reports: Readonly<Record<string, string>> = {
  "a mouse movement (SGR)": "\x1b[<35;10;10M",
  "a mouse release (SGR)": "\x1b[<0;10;10m",
  "a mouse report (X10)": "\x1b[M !!",
  "a mouse report far to the right": "\x1b[M \xa1\xb5",
  "a mouse report (UTF-8)": "\x1b[M \u0123\u0145",
  "a mouse report (urxvt)": "\x1b[35;10;10M",
  "a highlighted region": "\x1b[T !!!!!",
  "a highlighted click": "\x1b[t!!",
  "a locator report": "\x1b[1;2;3;4;0&w",
  "focus gained and lost": "\x1b[I\x1b[O",
  "device attributes": "\x1b[?1;2c\x1b[?62;1;6;9;22c\x1b[>0;276;0c",
  "tertiary attributes": "\x1bP!|7E565445\x1b\\",
  "a cursor position": "\x1b[10;20R\x1b[?10;20;1R",
  "a device status": "\x1b[0n\x1b[?13n\x1b[?997;1n",
  "a mode": "\x1b[?2026;2$y\x1b[4;1$y",
  "a window size": "\x1b[8;24;80t\x1b[4;600;800t\x1b[48;24;80;600;800t",
  "a window title": "\x1b]lalice; hello: world\x1b\\",
  "a checksum": "\x1bP1!~FFFF\x1b\\",
  "a setting": "\x1bP1$r0;1m\x1b\\",
  "a terminal's name": "\x1bP>|xterm(379)\x1b\\",
  "a capability": "\x1bP1+r544e=787465726d\x1b\\",
  "a colour": "\x1b]11;rgb:0000/0000/0000\x07\x1b]4;1;rgb:cd00/0000/0000\x1b\\",
  "a clipboard": "\x1b]52;c;aGVsbG8=\x07",
  "a kitty image": "\x1b_Gi=1;OK\x1b\\",
  "a kitty keyboard mode": "\x1b[?1u",
  "a private message": "\x1b^hello, bob: hi\x1b\\",
  "a string": "\x1bXhello, bob: hi\x1b\\",
  "text in a string": "\x1b]0;grüße 👩\u200d💻\x1b\\",
  "a character set": "\x1b(B\x1b)0\x1b%G\x1b F",
  "a sequence with parameters after intermediates": "\x1b[1 2q\x1b[1$;2y",
  "a sequence without end, then another": "\x1b[12;\x1b[0n",
  "a control string that another sequence ends": "\x1b]0;title\x1b[0n",
  "a control string that CAN ends": "\x1b]0;title\x18",
  "8-bit controls": "\u009b?1;2c\u009d11;rgb:0/0/0\u009c\u0090>|x\u009c\u009fG\u009c\u009ex\u009c\u0098x\u009c",
  "an end of a paste": "\x1b[201~",
  "far too many parameters": `\x1b[${"1;".repeat(10_000)}c`,
  "a long string": `\x1b]52;c;${"A".repeat(100_000)}\x07`
}

describe("InputParser", () => {
  for (const [what, report] of Object.entries(reports)) {
    it(`takes no part of ${what} for typing, wherever it is split`, () => {
      const bytes = Buffer.from(report)
      for (let at = 0; at <= Math.min(bytes.length, 60); at++) {
        const events = parse(bytes.subarray(0, at), bytes.subarray(at), "x")
        assert.deepStrictEqual(events.filter(isTyping), [{ _tag: "Print", text: "x" }])
      }
    })
  }

  const keysAlso = ["a character set", "a control string that CAN ends", "an end of a paste"]
  for (const [what, report] of Object.entries(reports)) {
    if (report.length > 100 || keysAlso.includes(what)) continue
    it(`takes no part of ${what} for typing, although the rest of it is late`, () => {
      const bytes = Buffer.from(report)
      for (let at = 1; at < bytes.length; at++) {
        if (bytes.toString("utf8", at).length < 2) continue // may be a key
        const { events, parser, push } = make()
        parser.push(bytes.subarray(0, at))
        parser.expire()
        parser.push(bytes.subarray(at))
        push("x")
        assert.deepStrictEqual(events.filter(isTyping), [{ _tag: "Print", text: "x" }], `${at}`)
      }
    })
  }

  it("takes what is typed after Escape for typing", () => {
    for (const typed of [
      "a",
      "[",
      "hello",
      "[ok",
      "[12",
      "]",
      "]title",
      "Ok",
      "P",
      "O",
      "(b",
      "[a\r",
      "\x7f",
      "é",
      "日本"
    ]) {
      const { events, parser, push } = make()
      push("\x1b")
      parser.expire()
      push(typed)
      const text = events.map((event) => (event._tag === "Print" ? event.text : event._tag)).join("")
      assert.strictEqual(text, `Escape${typed.replace(/[\r\x7f]/u, "Control")}`)
    }
  })

  it("takes 8-bit controls of one byte each, which are not UTF-8", () => {
    const bytes = Buffer.from("\x9b?1;2c\x9d11;rgb:0/0/0\x9c\x90>|x\x9cx", "latin1")
    assert.deepStrictEqual(parse(bytes).filter(isTyping), [{ _tag: "Print", text: "x" }])
  })

  const fragment = FastCheck.oneof(
    FastCheck.constantFrom(...Object.values(reports).filter((report) => report.length < 200)),
    FastCheck.constantFrom("\x1b[200~", "\x1b[201~", "\x1b", "\x1b[", "\x1bO", "\x1b]", "\x1bP", "\x03", "\r", "\x7f"),
    FastCheck.constantFrom(
      "\x1b[A",
      "\x1b[1;5C",
      "\x1bb",
      "\x1b\x1b[D",
      "\x1b[3$",
      "\x1b[[A",
      "\x1b[[5~",
      "\x1b[97;5u"
    ),
    anyString()
  ).map((text) => Buffer.from(text))
  const input = FastCheck.array(FastCheck.oneof(fragment, FastCheck.uint8Array({ maxLength: 8 })), {
    maxLength: 12
  }).map((parts) => Buffer.concat(parts))

  it("gives the same events wherever the input is split, and never throws", () => {
    FastCheck.assert(
      FastCheck.property(input, FastCheck.array(FastCheck.nat(100), { maxLength: 6 }), (bytes, places) => {
        const whole = parse(bytes)
        const ends = [...places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]
        assert.deepStrictEqual(parse(...ends.map((end, at) => bytes.subarray(ends[at - 1] ?? 0, end))), whole)
        assert.deepStrictEqual(parse(...Array.from(bytes, (byte) => Uint8Array.of(byte))), whole)
      }),
      { numRuns: 2_000 }
    )
  })

  it("returns to the keyboard from wherever an input ends", () => {
    FastCheck.assert(
      FastCheck.property(input, (bytes) => {
        const { events, parser, push } = make()
        parser.push(bytes)
        for (let waits = 0; parser.patience !== undefined; waits++) {
          if (waits > 100) assert.fail("waits forever")
          parser.expire()
        }
        push("\x03")
        assert.deepStrictEqual(events.at(-1), { _tag: "Control", code: 3, isMeta: false })
      }),
      { numRuns: 2_000 }
    )
  })

  it("takes the bytes that are no character for one U+FFFD each, and everything after them", () => {
    for (const [what, wire] of Object.entries(malformed)) {
      const events = parse(Buffer.from(wire, "latin1"), "x")
      assert.deepStrictEqual(events.at(-1), { _tag: "Print", text: "x" }, what)
    }
    assert.deepStrictEqual(rest("é", "👍"), ["é", "👍"])
    assert.deepStrictEqual(
      parse(Buffer.from([0xff, 0xf0, 0x9f, 0x41])).map((event) => (event._tag === "Print" ? event.text : event._tag)),
      ["\ufffd", "\ufffd", "A"]
    )
  })

  const pastes: ReadonlyArray<readonly [what: string, reads: ReadonlyArray<string>, keys: ReadonlyArray<string>]> = [
    ["with a Ctrl-C in it", ["\x1b[200~a\x03b\x1b[201~c"], ["<a\x03b>", "c"]],
    ["with half an end mark in it", ["\x1b[200~a\x1b[20\x1b[201~c"], ["<a\x1b[20>", "c"]],
    ["with an ESC before its end mark", ["\x1b[200~a\x1b\x1b[201~c"], ["<a\x1b>", "c"]],
    ["with 8-bit marks", ["\u009b200~a\u009b201~c"], ["<a>", "c"]],
    ["with a start in it", ["\x1b[200~a\x1b[200~b\x1b[201~c"], ["<a\x1b[200~b>", "c"]],
    ["whose end mark never arrives", ["\x1b[200~x"], ["<x>"]],
    ["whose end mark never arrives, and Ctrl-C", ["\x1b[200~x", "\x03"], ["<x>", "^C"]],
    ["whose end mark never arrives, and Ctrl-C twice", ["\x1b[200~x", "\x03", "y", "\x03"], ["<x>", "^C", "y", "^C"]],
    ["whose end mark never arrives, and Escape", ["\x1b[200~x", "\x1b"], ["<x>", "Escape"]],
    ["whose end mark arrives in part", ["\x1b[200~x\x1b[20"], ["<x>"]],
    ["that is empty and without end", ["\x1b[200~", "\x03"], ["^C"]]
  ]
  for (const [what, reads, keys] of pastes) {
    it(`parses a paste ${what}`, () => assert.deepStrictEqual(rest(...reads), keys))
  }

  it("takes the rest of a paste that stalled for the rest of the paste, and a typed line for typing", () => {
    const { events, parser, push } = make()
    push("\x1b[200~one\r")
    parser.expire()
    push("two\rthree\r")
    parser.expire()
    push("four\r")
    assert.deepStrictEqual(
      events.map((event) => (event._tag === "Paste" || event._tag === "Print" ? event.text : event._tag)),
      ["one\r", "two\rthree\r", "f", "o", "u", "r", "Control"]
    )
  })

  it("waits less for what follows a Ctrl-C than for the rest of a paste", () => {
    const { parser, push } = make()
    push("\x1b[200~x")
    const patience = parser.patience ?? 0
    push("\x03")
    assert.isBelow(parser.patience ?? patience, patience)
  })

  it("keeps a bounded part of a paste, and reports that it was cut", () => {
    const { events, push } = make()
    push("\x1b[200~")
    for (let sent = 0; sent < 2 * maxPaste; sent += 65_536) push("y".repeat(65_536))
    push("\x1b[201~z")
    const [paste, typed] = events
    assert.isTrue(paste?._tag === "Paste" && paste.isCut)
    assert.strictEqual(paste?._tag === "Paste" ? paste.text.length : 0, maxPaste)
    assert.deepStrictEqual(typed, { _tag: "Print", text: "z" })
  })

  it("keeps a paste of the greatest length whole", () => {
    const [paste] = parse("\x1b[200~", "y".repeat(maxPaste), "\x1b[201~")
    assert.deepStrictEqual(paste?._tag === "Paste" ? [paste.text.length, paste.isCut] : [], [maxPaste, false])
  })

  const unfinished: ReadonlyArray<readonly [what: string, input: string, keys: ReadonlyArray<string>]> = [
    ["an ESC alone is the Escape key", "\x1b", ["Escape"]],
    ["two of them are as well", "\x1b\x1b", ["Escape"]],
    ["Alt and [ are not the start of a sequence", "\x1b[", []],
    ["Alt and P are not the start of a string", "\x1bP", []],
    ["Alt and / are not the start of a sequence", "\x1b/", []],
    ["a string without end is dropped", "\x1b]0;title", []],
    ["Ctrl-C ends a string", "\x1b]0;title\x03ok", ["^C", "o", "k"]],
    ["Enter ends a string", "\x1b]0;title\rok", ["^M", "o", "k"]],
    ["Ctrl-C within a sequence is a key", "\x1b[1;\x035Cok", ["^C", "Csi", "o", "k"]],
    ["a character within a sequence is one", "\x1b[1;é", ["é"]],
    ["Shift and Delete in rxvt are a sequence without a final byte", "\x1b[3$", ["Csi"]]
  ]
  for (const [what, input, keys] of unfinished) {
    it(what, () => assert.deepStrictEqual(rest(input), keys))
  }
})
