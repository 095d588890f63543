import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import type { Writable } from "node:stream"
import { setImmediate } from "node:timers/promises"
import * as Ws from "ws"
import { seededRandom } from "../../scripts/random.mjs"
import { WebSocketDecoder } from "../../src/transport/WebSocketDecoder.js"
import { clientFrame } from "../support/WebSocketFrames.js"

/** Missing in its types. */
const { Receiver } = Ws as unknown as { readonly Receiver: new (options: object) => Writable }

const maxMessageBytes = 100_000

/** What a decoder makes of bytes that arrive in these pieces. */
const decode = (pieces: ReadonlyArray<Uint8Array>) => {
  const decoder = new WebSocketDecoder(maxMessageBytes)
  const pings: Array<string> = []
  let text = ""
  for (const piece of pieces) {
    if (decoder.fault !== undefined || decoder.close !== undefined) break
    text += Buffer.from(decoder.decode(Buffer.from(piece))).toString("latin1")
    if (decoder.ping !== undefined) pings.push(Buffer.from(decoder.ping).toString("latin1"))
  }
  return { text, pings, fault: decoder.fault?.code, close: decoder.close }
}

/** Cuts bytes at these places. */
const cut = (bytes: Uint8Array, places: ReadonlyArray<number>) => {
  const ends = [...new Set(places.map((place) => place % (bytes.length + 1)))].toSorted((one, other) => one - other)
  return [0, ...ends].map((start, index) => bytes.subarray(start, ends[index] ?? bytes.length))
}

const one = (bytes: Uint8Array) => decode([bytes])

