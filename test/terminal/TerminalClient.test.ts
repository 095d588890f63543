import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Client from "../../src/client/Client.js"
import * as Tcp from "../../src/transport/Tcp.js"
import * as FakeServer from "../support/FakeServer.js"
import { aliceAndBob, chat, ctrl, display, enter, openTerminal, paste, tab } from "../support/MemoryTerminal.js"
import { scriptedServer } from "../support/ScriptedServer.js"
import { foreign, unwrapped } from "../support/TerminalEmulator.js"

/** The prompt with the typed text is the last row. */
const promptOf = ({ rows }: { readonly rows: () => ReadonlyArray<string> }) => rows().at(-1) ?? ""

describe("TerminalClient", () => {
  it.scopedLive("asks until a login is valid, then two users talk", () =>
    Effect.gen(function* () {
      const { person, serve, socket } = yield* chat
      yield* serve()
      const alice = yield* openTerminal(person, { login: undefined })
      yield* alice.sees("login: ")
      yield* alice.types(`/who${enter}`)
      yield* alice.sees('✗ not a login: "/who"; start with a letter or a digit')
      yield* alice.types(`alice: correct horse${enter}`)
      yield* alice.sees('✗ a login with a secret, which is an option of its own: "alice"; write the')
      yield* alice.types(`alice${enter}`)
      yield* alice.sees(/connected to memory as alice; see \/help[^]*\n› $/u)
      const bob = yield* openTerminal(socket, { login: "bob" })
      yield* bob.sees("as bob")

      yield* alice.types(`bob: hi${enter}`)
      yield* alice.sees("✓ bob ‹ hi\nbob › ")
      yield* bob.sees("alice › hi")
      yield* bob.types(`/reply hello: you${enter}`)
      yield* alice.sees("bob › hello: you")
      yield* bob.types(`and more${enter}`)
      yield* alice.sees("bob › and more")
      yield* bob.sees("✓ alice ‹ hello: you")
      assert.strictEqual(promptOf(bob), "alice › ")

      yield* alice.types(ctrl("d"))
      assert.deepStrictEqual(yield* alice.ended, { _tag: "Left" })
      assert.deepStrictEqual(alice.rawModes, [true, false])
      yield* bob.types(`/quit${enter}`)
      assert.deepStrictEqual(yield* bob.ended, { _tag: "Left" })
    })
  )

  it.scopedLive("shows who else received a message, and replies to all of them", () =>
    Effect.gen(function* () {
      const { alice, socket } = yield* aliceAndBob()
      const carol = yield* openTerminal(socket, { login: "carol" })
      yield* carol.sees("as carol")
      const dave = yield* openTerminal(socket, { login: "dave" })
      yield* dave.sees("as dave")
      yield* alice.types(`carol, dave: lunch?${enter}`)
      yield* carol.sees("alice (also to dave) › lunch?")
      yield* dave.sees("alice (also to carol) › lunch?")
      yield* dave.types(`/all at noon${enter}`)
      yield* alice.sees("dave (also to carol) › at noon")
      yield* carol.sees("dave (also to alice) › at noon")
      yield* dave.sees("✓ alice, carol ‹ at noon\nalice, carol › ")
      yield* carol.types(`/reply fine${enter}`)
      yield* dave.sees("carol › fine")
    })
  )

  it.scopedLive("names each recipient that did not get a message", () =>
    Effect.gen(function* () {
      const { alice } = yield* aliceAndBob()
      yield* alice.types(`carol: hi${enter}bob, carol: both${enter}`)
      yield* alice.sees("✗ carol ‹ hi — offline")
      yield* alice.sees("✗ bob, carol ‹ both — carol offline\nbob, carol › ")
      yield* alice.types(`Bob, carol: which?${enter}${enter}`)
      yield* alice.sees("✗ Bob, carol ‹ which? — offline, did you mean bob?")
      yield* alice.types(`bob: ${"x".repeat(70_000)}${enter}`)
      yield* alice.sees(/ — too-long: /u)
    })
  )

  it.scopedLive("asks before it leaves a conversation for a name that was never here", () =>
    Effect.gen(function* () {
      const { alice, hears } = yield* aliceAndBob()
      yield* alice.types(`bob: hi${enter}TODO: fix the build${enter}`)
      yield* alice.sees(
        /Enter sends it to TODO although no one of that name was here; a blank before it,\nto bob\nbob › TODO: fix the build$/u
      )
      yield* alice.types(`${ctrl("a")} ${enter}`)
      assert.deepStrictEqual(yield* hears(2), ["from alice: hi", "from alice: TODO: fix the build"])
      yield* alice.sees("✓ bob ‹ TODO: fix the build")
      yield* alice.types(`TODO: fix the build${enter}${enter}`)
      yield* alice.sees(/✗ TODO ‹ fix the build — offline\nbob › $/u)
      yield* alice.types(`NOTE:${enter}`)
      yield* alice.sees("Enter sends it to NOTE although")
      yield* alice.types(`${ctrl("u")}bob, TODO: both${enter}`)
      yield* alice.sees("Enter sends it to TODO although")
      yield* alice.types(`${ctrl("u")}#room: x${enter}@bob x${enter}`)
      yield* alice.sees(/✗ "#room" is not a name[^]*✗ write bob: and then the text[^]*\nbob › $/u)
      yield* alice.types(`TODO: ${paste("one\ntwo")}`)
      yield* alice.sees("y/n: send 2 lines to TODO, although no one named TODO was here?")
      yield* alice.types(`n${ctrl("u")}last${enter}`)
      yield* alice.sees("✓ bob ‹ last")
      assert.notInclude(alice.lines().join("\n"), "bob ‹ #room")
    })
  )

  it.scopedLive("returns to the conversation before, unless a line is being typed", () =>
    Effect.gen(function* () {
      const server = yield* scriptedServer
      const alice = yield* openTerminal(server.socket)
      yield* alice.sees("as alice")
      yield* server.says("* who @count 3: alice, bob, carol")
      yield* server.says("* left carol: has left")
      yield* server.says("from bob: hello")
      yield* alice.sees("bob › hello")
      yield* alice.types(`bob: hi${enter}`)
      yield* server.takes(1)
      yield* server.says("* written @1 bob: written")
      yield* alice.sees("✓ bob ‹ hi")
      yield* alice.types(`carol: are you there?${enter}the password is`)
      yield* server.takes(2)
      yield* server.says("! undelivered @2 carol reason=offline: no recipient of that name is online")
      yield* alice.sees(/✗ carol ‹ are you there\? — offline\ncarol › the password is$/u)
      yield* alice.types(enter)
      yield* server.takes(3)
      yield* server.says("! undelivered @3 carol reason=offline: no recipient of that name is online")
      yield* alice.sees(/✗ carol ‹ the password is — offline\nbob › $/u)
    })
  )

  it.scopedLive("keeps the prompt and the typed text under a flood", () =>
    Effect.gen(function* () {
      const { alice, bob } = yield* aliceAndBob()
      const text = "typed while others talk"
      const lines = Array.from({ length: 5_000 }, (_, index) => `line ${index}`)
      const flood = Effect.forEach(lines, (line) => bob.send(["alice"], line), { discard: true })
      const typing = Effect.forEach(
        [...text],
        (key, index) => Effect.zipRight(alice.sees(`line ${index * 100}`), alice.types(key)),
        { discard: true }
      )
      yield* Effect.zip(flood, typing, { concurrent: true })
      yield* alice.sees("line 4999\n")
      yield* alice.sees(text)
      assert.strictEqual(promptOf(alice), `› ${text}`)
      const said = alice.lines().filter((line) => line.includes("bob › "))
      assert.deepStrictEqual(
        said.map((line) => line.slice(line.indexOf("› ") + 2)),
        lines
      )
    })
  )

  it.scopedLive("completes present users, the most recent contact first", () =>
    Effect.gen(function* () {
      const { alice, socket } = yield* aliceAndBob()
      const berta = yield* Client.connect({ socket, login: "berta" })
      yield* berta.send(["alice"], "here")
      yield* alice.sees("berta › here")
      yield* alice.types(`b${tab}`)
      yield* alice.sees(/\n› berta: $/u)
      yield* alice.types(tab)
      yield* alice.sees(/\n› bob: $/u)
      yield* alice.types(`,b${tab}hi${enter}`)
      yield* alice.sees("✓ bob, berta ‹ hi")
      yield* berta.send(["alice"], "fine")
      yield* alice.sees("berta › fine")
      yield* alice.types(tab)
      yield* alice.sees(/\nbob, berta › berta: $/u)
    })
  )

  it.scopedLive("searches the history, and returns to the draft", () =>
    Effect.gen(function* () {
      const { alice, hears } = yield* aliceAndBob()
      yield* alice.types(`bob: Deploy one${enter}bob: hi${enter}bob: deploy two${enter}draft`)
      yield* hears(3)
      yield* alice.types(ctrl("r"))
      yield* alice.sees(/\nsearch: {2}› $/u)
      yield* alice.types("deplox")
      yield* alice.sees(/\nnot found: deplox › $/u)
      yield* alice.types("\x7fy")
      yield* alice.sees(/\nsearch: deploy › bob: deploy two$/u)
      yield* alice.types(ctrl("r"))
      yield* alice.sees(/\nsearch: deploy › bob: Deploy one$/u)
      yield* alice.types(ctrl("r"))
      yield* alice.types(ctrl("g"))
      yield* alice.sees(/\nbob › draft$/u)
      yield* alice.types(`${ctrl("r")}hi${enter}`)
      yield* alice.sees(/\nbob › bob: hi$/u)
      yield* alice.types(`${ctrl("e")} again${enter}`)
      assert.deepStrictEqual(yield* hears(1), ["from alice: hi again"])
      yield* alice.types(`${ctrl("r")}one${ctrl("e")}!${enter}`)
      assert.deepStrictEqual(yield* hears(1), ["from alice: Deploy one!"])
    })
  )

  it.scopedLive("clears the line on Ctrl-C, and leaves on the next", () =>
    Effect.gen(function* () {
      const { alice, hears } = yield* aliceAndBob()
      yield* alice.types(`bob: half a line${ctrl("c")}`)
      yield* alice.sees(/\n› $/u)
      yield* alice.types(`${ctrl("y")}, whole${enter}`)
      assert.deepStrictEqual(yield* hears(1), ["from alice: half a line, whole"])
      yield* alice.types(`bob: ${paste("one\ntwo")}`)
      yield* alice.sees("y/n: send 2 lines to bob?")
      yield* alice.types(ctrl("c") + ctrl("c"))
      assert.deepStrictEqual(yield* alice.ended, { _tag: "Left" })
    })
  )

  it.scopedLive("shows an action, sends it as it is, and explains the commands of other chats", () =>
    Effect.gen(function* () {
      const { alice, bob, hears } = yield* aliceAndBob()
      yield* alice.types(`bob: /me waves${enter}/me smiles${enter}`)
      assert.deepStrictEqual(yield* hears(2), ["from alice: /me waves", "from alice: /me smiles"])
      yield* alice.sees(/✓✓ bob ‹ \* alice waves\n.*✓✓ bob ‹ \* alice smiles/u)
      yield* bob.send(["alice"], "/me waves back")
      yield* alice.sees("* bob waves back")
      yield* bob.send(["alice"], "/mention me")
      yield* alice.sees("bob › /mention me")
      yield* alice.types(`/msg carol hi${enter}/nick alicia${enter}`)
      yield* alice.sees(
        /✗ there is no \/msg; write `carol: hi`\n.*✗ there is no \/nick; the name is chosen at the login/u
      )
    })
  )

  it.scopedLive("executes commands", () =>
    Effect.gen(function* () {
      const { alice, bob, socket } = yield* aliceAndBob()
      const does = (line: string, seen: string | RegExp) => Effect.zipRight(alice.types(line + enter), alice.sees(seen))
      yield* does("/who", "· 2 here: alice, bob")
      yield* does("/help", "/ignore [NAME]  hides what NAME sends")
      yield* does("/nothing", "✗ unknown command /nothing; /help lists the commands")
      yield* does("hi", "✗ no recipient yet")
      yield* does("/bell off", "· bell off")
      yield* bob.send(["alice"], "silent")
      yield* alice.sees("bob › silent")
      yield* alice.settled
      assert.strictEqual(alice.bells(), 0)
      yield* does("/bell on", "· bell on")
      yield* bob.send(["alice"], "loud")
      yield* alice.sees("bob › loud")
      assert.strictEqual(alice.bells(), 1)
      yield* does("/joins off", "· joins off")
      yield* does("/time off", "\n· time off")
      yield* does("/ignore", "· no one is ignored")
      yield* does("/ignore dave, erin", /· dave is ignored; .*\n· erin is ignored; /u)
      yield* does("/ignore", "· ignored: dave, erin")
      yield* does("/ignore dave,erin", /· dave is no longer ignored\n· erin is no longer ignored/u)
      yield* does("/ignore bob", "· bob is ignored; /ignore bob undoes it")
      yield* bob.deliver(["alice"], "unheard")
      const carol = yield* Client.connect({ socket, login: "carol" })
      yield* carol.send(["alice"], "behind it")
      yield* alice.sees("carol › behind it")
      assert.notInclude(alice.lines().join("\n"), "carol joined")
      yield* does("/ignore", "· ignored: bob")
      yield* does("/ignore bob", "· bob is no longer ignored")
      yield* bob.send(["alice"], "heard")
      yield* alice.sees("bob › heard")
      assert.notInclude(alice.lines().join("\n"), "unheard")
      yield* alice.types(`/quit${enter}`)
      assert.deepStrictEqual(yield* alice.ended, { _tag: "Left" })
    })
  )

  it.scopedLive("escapes everything that could control the terminal, from any sender", () =>
    Effect.gen(function* () {
      const hostile = "\x1b[2J\x1b]52;c;eA==\x07\x1b]8;;http://x\x07\x9b31m\r\b\u202e\u2066\u200bend"
      const address = yield* FakeServer.make((socket) => {
        socket.setEncoding("utf8").on("data", (text: string) => {
          const token = /: (hello\? \S+)/u.exec(text)?.[1]
          if (token === undefined) return
          socket.write("* hello achat=1 name=alice max-line=65536 max-recipients=1000: hi\n")
          socket.write(`from alice: ${token}\n`)
          const names = [`from ${hostile}: ${hostile}`, `! undelivered ${hostile}: ${hostile}`, `* ${hostile}`, hostile]
          const notices = [
            `* joined ${hostile}: x`,
            `* closing grace=${hostile}: ${hostile}`,
            `* who @who 1: ${hostile}`
          ]
          socket.write(`${[...names, ...notices].join("\n")}\nfrom bob: e${"\u0301".repeat(5_000)} done\n`)
        })
      })
      const alice = yield* openTerminal(Tcp.connect(address), {
        display: { ...display, colours: "many" },
        columns: 40
      })
      yield* alice.sees(" done")
      yield* alice.types(`${paste(hostile.replace("\r", ""))}typed`)
      yield* alice.sees(/typed$/u)
      assert.deepStrictEqual(foreign(alice.written()), [])
      assert.include(
        unwrapped(alice.lines(), ""),
        String.raw`\x1b[2J\x1b]52;c;eA==\x07\x1b]8;;http://x\x07\x9b31m\x0d\x08\u{202e}`
      )
    })
  )

  it.scopedLive("has a prompt and marks in ASCII if the locale is not UTF-8", () =>
    Effect.gen(function* () {
      const { alice, bob } = yield* aliceAndBob({ display: { ...display, unicode: false } })
      yield* alice.types(`bob, carol: hi${enter}bob: grüße${enter}`)
      yield* alice.sees("x bob, carol < hi -- carol offline")
      yield* alice.sees(String.raw`ok bob < gr\u{fc}\u{df}e`)
      yield* bob.send(["alice"], "日")
      yield* alice.sees(String.raw`bob > \u{65e5}`)
      assert.notMatch(alice.written(), /\P{ASCII}/u)
    })
  )

  it.scopedLive("chats with an original server, and says that outcomes are unknown", () =>
    Effect.gen(function* () {
      const original = Tcp.connect(yield* FakeServer.original)
      const alice = yield* openTerminal(original)
      yield* alice.sees("this server does not report outcomes of messages")
      const bob = yield* openTerminal(original, { login: "bob" })
      yield* bob.sees("this server")
      yield* alice.types(`bob: one${enter}two${enter}`)
      yield* bob.sees(/alice › one\n\s+alice › two/u)
      yield* alice.sees(/· bob ‹ one\n.*· bob ‹ two\n/u)
      yield* alice.types(`/who${enter}`)
      yield* alice.sees("✗ this server does not report who is connected")
      yield* alice.types(ctrl("c"))
      assert.deepStrictEqual(yield* alice.ended, { _tag: "Left" })
    })
  )

  it.scopedLive("can be resized while others talk", () =>
    Effect.gen(function* () {
      const { alice, bob } = yield* aliceAndBob()
      yield* alice.types("half a line that is typed")
      for (const [index, columns] of [40, 100, 30, 80].entries()) {
        yield* bob.send(["alice"], `message ${index}, which is long enough to be broken in a narrow terminal`)
        yield* alice.sees(`message ${index}`)
        alice.resize(columns, 12)
        yield* alice.sees(columns === 30 ? /› .* typed$/u : /› half a line that is typed$/u)
      }
      assert.deepStrictEqual(
        unwrapped(alice.lines())
          .split("\n")
          .flatMap((line) => /message \d, .* terminal$/u.exec(line)?.[0].slice(8, 9) ?? []),
        ["0", "1", "2", "3"]
      )
    })
  )
})
