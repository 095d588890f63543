import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as BanSubject from "../../src/chat/BanSubject.js"
import type * as Server from "../../src/chat/Server.js"
import * as Client from "../../src/client/Client.js"
import * as ReconnectingClient from "../../src/client/ReconnectingClient.js"
import * as Tcp from "../../src/transport/Tcp.js"
import { eventually } from "../support/Eventually.js"
import * as FakeServer from "../support/FakeServer.js"
import { restartable, soon, tags, texts, until, withScript } from "../support/ReconnectingClients.js"

describe("ReconnectingClient", () => {
  it.scopedLive("receives messages over all connections, and acknowledges them", () =>
    Effect.gen(function* () {
      const { socket, start } = yield* restartable()
      const first = yield* start
      const bob = yield* ReconnectingClient.connect({ socket, login: "bob", ...soon })
      const said = Stream.filter(texts(bob), (text) => text !== "early")
      const got = yield* Effect.fork(Stream.runCollect(Stream.take(said, 4)))
      const send = (server: Server.ServerHandle, ...lines: ReadonlyArray<string>) =>
        Effect.scoped(
          Effect.gen(function* () {
            yield* Effect.repeat(server.names, {
              until: (names) => names.includes("bob"),
              schedule: Schedule.spaced(5)
            })
            const alice = yield* Client.connect({ socket, login: "alice" })
            // Until the client acknowledges.
            const early = Effect.zipRight(alice.deliver(["bob"], "early"), server.ledger)
            const { received } = yield* Effect.repeat(early, { until: ({ received }) => received > 0 })
            const fates = yield* Effect.forEach(lines, (line) => Effect.map(alice.deliver(["bob"], line), tags))
            assert.strictEqual((yield* server.ledger).received, received + lines.length)
            return fates
          })
        )
      assert.deepStrictEqual(yield* send(first, "1", "2"), [["Written"], ["Written"]])
      yield* first.stop
      const second = yield* start
      yield* until(bob, "Connected")
      yield* send(second, "3", "4")
      assert.deepStrictEqual([...(yield* Fiber.join(got))], ["1", "2", "3", "4"])
    })
  )

  it.scoped("waits for the delays of its schedule, or those that the server asks for", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* withScript({ backoff: Schedule.spaced("3 seconds") })
      const delayAfter = (lose: Effect.Effect<void>) =>
        Effect.gen(function* () {
          const waiting = yield* Effect.fork(until(alice, "Waiting"))
          yield* Effect.yieldNow()
          yield* lose
          const state = yield* Fiber.join(waiting)
          if (state._tag !== "Waiting") return assert.fail()
          yield* TestClock.adjust(Duration.subtract(state.delay, "1 millis"))
          const before = server.connections()
          yield* TestClock.adjust("1 millis")
          yield* until(alice, "Connected")
          assert.strictEqual(server.connections(), before + 1)
          return Duration.toMillis(state.delay)
        })
      assert.strictEqual(yield* delayAfter(server.breaks), 3000)
      const closing = Effect.zipRight(server.says("* closing grace=1 return=700: x"), server.breaks)
      assert.strictEqual(yield* delayAfter(Effect.delay(closing, 0)), 700)
      assert.strictEqual(yield* delayAfter(server.breaks), 3000)
    })
  )

  it.scopedLive("waits longer if a refusal says so, and ends when the server refuses it for good", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* withScript()
      yield* server.answers(() => "! full retry=300 fatal: x")
      const waiting = yield* Effect.fork(until(alice, "Waiting"))
      yield* Effect.yieldNow()
      yield* server.breaks
      const lost = yield* Fiber.join(waiting)
      assert.strictEqual(lost._tag === "Waiting" && lost.cause._tag, "TransportError")
      const refused = yield* alice.state.changes.pipe(
        Stream.filter((state) => state._tag === "Waiting" && state.cause._tag === "LoginRefused"),
        Stream.runHead
      )
      assert.deepInclude(Option.getOrThrow(refused), { delay: Duration.millis(300) })
      const waitingLine = yield* Effect.fork(Effect.flip(alice.deliver(["bob"], "hi")))
      yield* server.answers(() => "! bad-login fatal: you are not alice")
      const over = yield* until(alice, "Ended")
      assert.strictEqual(over._tag === "Ended" && over.cause?.message, "bad-login: you are not alice")
      assert.strictEqual((yield* Fiber.join(waitingLine))._tag, "LoginRefused")
      yield* alice.closed
      const error = yield* Effect.flip(alice.send(["bob"], "hi"))
      assert.strictEqual(error.message, "bad-login: you are not alice")
    })
  )

  it.scopedLive("goes to another server at once when its own goes, and loses nothing", () =>
    Effect.gen(function* () {
      const [a, b] = [yield* restartable({ returnAfter: Duration.minutes(1) }), yield* restartable()]
      const first = yield* a.start
      const bob = yield* ReconnectingClient.connect({ socket: a.socket, others: [b.socket], login: "bob" })
      yield* Effect.forkScoped(Stream.runDrain(bob.received))
      const second = yield* b.start
      yield* first.stop
      yield* until(bob, "Connected")
      yield* eventually(() => Effect.runSync(second.names).includes("bob"), "bob is not at the other server")
      assert.deepStrictEqual(tags(yield* bob.deliver(["bob"], "hi")), ["Written"])
    })
  )

  it.scopedLive("connects to the first server that is there and takes it", () =>
    Effect.gen(function* () {
      const [absent, full, good] = [
        yield* restartable(),
        yield* restartable({ maxConnections: 1 }),
        yield* restartable()
      ]
      yield* full.start
      yield* Client.connect({ socket: full.socket, login: "alice" })
      const server = yield* good.start
      const others = [full.socket, good.socket]
      yield* ReconnectingClient.connect({ socket: absent.socket, others, login: "bob" })
      assert.deepStrictEqual([...(yield* server.names)], ["bob"])
    })
  )

  it.scopedLive("does not come back after a ban", () =>
    Effect.gen(function* () {
      const { socket, start } = yield* restartable()
      const server = yield* start
      const alice = yield* ReconnectingClient.connect({ socket, login: "alice", ...soon })
      const lines = yield* Effect.fork(Effect.flip(Stream.runDrain(alice.lines)))
      yield* server.ban(Either.getOrThrow(BanSubject.parseName("alice")))
      assert.match((yield* Fiber.join(lines)).message, /^banned: /u)
      assert.strictEqual((yield* alice.state.get)._tag, "Ended")
    })
  )

  it.scopedLive("fails if the first attempt does", () =>
    Effect.gen(function* () {
      const { network, socket, start } = yield* restartable()
      const connect = (login: string) => Effect.flip(Effect.scoped(ReconnectingClient.connect({ socket, login })))
      assert.strictEqual((yield* connect("alice"))._tag, "TransportError")
      assert.strictEqual((yield* connect("/alice"))._tag, "Unsendable")
      yield* start
      yield* Client.connect({ socket: network.connect, login: "alice" })
      assert.strictEqual((yield* connect("alice"))._tag, "LoginRefused")
    })
  )

  it.scopedLive("reports a defect as one, and not as its end", () =>
    Effect.gen(function* () {
      const defective = yield* Effect.exit(
        ReconnectingClient.connect({ socket: Effect.dieMessage("oh"), login: "alice" })
      )
      assert.strictEqual(
        Exit.isFailure(defective) && Cause.pretty(defective.cause).split("\n")[0],
        "RuntimeException: oh"
      )
    })
  )

  it.scoped("gives up an attempt that takes too long, and a server that no longer responds", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* withScript({ heartbeat: "30 seconds" })
      const waiting = yield* Effect.fork(until(alice, "Waiting"))
      yield* TestClock.adjust("1 minute")
      const state = yield* Fiber.join(waiting)
      assert.strictEqual(state._tag === "Waiting" && state.cause.message, "the server no longer responds")
      yield* TestClock.adjust("20 millis")
      yield* until(alice, "Connected")
      assert.strictEqual(server.connections(), 2)
    })
  )

  it.scopedLive("keeps replies to its own questions from the program, however late they come", () =>
    Effect.gen(function* () {
      const flood = Array.from({ length: 1000 }, () => `from bob: ${"x".repeat(1000)}`)
      const address = yield* FakeServer.answering(
        FakeServer.greeting((line) => {
          if (line === "@achat-alive /ping") return ["* pong @achat-alive: x"]
          return line === "flood" ? flood : line === "last" ? ["from bob: last"] : []
        })
      )
      const alice = yield* ReconnectingClient.connect({
        socket: Tcp.connect(address),
        login: "alice",
        ack: false,
        heartbeat: "50 millis",
        ...soon
      })
      // The program takes nothing, so the client does not read the replies in time.
      yield* alice.sendLine("flood")
      yield* Effect.sleep("400 millis")
      yield* alice.sendLine("last")
      const lines = yield* Stream.runCollect(Stream.takeUntil(alice.lines, (line) => line === "from bob: last"))
      assert.deepStrictEqual(
        [...lines].filter((line) => !line.startsWith("from bob: ")),
        []
      )
      assert.lengthOf(lines, 1001)
    })
  )

  it.scopedLive("leaves when its program ends it, whether it is connected or not", () =>
    Effect.gen(function* () {
      const { socket, start } = yield* restartable()
      const server = yield* start
      const alice = yield* ReconnectingClient.connect({ socket, login: "alice", ...soon })
      const got = yield* Effect.fork(Stream.runCollect(texts(alice)))
      yield* alice.deliver(["alice"], "bye")
      yield* alice.end
      yield* alice.closed
      assert.deepStrictEqual([...(yield* Fiber.join(got))], ["bye"])
      assert.deepStrictEqual(yield* alice.state.get, { _tag: "Ended", cause: undefined })
      assert.strictEqual((yield* Effect.flip(alice.deliver(["alice"], "more")))._tag, "TransportError")
      const bob = yield* ReconnectingClient.connect({ socket, login: "bob", backoff: Schedule.spaced("1 hour") })
      yield* server.kick("bob").pipe(Effect.zipRight(Effect.void))
      yield* until(bob, "Ended")
      const carol = yield* ReconnectingClient.connect({ socket, login: "carol", backoff: Schedule.spaced("1 hour") })
      yield* server.stop
      yield* until(carol, "Waiting")
      yield* carol.end
      yield* carol.closed
    })
  )

  it.scopedLive("is a layer for programs that need it, or any client", () =>
    Effect.gen(function* () {
      const { socket, start } = yield* restartable()
      yield* start
      const program = Effect.gen(function* () {
        const any = yield* Client.Client
        const { state } = yield* ReconnectingClient.ReconnectingClient
        yield* Effect.forkScoped(Stream.runDrain(any.lines))
        return [tags(yield* any.deliver(["alice"], "hi")), (yield* state.get)._tag, any.remote]
      })
      const reconnecting = ReconnectingClient.layer({ socket, login: "alice" })
      assert.deepStrictEqual(yield* Effect.provide(program, reconnecting), [["Written"], "Connected", "memory"])
      const plain = Effect.flatMap(Client.Client, (client) => client.deliver(["bob"], "hi"))
      const layer = Layer.merge(Layer.empty, Client.layer({ socket, login: "bob" }))
      assert.deepStrictEqual(tags(yield* Effect.provide(plain, layer)), ["Written"])
    })
  )

  it.scopedLive("does not acknowledge a message before the program has processed it, on any connection", () =>
    Effect.gen(function* () {
      const { socket, start } = yield* restartable()
      const first = yield* start
      const bob = yield* ReconnectingClient.connect({ socket, login: "bob", ack: true, ...soon })
      const gate = yield* Effect.makeLatch()
      const seen: Array<string> = []
      yield* Effect.forkScoped(
        Stream.runForEach(texts(bob), (text) =>
          Effect.zipRight(
            Effect.sync(() => seen.push(text)),
            gate.await
          )
        )
      )
      for (const server of [first, undefined]) {
        const running = server ?? (yield* start)
        if (server === undefined) yield* until(bob, "Connected")
        const alice = yield* Client.greet({ socket, login: "alice" })
        yield* gate.close
        const sent = yield* Effect.fork(alice.deliver(["bob"], "hi"))
        yield* eventually(() => seen.length > 0, "the message did not come")
        yield* Effect.sleep("50 millis")
        assert.isNull(sent.unsafePoll())
        const { received } = yield* running.ledger
        yield* gate.open
        assert.deepStrictEqual(tags(yield* Fiber.join(sent)), ["Written"])
        assert.strictEqual((yield* running.ledger).received, received + 1)
        seen.pop()
        yield* alice.end
        yield* running.stop
      }
    })
  )
})
