import { assert, describe, it } from "vitest"
import * as Frame from "../../src/cluster/Frame.js"
import { NodeLink } from "../../src/cluster/NodeLink.js"
import { content } from "./Cluster.js"

const kinds = new Map<number, string>(Object.entries(Frame.Kind).map(([name, kind]) => [kind, name]))

/** Two ends of a link, whose frames the test carries. */
const ends = (windowBytes = 1_000) => {
  const time = { now: 0 }
  const end = (self: string, other: string) => {
    const sent: Array<Uint8Array> = []
    /** The arrays themselves. */
    const written: Array<Uint8Array> = []
    const told: Array<string> = []
    const arrived: Array<Uint8Array> = []
    const link = new NodeLink<Uint8Array>(
      { self, other, windowBytes, now: () => time.now },
      {
        transmit: (frame) => {
          sent.push(Frame.copy(frame))
          written.push(frame)
        },
        received: (content) => void told.push(Buffer.from(content).toString()),
        hasRoom: () => void told.push("hasRoom"),
        owesAck: () => void told.push("owesAck"),
        owesMuch: () => void told.push("owesMuch"),
        arrived: (frame) => arrived.push(frame)
      }
    )
    /** What was sent since the last call: such as `content 1 ack 0`. */
    const flush = () =>
      sent.splice(0).map((frame) => {
        const header = Frame.read(frame)
        return { frame, what: `${kinds.get(header?.kind ?? 0)} ${header?.number} ack ${header?.ack}` }
      })
    const take = (...frames: ReadonlyArray<{ readonly frame: Uint8Array }>) => {
      for (const { frame } of frames) {
        const header = Frame.read(frame)
        const content = Frame.copy(frame.subarray(Frame.headerBytes))
        if (header !== undefined) link.take({ header, content, bytes: frame.length })
      }
    }
    const send = (...texts: ReadonlyArray<string>) => texts.map((text) => link.send(content(text)))
    return { link, arrived, told, written, flush, take, send }
  }
  return {
    time,
    a: end("00000000000000aa", "00000000000000bb"),
    b: end("00000000000000bb", "00000000000000aa")
  }
}

const shown = (frames: ReadonlyArray<{ readonly what: string }>) => frames.map(({ what }) => what)

