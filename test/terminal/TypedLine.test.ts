import { assert, describe, it } from "@effect/vitest"
import * as TypedLine from "../../src/terminal/TypedLine.js"

const context: TypedLine.TypingContext = {
  to: ["bob"],
  lastSender: "carol",
  lastOthers: ["dave", "alice smith"],
  isKnown: (name) => ["bob", "carol", "alice smith"].includes(name)
}

const noRecipients: TypedLine.TypingContext = { ...context, to: [], lastSender: undefined, lastOthers: [] }

const say = (to: ReadonlyArray<string>, text: string): TypedLine.Meaning => ({ _tag: "Say", to, text })

const table: ReadonlyArray<readonly [line: string, meaning: TypedLine.Meaning]> = [
  ["hi", say(["bob"], "hi")],
  ["carol: hi", say(["carol"], "hi")],
  ["bob, carol: hi: there", say(["bob", "carol"], "hi: there")],
  ["bob , carol ,, bob: hi", say(["bob", "carol"], "hi")],
  ["dave: a stranger", say(["dave"], "a stranger")],
  ["élan: hi", say(["élan"], "hi")],
  ["e\u0301lan: hi", say(["élan"], "hi")],
  ["carol:hi", say(["carol"], "hi")],
  ["alice smith: hi", say(["alice smith"], "hi")],
  ["carol:", { _tag: "Turn", to: ["carol"] }],
  ["bob, carol: ", { _tag: "Turn", to: ["bob", "carol"] }],
  // No recipients, but text.
  ["http://x: y", say(["bob"], "http://x: y")],
  ["see http://x: y", say(["bob"], "see http://x: y")],
  ["12:30 is fine", say(["bob"], "12:30 is fine")],
  ["that is: fine", say(["bob"], "that is: fine")],
  ["note:this", say(["bob"], "note:this")],
  [": hi", say(["bob"], ": hi")],
  [", : hi", say(["bob"], ", : hi")],
  [":-)", say(["bob"], ":-)")],
  [" carol: as it is", say(["bob"], "carol: as it is")],
  [" /who", say(["bob"], "/who")],
  [" #room: x", say(["bob"], "#room: x")],
  [" @bob x", say(["bob"], "@bob x")],
  ["#42 is fixed", say(["bob"], "#42 is fixed")],
  ["@ 5 pm: tea", say(["bob"], "@ 5 pm: tea")],
  ["mail me@example.org: now", say(["bob"], "mail me@example.org: now")],
  ["/who", { _tag: "Who" }],
  ["/help", { _tag: "Help" }],
  ["/quit", { _tag: "Quit" }],
  ["/reply", { _tag: "Turn", to: ["carol"] }],
  ["/all", { _tag: "Turn", to: ["carol", "dave", "alice smith"] }],
  ["/all  fine: thanks", say(["carol", "dave", "alice smith"], "fine: thanks")],
  ["/reply fine: thanks", say(["carol"], "fine: thanks")],
  ["/ignore dave", { _tag: "Ignore", names: ["dave"] }],
  ["/ignore dave,erin , dave", { _tag: "Ignore", names: ["dave", "erin"] }],
  ["/ignore alice smith", { _tag: "Ignore", names: ["alice smith"] }],
  ["/ignore", { _tag: "Ignore", names: [] }],
  ["/time off", { _tag: "Switch", what: "time", on: false }],
  ["/me waves", say(["bob"], "/me waves")],
  ["/me  waves ", say(["bob"], "/me  waves")],
  ["carol: /me waves", say(["carol"], "/me waves")],
  ["/joins off", { _tag: "Switch", what: "joins", on: false }],
  ["/bell on", { _tag: "Extent", what: "bell", extent: "on" }],
  ["/notify off", { _tag: "Extent", what: "notify", extent: "off" }],
  ["/bell mentions", { _tag: "Extent", what: "bell", extent: "mentions" }]
]

const mistakes: ReadonlyArray<readonly [line: string, TypedLine.TypingContext, pattern: RegExp]> = [
  ["hi", noRecipients, /no recipient yet; write `name: text`/u],
  ["http://x", noRecipients, /no recipient yet/u],
  ["/reply hi", noRecipients, /no one has written to you/u],
  ["/all hi", noRecipients, /no one has written to you/u],
  ["/time", context, /write \/time on or \/time off/u],
  ["/bell loud", context, /write \/bell on, \/bell mentions or \/bell off/u],
  ["/ignore bob, a;b", context, /"a;b" is not a name; write \/ignore bob/u],
  ["/ignore bob carol", context, /"bob carol" is not a name/u],
  ["/whatever bob", context, /unknown command \/whatever; \/help/u],
  ["/quti", context, /unknown command \/quti; did you mean \/quit\? \/help/u],
  ["/HELP", context, /unknown command \/HELP; did you mean \/help\? \/help/u],
  ["/me", context, /write \/me and what you do/u],
  ["/me waves", noRecipients, /no recipient yet/u],
  ["/joins", context, /write \/joins on or \/joins off/u],
  ["/msg carol see: you", context, /there is no \/msg; write `carol: see: you`/u],
  ["/msg", context, /there is no \/msg; write `bob: text`/u],
  ["/w #room hi", context, /write `bob: text`/u],
  ["/nick alice2", context, /the name is chosen at the login: \/quit, and start again with --login NAME/u],
  ["/whois bob", context, /\/who lists the users/u],
  ["/exit", context, /\/quit leaves/u],
  ["#room: x", context, /"#room" is not a name; a leading blank makes the line text/u],
  ["bob, #room: x", context, /"#room" is not a name/u],
  ["#room: x", noRecipients, /"#room" is not a name/u],
  ["@bob x", context, /write bob: and then the text; a leading blank makes the line text/u],
  ["@bob: x", context, /write bob: and then the text/u],
  ["@bob, carol: x", context, /write bob: and then the text/u],
  ["carol, @bob: x", context, /write bob: and then the text/u],
  ["@stranger x", context, /write stranger: and then the text/u],
  ["@#x y", context, /"@#x" is not a name/u],
  ["//x", context, /a leading blank makes the line text/u]
]

