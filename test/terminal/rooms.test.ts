import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"

import { eventually } from "../support/Eventually.js"
import { ctrl, enter, openTerminal, tab, type TerminalOptions } from "../support/MemoryTerminal.js"
import * as RoomsServer from "../support/RoomsServer.js"
import { foreign } from "../support/TerminalEmulator.js"

const alt = (key: string) => `\x1b${key}`
const altLeft = "\x1b[1;3D"
const altRight = "\x1b[1;3C"
const pageUp = "\x1b[5~"

/** Lines 1 to `count` of a conversation, by bob. */
const numbered = (count: number) => Array.from({ length: count }, (_, at) => `bob: line ${at + 1}`)

/** Alice's terminal on a server with rooms. */
const start = ({
  terminal = {},
  ...options
}: RoomsServer.RoomsServerOptions & { readonly terminal?: TerminalOptions }) =>
  Effect.gen(function* () {
    const server = yield* RoomsServer.make(options)
    const { keyring } = RoomsServer
    const alice = yield* openTerminal(
      server.socket,
      options.isOfAccount === false ? terminal : { keyring, ...terminal }
    )
    yield* alice.sees(/connected to\s+memory\s+as\s+alice/u)
    return { alice, server }
  })

type Started = Effect.Effect.Success<ReturnType<typeof start>>

/** The rows of a terminal, without their times. */
const plain = ({ rows }: { readonly rows: () => ReadonlyArray<string> }) =>
  rows().map((row) => row.replace(/^(?:(?:\d{4}-\d\d-\d\d )?\d\d:\d\d| {5}) /u, ""))

