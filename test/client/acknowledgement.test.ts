import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Client from "../../src/client/Client.js"
import * as CountingServer from "../support/CountingServer.js"
import * as FakeServer from "../support/FakeServer.js"
import * as Tcp from "../../src/transport/Tcp.js"

/** Long enough for an acknowledgement that should not come. */
const moment = Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 100)))

const messages = (count: number, start = 1) => Array.from({ length: count }, (_, at) => `from bob: ${start + at}`)

describe("Client", () => {
  it.scopedLive(
    "acknowledges nothing until the program runs the stream, and then each line that it has processed",
    () =>
      Effect.gen(function* () {
        const server = yield* CountingServer.make()
        const alice = yield* Client.connect({ socket: server.socket, login: "alice" })
        yield* server.says(...messages(3))
        yield* moment
        assert.notInclude(server.heard, "/hello ack")
        const seen: Array<string> = []
        const gate = yield* Deferred.make<void>()
        const running = yield* Effect.fork(
          Stream.runForEach(alice.lines, (line) =>
            Effect.sync(() => seen.push(line)).pipe(
              Effect.zipRight(line === "from bob: 6" ? Deferred.await(gate) : Effect.void)
            )
          )
        )
        yield* server.hears(/^\/hello ack$/u)
        yield* server.says("* joined carol: has joined", ...messages(4, 4))
        yield* server.acknowledges(2)
        yield* moment
        assert.strictEqual(server.acknowledged(), 2) // 4 and 5; 6 is being processed
        yield* Deferred.succeed(gate, undefined)
        yield* server.acknowledges(4)
        yield* Fiber.interrupt(running)
        assert.deepStrictEqual(seen, messages(7))
      })
  )

  it.scopedLive("acknowledges nothing if the program does not want to", () =>
    Effect.gen(function* () {
      const server = yield* CountingServer.make()
      const alice = yield* Client.connect({ socket: server.socket, login: "alice", ack: false })
      yield* Effect.fork(Stream.runDrain(alice.lines))
      yield* alice.hello
      yield* server.says(...messages(3))
      yield* moment
      assert.notMatch(server.heard.join(), /\back\b/u)
    })
  )

  it.scopedLive("does not count the messages before the server's hello", () =>
    Effect.gen(function* () {
      const server = yield* CountingServer.make(...messages(3))
      const alice = yield* Client.greet({ socket: server.socket, login: "alice", ack: true })
      yield* server.says(...messages(2, 4))
      assert.deepStrictEqual([...(yield* Stream.runCollect(Stream.take(alice.lines, 5)))], messages(5))
      yield* server.acknowledges(3) // two, and the greeting's line to oneself
      yield* moment
      assert.strictEqual(server.acknowledged(), 3)
    })
  )

  it.scopedLive("counts the answer to its greeting before the messages that arrive with it", () =>
    Effect.gen(function* () {
      const address = yield* FakeServer.make((socket) => {
        socket.setEncoding("utf8").on("data", (text: string) => {
          const token = /alice: (hello\? \S+)/u.exec(text)?.[1]
          if (token === undefined) return
          const hello = "* hello achat=1 name=alice max-line=1000 max-recipients=3 on=ack: hi"
          socket.write(`${[hello, `from alice: ${token}`, ...messages(3)].join("\n")}\n`)
        })
        socket.on("data", (text: string) => heard.push(text))
        socket.on("end", () => socket.end())
      })
      const heard: Array<string> = []
      const alice = yield* Client.greet({ socket: Tcp.connect(address), login: "alice", ack: true })
      yield* Effect.fork(
        Stream.runForEach(alice.lines, (line) => (line === "from bob: 2" ? Effect.never : Effect.void))
      )
      yield* moment
      assert.deepStrictEqual(/\/ack \d+\n$/u.exec(heard.join(""))?.[0], "/ack 2\n")
    })
  )

  it.scopedLive("acknowledges exactly the lines that the program took", () =>
    Effect.gen(function* () {
      const server = yield* CountingServer.make()
      const alice = yield* Client.greet({ socket: server.socket, login: "alice", ack: true })
      yield* server.acknowledges(0)
      yield* server.says(...messages(5))
      const taken = yield* Stream.runCollect(Stream.take(alice.lines, 3))
      assert.deepStrictEqual([...taken], messages(3))
      yield* server.acknowledges(4) // the greeting's line to oneself, too
      yield* moment
      assert.strictEqual(server.acknowledged(), 4)
    })
  )

  it.scopedLive("does not acknowledge the line whose processing failed", () =>
    Effect.gen(function* () {
      const server = yield* CountingServer.make()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const alice = yield* Client.greet({ socket: server.socket, login: "alice", ack: true })
          yield* server.says(...messages(5))
          const failing = Stream.runForEach(alice.lines, (line) =>
            line.endsWith("3") ? Effect.fail("no") : Effect.void
          )
          assert.strictEqual(yield* Effect.flip(failing), "no")
          yield* server.end
        })
      )
      yield* server.ended
      assert.strictEqual(server.heard.at(-1), "/ack 3")
    })
  )

  it.scopedLive("acknowledges a flood together", () =>
    Effect.gen(function* () {
      const server = yield* CountingServer.make()
      const alice = yield* Client.greet({ socket: server.socket, login: "alice", ack: true })
      yield* Effect.fork(Stream.runDrain(alice.lines))
      const start = performance.now()
      for (let at = 0; at < 20; at++) yield* server.says(...messages(1000))
      yield* server.acknowledges(20_001)
      const sent = server.heard.filter((line) => line.startsWith("/ack ")).length
      assert.isAtMost(sent, 20 + (performance.now() - start) / 2)
      assert.isAtMost(sent, 2000)
    })
  )

  it.scoped(
    "repeats its last acknowledgement every second while the program is busy, and acknowledges nothing else",
    () =>
      Effect.gen(function* () {
        const server = yield* CountingServer.make()
        const alice = yield* Client.greet({ socket: server.socket, login: "alice", ack: true })
        const busy = yield* Deferred.make<void>()
        yield* Effect.fork(
          Stream.runForEach(alice.lines, () => Effect.zipRight(Deferred.succeed(busy, undefined), Effect.never))
        )
        yield* server.says(...messages(5))
        yield* Deferred.await(busy)
        yield* server.acknowledges(1)
        const sent = () => server.heard.filter((line) => line.startsWith("/ack ")).length
        const before = sent()
        yield* TestClock.adjust("60 seconds")
        yield* moment
        assert.strictEqual(server.acknowledged(), 1)
        assert.isAtLeast(sent() - before, 58)
        assert.isAtMost(sent() - before, 60)
      })
  )

  it.scopedLive("leaves with /quit, and acknowledges what still arrives", () =>
    Effect.gen(function* () {
      const server = yield* CountingServer.make()
      const alice = yield* Client.greet({ socket: server.socket, login: "alice", ack: true })
      const all = yield* Effect.fork(Stream.runCollect(alice.lines))
      yield* server.says(...messages(1))
      yield* server.acknowledges(2)
      yield* alice.end
      assert.strictEqual((yield* Effect.flip(alice.send(["bob"], "late")))._tag, "TransportError")
      yield* server.hears(/^@quit \/quit$/u)
      yield* server.says(...messages(1, 2))
      yield* server.acknowledges(3)
      yield* server.says("* bye @quit reason=quit: goodbye")
      yield* server.end
      yield* server.ended
      assert.deepStrictEqual([...(yield* Fiber.join(all))], messages(2))
    })
  )

  it.scopedLive("sends no acknowledgement to a server that does not count them", () =>
    Effect.gen(function* () {
      const heard: Array<string> = []
      const answer = FakeServer.greeting((line) => (line === "more" ? ["from bob: 1"] : []))
      const address = yield* FakeServer.answering((line) => {
        heard.push(line)
        return answer(line)
      })
      const alice = yield* Client.greet({ socket: Tcp.connect(address), login: "alice", ack: true })
      yield* alice.sendLine("more")
      assert.deepStrictEqual(yield* Stream.runHead(alice.lines), Option.some("from bob: 1"))
      yield* moment
      assert.notMatch(heard.join(), /\/ack/u)
      yield* alice.end
    })
  )
})