describe("WebSocketDecoder", () => {
  it("ends a line at the end of each message, and nowhere else", () => {
    const cases: ReadonlyArray<readonly [name: string, frames: ReadonlyArray<Buffer>, text: string]> = [
      ["a message without LF", [clientFrame({ text: "bob: hi" })], "bob: hi\n"],
      ["a message with LF", [clientFrame({ text: "bob: hi\n" })], "bob: hi\n"],
      ["several lines", [clientFrame({ text: "one\ntwo\r\nthree" })], "one\ntwo\r\nthree\n"],
      ["an empty message", [clientFrame({ text: "" })], ""],
      ["an empty line", [clientFrame({ text: "\n" })], "\n"],
      [
        "a message in fragments",
        [
          clientFrame({ text: "bo", isFinal: false }),
          clientFrame({ opcode: 0, text: "", isFinal: false }),
          clientFrame({ opcode: 0, text: "b: hi" })
        ],
        "bob: hi\n"
      ],
      [
        "an LF at the end of a fragment",
        [clientFrame({ text: "one\n", isFinal: false }), clientFrame({ opcode: 0, text: "" })],
        "one\n"
      ]
    ]
    for (const [name, frames, text] of cases) {
      const bytes = Buffer.concat(frames)
      for (let at = 0; at <= bytes.length; at++) {
        assert.strictEqual(decode(cut(bytes, [at])).text, text, `${name}, cut at ${at}`)
      }
      assert.strictEqual(decode([...bytes].map((byte) => Buffer.from([byte]))).text, text, `${name}, byte by byte`)
    }
  })

  it("passes on what has arrived of a frame, so that it keeps none of it", () => {
    const decoder = new WebSocketDecoder(maxMessageBytes)
    const bytes = clientFrame({ text: "x".repeat(1_000) })
    assert.strictEqual(decoder.decode(bytes.subarray(0, 500)).length, 500 - 8)
    assert.strictEqual(decoder.decode(bytes.subarray(500)).length, 1_000 - 492 + 1)
  })

  it("agrees with the package ws about random frames, wherever they are cut", async () => {
    await FastCheck.assert(
      FastCheck.asyncProperty(stream, places, async (bytes, places) => {
        const ours = decode(cut(bytes, places))
        const theirs = await reference(bytes)
        assert.strictEqual(ours.fault, theirs.fault)
        if (ours.fault !== undefined) return
        // Of a message that has not ended, ours has what has arrived.
        assert.strictEqual(ours.text.slice(0, theirs.text.length), theirs.text)
        // Several in one read get one answer.
        assert.strictEqual(ours.pings.at(-1), theirs.pings.at(-1))
        assert.deepStrictEqual(ours.close, theirs.close)
      }),
      { numRuns: 2_000 }
    )
  })

  it("agrees with the package ws about what is UTF-8, wherever a message and its frames are cut", async () => {
    await FastCheck.assert(
      FastCheck.asyncProperty(fragments, places, async (parts, places) => {
        const bytes = message(parts)
        const ours = decode(cut(bytes, places))
        const theirs = await reference(bytes)
        assert.strictEqual(ours.fault, theirs.fault)
        if (ours.fault === undefined) assert.strictEqual(ours.text, theirs.text)
      }),
      { numRuns: 2_000 }
    )
  })

  it("takes many messages of one read together as it takes each alone", () => {
    const { below, chance, pick } = seededRandom(11)
    const lengths = [0, 1, 2, 5, 6, 14, 15, 16, 17, 31, 32, 33, 124, 125, 126, 127, 300, 20_000, 65_535, 65_536]
    let together = 0
    for (let round = 0; round < 1_500; round++) {
      const isLong = chance(0.03)
      const kinds = { odd: chance(0.5) ? 0.1 : 0, wrong: chance(0.1) ? 0.05 : 0 }
      const frames = Array.from({ length: 1 + below(isLong ? 12 : 60) }, () => {
        const length = pick(lengths.slice(0, isLong ? lengths.length : -3))
        const text = Buffer.from("bob: é\n".repeat(length / 8 + 1)).toString("latin1", 0, length - below(2))
        const payload = Buffer.from(text.replace(/\xc3$/u, "x"), "latin1")
        const key = below(2 ** 32)
        const wrong = pick([{ isMasked: false }, { reserved: 1 }, { isFinal: false }]) // a message within the last one
        if (chance(kinds.wrong)) return clientFrame({ payload, key, ...wrong })
        if (!chance(kinds.odd)) return clientFrame({ payload, key })
        return Buffer.concat([
          clientFrame({ payload, key, isFinal: false }),
          clientFrame({ opcode: 9, text: `ping ${round}` }),
          clientFrame({ opcode: 0, payload, key })
        ])
      })
      const bytes = Buffer.concat(frames)
      const pieces = cut(
        bytes,
        Array.from({ length: Math.ceil(bytes.length / 100) }, (_, index) => index * 100)
      )
      const [whole, alone] = [one(bytes), decode(pieces)]
      if (whole.fault !== 1009) assert.strictEqual(whole.text, alone.text)
      assert.strictEqual(whole.fault, alone.fault)
      assert.strictEqual(whole.pings.at(-1), alone.pings.at(-1))
      const places = Array.from({ length: 3 }, () => below(bytes.length))
      assert.strictEqual(decode(cut(bytes, places)).text, alone.text, `cut at ${places.join()}`)
      if (whole.fault === undefined && bytes.length > 256) together += 1
    }
    assert.isAbove(together, 1_000)
  })

  it("takes no message together with others that is longer than allowed", () => {
    const decoder = new WebSocketDecoder(1_000)
    const bytes = Buffer.concat([clientFrame({ text: "x".repeat(1_000) }), clientFrame({ text: "x".repeat(1_001) })])
    assert.strictEqual(decoder.decode(bytes).length, 1_001)
    assert.strictEqual(decoder.fault?.code, 1009)
  })

  it("never throws, whatever bytes arrive", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.array(FastCheck.uint8Array({ maxLength: 40 }), { maxLength: 5 }), (pieces) => {
        decode(pieces)
      }),
      { numRuns: 3_000 }
    )
  })

  it("ends with 1009 at the header of a message that is too long, also in fragments", () => {
    assert.strictEqual(one(headOf(maxMessageBytes)).fault, undefined)
    assert.strictEqual(one(headOf(maxMessageBytes + 1)).fault, 1009)
    const half = clientFrame({ text: "x".repeat(maxMessageBytes), isFinal: false })
    assert.strictEqual(one(Buffer.concat([half, clientFrame({ opcode: 0, text: "" })])).fault, undefined)
    assert.strictEqual(one(Buffer.concat([half, clientFrame({ opcode: 0, text: "x" })])).fault, 1009)
    assert.strictEqual(one(Buffer.from([0x81, 0xff, ...Array.from({ length: 12 }, () => 0xff)])).fault, 1009)
  })
})

