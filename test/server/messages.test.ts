import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { startSocketServer } from "../support/SocketServer.js"
import { headOf } from "../support/WireClient.js"

const names = (count: number) => Array.from({ length: count }, (_, i) => `n${i}`).join(",")

describe("messages", () => {
  it.scopedLive("reach each recipient once, whatever white space and repetition the head has", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const alice = yield* server.join("alice")
      const bob = yield* server.join("bob")
      const carol = yield* server.join("carol")
      yield* alice.send("bob, carol: both\n bob ,, bob,\tcarol\u00A0,bob , : each once\nalice,bob: me too\n")
      yield* alice.expect("from alice: me too")
      yield* bob.expect("from alice: both", "from alice: each once", "from alice: me too")
      yield* carol.expect("from alice: both", "from alice: each once")
      for (const client of [alice, bob, carol]) yield* client.barrier
      // 3 barriers at the login, 3 now, 6 deliveries.
      const { accepted, written } = yield* server.ledger
      assert.deepStrictEqual([accepted, written], [12, 12])
    })
  )

  const texts = {
    "": "",
    " \t ": "",
    "  a  b  ": "a  b",
    "a:b::c": "a:b::c",
    ": a": ": a",
    "a\tb": "a\tb",
    "/who": "/who",
    "@k a": "@k a",
    "from bob: fake": "from bob: fake",
    "\u0085\u00A0a\u00A0\u0085": "a",
    "\u1680\u2000\u200A\u2028\u2029\u202F\u205F\u3000a\u3000": "a",
    "\uFEFFa\uFEFF": "\uFEFFa\uFEFF",
    "\u200Ba\u180E": "\u200Ba\u180E",
    "a\u00A0b\u3000c": "a\u00A0b\u3000c",
    "\u00E0": "\u00E0", // its second byte is A0
    "李雷 😀 ā": "李雷 😀 ā",
    "\u000B\u000Ca\u000B": "a"
  }

  it.scopedLive("keep their text, except for Unicode white space at its ends", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const alice = yield* server.join("alice")
      for (const [text, kept] of Object.entries(texts)) {
        yield* alice.send(`alice:${text}\n`)
        yield* alice.expect(`from alice: ${kept}`)
      }
      yield* alice.barrier
    })
  )

  it.scopedLive("from one client to one recipient arrive in the order sent", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const bob = yield* server.join("bob")
      const alice = yield* server.join("alice")
      const heads = ["bob: ", "bob, alice: ", "alice,bob : ", "nobody, bob: "]
      const lines = Array.from({ length: 4_000 }, (_, i) => `${heads[i % heads.length]}${i}\n`)
      for (let at = 0; at < lines.length; at += 300) yield* alice.send(lines.slice(at, at + 300).join(""))
      yield* bob.expect(...lines.map((_, i) => `from alice: ${i}`))
    })
  )

  it.scopedLive("reach two common recipients in the same order", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const bob = yield* server.join("bob")
      const carol = yield* server.join("carol")
      const senders = yield* Effect.forEach(["s1", "s2", "s3", "s4"], server.join)
      for (let round = 0; round < 100; round++) {
        for (const sender of senders) {
          const one = `bob, carol: ${round}a\ncarol, bob: ${round}b\n`
          yield* sender.send(round % 7 === 0 ? `${one}carol: only\n` : one)
        }
        // Some rounds happen in the same turn of the event loop, some do not.
        if (round % 3 === 0) yield* Effect.yieldNow()
        if (round % 10 === 0) yield* bob.until("some lines", () => (bob.lines.length > round ? true : undefined))
      }
      for (const sender of senders) yield* sender.barrier
      for (const client of [bob, carol]) yield* client.send(`${client.name}: end\n`)
      const toBob = yield* bob.takeUntil("from bob: end")
      const toCarol = yield* carol.takeUntil("from carol: end")
      assert.strictEqual(toBob.length, 800)
      assert.deepStrictEqual(
        toCarol.filter((line) => !line.endsWith(": only")),
        toBob
      )
    })
  )

  it.scopedLive("to a name that looks the same as a present one suggest that one", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const alice = yield* server.join("alice")
      const zoe = yield* server.join("Zoë")
      yield* alice.send("zoë, nobody, ALICE: hi\nAlice: one\nAlice: two\n/hello\n@k1 ZOË: three\n")
      yield* alice.expect(
        "! undelivered zoë, nobody, ALICE reason=offline like=Zoë+alice",
        "! undelivered Alice reason=offline like=alice count=2"
      )
      assert.match(yield* alice.line, /^\* hello /u)
      yield* alice.expect("! undelivered @k1 ZOË reason=offline like=Zoë")
      yield* zoe.send("/quit\n")
      yield* zoe.expect("* bye reason=quit")
      yield* alice.expect("* left Zoë")
      yield* alice.send("zoë: hi\n")
      yield* alice.expect("! undelivered zoë reason=offline")
    })
  )

  it.scopedLive("to absent recipients are returned as offline, each time with the names", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const alice = yield* server.join("alice")
      yield* alice.send("bob: hi\n")
      yield* alice.expect("! undelivered bob reason=offline")
      yield* alice.send("bob, alice, carol: hi\n")
      // An answer and a message: their order is not fixed.
      const came = yield* alice.takeLines(2)
      assert.sameMembers(
        came.map((line) => (line.startsWith("!") ? headOf(line) : line)),
        ["from alice: hi", "! undelivered bob, carol reason=offline"]
      )
      yield* alice.barrier
    })
  )

  it.scopedLive("in a row to the same absent recipients may get one answer with their count", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const alice = yield* server.join("alice")
      yield* alice.send(`${"bob: hi\n".repeat(1_000)}${"carol: hi\n".repeat(7)}bob: hi\n`)
      yield* alice.send("/ping\n")
      const lines = yield* alice.takeUntil("* pong: ")
      const counted = lines.map((line) => {
        const found = /^! undelivered (\w+) reason=offline(?: count=(\d+))?: /.exec(line)
        return [found?.[1], Number(found?.[2] ?? 1)] as const
      })
      const total = (name: string) => counted.reduce((sum, [one, count]) => (one === name ? sum + count : sum), 0)
      assert.deepStrictEqual([total("bob"), total("carol")], [1_001, 7])
      assert.isBelow(lines.length, 100, "they share one reply")
      assert.strictEqual(counted.at(-1)?.[0], "bob", "in their order")
      const { returned } = yield* server.ledger
      assert.strictEqual(returned, 1_008)
    })
  )

  it.scopedLive("may have up to the limit of different recipients", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer({ maxRecipients: 3 })
      const alice = yield* server.join("alice")
      yield* alice.send("alice, alice, a, b, , a: fits\n")
      const fits = [yield* alice.line, yield* alice.line]
      assert.isTrue(fits.includes("from alice: fits"))
      yield* alice.send("alice, a, b, c: does not\n")
      yield* alice.expect("! too-many-recipients max=3")
      yield* alice.barrier
    })
  )

  it.scopedLive("have at most 1,000 recipients by default", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const alice = yield* server.join("alice")
      yield* alice.send(`${names(1_001)}: hi\n`)
      yield* alice.expect("! too-many-recipients max=1000")
      yield* alice.send(`${names(1_000)}: hi\n/ping\n`)
      const told = yield* alice.takeUntil("* pong: ")
      const returned = told.flatMap((line) => /^! undelivered (.*) reason=offline: /.exec(line)?.[1]?.split(", ") ?? [])
      assert.deepStrictEqual(returned.join(","), names(1_000))
      for (const line of told) assert.isBelow(Buffer.byteLength(line), 8_192)
    })
  )

  it.scopedLive(
    "over the sender's rate are refused as slow-down with a retry time; other senders are not affected",
    () =>
      Effect.gen(function* () {
        const server = yield* startSocketServer({ rate: 5 })
        const bob = yield* server.join("bob")
        const alice = yield* server.connect
        yield* alice.send(`alice\n${"bob: hi\n".repeat(4)}bob: over\n`)
        yield* bob.expect(...Array<string>(4).fill("from alice: hi"))
        const retry = /^! slow-down retry=(\d+): /.exec(yield* alice.line)?.[1]
        assert.isTrue(Number(retry) >= 1 && Number(retry) <= 200, `retry=${retry}`)
        yield* bob.barrier
        yield* Effect.sleep(Number(retry) + 5)
        yield* alice.send("bob: again\n")
        yield* bob.expect("from alice: again")
      })
  )
})
