import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { eventually } from "../support/Eventually.js"
import { codeAfter, open } from "../support/OpenWebSocket.js"
import type { Listening } from "../support/RawExchange.js"
import { startSocketServer } from "../support/SocketServer.js"
import { overWebSocket, webLimits } from "../support/WebSocketServer.js"
import { clientFrame, type ClientFrame } from "../support/WebSocketFrames.js"
import type { WebSocketStream } from "../support/WebSocketStream.js"

// The cases of the Autobahn test suite, by its numbers, except 12 and 13: there is no compression. Its server is an
// echo; here a client writes to itself.
//
// Where the server differs: in the cases 2.10 and 2.11, ten Pings that come together get one Pong, that of the last,
// where Autobahn expects ten. RFC 6455, 5.5.3 allows it, and a client cannot make the server write more than it reads.

const start = startSocketServer({
  listen: [overWebSocket(undefined, { limits: { ...webLimits, maxMessageBytes: 2 ** 20 } })],
  maxLineBytes: 100_000
})

const turn = Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void)))

/** Writes frames, in pieces of this many bytes, most of which become packets of their own. */
const send = ({ below }: WebSocketStream, frames: ReadonlyArray<ClientFrame>, piece = Infinity) =>
  Effect.gen(function* () {
    const bytes = Buffer.concat(frames.map(clientFrame))
    for (let at = 0; at < bytes.length; at += piece) {
      below.write(bytes.subarray(at, Math.min(bytes.length, at + piece)))
      if (piece < Infinity) yield* turn
    }
  })

const text = (stream: WebSocketStream) => stream.messages.join("")

/** A client that has logged in. */
const join = (server: Listening, name: string) => Effect.tap(open(server), (stream) => send(stream, [{ text: name }]))

/** A client that has logged in as alice, at a server of its own. */
const alice = Effect.flatMap(start, (server) => join(server, "alice"))

/** Waits until alice has received exactly these texts from herself. */
const receives = (stream: WebSocketStream, ...texts: ReadonlyArray<string>) => receivesAs("alice", stream, texts)

const receivesAs = (name: string, stream: WebSocketStream, texts: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const lines = texts.map((one) => `from ${name}: ${one}\n`).join("")
    yield* eventually(() => text(stream).length >= lines.length, "a message did not come")
    assert.strictEqual(text(stream), lines)
  })

const pongs = ({ controls }: WebSocketStream) =>
  controls.filter((control) => control.startsWith("10:")).map((control) => control.slice(3))

/** Writes that cut a text into frames of one message. */
const fragments = (...parts: ReadonlyArray<string | Uint8Array>): ReadonlyArray<ClientFrame> =>
  parts.map((part, index) => ({
    opcode: index === 0 ? 1 : 0,
    isFinal: index === parts.length - 1,
    payload: Buffer.from(part)
  }))

const close = (code: number, reason = ""): ClientFrame => ({
  opcode: 8,
  payload: Buffer.from([code >> 8, code & 255, ...Buffer.from(reason)])
})

describe("1 framing", () => {
  it.scopedLive("of messages of each form of the length, whole and in pieces", () =>
    Effect.gen(function* () {
      for (const [length, piece] of [
        [125, Infinity],
        [126, Infinity],
        [127, Infinity],
        [128, Infinity],
        [65_535, Infinity],
        [65_536, Infinity],
        [65_536, 997],
        [126, 1]
      ] as const) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const stream = yield* alice
            const payload = "*".repeat(length - "alice: ".length)
            yield* send(stream, [{ text: `alice: ${payload}` }], piece)
            yield* receives(stream, payload)
          })
        )
      }
      assert.strictEqual(yield* codeAfter(yield* start, { opcode: 2 }), 1003)
    })
  )
})

describe("2 Pings and Pongs", () => {
  it.scopedLive("have an answer with the same payload, or none", () =>
    Effect.gen(function* () {
      const stream = yield* alice
      const payloads = ["", "Hello", "\u{0}\u{ff}\u{fe}\u{fd}\u{fc}\u{fb}\u{0}\u{ff}", "\u{fe}".repeat(125)]
      for (const [index, payload] of payloads.entries()) {
        yield* send(
          stream,
          [{ opcode: 10 }, { opcode: 10, text: "unsolicited" }, ping(payload)],
          index === 3 ? 1 : Infinity
        )
        yield* eventually(() => pongs(stream).length === index + 1, "no Pong")
      }
      assert.deepStrictEqual(pongs(stream), payloads)
      // 2.10 and 2.11: of several in one read, the last has an answer.
      const ten = Array.from({ length: 10 }, (_, index) => ping(`payload ${index}`))
      yield* send(stream, ten)
      yield* send(stream, ten, 1)
      yield* send(stream, [ping("end")])
      yield* eventually(() => pongs(stream).at(-1) === "end", "no Pong for the last")
      assert.include(pongs(stream), "payload 9")
      yield* send(stream, [{ text: "alice: hi" }])
      yield* receives(stream, "hi")
    })
  )
})

const ping = (payload: string): ClientFrame => ({ opcode: 9, payload: Buffer.from(payload, "latin1") })

