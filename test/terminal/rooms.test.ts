import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { eventually } from "../support/Eventually.js"
import { ctrl, enter, tab } from "../support/MemoryTerminal.js"
import { foreign } from "../support/TerminalEmulator.js"
import { alt, altLeft, altRight, numbered, pageUp, plain, start } from "../support/TerminalRooms.js"

/** Pages of #ops of which the server cannot read some lines. */
const damaged = (line: string) => {
  const [, at = "", range = ""] = /^(@\S+) \/history #ops (.*)$/u.exec(line) ?? []
  if (range === "limit=8") {
    const lines = [14, 15, 16].map((seq) => `* past ${at} #ops bob seq=${seq} at=${seq}: line ${seq}`)
    return [...lines, `* end ${at} history #ops first=13 last=20 damaged=13+17-20 more=yes: x`]
  }
  return range === "before=13 limit=8"
    ? [`* end ${at} history #ops first=5 last=12 damaged=5-12 more=yes: x`]
    : undefined
}

describe("conversations at the terminal", () => {
  it.scopedLive("lists unread conversations above the prompt, and shows their lines when the user goes there", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* start({
        kept: { "#ops": numbered(3), bob: ["bob: lunch?"] },
        read: { "#ops": 1 }
      })
      yield* alice.sees("\nbob 1 · #ops 2 — Alt-A or /go shows them\n› ")
      assert.notInclude(alice.rows().join("\n"), "lunch?")
      yield* alice.types(alt("a"))
      yield* alice.sees(/—— bob ——\n.*bob › lunch\?\n#ops 2\nbob › $/u)
      yield* alice.types(alt("a"))
      yield* alice.sees(/#ops bob › line 3\n#ops › $/u)
      assert.deepStrictEqual(plain(alice).slice(-7), [
        "—— #ops ——",
        "· topic: all about #ops",
        "#ops bob › line 1",
        "—— new ——",
        "#ops bob › line 2",
        "#ops bob › line 3",
        "#ops › "
      ])
      yield* server.takes(/\/read bob 1$/u)
      yield* server.takes(/\/read #ops 3$/u)
      yield* server.posts("#ops", "bob", "and now")
      yield* server.posts("bob", "bob", "at noon?")
      yield* alice.sees(/#ops bob › and now\nbob 1\n#ops › $/u)
    })
  )

  it.scopedLive(
    "goes to a conversation by its number, its neighbours and its name, and keeps what is typed in each",
    () =>
      Effect.gen(function* () {
        const { alice } = yield* start({ kept: { "#ops": [], "#web": [], bob: ["bob: hi"] } })
        yield* alice.sees("bob 1 —")
        yield* alice.types(`${alt("2")}half a thought`)
        yield* alice.sees(/#web › half a thought$/u)
        yield* alice.types(altLeft)
        yield* alice.sees(/#ops › $/u)
        yield* alice.types(`${altLeft}${altLeft}`)
        yield* alice.sees(/#web › half a thought$/u)
        yield* alice.types(`${altRight}${altRight}${alt("7")}${ctrl("u")}/go web${enter}`)
        yield* alice.sees(/#web › half a thought$/u)
        yield* alice.types(`${ctrl("u")}/go #nowhere${enter}`)
        yield* alice.sees("✗ you are not in #nowhere; /join #nowhere")
        yield* alice.types(`/go${enter}`)
        yield* alice.sees(/ {2}1 #ops\n.* {2}2 #web\n.* {2}3 bob — 1 unread\n/u)
        yield* alice.types(`/go carol${enter}`)
        yield* alice.sees(/\ncarol › $/u)
      })
  )

  it.scopedLive("writes to rooms and users, with the states of each line, and following lines go there too", () =>
    Effect.gen(function* () {
      let answers = 0
      const { alice, server } = yield* start({
        kept: { "#ops": [], bob: ["bob: hi"] },
        answer: (line) => {
          const [, at, to = ""] = /^@(\S+) ([^/:][^:]*): /u.exec(line) ?? []
          if (at === undefined) return undefined
          answers += 1
          if (to === "#nowhere") return [`! undelivered @${at} #nowhere reason=no-room: x`]
          if (to === "#off") return []
          return to.split(", ").map((one) => `* stored @${at} ${one} seq=${answers} at=1000: x`)
        }
      })
      yield* alice.sees("bob 1 —")
      yield* alice.types(`#ops: hello${enter}and more${enter}`)
      yield* alice.sees(/✓ #ops ‹ hello\n.*✓ #ops ‹ and more\nbob 1 — .*\n#ops › $/u)
      yield* alice.types(`bob, #ops: to both${enter}`)
      yield* alice.sees(/✓ bob, #ops ‹ to both\nbob, #ops › $/u)
      yield* server.says("* delivered bob seq=9: x")
      yield* alice.types(`bob: mine${enter}`)
      yield* alice.sees("✓✓ bob ‹ mine")
      yield* alice.types(`#nowhere: x${enter}`)
      yield* alice.sees("Enter sends it to #nowhere although you are not in it; a blank before it, to bob")
      yield* alice.types(enter)
      yield* alice.sees(/✗ #nowhere ‹ x — no-room\nbob › $/u)
      yield* alice.types(`#off: x${enter}${enter}`)
      yield* alice.sees(/… #off ‹ x\n#off › $/u)
    })
  )

  it.scopedLive("marks mentions and rings for them, and for no other line of a room, and not in a muted one", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* start({ kept: { "#ops": [], "#web": ["bob: hi"] } })
      yield* alice.sees("#web 1 —")
      yield* alice.types(`${alt("2")}${alt("1")}`)
      yield* alice.sees(/#ops › $/u)
      yield* server.posts("#ops", "bob", "hello all")
      yield* server.posts("#web", "bob", "hello all")
      yield* alice.sees(/#ops bob › hello all\n#web 2\n/u)
      yield* alice.settled
      assert.strictEqual(alice.bells(), 0)
      yield* server.posts("#web", "bob", "alice, look")
      yield* alice.sees(/\n» #web 3\n/u)
      yield* server.posts("#ops", "bob", "and here, Alice")
      yield* alice.sees("#ops bob » and here, Alice")
      yield* alice.settled
      assert.strictEqual(alice.bells(), 1)
      yield* alice.types(`/mute${enter}/mute web${enter}`)
      yield* alice.sees(/#ops is muted; [^]*#web is muted; /u)
      yield* Effect.sleep("1.1 seconds") // it rings once a second
      yield* server.posts("#ops", "bob", "alice!")
      yield* server.posts("#web", "bob", "nothing")
      yield* alice.sees(/alice!\n» #web 4\n#ops › $/u)
      yield* alice.settled
      assert.strictEqual(alice.bells(), 1)
      yield* alice.types(`/go${enter}`)
      yield* alice.sees(/ 1 #ops — muted\n.* 2 #web — 4 unread, mentions you, muted\n/u)
    })
  )

  it.scopedLive("reports what was read while the server was away, once it is back", () =>
    Effect.gen(function* () {
      let mayConnect = true
      const { alice, server } = yield* start({ kept: { bob: ["bob: hi"] }, accepts: () => mayConnect })
      yield* alice.sees("bob 1 —")
      yield* alice.types(alt("a"))
      yield* server.takes(/\/read bob 1$/u)
      yield* server.posts("bob", "bob", "two")
      yield* alice.sees(/bob › two\nbob › $/u)
      mayConnect = false
      yield* server.breaks
      yield* alice.sees(/next try in/u)
      yield* alice.types("x")
      mayConnect = true
      yield* server.takes(/\/read bob 2$/u)
    })
  )

  it.scopedLive("loads earlier lines with PageUp, down to the first, with the read mark where it was", () =>
    Effect.gen(function* () {
      const { alice } = yield* start({ kept: { "#ops": numbered(20) }, read: { "#ops": 7 }, terminal: { rows: 14 } })
      yield* alice.sees("#ops 13 —")
      yield* alice.types(alt("a"))
      yield* alice.sees(
        /—— #ops ——\n.*topic: .*\n.*· 5 unread lines before these; PageUp shows them\n.*line 13\n[^]*line 20\n#ops › $/u
      )
      yield* alice.types(pageUp)
      yield* alice.sees(
        /—— earlier in #ops ——\n.*line 5\n.*line 6\n.*line 7\n.*—— new ——\n.*line 8\n[^]*line 12\n.*—— end ——\n#ops › $/u
      )
      yield* alice.types(`/history${enter}`)
      yield* alice.sees(/—— the beginning of #ops ——\n.*line 1\n[^]*line 4\n.*—— end ——\n#ops › $/u)
      yield* alice.types(pageUp)
      yield* alice.sees(/nothing came before in #ops\n#ops › $/u)
    })
  )

  it.scopedLive("passes over lines that the server cannot read, and names them", () =>
    Effect.gen(function* () {
      const { alice } = yield* start({
        kept: { "#ops": numbered(20) },
        read: { "#ops": 7 },
        answer: damaged,
        terminal: { rows: 14 }
      })
      yield* alice.sees("#ops 13 —")
      yield* alice.types(alt("a"))
      yield* alice.sees(
        /—— #ops ——\n.*topic: .*\n.*· 5 unread lines before these; PageUp shows them\n[^]*line 16\n.*cannot read lines 13, 17 to 20, [^]*#ops › $/u
      )
      yield* alice.types(pageUp)
      yield* alice.sees(
        /—— earlier in #ops ——\n.*cannot read lines 5 to 12, because its disk is damaged\n.*—— end ——\n#ops › $/u
      )
      yield* alice.types(pageUp)
      yield* alice.sees(/—— the beginning of #ops ——\n.*line 1\n[^]*line 4\n.*—— end ——\n#ops › $/u)
    })
  )

  it.scopedLive("joins a room and leaves it, and shows its removal", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* start({
        kept: { "#ops": numbered(2), "#web": ["bob: hi"] },
        read: { "#ops": 2 },
        answer: (line) =>
          line === "@room-join /join #x" ? ["! refused @room-join join reason=looks-like: no"] : undefined
      })
      yield* alice.sees("#web 1 —")
      yield* alice.types(`/join x${enter}`)
      yield* alice.sees(/✗ refused join reason=looks-like: no\n/u)
      server.keeps("#new", "bob", "before")
      yield* alice.types(`/join new${enter}`)
      yield* alice.sees(/—— #new ——\n.*topic: .*\n.*#new bob › before\n#web 1\n#new › $/u)
      yield* alice.types(`${alt("1")}`)
      yield* alice.sees(/line 2\n#web 1\n#ops › $/u)
      yield* server.says("* left #ops alice by=bob: x")
      yield* alice.sees(/✗ bob has removed you from #ops\n#web 1\n#new › $/u)
      yield* alice.types(`/part${enter}`)
      yield* alice.sees(/· you have left #new\n#web 1\n› $/u)
      assert.include(server.taken, "@asked /leave #new")
      yield* alice.types(`/go${enter}`)
      yield* alice.sees(/ {2}1 #web — 1 unread\n#web 1\n› $/u)
    })
  )

  it.scopedLive("shows what happens in the room, and completes its members", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* start({ kept: { "#ops": ["bob: hi"], "#web": [] } })
      yield* alice.sees("#ops 1 —")
      yield* alice.types(alt("1"))
      yield* alice.sees(/› hi\n#ops › $/u)
      for (const line of [
        "* topic #ops bob: new topic",
        "* topic #web bob: not here",
        "* owner #ops bob: x",
        "* locked #ops bob: x",
        "* unlocked #ops bob: x",
        "* slow #ops millis=5000: x",
        "* silenced #ops carol by=bob until=0: x",
        "* silenced #web alice by=bob: x",
        "* unsilenced #ops carol by=bob: x",
        "* left #ops carol by=bob: x",
        "* invited #secret bob: x",
        "* invited @asked #ops erin by=alice: x",
        "* left #ops dora by=*operator: x",
        "* joined #web dave: x",
        "* joined #ops erin: x"
      ]) {
        yield* server.says(line)
      }
      yield* alice.sees("#ops: erin joined")
      assert.deepStrictEqual(
        plain(alice)
          .slice(-14, -1)
          .map((row) => row.replace(/\d\d:\d\d/u, "hh:mm")),
        [
          "· topic of #ops, by bob: new topic",
          "· bob owns #ops",
          "· #ops is locked: only invited accounts can join",
          "· #ops is open to all",
          "· #ops: members may write once in 5 s",
          "· #ops: carol is silenced until hh:mm, by bob",
          "· #web: alice is silenced, by bob",
          "· #ops: carol may write again, by bob",
          "· bob has removed carol from #ops",
          "· bob invites you to #secret; /join #secret",
          "· erin may join #ops",
          "· the operator has removed dora from #ops",
          "· #ops: erin joined"
        ]
      )
      yield* alice.types(`zo${tab}`)
      yield* alice.sees(/#ops › Zoltan $/u)
      yield* alice.types(`${ctrl("u")}#w${tab}`)
      yield* alice.sees(/#ops › #web: $/u)
      yield* alice.types(`${ctrl("u")}see #w${tab}`)
      yield* alice.sees(/#ops › see #web $/u)
      yield* alice.types(`${ctrl("u")}/members${enter}`)
      yield* alice.sees("· #ops: 2 here: alice, bob; 1 away: Zoltan")
      yield* alice.types(`/invite dave${enter}/topic ship it${enter}/remove #web bob${enter}/silence bob 10m${enter}`)
      yield* server.takes(/^@asked \/silence #ops bob 10m$/u)
      assert.includeMembers(
        [...server.taken],
        ["@asked /invite #ops dave", "@asked /topic #ops ship it", "@asked /remove #web bob"]
      )
    })
  )

  it.scopedLive("finds past lines, and lists rooms", () =>
    Effect.gen(function* () {
      const { alice } = yield* start({
        answer: (line) => {
          const [at] = line.split(" ")
          if (line.endsWith("/search in=#ops deploy")) return [`* end ${at} search count=0: x`]
          if (line.endsWith("/search deploy")) {
            return [
              `* past ${at} #ops bob seq=9 at=2000: the second deploy`,
              `* past ${at} bob alice seq=2 at=1000: my deploy`,
              `* end ${at} search count=2: x`
            ]
          }
          if (!line.endsWith("/rooms")) return undefined
          return [
            "* room #ops members=3 last=9 in=yes owner=bob: x",
            "* room #web members=1 last=0 locked=yes: ",
            "* end rooms count=2: x"
          ]
        }
      })
      yield* alice.types(`/search deploy${enter}`)
      yield* alice.sees(/—— search: deploy ——\n.*✓ bob ‹ my deploy\n.*#ops bob › the second deploy\n.*· 2 found\n/u)
      yield* alice.types(`/search in=#ops deploy${enter}`)
      yield* alice.sees("· nothing found")
      yield* alice.types(`/rooms${enter}`)
      yield* alice.sees(/· #ops: 3 members, you are in it, owned by bob: x\n.*· #web: 1 member, locked\n› $/u)
    })
  )

  it.scopedLive("shows lines once that come while a page is on its way, and a page only where the user is", () =>
    Effect.gen(function* () {
      const labels: Array<string> = []
      const requests = (count: number) =>
        eventually(() => labels.length === count, `the client did not request ${count} pages`)
      const { alice, server } = yield* start({
        kept: { "#ops": [], "#web": ["bob: hi"] },
        answer: (line) => {
          if (!line.includes("/history #ops")) return undefined
          labels.push(line.split(" ")[0] ?? "")
          return []
        }
      })
      yield* alice.sees("#web 1 —")
      yield* alice.types(alt("1"))
      yield* requests(1)
      for (const seq of [1, 2, 3]) yield* server.says(`from bob #ops seq=${seq} at=${seq}: line ${seq}`)
      yield* server.says(`* past ${labels.at(-1)} #ops bob seq=1 at=1: line 1`)
      yield* server.says(`* past ${labels.at(-1)} #ops bob seq=2 at=2: line 2`)
      yield* server.says(`* end ${labels.at(-1)} history #ops first=1 last=2: x`)
      yield* alice.sees(/—— #ops ——\n.*\n.*line 1\n.*line 2\n.*line 3\n#web 1\n#ops › $/u)
      yield* alice.types(`${alt("2")}${alt("1")}${alt("2")}`)
      yield* alice.sees(/#web › $/u)
      yield* requests(2)
      yield* server.says(`* past ${labels.at(-1)} #ops bob seq=1 at=1: late`)
      yield* server.says(`* end ${labels.at(-1)} history #ops first=1 last=1: x`)
      yield* server.posts("#web", "bob", "here")
      yield* alice.sees(/#web bob › here\n#web › $/u)
      assert.notInclude(alice.rows().join("\n"), "late")
      // Lines that wait for a page are shown when the connection breaks before it comes.
      yield* alice.types(alt("1"))
      yield* alice.sees(/#ops › $/u)
      yield* server.says("from bob #ops seq=4 at=4: line 4")
      yield* server.breaks
      yield* alice.sees(/#ops bob › line 4\n[^]*connected to memory again/u)
    })
  )

  it.scopedLive("lets no topic, no name of a room and no member steer the terminal", () =>
    Effect.gen(function* () {
      const evil = "\x1b]0;x\x07\x1b[2J\u202e\u009b"
      const { alice, server } = yield* start({
        kept: { "#ops": [`bob: ${evil}`], [`#${evil}`]: ["bob: hi"] },
        answer: (line) => {
          const [at] = line.split(" ")
          if (line.includes("/topic")) return [`* topic ${at} #ops ${evil}: ${evil}`]
          return line.includes("/members")
            ? [`* members ${at} #ops 2 here=1: ${evil}, ${evil}b`, `* end ${at} members #ops: x`]
            : undefined
        }
      })
      yield* alice.sees("\\x1b")
      yield* alice.types(`${alt("1")}/members${enter}`)
      yield* server.says(`* topic #ops ${evil}: ${evil}`)
      yield* server.says(`* joined #ops ${evil}x: ${evil}`)
      yield* server.says(`* silenced #ops ${evil} by=${evil} until=1: x`)
      yield* server.says(`* invited #${evil} ${evil}: x`)
      yield* server.says(`* room #${evil} members=1 last=1 owner=${evil}: ${evil}`)
      yield* server.says(`from ${evil} #ops seq=2 at=2: ${evil}`)
      yield* alice.types(`${tab}${tab}${ctrl("u")}/go${enter}${alt("2")}`)
      yield* alice.types(`${ctrl("u")}/go #ops${enter}end`)
      yield* alice.sees(/#ops › end$/u)
      assert.deepStrictEqual(foreign(alice.written()), [])
    })
  )

  it.scopedLive("does as before on a server without rooms", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* start({
        answer: (line) => (line.includes("/hello") ? [] : undefined),
        hasRooms: false
      })
      yield* server.says("from bob seq=1 at=1: hi")
      yield* alice.sees("bob › hi")
      yield* alice.types(`/join #ops${enter}/go bob${enter}`)
      yield* alice.sees(/✗ there is no \/join; there are no rooms; [^]*✗ unknown command \/go; /u)
      yield* alice.types(`#ops: x${enter}`)
      yield* alice.sees('✗ "#ops" is not a name; ')
      yield* alice.types(`${ctrl("u")}one two${altLeft}${altLeft}x${alt("1")}${alt("a")}${pageUp}${altRight}`)
      yield* alice.sees(/› xone two$/u)
      assert.strictEqual(alice.cursor().column, "› xone".length)
      assert.isFalse(server.taken.some((line) => /conversations|history|topic/u.test(line)))
    })
  )
})