describe("NodeLink", () => {
  it("takes contents once and in order, and asks for what is missing", () => {
    const { a, b } = ends()
    a.send("one", "two", "three")
    const [one, two, three] = a.flush()
    if (one === undefined || two === undefined || three === undefined) return assert.fail()
    b.take(three, three)
    assert.deepStrictEqual(shown(b.flush()), ["resume 3 ack 0"])
    b.take(one, one, three)
    b.take(two)
    assert.deepStrictEqual(
      b.told.filter((one) => !one.startsWith("owes")),
      ["one", "two", "three"]
    )
    b.link.acknowledge()
    b.link.acknowledge()
    const acks = b.flush()
    assert.deepStrictEqual(shown(acks), ["ack 0 ack 3"])
    a.take(...acks)
    assert.strictEqual(a.link.inFlight, 0)
    assert.deepStrictEqual(b.link.counts, { resent: 0, repeated: 3, gaps: 1 })
  })

  it("leaves a frame as it is that may still be on its way out, when it sends it again", () => {
    const { a, b } = ends()
    a.send("one")
    a.flush() // lost
    const [frame] = a.written
    const before = frame && Buffer.from(frame)
    b.send("back")
    a.take(...b.flush())
    b.link.recover()
    a.take(...b.flush())
    assert.deepStrictEqual(shown(a.flush()), ["content 1 ack 1"])
    assert.deepStrictEqual(frame, before)
  })

  it("acknowledges with a content of its own, and then not again", () => {
    const { a, b } = ends()
    a.send("one")
    b.take(...a.flush())
    b.send("back")
    b.link.acknowledge()
    assert.deepStrictEqual(shown(b.flush()), ["content 1 ack 1"])
  })

  it("acknowledges an eighth of the window in the next turn, since the other node would soon have to wait", () => {
    const { a, b } = ends(16 * content("one").length)
    a.send("one")
    b.take(...a.flush())
    assert.deepStrictEqual(b.told.splice(0), ["one", "owesAck"])
    a.send("two", "six")
    b.take(...a.flush())
    assert.deepStrictEqual([b.told.splice(0), shown(b.flush())], [["two", "owesMuch", "six"], []])
    b.link.acknowledge()
    assert.deepStrictEqual(shown(b.flush()), ["ack 0 ack 3"])
    a.send("ten", "two")
    b.take(...a.flush())
    assert.deepStrictEqual(b.told, ["ten", "owesAck", "two", "owesMuch"])
  })

  it("reports which frames are no longer needed: those that have arrived, and have one copy", () => {
    const { a, b } = ends()
    a.send("one", "two", "three")
    const [one, , three] = a.flush()
    if (one === undefined || three === undefined) return assert.fail()
    b.take(one, three)
    assert.deepStrictEqual(a.arrived, [])
    a.take(...b.flush())
    const [first] = a.written
    assert.deepStrictEqual(a.arrived, [first])
    b.take(...a.flush())
    b.link.acknowledge()
    a.take(...b.flush())
    assert.deepStrictEqual(a.arrived, [first, a.written[2]])
  })

  it("has a window, and reports when it has room", () => {
    const { a, b } = ends(2 * content("four").length)
    assert.deepStrictEqual(a.send("four", "four", "five", "five"), [true, true, false, false])
    b.take(...a.flush())
    assert.deepStrictEqual(a.told, [])
    b.link.acknowledge()
    a.take(...b.flush())
    assert.deepStrictEqual(a.told, ["hasRoom"])
    assert.deepStrictEqual(a.send("five"), [true])
  })

  it("asks for what is missing at most every 50 ms, and again until it comes", () => {
    const { a, b, time } = ends()
    a.send("one", "two", "three")
    const [, two, three] = a.flush()
    if (two === undefined || three === undefined) return assert.fail()
    time.now = 49
    b.take(two)
    b.take(three)
    assert.lengthOf(b.flush(), 1)
    time.now = 98
    b.link.tick()
    assert.isEmpty(b.flush())
    time.now = 99
    b.link.tick()
    const resume = b.flush()
    assert.deepStrictEqual(shown(resume), ["resume 2 ack 0"])
    a.take(...resume)
    assert.deepStrictEqual(shown(a.flush()), ["content 1 ack 0"])
  })

  it("asks after 500 ms without an acknowledgement, and hears what was lost", () => {
    const { a, b, time } = ends()
    a.send("one", "two")
    a.flush()
    time.now = 499
    a.link.tick()
    assert.isEmpty(a.flush())
    time.now = 500
    a.link.tick()
    const probe = a.flush()
    assert.deepStrictEqual(shown(probe), ["probe 2 ack 0"])
    b.take(...probe)
    a.take(...b.flush())
    b.take(...a.flush())
    assert.deepStrictEqual(
      b.told.filter((one) => !one.startsWith("owes")),
      ["one", "two"]
    )
    b.flush()
    // The acknowledgement was lost.
    time.now = 1_000
    a.link.tick()
    b.take(...a.flush())
    b.link.acknowledge()
    a.take(...b.flush())
    assert.strictEqual(a.link.inFlight, 0)
    time.now = 5_000
    a.link.tick()
    assert.isEmpty(a.flush())
  })

  it("is silent while its node is suspended, keeps what it is given, and then asks for what is missing", () => {
    const { a } = ends()
    a.send("one")
    a.flush()
    a.link.silence()
    assert.deepStrictEqual(a.send("two"), [true])
    a.link.tick()
    assert.isEmpty(a.flush())
    a.link.recover()
    assert.deepStrictEqual(shown(a.flush()), ["resume 0 ack 0", "probe 2 ack 0"])
  })

  it("drops frames of another version, and those that are too short", () => {
    assert.isUndefined(Frame.read(new Uint8Array(3)))
    const frame = Frame.make({ kind: 2, from: "00000000000000aa", to: Frame.everyone, number: 0, ack: 2 ** 40 })
    assert.strictEqual(Frame.read(frame)?.ack, 2 ** 40)
    frame[0] = 9
    assert.isUndefined(Frame.read(frame))
  })
})
