import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Net from "node:net"
import * as Client from "../../src/client/Client.js"
import * as Tcp from "../../src/transport/Tcp.js"
import * as FakeServer from "../support/FakeServer.js"
import { chat, ctrl, enter, openTerminal } from "../support/MemoryTerminal.js"
import { scriptedChat, scriptedChatWithLine, withoutLabels } from "../support/ScriptedChat.js"

describe("TerminalClient, when the server goes away", () => {
  it.scopedLive("reports it, keeps what is typed, and sends it in order after reconnecting", () =>
    Effect.gen(function* () {
      const { person, serve, socket } = yield* chat
      const first = yield* Scope.make()
      const { drain } = yield* Scope.extend(serve(), first)
      // Only one server listens at a time.
      const stop = Logger.withMinimumLogLevel(Effect.zipRight(drain, Scope.close(first, Exit.void)), LogLevel.None)
      const alice = yield* openTerminal(person)
      yield* alice.sees("as alice")
      yield* alice.types("bob: half")
      yield* stop
      yield* alice.sees(/the server shuts down, in \d+ s at most/u)
      yield* alice.sees("✗ the server closed the connection")
      yield* alice.sees(/trying again; your lines are kept[^\n]*\n› bob: half$/u)
      yield* alice.types(` a line${enter}two${enter}three${enter}and ha`)
      yield* alice.sees("… bob ‹ three — not sent yet")
      yield* alice.types(`lf${ctrl("a")}`)

      yield* serve()
      const bob = yield* Client.connect({ socket, login: "bob" })
      yield* alice.sees("connected to memory again")
      yield* alice.sees(/(✓|✗ bob) ‹ three|bob ‹ three/u)
      yield* alice.types(enter)
      const heard = [...(yield* Stream.runCollect(Stream.takeUntil(bob.lines, (line) => line.endsWith("and half"))))]
      // What was sent before bob was back came back as offline; the rest arrived in order.
      const expected = ["half a line", "two", "three", "and half"].map((text) => `from alice: ${text}`)
      assert.deepStrictEqual(heard, expected.slice(-heard.length))
      yield* alice.sees("✓ bob ‹ and half")
      yield* alice.types(ctrl("d"))
      assert.deepStrictEqual(yield* alice.ended, { _tag: "Left" })
    })
  )

  it.scopedLive("asks about lines with an unknown outcome, and sends them again", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* scriptedChat()
      yield* alice.types(`bob, carol: one${enter}two${enter}`)
      yield* server.takes(2)
      yield* alice.sees("… bob, carol ‹ two")
      yield* server.says("* written @1 bob: written")
      yield* server.breaks
      yield* alice.sees("✓ bob ‹ one")
      yield* alice.sees("Ctrl-T resends, Ctrl-X drops 2 lines that may or may not have arrived\nbob, carol › ")
      yield* alice.sees("? carol ‹ one")
      yield* alice.sees("? bob, carol ‹ two")
      yield* alice.sees("connected to memory again")
      yield* alice.types("half")
      yield* alice.types(ctrl("t"))
      assert.deepStrictEqual(withoutLabels(yield* server.takes(4)).slice(2), ["carol: one", "bob, carol: two"])
      yield* alice.sees(/… bob, carol ‹ two\nbob, carol › half$/u)
    })
  )

  it.scopedLive("drops them on Ctrl-X, and shows which", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* scriptedChatWithLine
      yield* server.breaks
      yield* alice.sees("1 line that may or may not have arrived")
      yield* alice.sees("connected to memory again")
      yield* alice.types(ctrl("x"))
      yield* alice.sees(/\? bob ‹ one — may or may not have arrived\nbob › $/u)
      yield* alice.types(`next${enter}`)
      assert.deepStrictEqual(withoutLabels(yield* server.takes(2)), ["bob: one", "bob: next"])
    })
  )

  it.scopedLive("keeps a line that the server refused because it shuts down", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* scriptedChatWithLine
      yield* server.says("! closing @1: the server is shutting down; this line was not accepted")
      yield* server.breaks
      yield* alice.sees("connected to memory again")
      assert.deepStrictEqual(withoutLabels(yield* server.takes(2)), ["bob: one", "bob: one"])
    })
  )

  it.scopedLive("sends nothing more to a server that has refused a line because it shuts down", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* scriptedChatWithLine
      yield* server.says("! closing @1: the server is shutting down; this line was not accepted")
      yield* server.says("from carol: bye")
      yield* alice.sees("carol › bye")
      yield* alice.types(`two${enter}/who${enter}`)
      yield* server.says("from carol: really")
      yield* alice.sees("carol › really")
      assert.deepStrictEqual(withoutLabels(yield* server.takes(1)), ["bob: one"])
      yield* server.breaks
      yield* alice.sees("connected to memory again")
      assert.deepStrictEqual(withoutLabels(yield* server.takes(3)), ["bob: one", "bob: one", "bob: two"])
      assert.notInclude(alice.lines().join("\n"), "may or may not have arrived")
    })
  )

  it.scopedLive("sends nothing during a pause that the server asks for, also if lines wait for others under way", () =>
    Effect.gen(function* () {
      const maxUnderWay = 256
      const { alice, server } = yield* scriptedChat()
      const lines = Array.from({ length: maxUnderWay + 1 }, (_, index) => `bob: ${index + 1}`)
      yield* alice.types(lines.map((line) => line + enter).join(""))
      assert.deepStrictEqual(withoutLabels(yield* server.takes(maxUnderWay)), lines.slice(0, maxUnderWay))
      yield* server.says("! slow-down @1 retry=3600000: too fast")
      yield* server.says("* written @2 bob: written")
      yield* alice.sees("✓ bob ‹ 2")
      yield* alice.types(ctrl("d"))
      yield* alice.types(ctrl("c"))
      yield* alice.ended
      assert.lengthOf(yield* server.takes(maxUnderWay), maxUnderWay)
    })
  )

  it.scopedLive("keeps what was not sent to an original server as well", () =>
    Effect.gen(function* () {
      const sockets: Array<Net.Socket> = []
      const heard: Array<string> = []
      const address = yield* FakeServer.make((socket) => {
        sockets.push(socket)
        socket.on("end", () => socket.end())
        socket.setEncoding("utf8").on("data", (text: string) => {
          heard.push(text)
          const token = /^alice: (hello\? \S+)/mu.exec(text)?.[1]
          if (token !== undefined) socket.write(`from alice: ${token}\n`)
          if (text.includes("bob: three")) socket.write("from bob: all\n")
        })
      })
      const retries = yield* Deferred.make<void>()
      let attempts = 0
      const socket = Effect.suspend(() => (attempts++ === 0 ? Effect.void : Deferred.await(retries)))
      const alice = yield* openTerminal(Effect.zipRight(socket, Tcp.connect(address)))
      yield* alice.sees("this server does not report")
      sockets[0]?.resetAndDestroy()
      yield* alice.sees("trying again; your lines are kept")
      yield* alice.types(`bob: one${enter}two${enter}three${enter}`)
      yield* alice.sees("… bob ‹ three — not sent yet")
      yield* Deferred.succeed(retries, undefined)
      yield* alice.sees(/· bob ‹ one\n.*· bob ‹ two\n.*· bob ‹ three\n/u)
      yield* alice.sees("bob › all")
      assert.include(heard.join(""), "bob: one\nbob: two\nbob: three\n")
    })
  )

  it.scopedLive("retries while its old login is still present, and asks for another when it is refused for good", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* scriptedChat()
      const refusals = ["! login-in-use alice fatal: still here", "! full retry=10 fatal: too many", undefined]
      yield* server.answers(() => refusals.shift())
      yield* server.breaks
      yield* alice.sees("connected to memory again")
      assert.strictEqual(server.connections(), 4)
      yield* server.answers(() => "! bad-login fatal: not any more")
      yield* alice.types(`bob: unsent${ctrl("a")}`)
      yield* server.breaks
      yield* alice.sees(/✗ bad-login: not any more\nlogin: $/u)
      yield* server.answers(() => undefined)
      yield* alice.types(`alice${enter}`)
      yield* alice.sees("connected to memory again")
      yield* server.answers(() => "! bad-login fatal: not any more")
      yield* server.breaks
      yield* alice.sees(/(?:not any more[^]*){2}\nlogin: $/u)
      yield* alice.types(ctrl("d"))
      assert.deepStrictEqual(yield* alice.ended, { _tag: "Refused" })
    })
  )

  it.scopedLive("shows the lines that wait while it asks for another login, and then sends them", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* scriptedChat()
      const refusals = ["! full retry=60000 fatal: too many", "! bad-login fatal: not any more"]
      yield* server.answers(() => refusals.shift())
      yield* server.breaks
      yield* alice.sees(/next try in \d+ s; Enter tries now\nfull: too many\n/u)
      yield* alice.types(`bob: waits${enter}`)
      yield* alice.sees("… bob ‹ waits — not sent yet")
      yield* alice.types(enter)
      yield* alice.sees(/✗ bad-login: not any more\n[^\n]*… bob ‹ waits — not sent yet\nlogin: $/u)
      yield* alice.types(`alice${enter}`)
      assert.deepStrictEqual(withoutLabels(yield* server.takes(1)), ["bob: waits"])
    })
  )

  it.scopedLive("asks for another login if the first is refused, and ends if there is no server", () =>
    Effect.gen(function* () {
      const { serve, socket } = yield* chat
      const absent = yield* Effect.flip((yield* openTerminal(socket)).ended)
      assert.strictEqual(absent._tag, "TransportError")
      yield* serve()
      yield* Client.connect({ socket, login: "alice" })
      const alice = yield* openTerminal(socket)
      yield* alice.sees(/✗ login-in-use: that name, or one that looks the same, is in use\nlogin: $/u)
      yield* alice.types(`alice${enter}`)
      yield* alice.sees(/(?:✗ login-in-use: [^\n]*\n\s*){2}login: $/u)
      yield* alice.types(`carol${enter}`)
      yield* alice.sees(/connected to memory as carol; see \/help\n\s*· 2 here: alice, carol\n› $/u)
      yield* alice.types(ctrl("d"))
      assert.deepStrictEqual(yield* alice.ended, { _tag: "Left" })
      assert.deepStrictEqual(alice.rawModes, [true, false])
    })
  )
})
