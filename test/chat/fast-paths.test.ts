import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Options } from "../../src/chat/Options.js"
import { startMemoryServer, type MemoryClient } from "../support/MemoryServer.js"
import { seededRandom } from "../../scripts/random.mjs"
import { turns } from "../support/Turns.js"
import { uncounted } from "../support/Uncounted.js"

/** Lines of one client to others that are present, of all kinds that are routed in different ways. */
const script = (seed: number): ReadonlyArray<string> => {
  const random = seededRandom(seed)
  const heads = ["bob: ", "bob: ", "bob: ", "bob:", "bob , carol:", "bob, carol: ", " carol : ", "carol:\t"]
  const texts = [
    "hi",
    "x".repeat(300),
    "été",
    "fin\u00a0",
    "\u3000vide",
    "a: b",
    "",
    "“quoted”",
    "0123456789abcdef",
    "tab\t"
  ]
  const lines: Array<string> = []
  while (lines.length < 60) {
    const head = random.pick(heads)
    for (let run = random.below(12); run >= 0; run--) {
      lines.push(
        `${head}${lines.length}${random.chance(0.2) ? ` ${random.pick(texts)}` : ""}` +
          `${random.pick(["\n", "\n", "\r\n"])}`
      )
    }
    if (random.chance(0.2)) lines.push(random.pick(["/ping a\n", "no colon\n", "bob: \x07\n", "bob: \xff\n"]))
  }
  return lines
}

const bytesOf = (line: string) => (line.includes("\xff") ? Buffer.from(line, "latin1") : Buffer.from(line, "utf8"))

const all = (client: MemoryClient) => client.received.flatMap(uncounted).filter((line) => !/^\* pong: \d+$/u.test(line))

/** What three clients receive when alice's lines come in chunks of these sizes. */
const received = (
  lines: ReadonlyArray<string>,
  chunks: (bytes: Buffer) => ReadonlyArray<Buffer>,
  options: Partial<Options> = {}
) =>
  Effect.scoped(
    Effect.gen(function* () {
      const chat = yield* startMemoryServer(options)
      const [alice, bob, carol] = [yield* chat.join("alice"), yield* chat.join("bob"), yield* chat.join("carol")]
      for (const chunk of chunks(Buffer.concat(lines.map(bytesOf)))) {
        alice.socket.write(chunk.toString("latin1"))
        yield* turns(6) // so that the server reads the chunk before the next one
      }
      yield* alice.barrier
      yield* bob.barrier
      yield* carol.barrier
      return { alice: all(alice), bob: all(bob), carol: all(carol) }
    })
  )

const lineByLine = (bytes: Buffer): ReadonlyArray<Buffer> => {
  const chunks: Array<Buffer> = []
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(0x0a, at) + 1
    chunks.push(bytes.subarray(at, end))
    at = end
  }
  return chunks
}

const atAnyByte =
  (seed: number) =>
  (bytes: Buffer): ReadonlyArray<Buffer> => {
    const random = seededRandom(seed)
    const chunks: Array<Buffer> = []
    for (let at = 0; at < bytes.length;) {
      const end = at + 1 + random.below(400)
      chunks.push(bytes.subarray(at, end))
      at = end
    }
    return chunks
  }

describe("lines that arrive together", () => {
  it.effect("arrive exactly as they do one by one, wherever they are cut", () =>
    Effect.gen(function* () {
      for (let seed = 1; seed <= 25; seed++) {
        const lines = script(seed)
        const expected = yield* received(lines, lineByLine)
        assert.isAbove(expected.bob.length, 20)
        assert.deepStrictEqual(yield* received(lines, (bytes) => [bytes]), expected, `seed ${seed}, in one piece`)
        assert.deepStrictEqual(yield* received(lines, atAnyByte(seed)), expected, `seed ${seed}, in any pieces`)
        const small = { outboxLines: 8 }
        assert.deepStrictEqual(
          yield* received(lines, (bytes) => [bytes], small),
          expected,
          `seed ${seed}, small queues`
        )
      }
    })
  )

  it.scoped("arrive as they do one by one if another client has used their address before", () =>
    Effect.gen(function* () {
      const chat = yield* startMemoryServer()
      const [alice, bob, dave] = [yield* chat.join("alice"), yield* chat.join("bob"), yield* chat.join("dave")]
      alice.say("bob: first", "bob: second")
      yield* alice.barrier
      const long = "x".repeat(1_000)
      dave.say(`bob: ${long}`, "nobody: hi", `bob: ${long}`, "bob: ho")
      yield* dave.barrier
      dave.say("carol: hi", `bob: ${long}`, `bob: ${long}`)
      dave.say(`bob: ${long}`, `bob: ${long}`, "bob: three")
      yield* dave.barrier
      yield* bob.barrier
      assert.deepStrictEqual(all(bob), [
        "from alice: first",
        "from alice: second",
        `from dave: ${long}`,
        `from dave: ${long}`,
        "from dave: ho",
        ...Array.from({ length: 4 }, () => `from dave: ${long}`),
        "from dave: three"
      ])
      assert.match(all(dave)[0] ?? "", /^! undelivered nobody reason=offline/u)
      assert.match(all(dave)[1] ?? "", /^! undelivered carol reason=offline/u)
      assert.strictEqual(all(dave).length, 2)
    })
  )

  it.scoped("are no messages before a login, although another client has used their address before", () =>
    Effect.gen(function* () {
      const chat = yield* startMemoryServer()
      const [alice, bob] = [yield* chat.join("alice"), yield* chat.join("bob")]
      alice.say("bob: from alice")
      yield* alice.barrier
      const stranger = yield* chat.connect
      stranger.say(`bob: ${"x".repeat(1_500)}`, `bob: ${"x".repeat(1_500)}`)
      yield* stranger.ended
      yield* bob.barrier
      assert.deepStrictEqual(all(bob), ["from alice: from alice"])
    })
  )
})
