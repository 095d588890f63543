import { assert, describe, it } from "@effect/vitest"
import type { NumberRange } from "../../src/client/PastReports.js"
import { Conversation } from "../../src/web/model/Conversation.js"
import { PageOutbox } from "../../src/web/model/PageOutbox.js"
import { Reconnection } from "../../src/web/model/Reconnection.js"
import { PageSettings } from "../../src/web/model/PageSettings.js"
import * as TextParts from "../../src/web/model/TextParts.js"
import { type NumberedLine, Timeline } from "../../src/web/model/Timeline.js"
import * as Times from "../../src/web/model/Times.js"
import * as Typed from "../../src/web/model/Typed.js"
import { cpuMillis } from "../support/CpuTime.js"
import { memory } from "./PlayedServer.js"

const kept = (seq: number, at = seq): NumberedLine => ({
  key: `k${seq}`,
  kind: "message",
  from: "bob",
  isOwn: false,
  text: `line ${seq}`,
  seq,
  at
})

const page = (from: number, to: number, hasMore: boolean) => ({
  lines: Array.from({ length: to - from + 1 }, (_, index) => kept(from + index)),
  first: from,
  last: to,
  damaged: [] as ReadonlyArray<NumberRange>,
  hasMore
})

/** A page in which these lines are damaged. */
const damagedPage = (from: number, to: number, damaged: ReadonlyArray<NumberRange>, hasMore: boolean) => {
  const all = page(from, to, hasMore)
  const isIntact = ({ seq }: NumberedLine) => !damaged.some(({ first, last }) => first <= seq && seq <= last)
  return { ...all, lines: all.lines.filter(isIntact), damaged }
}

const numbers = (timeline: Timeline) => timeline.lines.map(({ seq }) => seq)

const note = (text: string) => ({ ...kept(0), key: text, text, seq: undefined })