describe("3 and 4 reserved bits and opcodes", () => {
  it.scopedLive("end the connection, after what came before them and before what follows", () =>
    Effect.gen(function* () {
      const server = yield* start
      const faults: Array<ClientFrame> = []
      for (let reserved = 1; reserved <= 7; reserved++) {
        faults.push({ text: "alice: no", reserved }, { ...ping(""), reserved }, { ...close(1000), reserved })
      }
      for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) faults.push({ opcode }, { opcode, text: "unknown" })
      for (const [index, fault] of faults.entries()) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const name = `client${index}`
            const stream = yield* join(server, name)
            yield* send(stream, [{ text: `${name}: before` }])
            yield* receivesAs(name, stream, ["before"])
            yield* send(stream, [fault, ping("after"), { text: `${name}: after` }])
            yield* eventually(() => stream.closeCode !== undefined, "no Close frame")
            assert.deepStrictEqual([stream.closeCode, pongs(stream)], [1002, []], JSON.stringify(fault))
            yield* receivesAs(name, stream, ["before"])
          })
        )
      }
    })
  )
})

describe("5 fragments", () => {
  it.scopedLive("are one message, also with Pings between them and in pieces", () =>
    Effect.gen(function* () {
      const stream = yield* alice
      const [first, second] = fragments("alice: fragment1", "fragment2")
      const whole = [first, second].filter((frame) => frame !== undefined)
      const between = whole.flatMap((frame) => [frame, ping("between")])
      const many = fragments("alice: fragment1", "", "fragment2", "")
      let count = 0
      for (const frames of [whole, between, many]) {
        for (const piece of [Infinity, 3, 1]) {
          yield* send(stream, frames, piece)
          count += 1
          yield* receives(stream, ...Array<string>(count).fill("fragment1fragment2"))
        }
      }
      yield* eventually(() => pongs(stream).length >= 3, "no Pongs")
    })
  )

  it.scopedLive("that continue nothing end the connection", () =>
    Effect.gen(function* () {
      const server = yield* start
      const whole = fragments("alice", ": hi")
      const cases: ReadonlyArray<readonly [name: string, frames: ReadonlyArray<ClientFrame>]> = [
        [
          "5.1",
          [
            { ...ping("a"), isFinal: false },
            { opcode: 0, text: "b" }
          ]
        ],
        ["5.2", [{ opcode: 10, isFinal: false }, { opcode: 0 }]],
        ["5.9", [{ opcode: 0, text: "x" }, { text: "alice" }]],
        ["5.12", [{ opcode: 0, text: "x", isFinal: false }, { text: "alice" }]],
        ["5.15", [...whole, { opcode: 0, text: "x", isFinal: false }, { text: "alice" }]],
        ["5.18", [{ text: "a", isFinal: false }, { text: "b" }]]
      ]
      for (const [name, frames] of cases) assert.strictEqual(yield* codeAfter(server, ...frames), 1002, name)
    })
  )
})

/** Sequences of UTF-8, in hexadecimal: at each boundary of lengths and of surrogates, and non-characters. */
const valid = [
  ..."cebae1bdb9cf83cebcceb5 c280 e0a080 f0908080 7f dfbf efbfbf f48fbfbf ed9fbf ee8080 efbfbd".split(" "),
  ..."efbfbe f09fbfbe f09fbfbf f0afbfbe f3bfbfbf f48fbfbe efb790".split(" ")
]

/** Too large, too long, alone, cut off, surrogates, and bytes that never occur. */
const invalid = [
  ..."cebaeda080 f4908080 f7bfbfbf fbbfbfbfbf fdbfbfbfbfbf 80 bf 80bf 80bf80bf c020 c0 df dfdf".split(" "),
  ..."e080 ef efbf f08080 f7bfbf f8808080 fbbfbfbf fc80808080 fdbfbfbfbf c0af e080af f08080af".split(" "),
  ..."f8808080af fc80808080af c1bf e09fbf f08fbfbf f887bfbfbf fc83bfbfbfbf c080 e08080 f0808080".split(" "),
  ..."eda080 edadbf edae80 edafbf edb080 edbe80 edbfbf eda080edb080 edafbfedbfbf fe ff fefeffff".split(" ")
]

const payloadOf = (hex: string) => Buffer.concat([Buffer.from("alice: "), Buffer.from(hex, "hex")])