describe("conversations at the terminal", () => {
  it.scopedLive("lists what is unread above the prompt, and shows it to whoever goes there", () =>
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

  it.scopedLive("joins a room and leaves it, and is told of its removal", () =>
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

  it.scopedLive("shows nothing twice and leaves nothing out after a reconnection to an account", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* start({
        kept: { "#ops": numbered(3), "#web": ["bob: hi"] },
        read: { "#ops": 3 }
      })
      yield* alice.sees("#web 1 —")
      yield* alice.types(alt("1"))
      yield* alice.sees(/line 3\n#web 1\n#ops › $/u)
      yield* server.posts("#ops", "bob", "line 4")
      yield* alice.sees("line 4")
      server.keeps("#web", "bob", "meanwhile")
      yield* server.breaks
      yield* alice.sees(/connected to memory again\n#web 2\n#ops › $/u)
      yield* server.takes(/^@room-members-[2-9] /u)
      // The server gives the device again what it has not acknowledged, and what came meanwhile.
      yield* server.says(`from bob #ops seq=4 at=${server.timeOf(4)}: line 4`)
      yield* server.says(`from bob #web seq=2 at=${server.timeOf(2)}: meanwhile`)
      yield* server.posts("#ops", "bob", "line 5")
      yield* alice.sees(/#ops bob › line 5\n#web 2\n#ops › $/u)
      for (const number of [1, 2, 3, 4, 5]) {
        assert.lengthOf(
          plain(alice).filter((row) => row.endsWith(`line ${number}`)),
          1,
          `line ${number}`
        )
      }
      yield* alice.types(alt("a"))
      yield* alice.sees(/—— #web ——\n.*topic.*\n.*#web bob › hi\n.*#web bob › meanwhile\n#web › $/u)
    })
  )

  it.scopedLive("keeps lines for rooms while the server is away, and shows the room to which the user has gone", () =>
    Effect.gen(function* () {
      let mayConnect = true
      const { alice, server } = yield* start({
        kept: { "#ops": numbered(2), "#web": ["bob: hi"] },
        terminal: { backoff: Schedule.spaced("100 millis") },
        answer: (line) => (/^@\S+ #/u.test(line) ? [`* stored ${line.split(" ")[0]} #web seq=2 at=9: x`] : undefined),
        accepts: () => mayConnect
      })
      yield* alice.sees("#ops 2 · #web 1 —")
      yield* alice.types(alt("1"))
      yield* alice.sees(/line 2\n#web 1\n#ops › $/u)
      mayConnect = false
      yield* server.breaks
      yield* alice.sees("trying again")
      yield* alice.types(`${alt("2")}/search x${enter}/join #all${enter}kept for later${enter}`)
      yield* alice.sees(/✗ not connected\n.*✗ not connected\n[^]*… #web ‹ kept for later — not sent yet\n[^]*#web › $/u)
      mayConnect = true
      yield* alice.sees(/—— #web ——\n.*topic.*\n.*#web bob › hi\n[^]*#web › $/u)
      yield* alice.sees("✓ #web ‹ kept for later")
    })
  )

  it.scopedLive("joins a guest's rooms again after a break, and shows what came meanwhile", () =>
    Effect.gen(function* () {
      let sent = 0
      const { alice, server }: Started = yield* start({
        isOfAccount: false,
        kept: { "#ops": numbered(2), "#web": [] },
        answer: (line): ReadonlyArray<string> | undefined => {
          const [, at, to = ""] = /^@(\S+) (#[^/:]*): /u.exec(line) ?? []
          return at === undefined
            ? undefined
            : [`* stored @${at} ${to} seq=${(sent = server.keeps(to, "alice", "mine"))} at=1: x`]
        }
      })
      yield* alice.types(`/join #web${enter}/join #ops${enter}`)
      yield* alice.sees(/line 2\n#ops › $/u)
      // It is still on its way when the connection breaks.
      server.keeps("#ops", "bob", "line 3")
      yield* alice.types(`mine${enter}`)
      yield* alice.sees("✓ #ops ‹ mine")
      assert.strictEqual(sent, 4)
      server.keeps("#ops", "bob", "line 4")
      server.keeps("#web", "bob", "there")
      yield* server.breaks
      yield* alice.sees(/connected to memory again[^]*#ops bob › line 4\n#web 1.*\n#ops › $/u)
      yield* server.posts("#ops", "bob", "line 5")
      yield* alice.sees("line 5")
      for (const text of ["line 1", "line 2", "line 3", "mine", "line 4", "line 5"]) {
        assert.lengthOf(
          plain(alice).filter((row) => row.endsWith(text)),
          1,
          text
        )
      }
      // A guest has no read mark on the server, and nothing else of it is kept.
      yield* alice.types(`/go bob${enter}`)
      yield* alice.sees(/\nbob › $/u)
      yield* server.says("from bob: psst")
      yield* alice.types(alt("1"))
      yield* alice.sees(/bob › psst\n[^]*#web bob › there\n#web › $/u)
      assert.isFalse(server.taken.some((line) => /\/read|\/history bob|\/conversations/u.test(line)))
    })
  )

  it.scopedLive("reads the direct conversations of a guest who registers", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* start({ isOfAccount: false })
      // An account has written it to a guest who had just registered.
      yield* server.says("from bob seq=1 at=1: before")
      yield* alice.sees("bob › before")
      yield* server.says("* registered alice: the name is yours")
      yield* server.takes(/\/conversations$/u)
      server.keeps("bob", "bob", "before")
      yield* server.posts("bob", "bob", "after")
      yield* alice.sees(/\nbob 1 — /u)
      yield* alice.types(alt("a"))
      yield* alice.sees(/—— bob ——\n.*bob › before\n.*bob › after\nbob › $/u)
    })
  )

  it.scopedLive("keeps the rooms of a guest who registers: joins them again, and reads what it missed", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* start({ isOfAccount: false, kept: { "#ops": [] } })
      yield* alice.types(`/join #ops${enter}`)
      yield* alice.sees(/#ops › $/u)
      yield* server.posts("#ops", "bob", "before")
      yield* alice.sees("bob › before")
      const joins = server.taken.filter((line) => line.endsWith("/join #ops")).length
      server.keeps("#ops", "bob", "meanwhile")
      yield* server.says("* left #ops alice: is no longer in the room")
      yield* server.says("* registered alice: the name is yours")
      yield* eventually(
        () => server.taken.filter((line) => line.endsWith("/join #ops")).length === joins + 1,
        "the terminal joins the room again"
      )
      yield* alice.sees(/bob › before\n[^]*bob › meanwhile\n[^]*#ops › $/u)
      yield* server.posts("#ops", "bob", "after")
      yield* alice.sees(/bob › meanwhile\n[^]*bob › after\n[^]*#ops › $/u)
      assert.notInclude(plain(alice).join("\n"), "you have left")
    })
  )

  it.scopedLive("drops a room that a guest may not join again", () =>
    Effect.gen(function* () {
      let isLocked = false
      const { alice, server } = yield* start({
        isOfAccount: false,
        kept: { "#ops": [] },
        answer: (line) =>
          isLocked && line.endsWith("/join #ops")
            ? [`! refused ${line.split(" ")[0]} join reason=policy: x`]
            : undefined
      })
      yield* alice.types(`/join #ops${enter}`)
      yield* alice.sees(/#ops › $/u)
      isLocked = true
      yield* server.breaks
      yield* alice.sees(/✗ you are not in #ops any more: policy\n› $/u)
    })
  )

  it.scopedLive("is in the rooms that the account has joined or left on another device", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* start({ kept: { "#ops": [], "#web": ["bob: hi"] } })
      yield* alice.sees("#web 1 —")
      yield* server.says("* joined #all alice: x")
      yield* server.says("from bob #all seq=8 at=8: hello all")
      yield* alice.sees("#web 1 · #all 1 —")
      yield* server.says("* left #all alice: x")
      yield* alice.sees("· you have left #all")
      yield* alice.types(alt("1"))
      yield* alice.sees(/#ops › $/u)
      server.forget("#ops")
      yield* server.breaks
      yield* alice.sees(/connected to memory again\n[^]*✗ you are not in #ops any more\n#web 1\n› $/u)
    })
  )

  it.scopedLive("starts anew when the server has another log", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* start({
        isOfAccount: false,
        kept: { "#ops": numbered(9) },
        log: (connection) => `log-${connection}`
      })
      yield* alice.types(`/join #ops${enter}`)
      yield* alice.sees(/line 9\n#ops › $/u)
      server.forget("#ops")
      server.keeps("#ops", "bob", "after the restart")
      yield* server.breaks
      yield* alice.sees(/connected to memory again[^]*#ops bob › after the restart\n#ops › $/u)
    })
  )

  it.scopedLive("follows the account's other devices: what they send, and what they read", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* start({ kept: { "#ops": [], "#web": ["bob: hi"], bob: ["bob: hello"] } })
      yield* alice.sees("bob 1 · #web 1 —")
      yield* alice.types(alt("1"))
      yield* alice.sees(/bob 1 · #web 1\n#ops › $/u)
      yield* server.says("* read #web seq=1: x")
      yield* alice.sees(/\nbob 1\n#ops › $/u)
      yield* server.says("* sent bob seq=2 at=2000: hello yourself")
      yield* server.says("* sent #ops seq=1 at=2000: from my phone")
      yield* alice.sees(/✓ #ops ‹ from my phone — from another device\n#ops › $/u)
      yield* alice.settled
      assert.notInclude(alice.rows().join("\n"), "yourself")
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

  it.scopedLive("counts a flood in a muted room, and draws nothing for it", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* start({ kept: { "#ops": [], "#web": ["bob: hi"] } })
      yield* alice.sees("#web 1 —")
      yield* alice.types(`${alt("1")}/mute web${enter}`)
      yield* alice.sees(/#web is muted; .*\n#ops › $/u)
      yield* alice.settled
      const before = alice.written().length
      const lines = Array.from({ length: 5_000 }, (_, at) => `from bob #web seq=${at + 2} at=${at + 2}: line ${at}`)
      yield* server.says(lines.join("\n"))
      yield* server.posts("#ops", "bob", "the end")
      yield* alice.sees(/#ops bob › the end\n#ops › $/u)
      assert.isBelow(alice.written().length - before, 500)
      yield* alice.types(`/go${enter}`)
      yield* alice.sees("2 #web — 5001 unread, muted")
    })
  )

  it.scopedLive("knows 10,000 members of a room, and names 500", () =>
    Effect.gen(function* () {
      const names = Array.from({ length: 10_000 }, (_, at) => `member-${at}`)
      const { alice } = yield* start({
        kept: { "#ops": ["bob: hi"] },
        answer: (line) => {
          const [at] = line.split(" ")
          if (!line.includes("/members")) return undefined
          const parts = Array.from({ length: 40 }, (_, part) => names.slice(part * 250, (part + 1) * 250).join(", "))
          const label = at?.startsWith("@") === true ? ` ${at}` : ""
          return [
            ...parts.map((part) => `* members${label} #ops 10000 here=2: ${part}`),
            `* end${label} members #ops: x`
          ]
        }
      })
      yield* alice.sees("#ops 1 —")
      yield* alice.types(alt("a"))
      yield* alice.sees(/› hi\n#ops › $/u)
      yield* alice.types(`member-9999${tab}`)
      yield* alice.sees(/#ops › member-9999 $/u)
      yield* alice.types(`${ctrl("u")}/members${enter}`)
      yield* alice.sees(/· #ops: 2 here: member-0, member-1; 9998 away: member-2, [^]*member-499\s+and\s+9500\s+more/u)
    })
  )

  it.scopedLive("fits into 20 columns, with a hundred conversations", () =>
    Effect.gen(function* () {
      const rooms = Array.from(
        { length: 100 },
        (_, at) => [`#r${String(at + 1).padStart(3, "0")}`, ["bob: hi"]] as const
      )
      const { alice } = yield* start({ kept: Object.fromEntries(rooms), terminal: { columns: 20, rows: 5 } })
      yield* alice.sees(/\n#r001 1 · #r002 1 ·.*\n› $/u)
      for (let at = 0; at < 100; at++) yield* alice.types(alt("a"))
      yield* alice.sees(/#r100 › $/u)
      yield* alice.types(`${altRight}${altLeft}${altLeft}`)
      yield* alice.sees(/#r099 › $/u)
      yield* alice.types("some text")
      yield* alice.sees(/#r099 › some text$/u)
      for (const row of alice.rows()) assert.isAtMost(row.length, 20)
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