describe("Timeline", () => {
  it("has a line once, and in its place, whenever it comes", () => {
    const timeline = new Timeline()
    for (const seq of [3, 5, 4, 4, 3]) timeline.keep(kept(seq))
    assert.deepStrictEqual(numbers(timeline), [3, 4, 5])
    assert.isFalse(timeline.hasHole)
    timeline.keep(kept(8))
    assert.isTrue(timeline.hasHole)
    assert.strictEqual(timeline.last, 5)
    timeline.showLater(page(6, 8, false))
    assert.deepStrictEqual(numbers(timeline), [3, 4, 5, 6, 7, 8])
    assert.isFalse(timeline.hasHole)
  })

  it("keeps what has come before the page of the last lines, and drops what does not join it", () => {
    const joined = new Timeline()
    joined.keep(kept(9))
    joined.showLatest(page(5, 9, true))
    assert.deepStrictEqual(numbers(joined), [5, 6, 7, 8, 9])
    assert.deepStrictEqual([joined.first, joined.last, joined.hasEarlier], [5, 9, true])

    const apart = new Timeline()
    apart.showLatest(page(1, 3, false))
    apart.keep(kept(60))
    apart.showLatest(page(50, 59, true))
    assert.deepStrictEqual(numbers(apart), [50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60])
    assert.deepStrictEqual([apart.first, apart.last, apart.hasEarlier], [50, 60, true])
  })

  it("begins anew with a name that has passed to another user, whose numbers begin again", () => {
    const timeline = new Timeline()
    for (const seq of [1, 2, 3]) timeline.keep(kept(seq))
    assert.isFalse(timeline.keep(kept(2)))
    assert.isTrue(timeline.keep({ ...kept(1, 100), text: "hello, I am new" }))
    assert.deepStrictEqual(
      timeline.lines.map(({ text }) => text),
      ["hello, I am new"]
    )
  })

  it("shows another part of the log, and none of the last lines in it", () => {
    const timeline = new Timeline()
    timeline.showLatest(page(90, 99, true))
    timeline.showPart(page(40, 60, true), false)
    assert.isTrue(timeline.keep(kept(100)))
    assert.deepStrictEqual([numbers(timeline)[0], numbers(timeline).at(-1)], [40, 60])
    timeline.showLater(page(61, 80, true))
    assert.isFalse(timeline.isAtEnd)
    timeline.showLater(page(81, 100, false))
    assert.isTrue(timeline.isAtEnd)
    assert.strictEqual(timeline.last, 100)
  })

  it("shows once in the place of damaged lines that they are missing, however many pages they fill", () => {
    const timeline = new Timeline()
    const shown = () => timeline.lines.map(({ seq, text }) => seq ?? text.split(" here")[0])
    timeline.showLatest(damagedPage(31, 40, [{ first: 31, last: 37 }], true))
    assert.deepStrictEqual(shown(), ["7 messages", 38, 39, 40])
    timeline.showEarlier(damagedPage(21, 30, [{ first: 21, last: 30 }], true))
    timeline.showEarlier(damagedPage(11, 20, [{ first: 11, last: 20 }], true))
    assert.deepStrictEqual(shown(), ["27 messages", 38, 39, 40])
    assert.deepStrictEqual([timeline.first, timeline.hasEarlier], [11, true])
    timeline.showEarlier(
      damagedPage(
        1,
        10,
        [
          { first: 3, last: 3 },
          { first: 8, last: 10 }
        ],
        false
      )
    )
    assert.deepStrictEqual(shown(), [1, 2, "A message", 4, 5, 6, 7, "30 messages", 38, 39, 40])
    // No note begins a day of its own, nor is it another one when more lines are loaded.
    assert.strictEqual(timeline.lines[7]?.at, 38)
    assert.strictEqual(timeline.lines[7]?.key, "damaged 37")
    timeline.keep(kept(45))
    assert.isTrue(timeline.hasHole)
    assert.isFalse(timeline.showLater(damagedPage(41, 44, [{ first: 41, last: 44 }], false)))
    assert.isFalse(timeline.hasHole)
    assert.deepStrictEqual(shown().slice(-3), [40, "4 messages", 45])
  })

  it("loads a note about damaged lines again that it has dropped", () => {
    const timeline = new Timeline()
    timeline.showLatest(damagedPage(1, 6, [{ first: 1, last: 3 }], false))
    timeline.trim(3)
    assert.deepStrictEqual([numbers(timeline)[0], timeline.first, timeline.hasEarlier], [4, 4, true])
    timeline.showEarlier(damagedPage(1, 3, [{ first: 1, last: 3 }], false))
    assert.deepStrictEqual([numbers(timeline)[0], timeline.first, timeline.hasEarlier], [undefined, 1, false])
  })

  it("forgets the notes about damaged lines with the lines around them", () => {
    const timeline = new Timeline()
    timeline.showLatest(damagedPage(1, 3, [{ first: 2, last: 3 }], false))
    timeline.keep(kept(60))
    timeline.showLatest(page(50, 59, true))
    assert.deepStrictEqual([numbers(timeline)[0], timeline.first], [50, 50])
  })

  it("does not ask again where nothing comes, although there is more", () => {
    const empty = { lines: [], first: 0, last: 0, damaged: [], hasMore: true }
    const timeline = new Timeline()
    timeline.showPart(page(40, 60, true), false)
    timeline.showEarlier(empty)
    assert.isFalse(timeline.hasEarlier)
    assert.isFalse(timeline.showLater(empty))
    assert.isTrue(timeline.isAtEnd)
  })

  it("keeps no more lines than it should, and knows that there are earlier ones", () => {
    const timeline = new Timeline()
    timeline.showLatest(page(1, 20, false))
    timeline.trim(5)
    assert.deepStrictEqual(numbers(timeline), [16, 17, 18, 19, 20])
    assert.deepStrictEqual([timeline.first, timeline.hasEarlier], [16, true])
    timeline.showEarlier(page(11, 15, true))
    assert.strictEqual(timeline.lines.length, 10)
  })

  it("leaves lines that no server keeps where they were", () => {
    const timeline = new Timeline()
    timeline.keep(kept(1))
    timeline.add(note("a"))
    timeline.add(note("b"))
    timeline.keep(kept(2))
    assert.deepStrictEqual(
      timeline.lines.map(({ text }) => text),
      ["line 1", "a", "b", "line 2"]
    )
  })
})

const saved = async (use: (outbox: PageOutbox) => void) => {
  const browser = memory()
  use(new PageOutbox(browser, "box"))
  await Promise.resolve()
  return new PageOutbox(browser, "box")
}

