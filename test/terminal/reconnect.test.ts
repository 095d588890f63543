import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import type * as Net from "node:net"
import * as Client from "../../src/client/Client.js"
import { TransportError } from "../../src/ports/Transport.js"
import * as Tcp from "../../src/transport/Tcp.js"
import * as FakeServer from "../support/FakeServer.js"
import { chat, ctrl, enter, openTerminal } from "../support/MemoryTerminal.js"

const acceptAll = (): string | undefined => undefined

/** A server that says hello, takes messages, and tells what becomes of them only when it is told to. */
const secretive = Effect.gen(function* () {
  const taken: Array<string> = []
  const sockets: Array<Net.Socket> = []
  const looking = new Set<() => void>()
  let login = acceptAll
  const address = yield* FakeServer.make((socket) => {
    sockets.push(socket)
    socket.on("end", () => socket.end())
    socket.setEncoding("utf8").on("data", (text: string) => {
      for (const line of text.split("\n").slice(0, -1)) {
        const refusal = line === "alice" ? login() : undefined
        if (refusal !== undefined) {
          socket.end(`${refusal}\n`)
          return
        }
        if (line === "/hello") socket.write("* hello achat=1 name=alice max-line=65536 max-recipients=1000: hi\n")
        const token = /^alice: (hello\? \S+)/u.exec(line)?.[1]
        if (token !== undefined) socket.write(`from alice: ${token}\n`)
        if (line.startsWith("@") && !line.endsWith("/who")) taken.push(line)
      }
      for (const look of looking) look()
    })
  })
  const takes = (count: number) =>
    Effect.async<ReadonlyArray<string>>((resume) => {
      const look = () => {
        if (taken.length < count) return
        looking.delete(look)
        resume(Effect.succeed([...taken]))
      }
      looking.add(look)
      look()
    })
  const last = () => sockets[sockets.length - 1]
  return {
    socket: Tcp.connect(address),
    takes,
    /** To the client that connected last. */
    says: (line: string) => Effect.sync(() => last()?.write(`${line}\n`)),
    breaks: Effect.sync(() => last()?.resetAndDestroy()),
    connections: () => sockets.length,
    /** How the next logins are answered. */
    answers: (refusal: () => string | undefined) => Effect.sync(() => (login = refusal))
  }
})

const withoutLabels = (lines: ReadonlyArray<string>) => lines.map((line) => line.replace(/^@\S+ /u, ""))

describe("TerminalClient, when the server goes away", () => {
  it.scopedLive("says so, keeps what is typed, and sends it in order when the server is back", () =>
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

  it.scopedLive("asks what to do with lines whose fate is unknown, and sends them again", () =>
    Effect.gen(function* () {
      const server = yield* secretive
      const alice = yield* openTerminal(server.socket)
      yield* alice.sees("as alice")
      yield* alice.types(`bob, carol: one${enter}two${enter}`)
      yield* server.takes(2)
      yield* alice.sees("… bob, carol ‹ two")
      yield* server.says("* written @1 bob: written")
      yield* server.breaks
      yield* alice.sees("✓ bob ‹ one")
      yield* alice.sees("Ctrl-R resends, Ctrl-X drops 2 lines that may or may not have arrived\nbob, carol › ")
      yield* alice.sees("? carol ‹ one")
      yield* alice.sees("? bob, carol ‹ two")
      yield* alice.sees("connected to memory again")
      yield* alice.types("half")
      yield* alice.types(ctrl("r"))
      assert.deepStrictEqual(withoutLabels(yield* server.takes(4)).slice(2), ["carol: one", "bob, carol: two"])
      yield* alice.sees(/… bob, carol ‹ two\nbob, carol › half$/u)
    })
  )

  it.scopedLive("drops them on Ctrl-X, and says which", () =>
    Effect.gen(function* () {
      const server = yield* secretive
      const alice = yield* openTerminal(server.socket)
      yield* alice.sees("as alice")
      yield* alice.types(`bob: one${enter}`)
      yield* server.takes(1)
      yield* server.breaks
      yield* alice.sees("1 line that may or may not have arrived")
      yield* alice.sees("connected to memory again")
      yield* alice.types(ctrl("x"))
      yield* alice.sees(/\? bob ‹ one — may or may not have arrived\nbob › $/u)
      yield* alice.types(`next${enter}`)
      assert.deepStrictEqual(withoutLabels(yield* server.takes(2)), ["bob: one", "bob: next"])
    })
  )

  it.scopedLive("keeps a line that a server refused because it shuts down", () =>
    Effect.gen(function* () {
      const server = yield* secretive
      const alice = yield* openTerminal(server.socket)
      yield* alice.sees("as alice")
      yield* alice.types(`bob: one${enter}`)
      yield* server.takes(1)
      yield* server.says("! closing @1: the server is shutting down; this line was not taken")
      yield* server.breaks
      yield* alice.sees("connected to memory again")
      assert.deepStrictEqual(withoutLabels(yield* server.takes(2)), ["bob: one", "bob: one"])
    })
  )

  it.scopedLive("keeps what was not sent to an original server, too", () =>
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
      yield* alice.sees(/· bob ‹ one\n\s+· bob ‹ two\n\s+· bob ‹ three\n/u)
      yield* alice.sees("bob › all")
      assert.include(heard.join(""), "bob: one\nbob: two\nbob: three\n")
    })
  )

  it.scopedLive("tries again while its old login is still there, and ends when it is refused for good", () =>
    Effect.gen(function* () {
      const server = yield* secretive
      const alice = yield* openTerminal(server.socket)
      yield* alice.sees("as alice")
      const refusals = ["! login-in-use alice fatal: still here", "! full retry=10 fatal: too many", undefined]
      yield* server.answers(() => refusals.shift())
      yield* server.breaks
      yield* alice.sees("connected to memory again")
      assert.strictEqual(server.connections(), 4)
      yield* server.answers(() => "! bad-login fatal: not any more")
      yield* alice.types(`bob: unsent${ctrl("a")}`)
      yield* server.breaks
      assert.deepStrictEqual(yield* alice.ended, { _tag: "Refused" })
      yield* alice.sees("✗ bad-login: not any more")
    })
  )

  it.scopedLive("ends with a login that is refused at first, and with a server that is not there", () =>
    Effect.gen(function* () {
      const { serve, socket } = yield* chat
      const absent = yield* Effect.flip((yield* openTerminal(socket)).ended)
      assert.strictEqual(absent._tag, "TransportError")
      yield* serve()
      yield* Client.connect({ socket, login: "alice" })
      const alice = yield* openTerminal(socket)
      assert.deepStrictEqual(yield* alice.ended, { _tag: "Refused" })
      yield* alice.sees("✗ login-in-use: that name, or one that looks the same, is present")
      assert.deepStrictEqual(alice.rawModes, [true, false])
    })
  )
})