describe("6 UTF-8", () => {
  it.scopedLive("may be empty, and may be cut anywhere", () =>
    Effect.gen(function* () {
      const stream = yield* alice
      const hello = "Hello-\u{b5}@\u{df}\u{f6}\u{e4}\u{fc}\u{e0}\u{e1}-UTF-8!! \u{3ba}\u{1f79}\u{1f600}"
      const bytes = Buffer.from(`alice: ${hello}`)
      yield* send(stream, [{ text: "" }, ...fragments("", "", ""), ...fragments("", bytes, "")])
      yield* send(stream, fragments(...Array.from(bytes, (byte) => Buffer.from([byte]))))
      yield* send(stream, fragments(...Array.from(bytes, (byte) => Buffer.from([byte]))), 1)
      const encoded = Buffer.from(hello).toString("latin1")
      yield* receives(stream, encoded, encoded, encoded)
    })
  )

  it.scopedLive("is known from what is not, sequence by sequence", () =>
    Effect.gen(function* () {
      const server = yield* start
      for (const hex of valid) {
        assert.strictEqual(yield* codeAfter(server, { payload: payloadOf(hex) }, close(1000)), 1000, hex)
        const bytes = Array.from(payloadOf(hex), (byte) => Buffer.from([byte]))
        assert.strictEqual(yield* codeAfter(server, ...fragments(...bytes), close(1000)), 1000, hex)
      }
      for (const hex of invalid) {
        assert.strictEqual(yield* codeAfter(server, { payload: payloadOf(hex) }, close(1000)), 1007, hex)
        const bytes = Array.from(payloadOf(hex), (byte) => Buffer.from([byte]))
        assert.strictEqual(yield* codeAfter(server, ...fragments(...bytes), close(1000)), 1007, hex)
      }
    })
  )

  it.scopedLive("is refused at the first byte with which nothing valid can begin", () =>
    Effect.gen(function* () {
      const server = yield* start
      for (const hex of ["f490", "e09f", "eda0", "f08f", "f5", "ff", "c0", "c1", "c2c2"]) {
        const payload = Buffer.concat([Buffer.from("\u{3ba}"), Buffer.from(hex, "hex")])
        assert.strictEqual(yield* codeAfter(server, { payload, isFinal: false }), 1007, hex)
        // In the middle of a frame, whose rest does not come.
        const stream = yield* open(server)
        const frame = clientFrame({ payload: Buffer.concat([payload, Buffer.alloc(100, "x")]) })
        stream.below.write(frame.subarray(0, -100))
        yield* eventually(() => stream.closeCode === 1007, `${hex} is not refused before the end of its frame`)
      }
    })
  )
})

describe("7 Close frames", () => {
  it.scopedLive("end everything: what follows is ignored", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [name: string, frames: ReadonlyArray<ClientFrame>]> = [
        ["7.1.2", [close(1000), close(1001)]],
        ["7.1.3", [close(1000), ping("after")]],
        ["7.1.4", [close(1000), { text: "alice: after" }]],
        ["7.1.5", [{ text: "alice: unfini", isFinal: false }, close(1000), { opcode: 0, text: "shed" }]]
      ]
      for (const [name, frames] of cases) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const stream = yield* alice
            yield* send(stream, frames)
            yield* eventually(() => stream.closeCode !== undefined, "no Close frame")
            assert.deepStrictEqual([stream.closeCode, pongs(stream), text(stream)], [1000, [], ""], name)
          })
        )
      }
    })
  )

  it.scopedLive("have codes that are for frames, and reasons of UTF-8", () =>
    Effect.gen(function* () {
      const server = yield* start
      for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]) {
        assert.strictEqual(yield* codeAfter(server, close(code, "x".repeat(123))), code)
      }
      for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]) {
        assert.strictEqual(yield* codeAfter(server, close(code)), 1002, String(code))
      }
      assert.strictEqual(yield* codeAfter(server, { opcode: 8 }), 1000)
      assert.strictEqual(yield* codeAfter(server, { opcode: 8, text: "x" }), 1002)
      assert.strictEqual(yield* codeAfter(server, close(1000, "x".repeat(124))), 1002)
      const reason = Buffer.from([3, 232, 0xce, 0xba, 0xed, 0xa0, 0x80])
      assert.strictEqual(yield* codeAfter(server, { opcode: 8, payload: reason }), 1007)
    })
  )
})

describe("9 and 10 limits", () => {
  it.scopedLive("hold for messages of many lines, whole, in fragments, and in pieces", () =>
    Effect.gen(function* () {
      const lines = Array.from({ length: 500 }, (_, index) => `${index} ${"x".repeat(100)}`)
      const message = Buffer.from(lines.map((line) => `alice: ${line}\n`).join(""))
      const cut = (size: number) =>
        Array.from({ length: Math.ceil(message.length / size) }, (_, index) =>
          message.subarray(index * size, (index + 1) * size)
        )
      const cases: ReadonlyArray<readonly [frames: ReadonlyArray<ClientFrame>, piece: number]> = [
        [[{ payload: message }], Infinity],
        [[{ payload: message }], 256],
        [fragments(...cut(64)), Infinity],
        [fragments(...cut(1300)), 4096],
        [lines.map((line) => ({ text: `alice: ${line}` })), Infinity]
      ]
      for (const [frames, piece] of cases) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const stream = yield* alice
            yield* send(stream, frames, piece)
            yield* receives(stream, ...lines)
          })
        )
      }
      const server = yield* start
      assert.strictEqual(yield* codeAfter(server, { text: "x".repeat(2 ** 20 + 1) }), 1009)
      const half: ClientFrame = { text: "x\n".repeat(2 ** 18), isFinal: false }
      assert.strictEqual(yield* codeAfter(server, half, { ...half, opcode: 0 }, { opcode: 0, text: "x" }), 1009)
    })
  )
})