describe("Outbox", () => {
  it("outlives the page, with the labels of its lines", async () => {
    let labels: ReadonlyArray<string> = []
    const again = await saved((outbox) => {
      for (const text of ["one", "two"]) outbox.add("bob", text, 1)
      labels = outbox.all.map(({ label }) => label)
      outbox.take(false)
    })
    assert.deepStrictEqual(
      again.all.map(({ label, wasSent }) => [label, wasSent]),
      labels.map((label) => [label, true])
    )
    assert.match(labels.join(" "), /^[\w.-]{1,32} [\w.-]{1,32}$/u)
    assert.strictEqual(new Set(labels).size, 2)
  })

  it("sends again what may have arrived only where it is stored once", async () => {
    const again = await saved((outbox) => {
      outbox.add("guest", "sent", 1)
      outbox.add("account", "sent", 1)
      outbox.take(false)
      outbox.add("guest", "not sent", 1)
    })
    again.connected((to) => to === "account")
    assert.deepStrictEqual(
      again.all.map(({ state, text, to }) => `${to} ${text} ${state}`),
      ["guest sent unknown", "account sent waiting", "guest not sent waiting"]
    )
    assert.deepStrictEqual(
      again.take(false).map(({ to }) => to),
      ["account", "guest"]
    )
  })

  it("sends one line at a time to a server that limits the rate", () => {
    const outbox = new PageOutbox(memory(), "box")
    for (const text of ["one", "two"]) outbox.add("bob", text, 1)
    const [first] = outbox.take(true)
    assert.deepStrictEqual(outbox.take(true), [])
    outbox.postpone(first?.label ?? "")
    assert.deepStrictEqual(
      outbox.take(true).map(({ text }) => text),
      ["one"]
    )
    outbox.remove(first?.label ?? "")
    assert.deepStrictEqual(
      outbox.take(true).map(({ text }) => text),
      ["two"]
    )
  })

  it("begins empty if what the browser has kept is not its own", () => {
    for (const text of ["", "{", "null", "[1,null,{}]", '{"a":1}', '[{"label":1,"to":"bob","text":"x"}]']) {
      const browser = memory()
      browser.write("box", text)
      assert.deepStrictEqual(new PageOutbox(browser, "box").all, [])
      assert.deepStrictEqual(new PageSettings(browser, "box").of("bob"), {})
    }
  })
})

describe("Settings", () => {
  it("keep drafts of names that objects have", async () => {
    const browser = memory()
    const settings = new PageSettings(browser, "s")
    for (const name of ["__proto__", "constructor", "bob"]) settings.change(name, { draft: `to ${name}` })
    await Promise.resolve()
    const again = new PageSettings(browser, "s")
    for (const name of ["constructor", "bob"]) assert.strictEqual(again.of(name).draft, `to ${name}`)
    assert.strictEqual(again.of("toString").draft, undefined)
  })
})

const delays = (random: number) => {
  const reconnection = new Reconnection(() => random)
  return Array.from({ length: 7 }, () => reconnection.next({ upMillis: 0 }))
}