/** On a server with rooms, in one of them. */
const inRoom: TypedLine.TypingContext = { ...context, to: ["#ops"], hasRooms: true }

const send = (line: string): TypedLine.Meaning => ({ _tag: "Command", line })

const roomTable: ReadonlyArray<readonly [line: string, meaning: TypedLine.Meaning]> = [
  ["hi", say(["#ops"], "hi")],
  ["#dev: hi", say(["#dev"], "hi")],
  ["#dev:hi", say(["#ops"], "#dev:hi")],
  ["bob, #ops: done", say(["bob", "#ops"], "done")],
  ["#dev:", { _tag: "Turn", to: ["#dev"] }],
  ["#42 is fixed", say(["#ops"], "#42 is fixed")],
  ["/me waves", say(["#ops"], "/me waves")],
  ["/join #dev", { _tag: "Join", room: "#dev" }],
  ["/j dev", { _tag: "Join", room: "#dev" }],
  ["/go", { _tag: "Go", name: "" }],
  ["/go bob", { _tag: "Go", name: "bob" }],
  ["/query bob:", { _tag: "Go", name: "bob" }],
  ["/switch 3", { _tag: "Go", name: "3" }],
  ["/rooms", send("/rooms")],
  ["/leave", send("/leave #ops")],
  ["/part #dev", send("/leave #dev")],
  ["/members", send("/members #ops")],
  ["/names #dev", send("/members #dev")],
  ["/topic", send("/topic #ops")],
  ["/topic ship  it: now", send("/topic #ops ship  it: now")],
  ["/topic #dev", send("/topic #dev")],
  ["/topic #dev ship it", send("/topic #dev ship it")],
  ["/invite bob", send("/invite #ops bob")],
  ["/invite #dev bob", send("/invite #dev bob")],
  ["/lock", send("/lock #ops")],
  ["/silence bob 10m", send("/silence #ops bob 10m")],
  ["/slow #dev off", send("/slow #dev off")],
  ["/history", { _tag: "Earlier" }],
  ["/history #ops before=7", send("/history #ops before=7")],
  ["/search in=#ops two words", { _tag: "Search", text: "in=#ops two words" }],
  ["/mute", { _tag: "Mute", name: "#ops" }],
  ["/mute #dev", { _tag: "Mute", name: "#dev" }]
]

const roomMistakes: ReadonlyArray<readonly [line: string, pattern: RegExp]> = [
  ["/join", /write \/join and the name of a room/u],
  ["/join #a, #b", /write \/join and the name/u],
  ["/join #", /write \/join and the name/u],
  ["/search", /write \/search and some words/u],
  ["/rooms x", /write \/rooms alone/u],
  ["/leave #ops now", /write \/leave #ops$/u],
  ["/invite", /write \/invite #ops bob/u],
  ["/invite bob carol", /write \/invite #ops bob/u],
  ["/silence bob", /write \/silence #ops bob 10m/u],
  ["/topic #a,b x", /write \/topic #ops TEXT/u],
  ["/raise", /unknown command \/raise; \/help/u],
  ["/serch x", /did you mean \/search\?/u]
]

describe("TypedLine.parse", () => {
  for (const [line, meaning] of roomTable) {
    it(`${JSON.stringify(line)} in a room`, () => assert.deepStrictEqual(TypedLine.parse(line, inRoom), meaning))
  }

  for (const [line, pattern] of roomMistakes) {
    it(`explains the mistake in ${JSON.stringify(line)} in a room`, () => {
      const meaning = TypedLine.parse(line, inRoom)
      assert.match(meaning._tag === "Mistake" ? meaning.text : JSON.stringify(meaning), pattern)
    })
  }

  it("asks for the room where the next line goes to none", () => {
    const meaning = TypedLine.parse("/leave", { ...inRoom, to: ["bob"] })
    assert.deepStrictEqual(meaning, { _tag: "Mistake", text: "write /leave #ops" })
    assert.strictEqual(TypedLine.parse("/mute", { ...inRoom, to: [] })._tag, "Mistake")
    assert.deepStrictEqual(TypedLine.parse("#ops:hi", { ...inRoom, isKnown: () => true }), say(["#ops"], "hi"))
  })

  for (const [line, meaning] of table) {
    it(JSON.stringify(line), () => assert.deepStrictEqual(TypedLine.parse(line, context), meaning))
  }

  it("addresses a stranger at the start", () => {
    assert.deepStrictEqual(TypedLine.parse("dave: hi", noRecipients), say(["dave"], "hi"))
  })

  for (const [line, given, pattern] of mistakes) {
    it(`explains the mistake in ${JSON.stringify(line)}`, () => {
      const meaning = TypedLine.parse(line, given)
      assert.match(meaning._tag === "Mistake" ? meaning.text : meaning._tag, pattern)
    })
  }
})
