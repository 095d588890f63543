import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Client from "../../src/client/Client.js"
import { TransportError } from "../../src/ports/Transport.js"
import * as Tcp from "../../src/transport/Tcp.js"
import * as FakeServer from "../support/FakeServer.js"
import { chat, ctrl, enter, openTerminal } from "../support/MemoryTerminal.js"
import { scriptedServer } from "../support/ScriptedServer.js"
import { scriptedChat, scriptedChatWithLine, withoutLabels } from "../support/ScriptedChat.js"

describe("TerminalClient, over time", () => {
  it.scoped("shows who joined and left in one line, and the time when the minute changes", () =>
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
      yield* TestClock.adjust("1 seconds") // the server collects notices
      yield* alice.types(`/who${enter}`)
      yield* alice.sees("3 here: ")
      assert.notInclude(alice.lines().join("\n"), "joined")
      yield* TestClock.adjust("4 seconds")
      yield* alice.sees("· bob, carol joined\n")
      assert.notInclude(alice.lines().join("\n"), "dave")
      yield* TestClock.adjust("55 seconds")
      yield* bob.send(["alice"], "a minute later")
      yield* alice.sees(/\d\d:01 bob › a minute later/u)
      yield* bob.send(["alice"], "at once")
      yield* alice.sees("\n      bob › at once")
    })
  )

  it.scoped("does not announce a client that comes, writes and goes, as a script does", () =>
    Effect.gen(function* () {
      const { serve, socket } = yield* chat
      yield* serve()
      const alice = yield* openTerminal(socket)
      yield* alice.sees("connected")
      const send = Effect.flatMap(Client.connect({ socket, login: "script" }), (client) =>
        client.deliver(["alice"], "hi")
      )
      yield* Effect.scoped(send)
      yield* alice.sees("script › hi\n")
      const bob = yield* Client.connect({ socket, login: "bob" })
      yield* TestClock.adjust("1 seconds")
      yield* bob.send(["alice"], "hello")
      yield* alice.sees("bob › hello\n")
      yield* TestClock.adjust("10 seconds")
      yield* bob.end
      yield* TestClock.adjust("1 seconds")
      yield* TestClock.adjust("10 seconds")
      yield* alice.sees("· bob left\n")
      assert.notMatch(alice.lines().join("\n"), /joined|script left/u)
    })
  )

  it.scoped("retries after a second, then less and less often, and finally twice a minute", () =>
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

  it.scoped("counts down to the next attempt, and makes it at once on Enter", () =>
    Effect.gen(function* () {
      const server = yield* scriptedServer
      const reason = "cannot connect to memory: no server is listening there, or a firewall rejects the connection"
      const refused = new TransportError({ during: "Connect", reason })
      let isThere = true
      const socket = Effect.suspend(() => (isThere ? server.socket : Effect.fail(refused)))
      const alice = yield* openTerminal(socket, { backoff: Schedule.spaced("20 seconds"), columns: 60 })
      yield* alice.sees("as alice")
      isThere = false
      yield* server.breaks
      yield* alice.sees(/\ntrying again; your lines are kept — next try in 20 s; Enter\ntries now\n› $/u)
      yield* TestClock.adjust("5 seconds")
      yield* alice.types("half")
      yield* alice.sees(/ — next try in 15 s; Enter\ntries now\n› half$/u)
      yield* alice.types(ctrl("c") + enter)
      yield* alice.sees(
        / — next try in 20 s; Enter\ntries now\ncannot connect to memory: [^]*rejects the connection\n› $/u
      )
      isThere = true
      yield* alice.types(enter)
      yield* alice.sees("connected to memory again")
    })
  )

  it.scoped("reconnects at the time that the server announced when it shut down", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* scriptedChat({ backoff: undefined })
      yield* server.says(
        "* closing grace=1000 return=7000: the server is shutting down; reconnect after the return time"
      )
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

  it.scoped("asks again who is present when that was refused as too fast, and shows no refusal", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* scriptedChat()
      yield* server.isAsked(1)
      yield* server.says("! slow-down @start retry=2000: another client of this address was too fast")
      yield* server.says("from bob: behind the refusal")
      yield* alice.sees("bob › behind the refusal")
      assert.notInclude(alice.lines().join("\n"), "slow-down")
      yield* TestClock.adjust("1.9 seconds")
      yield* alice.types(`/who${enter}`)
      assert.strictEqual(yield* server.isAsked(2), 2)
      yield* TestClock.adjust("0.1 seconds")
      assert.strictEqual(yield* server.isAsked(3), 3)
      yield* server.says("* who @start 2: alice, bob")
      yield* alice.sees("2 here")
    })
  )

  it.scoped("gives up a connection to a server that is silent for a minute, and no other", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* scriptedChatWithLine
      yield* TestClock.adjust("30 seconds")
      yield* server.takes(2)
      yield* server.says("* pong @alive: ")
      yield* server.says("from bob: behind the answer")
      yield* alice.sees("bob › behind the answer")
      yield* TestClock.adjust("60 seconds")
      assert.deepStrictEqual(withoutLabels(yield* server.takes(3)), ["bob: one", "/ping", "/ping"])
      assert.notInclude(alice.lines().join("\n"), "pong")
      yield* server.says("! slow-down @alive retry=1: another client of this address was too fast")
      yield* server.says("from bob: behind the refusal")
      yield* alice.sees("bob › behind the refusal")
      assert.notInclude(alice.lines().join("\n"), "slow-down")
      yield* TestClock.adjust("30 seconds")
      yield* TestClock.adjust("62 seconds")
      yield* alice.sees("✗ the server no longer responds")
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
      assert.match(error.message, /^memory does not reply; an original a-chat server does not/u)
    })
  )
})
