import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { WebSocket as WsClient } from "ws"
import type { WebOptions } from "../../src/transport/WebSocket.js"
import { serverCredentials } from "../support/Certificates.js"
import { eventually } from "../support/Eventually.js"
import { codeAfter, open } from "../support/OpenWebSocket.js"
import { hostOf } from "../support/RawExchange.js"
import { startSocketServer, type SocketServerOptions } from "../support/SocketServer.js"
import { overWebSocket, webLimits } from "../support/WebSocketServer.js"
import { clientFrame, type ClientFrame } from "../support/WebSocketFrames.js"
import type * as WebSocketStream from "../support/WebSocketStream.js"

const start = (options: Partial<WebOptions> = {}, server: SocketServerOptions = {}) =>
  startSocketServer({ listen: [overWebSocket(options.tls, options)], ...server })

const close = (code: number, reason = ""): ClientFrame => ({
  opcode: 8,
  payload: Buffer.from([code >> 8, code & 255, ...Buffer.from(reason)])
})

/** The beginning is UTF-8; then comes half of a surrogate pair. */
const invalid = Buffer.from([0xce, 0xba, 0xed, 0xa0, 0x80])

const text = (stream: WebSocketStream.WebSocketStream) => stream.messages.join("")

describe("a WebSocket", () => {
  it.scopedLive("is closed with the code that RFC 6455 has for each fault, also of Autobahn's list", () =>
    Effect.gen(function* () {
      const server = yield* start({ limits: { ...webLimits, maxMessageBytes: 65_536 } })
      const cases: ReadonlyArray<readonly [name: string, code: number, ...frames: ReadonlyArray<ClientFrame>]> = [
        ["1.2 a binary message", 1003, { opcode: 2, text: "x" }],
        ["2.5 a Ping of 126 bytes", 1002, { opcode: 9, text: "x".repeat(126) }],
        ["3.1 a reserved bit", 1002, { text: "alice", reserved: 4 }],
        ["3.7 reserved bits in a Close frame", 1002, { ...close(1000), reserved: 7 }],
        ["4.1 a reserved opcode", 1002, { opcode: 3 }],
        ["4.2 a reserved control opcode", 1002, { opcode: 11 }],
        ["5.1 a Ping in fragments", 1002, { opcode: 9, text: "a", isFinal: false }, { opcode: 0, text: "b" }],
        ["5.2 a Pong in fragments", 1002, { opcode: 10, text: "a", isFinal: false }, { opcode: 0, text: "b" }],
        ["5.9 a continuation without a message", 1002, { opcode: 0, text: "x", isFinal: false }],
        ["5.18 a message within a message", 1002, { text: "a", isFinal: false }, { text: "b" }],
        ["6.3 text that is not UTF-8", 1007, { payload: invalid }],
        ["6.4 the same, as soon as it arrives", 1007, { payload: invalid, isFinal: false }],
        ["6.5 a sequence that a message cuts off", 1007, { payload: Buffer.from([0xe2, 0x82]) }],
        ["7.3.1 a Close frame without a code", 1000, { opcode: 8 }],
        ["7.3.2 a Close frame of one byte", 1002, { opcode: 8, payload: Buffer.from([3]) }],
        ["7.3.4 a code and a reason", 1000, close(1000, "bye")],
        ["7.3.6 a Close frame of 126 bytes", 1002, { opcode: 8, text: "x".repeat(126) }],
        ["7.5.1 a reason that is not UTF-8", 1007, { opcode: 8, payload: Buffer.from([3, 232, ...invalid]) }],
        ...[999, 1004, 1005, 1006, 1015, 1016, 2999, 5000].map((code) => [`7.9 ${code}`, 1002, close(code)] as const),
        ...[1000, 1001, 1003, 1007, 1014, 3000, 4999].map((code) => [`7.7 ${code}`, code, close(code)] as const),
        ["9 a frame over the limit", 1009, { text: "x".repeat(65_537) }],
        ["9 fragments over the limit", 1009, { text: "x".repeat(65_536), isFinal: false }, { opcode: 0, text: "x" }],
        ["a frame without a mask", 1002, { text: "alice", isMasked: false }]
      ]
      for (const [name, code, ...frames] of cases) assert.strictEqual(yield* codeAfter(server, ...frames), code, name)
    })
  )

  it.scopedLive("takes control frames between the fragments of a message, and answers each Ping", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const stream = yield* open(server)
      const frames: ReadonlyArray<ClientFrame> = [
        { text: "ali", isFinal: false },
        { opcode: 9, text: "one" },
        { opcode: 0, text: "ce\n/pi", isFinal: false },
        { opcode: 10, text: "unsolicited" },
        { opcode: 9, payload: Buffer.alloc(125, 0xff) },
        { opcode: 0, text: "ng\nalice: hi" }
      ]
      for (const frame of frames) {
        stream.below.write(clientFrame(frame))
        yield* Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void)))
      }
      yield* eventually(() => text(stream).endsWith("from alice: hi\n"), "the message did not come")
      assert.strictEqual(stream.controls.at(-1), `10:${"\xff".repeat(125)}`)
      assert.isTrue(stream.controls.every((control) => control.startsWith("10:")))
    })
  )

  it.scopedLive("gets whole lines in each message, of several lines at most 16 KiB", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const stream = yield* open(server)
      const long = "x".repeat(40_000)
      stream.write(`alice\n${"alice: hello\n".repeat(5_000)}alice: ${long}\nalice: end\n`)
      yield* eventually(() => text(stream).endsWith("from alice: end\n"), "the last message did not come")
      assert.strictEqual(text(stream), `${"from alice: hello\n".repeat(5_000)}from alice: ${long}\nfrom alice: end\n`)
      for (const message of stream.messages) {
        assert.isTrue(message.endsWith("\n"))
        assert.isTrue(message.length <= 16_384 || message.indexOf("\n") === message.length - 1)
      }
    })
  )

  it.scopedLive("is closed with a code for the reason in the last line", () =>
    Effect.gen(function* () {
      const server = yield* start({}, { maxConnections: 2, loginTimeout: Duration.seconds(5) })
      const quits = yield* open(server)
      quits.write("alice\n/quit\n")
      yield* eventually(() => quits.closeCode === 1000, "not 1000 after /quit")
      const refused = yield* open(server)
      refused.write("not a name: \n")
      yield* eventually(() => refused.closeCode === 1008, "not 1008 after a refusal")
      assert.match(text(refused), /^! bad-login fatal: /u)
      yield* eventually(() => quits.destroyed && refused.destroyed, "they are still connected")
      const staying = [yield* server.greet("bob"), yield* server.join("carol")]
      const late = yield* open(server)
      yield* eventually(() => late.closeCode === 1013, "not 1013 when the server is full")
      assert.match(text(late), /^! full retry=\d+ fatal: /u)
      yield* Effect.fork(server.drain)
      const ended = yield* Effect.forEach(staying, (client) => client.rest)
      assert.match(ended[0]?.at(-1) ?? "", /^\* bye reason=shutdown: /u)
    })
  )

  it.scopedLive("that sends a Close frame has left: what was not written to it returns to its senders", () =>
    Effect.gen(function* () {
      const server = yield* start({}, { outboxBytes: 20_000_000 })
      const slow = yield* server.join("slow")
      const bob = yield* server.join("bob")
      yield* slow.pause
      yield* bob.send(`slow: ${"x".repeat(10_000)}\n`.repeat(1_000))
      yield* bob.barrier
      yield* slow.end
      yield* bob.until("a return", () =>
        bob.lines.find((line) => line.startsWith("! undelivered slow reason=disconnected"))
      )
      const { returned, written } = yield* server.ledger
      assert.strictEqual(returned + written, 1_000 + 3, "and three barriers")
      yield* slow.resume
      yield* slow.closed
      // Each line that counts as written arrived.
      assert.isAtLeast(slow.lines.length, written - 2)
    })
  )

  it.scopedLive("that has left in the middle of a line has not sent it", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const bob = yield* server.join("bob")
      const stream = yield* open(server)
      // In one read of the server.
      stream.below.cork()
      stream.write("alice\nbob: whole\nbob: half")
      stream.end()
      stream.below.uncork()
      yield* bob.expect("from alice: whole")
      assert.strictEqual((yield* server.farewell("alice"))["reason"], "connection-lost")
      yield* bob.barrier
    })
  )

  it.scopedLive("whose TCP connection ends without a Close frame was cut off", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const stream = yield* open(server)
      stream.write("alice\n")
      yield* eventually(() => server.logs.length > 0, "nothing was logged")
      stream.below.end()
      assert.strictEqual((yield* server.farewell("alice"))["reason"], "connection-lost")
    })
  )

  it.scopedLive("that does not answer a Ping is closed, and one that does stays", () =>
    Effect.gen(function* () {
      const server = yield* start({ limits: { ...webLimits, pingInterval: "150 millis" } })
      const alive = yield* open(server)
      const dead = yield* open(server)
      dead.answersPings = false
      alive.write("alive\n")
      dead.write("dead\n")
      assert.strictEqual((yield* server.farewell("dead"))["reason"], "connection-lost")
      yield* eventually(() => alive.controls.filter((control) => control === "9:").length >= 3, "too few pings")
      assert.isUndefined(alive.closeCode)
    })
  )

  it.scopedLive("does not keep what it has not finished outside the memory budget", () =>
    Effect.gen(function* () {
      const server = yield* start(
        {},
        { maxMemory: 2_000_000, maxLineBytes: 1_000_000, stallTimeout: Duration.millis(300) }
      )
      const streams = yield* Effect.forEach(Array.from({ length: 8 }), () => open(server))
      for (const [index, stream] of streams.entries()) {
        stream.write(`client${index}\n`)
        stream.below.write(clientFrame({ text: "x".repeat(900_000), isFinal: false }))
      }
      yield* server.logged("a client without memory", ({ facts }) => facts["reason"] === "memory")
    })
  )

  it.scopedLive("works with a client of the package ws, also over TLS", () =>
    Effect.gen(function* () {
      const credentials = yield* serverCredentials
      for (const tls of [undefined, { credentials }]) {
        const server = yield* start({ tls })
        const scheme = tls === undefined ? "ws" : "wss"
        const client = new WsClient(`${scheme}://${hostOf(server)}/chat`, "a-chat", { rejectUnauthorized: false })
        const lines: Array<string> = []
        let code = 0
        client.on("open", () => {
          client.send("alice")
          client.send("alice: hi\nalice: ü")
          client.send("/quit")
        })
        client.on("message", (data: Buffer) => lines.push(data.toString()))
        client.on("close", (closeCode) => (code = closeCode))
        yield* eventually(() => code > 0, "it was not closed")
        assert.strictEqual(code, 1000)
        assert.match(lines.join(""), /^from alice: hi\nfrom alice: ü\n\* bye reason=quit: [^\n]*\n$/u)
      }
    })
  )
})