describe("Reconnection", () => {
  const lost = { upMillis: 0 }

  it("waits twice as long each time, shortened by up to a half", () => {
    assert.deepStrictEqual(delays(0), [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
    assert.deepStrictEqual(delays(1), [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000])
  })

  it("takes the time that the server announces, but not to come back without a pause", () => {
    const reconnection = new Reconnection(() => 0)
    assert.strictEqual(reconnection.next({ ...lost, returnMillis: 0 }), 0)
    assert.strictEqual(reconnection.next({ ...lost, returnMillis: 0 }), 1_000)
    assert.strictEqual(reconnection.next({ ...lost, retryMillis: 60_000 }), 60_000)
    assert.strictEqual(reconnection.next({ upMillis: 10_000, returnMillis: 200 }), 200)
    assert.strictEqual(reconnection.next(lost), 1_000)
  })
})

const say = (text: string, conversation = "#ops") => Typed.parse(text, conversation)

describe("Typed", () => {
  it("takes each line that is not blank for a message, without what the protocol does not allow", () => {
    assert.deepStrictEqual(say("one\r\n\n  two \u0007\u2028three\tfour\u0085"), {
      _tag: "Say",
      lines: ["one", "two", "three\tfour"]
    })
    assert.deepStrictEqual(say("/lines\n/of a file"), { _tag: "Say", lines: ["/lines", "/of a file"] })
  })

  it("has a way to write text that starts with a slash", () => {
    assert.deepStrictEqual(say("//etc/hosts"), { _tag: "Say", lines: ["/etc/hosts"] })
    assert.deepStrictEqual(say(" /etc/hosts"), { _tag: "Say", lines: ["/etc/hosts"] })
    assert.deepStrictEqual(say("/me waves"), { _tag: "Say", lines: ["/me waves"] })
  })

  it("knows the commands", () => {
    assert.deepStrictEqual(say("/join ops"), { _tag: "Join", room: "#ops" })
    assert.deepStrictEqual(say("/msg bob: hi there"), { _tag: "Write", name: "bob", text: "hi there" })
    assert.deepStrictEqual(say("/topic all is well"), { _tag: "Command", line: "topic #ops all is well" })
    assert.deepStrictEqual(say("/silence bob 10m"), { _tag: "Command", line: "silence #ops bob 10m" })
    assert.deepStrictEqual(say("/lock"), { _tag: "Command", line: "lock #ops" })
    assert.strictEqual(say("/leave")._tag, "Leave")
    for (const wrong of ["/leave", "/lock", "/topic x"]) assert.strictEqual(say(wrong, "bob")._tag, "Mistake")
    for (const wrong of ["/join", "/join a b", "/silence bob", "/msg", "/me", "/search", "/lock now", "/msg @ x"]) {
      assert.strictEqual(say(wrong)._tag, "Mistake", wrong)
    }
  })

  it("asks whether another command was meant", () => {
    const found = say("/jion #ops")
    assert.match(found._tag === "Mistake" ? found.text : "", /did you mean \/join\?/u)
  })

  it("takes names as the server does", () => {
    assert.strictEqual(Typed.userName(" Ju\u0308rgen "), "J\u00fcrgen")
    for (const wrong of ["", "a b", "#ops", "a:b", "-a", "\u200b", "x".repeat(33)]) {
      assert.isUndefined(Typed.userName(wrong), wrong)
    }
    assert.strictEqual(Typed.roomName("ops"), "#ops")
    assert.isUndefined(Typed.roomName("# ops"))
  })
})

const links = (text: string) => TextParts.parse(text, "").flatMap((part) => (part.kind === "link" ? [part.href] : []))

describe("TextParts", () => {
  it("finds links, without what ends the sentence", () => {
    for (const [text, ...wanted] of [
      ["see https://a.example/x.", "https://a.example/x"],
      ["(https://a.example/x_(y))!", "https://a.example/x_(y)"],
      ["HTTP://A.example, https://b.example?q=1#f", "http://a.example/", "https://b.example/?q=1#f"],
      ["javascript:alert(1) data:text/html,x ftp://a.example file:///etc/passwd //a.example"],
      ["https:// http://[ xhttps://a.example"],
      ['https://a.example/"onclick="x', "https://a.example/"],
      ["https://a.example/\u202egpj.exe", "https://a.example/"]
    ] as const) {
      assert.deepStrictEqual(links(text), wanted, text)
    }
  })

  it("leaves the text as it is, whatever is in it", () => {
    for (const text of ["alice: hi https://a.example/alice alice", "  a\tb ", "<b>&amp;</b>", "\ud800 alice"]) {
      const parts = TextParts.parse(text, "alice")
      assert.strictEqual(parts.map((part) => part.text).join(""), text)
    }
    const kinds = TextParts.parse("ALICE, see https://a.example/alice", "alice").map(({ kind }) => kind)
    assert.deepStrictEqual(kinds, ["mention", "plain", "link"])
  })

  it("takes no longer for a text that is made to be slow", () => {
    const millis = cpuMillis(() => {
      for (const text of ["https://".repeat(8_000), `https://a.example/${")".repeat(20_000)}`, "(".repeat(60_000)]) {
        const parts = TextParts.parse(text, "alice")
        assert.strictEqual(parts.map((part) => part.text).join(""), text)
      }
    })
    assert.isBelow(millis, 2_000)
  })
})

const at = (text: string) => new Date(text).getTime()

describe("Times", () => {
  it("says today and yesterday by the calendar, also when the clocks change", () => {
    const times = Times.make("en-GB")
    const now = at("2026-03-30T00:30:00")
    assert.strictEqual(times.day(at("2026-03-30T00:00:00"), now), "Today")
    assert.strictEqual(times.day(at("2026-03-29T00:10:00"), now), "Yesterday")
    assert.match(times.day(at("2026-03-28T23:59:59"), now), /^Saturday,? 28 March$/u)
    assert.match(times.day(at("2025-12-31T12:00:00"), now), /^Wednesday,? 31 December 2025$/u)
    assert.strictEqual(times.time(at("2026-03-30T09:05:59")), "09:05")
  })
})

describe("the last message of a conversation", () => {
  it("is the last one that has come, also while the user reads others, and no note", () => {
    const one = new Conversation("#ops")
    const text = () => one.lastMessage.peek()?.text
    const change = (by: (timeline: Timeline) => void) => {
      by(one.timeline)
      one.show()
    }
    assert.isUndefined(text())
    change((timeline) => timeline.showLatest(page(8, 9, true)))
    change((timeline) => timeline.add({ ...note("bob has joined"), kind: "note" }))
    assert.strictEqual(text(), "line 9")
    change((timeline) => timeline.showPart(page(1, 3, true), false))
    assert.strictEqual(text(), "line 9")
    change((timeline) => timeline.showLater(page(4, 10, false)))
    assert.strictEqual(text(), "line 10")
    one.restart()
    assert.isUndefined(text())
  })
})
