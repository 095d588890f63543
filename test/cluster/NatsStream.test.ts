import { assert, describe, it } from "vitest"
import { NatsStream } from "../../src/cluster/NatsStream.js"

/** What a server sends: operations of a client, and between them messages of the subscription `ours`. */
const operations = [
  "INFO {}\r\n",
  "MSG a.b ours 5\r\nhello\r\n",
  "MSG a.b 1 5\r\nother\r\n",
  "PING\r\n",
  "HMSG a.b 2 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
  "MSG a.b ours a.reply 0\r\n\r\n",
  "MSG a.b ours 11\r\nMSG a 1 2\r\n\r\n",
  "MSG a.b 3 reply.ours 20\r\nMSG a.b ours 2\r\nhi\r\n\r\n",
  "PONG\r\n",
  "-ERR 'MSG a.b ours 5'\r\n",
  "MSG a.b ours 3\r\nend\r\n"
]

const isOurs = (operation: string) => operation.startsWith("MSG a.b ours ")

const divided = (parts: ReadonlyArray<Buffer>) => {
  const taken: Array<string> = []
  const passed: Array<Buffer> = []
  const stream = new NatsStream(
    (sid) => (sid === "ours" ? (payload) => void taken.push(Buffer.from(payload).toString("latin1")) : undefined),
    (bytes) => void passed.push(bytes)
  )
  // The memory of a read is used again for the next one.
  const read = Buffer.alloc(Math.max(...parts.map(({ length }) => length)))
  for (const part of parts) {
    part.copy(read)
    stream.push(read.subarray(0, part.length))
    read.fill("?")
  }
  return { taken, passed: Buffer.concat(passed).toString("latin1") }
}

const expected = {
  taken: ["hello", "", "MSG a 1 2\r\n", "end"],
  passed: operations.filter((operation) => !isOurs(operation)).join("")
}

describe("NatsStream", () => {
  it("takes the payloads of its subscriptions, and passes everything else on, wherever reads end", () => {
    const bytes = Buffer.from(operations.join(""))
    assert.deepStrictEqual(divided([bytes]), expected)
    for (let at = 0; at <= bytes.length; at++) {
      assert.deepStrictEqual(divided([bytes.subarray(0, at), bytes.subarray(at)]), expected, `divided at ${at}`)
    }
    const single = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))
    assert.deepStrictEqual(divided(single), expected)
  })

  it("passes what it read on in one piece, if nothing is for its subscriptions", () => {
    const passed: Array<Buffer> = []
    const stream = new NatsStream(
      () => undefined,
      (bytes) => void passed.push(bytes)
    )
    const bytes = Buffer.from(operations.join(""))
    stream.push(bytes)
    assert.strictEqual(passed.length, 1)
    assert.deepStrictEqual(passed[0], bytes)
  })

  it("assembles payloads larger than the one before", () => {
    const sizes = [10, 100_000, 70_000, 1_000_000]
    const payloads = sizes.map((size, at) => Buffer.alloc(size, at + 65))
    const bytes = Buffer.concat(
      payloads.flatMap((payload) => [Buffer.from(`MSG a.b ours ${payload.length}\r\n`), payload, Buffer.from("\r\n")])
    )
    const reads: Array<Buffer> = []
    for (let at = 0; at < bytes.length; at += 65_536) reads.push(bytes.subarray(at, at + 65_536))
    const { taken } = divided(reads)
    assert.isTrue(payloads.every((payload, at) => payload.toString("latin1") === taken[at]))
  })
})