describe("TerminalClient, on leaving", () => {
  it.scopedLive("tells what was not sent, and what may have arrived", () =>
    Effect.gen(function* () {
      const server = yield* secretive
      const alice = yield* openTerminal(server.socket)
      yield* alice.sees("as alice")
      yield* alice.types(`bob: one${enter}`)
      yield* server.takes(1)
      yield* server.answers(() => "! login-in-use alice fatal: still here")
      yield* server.breaks
      yield* alice.sees("trying again; your lines are kept")
      yield* alice.types(`two${enter}${ctrl("c")}`)
      assert.deepStrictEqual(yield* alice.ended, { _tag: "Left" })
      yield* alice.sees(/\? bob ‹ one — may or may not have arrived\n\s+… bob ‹ two — was not sent$/u)
    })
  )

  it.scopedLive("waits for outcomes, which come", () =>
    Effect.gen(function* () {
      const server = yield* secretive
      const alice = yield* openTerminal(server.socket)
      yield* alice.sees("as alice")
      yield* alice.types(`bob: one${enter}${ctrl("d")}`)
      yield* alice.sees("waiting for outcomes: 1")
      yield* server.takes(1)
      yield* server.says("! undelivered @1 bob reason=offline: nobody of that name is here")
      assert.deepStrictEqual(yield* alice.ended, { _tag: "Left" })
      yield* alice.sees(/✗ bob ‹ one — offline$/u)
    })
  )

  it.scopedLive("does not wait for one who presses Ctrl-C again", () =>
    Effect.gen(function* () {
      const server = yield* secretive
      const alice = yield* openTerminal(server.socket)
      yield* alice.sees("as alice")
      yield* alice.types(`bob: one${enter}`)
      yield* server.takes(1)
      yield* alice.types(ctrl("c"))
      yield* alice.sees("waiting for outcomes: 1")
      yield* alice.types(ctrl("c"))
      assert.deepStrictEqual(yield* alice.ended, { _tag: "Left" })
      yield* alice.sees(/\? bob ‹ one — may or may not have arrived$/u)
    })
  )

  it.scopedLive("leaves at the login prompt without connecting", () =>
    Effect.gen(function* () {
      const alice = yield* openTerminal(Effect.die("connected"), { login: undefined })
      yield* alice.sees("login: ")
      yield* alice.types(`${"nobody"}${ctrl("u")}${ctrl("d")}`)
      assert.deepStrictEqual(yield* alice.ended, { _tag: "Left" })
    })
  )

  it.scopedLive("leaves when the terminal is gone", () =>
    Effect.gen(function* () {
      const { serve, socket } = yield* chat
      yield* serve()
      const alice = yield* openTerminal(socket)
      yield* alice.sees("as alice")
      alice.input.end()
      assert.deepStrictEqual(yield* alice.ended, { _tag: "Left" })
    })
  )
})

