import { describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { assert } from "vitest"
import { pass, startMemoryServer, type MemoryServerOptions } from "../support/MemoryServer.js"
import { numbered, numbersFrom, range } from "../support/NumberedLines.js"
import { noTimeouts } from "../support/SmallSettings.js"
import { settle } from "../support/Turns.js"

/** A server with alice, who learns the outcomes of her labelled lines. */
const startWithAlice = (options: MemoryServerOptions = {}) =>
  Effect.gen(function* () {
    const { join } = yield* startMemoryServer({ ...noTimeouts, ...options })
    const alice = yield* join("alice")
    alice.say("/hello")
    yield* alice.barrier
    return { alice, join }
  })

/** How long a recipient may be full, and how long it may take nothing. */
const shortHold = { holdTimeout: Duration.seconds(2), stallTimeout: Duration.seconds(4) }

/** Every outcome of a labelled line, as `name: outcome`. */
const outcomes = (label: string, lines: ReadonlyArray<string>) =>
  lines
    .flatMap((line) => {
      const found = new RegExp(`^([!*]) (\\S+) @${label} ([^:=]*?)(?: reason=(\\w+).*)?: `).exec(line)
      return found === null ? [] : (found[3] ?? "").split(", ").map((name) => `${name}: ${found[4] ?? found[2]}`)
    })
    .toSorted()

describe("labelled lines", () => {
  it.scoped("have one outcome per recipient: written or offline", () =>
    Effect.gen(function* () {
      const { alice, join } = yield* startWithAlice()
      yield* join("bob")
      yield* join("carol")
      alice.say("@k1 bob, nobody, carol, alice, no one: hi", "@k1 bob: again", "bob: silent")
      yield* Effect.zipRight(settle, alice.barrier)
      assert.deepStrictEqual(outcomes("k1", alice.received), [
        "alice: written",
        "bob: written",
        "bob: written",
        "carol: written",
        "no%20one: offline",
        "nobody: offline"
      ])
    })
  )

  it.scoped("are reported as written only after the kernel took them, and as returned otherwise", () =>
    Effect.gen(function* () {
      const { alice, join } = yield* startWithAlice()
      const bob = yield* join("bob")
      bob.socket.pause()
      alice.say(...numbered(20).map((text, index) => `@k${index} bob: ${text}`))
      yield* Effect.zipRight(settle, alice.barrier)
      assert.isFalse(alice.received.some((line) => line.includes("@k15")))
      bob.socket.reset()
      yield* Effect.zipRight(settle, alice.barrier)
      for (const index of range(0, 20)) {
        const expected = index < 11 ? "bob: written" : "bob: disconnected"
        assert.deepStrictEqual(outcomes(`k${index}`, alice.received), [expected], `k${index}`)
      }
    })
  )

  it.scoped("are reported one by one as busy and slow", () =>
    Effect.gen(function* () {
      const { alice, join } = yield* startWithAlice(shortHold)
      const bob = yield* join("bob")
      bob.socket.pause()
      alice.say(...numbered(80).map((text, index) => `@k${index} bob: ${text}`))
      yield* pass(4_000)
      yield* alice.barrier
      const found = range(0, 80).map((index) => outcomes(`k${index}`, alice.received))
      for (const [index, outcome] of found.entries()) assert.strictEqual(outcome.length, 1, `k${index}: ${outcome}`)
      assert.deepStrictEqual([...new Set(found.flat())], ["bob: written", "bob: slow", "bob: busy"])
      const busy = alice.received.find((line) => line.includes("reason=busy"))
      assert.match(busy ?? "", /^! undelivered @k\d+ bob reason=busy retry=1000: /)
    })
  )

  it.scoped("hold a client that exceeds its limit of open outcomes until half of them are settled", () =>
    Effect.gen(function* () {
      const { alice, join } = yield* startWithAlice({ outboxBytes: 1_000_000, maxOutcomes: 20 })
      const bob = yield* join("bob")
      const carol = yield* join("carol")
      bob.socket.pause()
      const big = "x".repeat(2_000) // bob's kernel buffer has no room for two of them
      alice.say(...numbered(21).map((text, index) => `@k${index} bob: ${text} ${big}`), "carol: held after them")
      yield* carol.barrier
      assert.notInclude(carol.received, "from alice: held after them")
      bob.socket.resume()
      yield* carol.next.pipe(Effect.repeat({ until: (line) => line === "from alice: held after them" }))
      yield* alice.barrier
      const found = range(0, 21).flatMap((index) => outcomes(`k${index}`, alice.received))
      assert.deepStrictEqual(new Set(found), new Set(["bob: written"]))
      assert.lengthOf(found, 21)
    })
  )

  it.scoped("do not hold clients that write to the client waiting for outcomes", () =>
    Effect.gen(function* () {
      const { alice, join } = yield* startWithAlice({ outboxBytes: 1_000_000, maxOutcomes: 2 })
      const bob = yield* join("bob")
      const carol = yield* join("carol")
      bob.socket.pause()
      const big = "x".repeat(2_000)
      alice.say(...range(0, 3).map((index) => `@k${index} bob: ${big}`), "carol: held after them")
      yield* settle
      carol.say("alice: not held")
      yield* carol.barrier
      yield* alice.next.pipe(Effect.repeat({ until: (line) => line === "from carol: not held" }))
      assert.notInclude(carol.received, "from alice: held after them")
    })
  )

  it.scoped("are all delivered, once read, even if their sender breaks off while it waits for outcomes", () =>
    Effect.gen(function* () {
      const memory = { bufferBytes: 50_000 }
      const { alice, join } = yield* startWithAlice({ memory, outboxBytes: 1_000_000, maxOutcomes: 2 })
      const bob = yield* join("bob")
      bob.socket.pause()
      alice.say(`bob: fills bob's side ${"x".repeat(60_000)}`)
      yield* settle
      alice.say(...numbered(20).map((text, index) => `@k${index} bob: ${text}`))
      yield* settle
      alice.socket.reset()
      yield* settle
      bob.socket.resume()
      yield* bob.barrier
      assert.deepStrictEqual(numbersFrom("alice", bob.received), [Number.NaN, ...range(0, 20)])
    })
  )

  it.scoped("have one outcome per recipient, whatever happens to the recipients", () =>
    Effect.gen(function* () {
      const { alice, join } = yield* startWithAlice(shortHold)
      const others = yield* Effect.forEach(["b", "c", "d", "e"], join)
      const [b, c, d] = others
      b?.socket.pause()
      c?.socket.pause()
      alice.say(...numbered(200).map((text, index) => `@k${index} b, c, d, e, nobody: ${text}`))
      yield* pass(1_000)
      c?.socket.reset()
      d?.socket.end()
      yield* pass(10_000)
      yield* alice.barrier
      for (const index of range(0, 200)) {
        const names = outcomes(`k${index}`, alice.received).map((outcome) => outcome.split(":")[0])
        assert.deepStrictEqual(names, ["b", "c", "d", "e", "nobody"], `k${index}`)
      }
    })
  )

  it.scoped("get one refusal and no outcome when they are refused", () =>
    Effect.gen(function* () {
      const { alice } = yield* startWithAlice({ maxLineBytes: 100, maxRecipients: 2 })
      const before = alice.received.length
      alice.say(
        "@a nothing",
        "@b a, b, c: hi",
        "@c /nosuch",
        `@d alice: ${"x".repeat(100)}`,
        "@e alice: a\u0001",
        "@f : hi"
      )
      yield* alice.barrier
      const codes = alice.received.slice(before, -1).map((line) => line.split(/[:=]/)[0])
      assert.deepStrictEqual(codes, [
        "! bad-line @a",
        "! too-many-recipients @b max",
        "! unknown-command @c nosuch",
        "! too-long @d max",
        "! bad-line @e",
        "! bad-line @f"
      ])
    })
  )

  it.scoped("pass their label on to the answers to commands, including the farewell", () =>
    Effect.gen(function* () {
      const { alice } = yield* startWithAlice()
      const before = alice.received.length
      alice.say("@a /who", "@b /ping x", "@c /help", "@d /quit")
      yield* alice.ended
      const codes = alice.received.slice(before).map((line) => line.split(" ").slice(0, 3).join(" "))
      assert.deepStrictEqual([...new Set(codes)], ["* who @a", "* pong @b:", "* help @c:", "* bye @d"])
    })
  )
})