/** The header of a message of that length. */
const headOf = (bytes: number) => clientFrame({ text: "x".repeat(bytes) }).subarray(0, 14)

const places = FastCheck.array(FastCheck.nat(), { maxLength: 4 })

/** Frames as clients, and attackers, may send them, but no binary ones, which ws accepts; their texts are UTF-8. */
const stream = FastCheck.array(
  FastCheck.record({
    opcode: FastCheck.oneof(
      FastCheck.constantFrom(0, 1, 1, 1, 8, 9, 10),
      FastCheck.nat(15).filter((opcode) => opcode !== 2)
    ),
    isFinal: FastCheck.boolean(),
    reserved: FastCheck.oneof(
      { weight: 20, arbitrary: FastCheck.constant(0) },
      { weight: 1, arbitrary: FastCheck.nat(7) }
    ),
    isMasked: FastCheck.oneof({ weight: 20, arbitrary: FastCheck.constant(true) }, FastCheck.constant(false)),
    payload: FastCheck.oneof(
      FastCheck.string({ unit: "grapheme", maxLength: 8 }).map((text) => Buffer.from(text)),
      FastCheck.string({ unit: "grapheme", maxLength: 100 }).map((text) => Buffer.from(`${text}\n`))
    ),
    key: FastCheck.integer({ min: 0, max: 0xffffffff })
  }).chain((frame) =>
    // A Close frame begins with a code.
    frame.opcode !== 8
      ? FastCheck.constant(clientFrame(frame))
      : FastCheck.integer({ min: 990, max: 5010 }).map((code) =>
          clientFrame({ ...frame, payload: Buffer.concat([Buffer.from([code >> 8, code & 255]), frame.payload]) })
        )
  ),
  { maxLength: 8 }
).map((frames) => Buffer.concat(frames))

/** Bytes that are UTF-8 more often than not. */
const fragments = FastCheck.array(
  FastCheck.oneof(
    FastCheck.string({ unit: "binary", maxLength: 4 }).map((text) => Buffer.from(text)),
    FastCheck.string({ unit: "binary", maxLength: 4 }).map((text) => Buffer.from(text).subarray(0, -1)),
    FastCheck.uint8Array({ min: 0x80, maxLength: 2 }).map((bytes) => Buffer.from(bytes))
  ),
  { minLength: 1, maxLength: 5 }
)

/** One message in these fragments. */
const message = (parts: ReadonlyArray<Uint8Array>) =>
  Buffer.concat(
    parts.map((payload, index) =>
      clientFrame({ opcode: index === 0 ? 1 : 0, isFinal: index === parts.length - 1, payload })
    )
  )

/** The same, as `ws` decodes it. */
const reference = async (bytes: Uint8Array) => {
  const receiver = new Receiver({ isServer: true, maxPayload: maxMessageBytes, allowSynchronousEvents: true })
  const result: ReturnType<typeof decode> = { text: "", pings: [], fault: undefined, close: undefined }
  receiver.on("message", (data: Buffer, isBinary: boolean) => {
    if (isBinary) result.fault ??= 1003
    const text = data.toString("latin1")
    result.text += text === "" || text.endsWith("\n") ? text : `${text}\n`
  })
  receiver.on("ping", (data: Buffer) => result.pings.push(data.toString("latin1")))
  receiver.on("conclude", (code: number) => {
    result.close ??= { code: code === 1005 ? undefined : code }
  })
  receiver.on("error", (error: NodeJS.ErrnoException) => {
    result.fault ??= codes[error.code ?? ""] ?? 1002
  })
  receiver.write(Buffer.from(bytes))
  await setImmediate() // a stream reports its error in a later turn
  return result
}

const codes: Readonly<Record<string, number>> = {
  WS_ERR_INVALID_UTF8: 1007,
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 1009,
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: 1009
}