describe("TerminalClient, with time", () => {
  it.scoped("tells who came and went in one line, and the time when the minute changes", () =>
    Effect.gen(function* () {
      const { serve, socket } = yield* chat
      yield* serve()
      const alice = yield* openTerminal(socket)
      yield* alice.sees(/\d\d:00 · connected/u)
      const bob = yield* Client.connect({ socket, login: "bob" })
      yield* Client.connect({ socket, login: "carol" })
      yield* Effect.scoped(Client.connect({ socket, login: "dave" }))
      yield* bob.send(["bob"], "barrier")
      yield* Stream.runHead(bob.lines)
      yield* TestClock.adjust("2 seconds")
      yield* alice.sees("· bob, carol joined; dave came and went")
      yield* TestClock.adjust("58 seconds")
      yield* bob.send(["alice"], "a minute later")
      yield* alice.sees(/\d\d:01 bob › a minute later/u)
      yield* bob.send(["alice"], "at once")
      yield* alice.sees("\n      bob › at once")
    })
  )

  it.scoped("tells who came before what they say", () =>
    Effect.gen(function* () {
      const { serve, socket } = yield* chat
      yield* serve()
      const alice = yield* openTerminal(socket)
      yield* alice.sees("connected")
      const bob = yield* Client.connect({ socket, login: "bob" })
      yield* bob.send(["alice"], "hi")
      yield* alice.sees(/· bob joined\n\s+bob › hi\n/u)
    })
  )

  it.scoped("tries again after a second, then less and less often, and twice a minute in the end", () =>
    Effect.gen(function* () {
      const { person, reset, serve } = yield* chat
      yield* serve()
      let attempts = -1
      const away = new TransportError({ during: "Connect", reason: "nobody listens there" })
      const socket = Effect.suspend(() => {
        attempts += 1
        return attempts === 0 ? person : Effect.fail(away)
      })
      const alice = yield* openTerminal(socket, { backoff: undefined })
      yield* alice.sees("as alice")
      yield* reset
      yield* alice.sees("trying again; your lines are kept")
      const at = (time: `${number} seconds`) => Effect.map(TestClock.adjust(time), () => attempts)
      assert.strictEqual(yield* at("0.4 seconds"), 0)
      assert.strictEqual(yield* at("0.6 seconds"), 1)
      const inFiveMinutes = yield* at("300 seconds")
      assert.isAtLeast(inFiveMinutes, 12)
      assert.isAtMost(inFiveMinutes, 26)
      const before = attempts
      yield* TestClock.adjust("31 seconds")
      assert.isAtLeast(attempts, before + 1)
      assert.isAtMost(attempts, before + 3)
    })
  )

  it.scoped("comes back at the time that the server told when it shut down", () =>
    Effect.gen(function* () {
      const server = yield* secretive
      const alice = yield* openTerminal(server.socket, { backoff: undefined })
      yield* alice.sees("as alice")
      yield* server.says("* closing grace=1000 return=7000: the server is shutting down; come back then")
      yield* alice.sees("the server shuts down, in 1 s at most")
      yield* server.breaks
      yield* alice.sees("trying again; your lines are kept")
      yield* TestClock.adjust("6.9 seconds")
      assert.strictEqual(server.connections(), 1)
      yield* TestClock.adjust("0.1 seconds")
      yield* alice.sees("connected to memory again")
      yield* server.breaks
      yield* alice.sees("trying again; your lines are kept")
      yield* TestClock.adjust("1 seconds")
      yield* alice.sees("connected to memory again")
    })
  )

  it.scoped("takes a server that is silent for a minute for lost, and no other", () =>
    Effect.gen(function* () {
      const server = yield* secretive
      const alice = yield* openTerminal(server.socket)
      yield* alice.sees("as alice")
      yield* alice.types(`bob: one${enter}`)
      yield* server.takes(1)
      yield* TestClock.adjust("30 seconds")
      yield* server.takes(2)
      yield* server.says("* pong @alive: ")
      yield* server.says("from bob: behind the answer")
      yield* alice.sees("bob › behind the answer")
      yield* TestClock.adjust("60 seconds")
      assert.deepStrictEqual(withoutLabels(yield* server.takes(3)), ["bob: one", "/ping", "/ping"])
      assert.notInclude(alice.lines().join("\n"), "pong")
      yield* TestClock.adjust("32 seconds")
      yield* alice.sees("✗ the server no longer answers")
      yield* alice.sees("1 line that may or may not have arrived")
      yield* TestClock.adjust("2 seconds")
      yield* alice.sees("connected to memory again")
    })
  )

  it.scoped("gives up on a server that does not answer the first login", () =>
    Effect.gen(function* () {
      const connected = yield* Deferred.make<void>()
      const address = yield* FakeServer.make((socket) => {
        socket.on("end", () => socket.end())
        socket.once("data", () => Deferred.unsafeDone(connected, Exit.void))
      })
      const alice = yield* openTerminal(Tcp.connect(address))
      yield* alice.sees("connecting to memory\n› ")
      yield* Deferred.await(connected)
      yield* TestClock.adjust("10 seconds")
      const error = yield* Effect.flip(alice.ended)
      assert.match(error.message, /^memory does not answer; an original a-chat server does not/u)
    })
  )
})
