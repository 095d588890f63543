import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import { PassThrough } from "node:stream"
import * as Server from "../../src/chat/Server.js"
import * as Client from "../../src/client/Client.js"
import * as Listening from "../../src/client/Listening.js"
import * as Memory from "../../src/ports/Memory.js"
import * as Tcp from "../../src/transport/Tcp.js"
import * as FakeServer from "../support/FakeServer.js"
import { settle } from "../support/Turns.js"

const listening = (
  options: Partial<Listening.ListeningOptions> & Pick<Listening.ListeningOptions, "socket" | "output">
) =>
  Listening.run({
    login: "bob",
    from: [],
    count: undefined,
    json: false,
    reconnect: false,
    report: () => Effect.void,
    warn: () => {},
    ...options
  })

/** What is printed of one message of these bytes. */
const printed = (bytes: string, options: { isTTY: boolean; json: boolean }) =>
  Effect.gen(function* () {
    const address = yield* FakeServer.make((socket) => socket.once("data", () => socket.end(bytes)))
    const output = Object.assign(new PassThrough(), { isTTY: options.isTTY })
    yield* listening({ socket: Tcp.connect(address), output, json: options.json, count: 1 })
    return String(output.read())
  })

describe("Listening.run", () => {
  it.scopedLive("escapes control characters for a terminal, and nothing for a pipe", () =>
    Effect.gen(function* () {
      const line = "from a: \x1b[2Jgrüße\u202e\n"
      assert.strictEqual(yield* printed(line, { isTTY: false, json: false }), line)
      assert.strictEqual(yield* printed(line, { isTTY: true, json: false }), "from a: \\x1b[2Jgrüße\\u{202e}\n")
    })
  )

  it.scopedLive("writes valid JSON when it escapes for a terminal", () =>
    Effect.gen(function* () {
      const text = "\x1b[2J\x9b\u202e\u{e0041}grüße"
      for (const isTTY of [false, true]) {
        const json = yield* printed(`from a: ${text}\n`, { isTTY, json: true })
        assert.strictEqual((JSON.parse(json) as { text: string }).text, text)
        assert.strictEqual(json.includes("\x9b"), !isTTY)
      }
    })
  )

  it.scopedLive("stops reading while its output is full, and loses nothing", () =>
    Effect.gen(function* () {
      const network = yield* Memory.make()
      const limits = { outboxLines: 16, outboxBytes: 1024, holdTimeout: Duration.minutes(1) }
      yield* Logger.withMinimumLogLevel(Server.start({ listen: [network.listen], ...limits }), LogLevel.None)
      const output = new PassThrough({ highWaterMark: 1024 })
      const count = 2000
      const bob = yield* Effect.fork(listening({ socket: network.connect, output, count }))
      const alice = yield* Client.connect({ socket: network.connect, login: "alice" })
      const text = "x".repeat(1000)
      let sent = 0
      const sendOne = Effect.suspend(() => alice.send(["bob"], `${sent++} ${text}`))
      const sending = yield* Effect.fork(Effect.repeatN(sendOne, count - 1))
      for (let before = -1; before !== sent;) {
        before = sent
        yield* settle
      }
      assert.isBelow(sent, count, "the sender is held")
      let all = ""
      output.setEncoding("utf8").on("data", (part: string) => (all += part))
      yield* Fiber.join(sending)
      yield* Fiber.join(bob)
      assert.isTrue(all === Array.from({ length: count }, (_, i) => `from alice: ${i} ${text}\n`).join(""))
    })
  )

  it.scopedLive("reconnects at the time that the server asks for when it shuts down", () =>
    Effect.gen(function* () {
      const address = yield* FakeServer.make((socket) =>
        socket.once("data", () => socket.end("* hello achat=1 name=bob on=ack: x\n* closing grace=0 return=7000: x\n"))
      )
      const delay = yield* Deferred.make<Duration.Duration>()
      yield* Effect.forkScoped(
        listening({
          socket: Tcp.connect(address),
          output: new PassThrough(),
          reconnect: true,
          report: (event) => (event._tag === "Lost" ? Effect.asVoid(Deferred.succeed(delay, event.delay)) : Effect.void)
        })
      )
      assert.strictEqual(Duration.toMillis(yield* Deferred.await(delay)), 7_000)
    })
  )
})
