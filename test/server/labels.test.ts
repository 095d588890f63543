import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { startSocketServer } from "../support/SocketServer.js"
import { headOf } from "../support/WireClient.js"

const labels = ["k", "7", "_", "-", ".", "A-b_c.9", "x".repeat(32)]
const noLabels = ["", " ", "x".repeat(33), "ä", "a/b", "a:b", "a@b", "a,b", "a\tb"]

/** The outcome of each labelled message to bob. */
const outcomes = (came: ReadonlyArray<string>) => {
  const seen = new Map<string, string>()
  for (const line of came) {
    const found = /^(\* written|! undelivered) @(\w+) bob(?: reason=(\w+)(?: retry=\d+)?)?: /.exec(line)
    if (found?.[2] === undefined) continue
    assert.isFalse(seen.has(found[2]), `two outcomes for ${found[2]}`)
    seen.set(found[2], found[3] ?? "written")
  }
  return seen
}

describe("labels", () => {
  it.scopedLive("a labelled message gets one outcome per recipient; an unlabelled one none on success", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const alice = yield* server.greet("alice")
      const bob = yield* server.join("bob")
      const carol = yield* server.join("carol")
      yield* alice.expect("* joined bob", "* joined carol")
      yield* alice.send("@k1 bob, nobody, carol, alice, nemo: deploy done\n")
      const came = yield* alice.until("four lines", () => {
        const names = alice.lines.flatMap(
          (line) =>
            /^[*!] (?:written|undelivered) @k1 ([^:=]*?)(?: reason=offline)?: /.exec(line)?.[1]?.split(", ") ?? []
        )
        return names.length === 5 && alice.lines.includes("from alice: deploy done") ? alice.lines.splice(0) : undefined
      })
      const named = (head: RegExp) => came.flatMap((line) => head.exec(line)?.[1]?.split(", ") ?? []).toSorted()
      assert.deepStrictEqual(named(/^\* written @k1 ([^:]*): /), ["alice", "bob", "carol"])
      assert.deepStrictEqual(named(/^! undelivered @k1 ([^:]*) reason=offline: /), ["nemo", "nobody"])
      yield* bob.expect("from alice: deploy done")
      yield* carol.expect("from alice: deploy done")
      yield* alice.send("bob: no label\n")
      yield* bob.expect("from alice: no label")
      yield* alice.barrier
    })
  )

  // Guard: the second `endOfTurn.ask()` where a turn of src/chat/Broker.ts is cut short.
  it.scopedLive("outcomes of a line that takes more than one turn arrive even if nothing else happens", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const names = Array.from({ length: 50 }, (_, i) => `c${i}`)
      yield* Effect.forEach(names, server.join)
      const alice = yield* server.greet("alice")
      yield* alice.send(`/ping\n`)
      yield* alice.expect("* pong: ")
      yield* Effect.sleep(600) // no event to wait for: the timer of the deadlines stops
      const text = "x".repeat(60_000)
      for (let round = 0; round < 3; round++) {
        yield* alice.send(`@${round} ${names.join(", ")}: ${text}\n`)
        yield* alice.takeLines(50)
      }
    })
  )

  it.scopedLive("every answer to a labelled line begins with the label", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer({ maxRecipients: 2, maxLineBytes: 200, rate: 0 })
      const alice = yield* server.greet("alice")
      for (const [line, head] of [
        ["no colon", "! bad-line @k"],
        [": nobody", "! bad-line @k"],
        ["", "! bad-line @k"],
        ["alice: \u0001x", "! bad-line @k"],
        ["a, b, c: hi", "! too-many-recipients @k max=2"],
        ["/nonsense", "! unknown-command @k nonsense"],
        ["/ping x", "* pong @k"],
        ["/who", "* who @k 1"],
        ["/hello", "* hello @k achat=1 name=alice max-line=200 max-recipients=2 max-name=32"],
        ["bob: hi", "! undelivered @k bob reason=offline"]
      ] as const) {
        yield* alice.send(`@k ${line}\n`)
        assert.strictEqual(headOf(yield* alice.line), head, line)
      }
      yield* alice.send("@k /help\n/ping\n")
      for (const line of yield* alice.takeUntil("* pong: ")) assert.strictEqual(headOf(line), "* help @k")
      yield* alice.barrier // refused lines get their one line, and no outcome
      yield* alice.send("@bye /quit\n")
      assert.match((yield* alice.rest).join("\n"), /^\* bye @bye[ :].*$/)
    })
  )

  it.scopedLive("a labelled line that is too long is refused with its label", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer({ maxLineBytes: 100 })
      const alice = yield* server.greet("alice")
      yield* alice.send(`@k alice: ${"x".repeat(100)}\n`)
      yield* alice.expect("! too-long @k max=100")
      yield* alice.barrier
    })
  )

  it.scopedLive("a labelled line over the rate is refused with its label", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer({ rate: 3 })
      const alice = yield* server.connect
      yield* alice.send("alice\n/hello\nalice: one\n@k alice: over\n")
      assert.strictEqual(headOf(yield* alice.line).split(" ")[1], "hello")
      const lines = [yield* alice.line, yield* alice.line]
      assert.isTrue(lines.includes("from alice: one"))
      assert.match(lines.find((line) => line.startsWith("!")) ?? "", /^! slow-down @k retry=\d+: /)
    })
  )

  it.scopedLive("a login may be labelled: success is silent, a refusal has the label", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const alice = yield* server.connect
      alice.name = "alice"
      yield* alice.send("/hello\n@in alice\n")
      yield* alice.line
      yield* alice.barrier
      const early = yield* server.connect
      yield* early.send("@h /hello\n")
      yield* early.expect("! bad-login fatal") // labels are not allowed before /hello
      assert.deepStrictEqual(yield* early.rest, [])
      const taken = yield* server.connect
      yield* taken.send("/hello\n@in ALICE\n")
      yield* taken.line
      yield* taken.expect("! login-in-use @in ALICE fatal")
      assert.deepStrictEqual(yield* taken.rest, [])
      const wrong = yield* server.connect
      yield* wrong.send("/hello\n@in a b\n")
      yield* wrong.line
      yield* wrong.expect("! bad-login @in fatal")
      assert.deepStrictEqual(yield* wrong.rest, [])
    })
  )

  it.scopedLive("a label is 1 to 32 ASCII letters, digits, '_', '-' or '.', followed by a space", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const alice = yield* server.greet("alice")
      for (const label of labels) {
        yield* alice.send(`@${label} /ping x\n`)
        yield* alice.expect(`* pong @${label}: x`)
      }
      for (const label of noLabels) {
        yield* alice.send(`@${label} alice: x\n`)
        assert.strictEqual(headOf(yield* alice.line), "! bad-line", label)
      }
      yield* alice.barrier
    })
  )

  it.scopedLive("without /hello a labelled line is refused", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const alice = yield* server.join("alice")
      yield* alice.send("@k alice: hi\n")
      yield* alice.expect("! bad-line")
      yield* alice.barrier
    })
  )

  it.scopedLive("labels need not be unique, and outcomes for one recipient arrive in the order of the messages", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const alice = yield* server.greet("alice")
      const bob = yield* server.join("bob")
      yield* alice.expect("* joined bob")
      yield* alice.send(Array.from({ length: 500 }, (_, i) => `@k${i % 10} bob: ${i}\n`).join(""))
      yield* bob.expect(...Array.from({ length: 500 }, (_, i) => `from alice: ${i}`))
      yield* alice.expect(...Array.from({ length: 500 }, (_, i) => `* written @k${i % 10} bob`))
      yield* alice.barrier
    })
  )

  // The recipient does not read: lines that its kernel did not take have no outcome until it reads or leaves.
  const big = "x".repeat(30_000)
  const lines = 600

  for (const reason of ["disconnected", "busy", "slow"] as const) {
    it.scopedLive(`every labelled line to a recipient that stops reading is written or returned, once: ${reason}`, () =>
      Effect.gen(function* () {
        const server = yield* startSocketServer({
          outboxBytes: 200_000,
          holdTimeout: reason === "busy" ? Duration.millis(200) : Duration.seconds(20),
          stallTimeout: reason === "slow" ? Duration.millis(500) : Duration.seconds(20)
        })
        const bob = yield* server.join("bob")
        const alice = yield* server.greet("alice")
        yield* bob.pause
        yield* alice.send(Array.from({ length: lines }, (_, i) => `@k${i} bob: ${i} ${big}\n`).join(""))
        if (reason === "disconnected") {
          yield* alice.until("some written", () => (alice.lines.length > 20 ? true : undefined))
          yield* bob.reset
        }
        if (reason === "busy") {
          yield* alice.until("a busy one", () =>
            alice.lines.some((line) => line.includes("=busy")) ? true : undefined
          )
          yield* bob.resume
        }
        const seen = yield* alice.until("an outcome for each", () => {
          const all = alice.lines.filter((line) => line.includes("@k")).length
          return all >= lines ? outcomes(alice.lines) : undefined
        })
        assert.strictEqual(seen.size, lines)
        const count = (what: string) => [...seen.values()].filter((outcome) => outcome === what).length
        assert.isAbove(count("written"), 0)
        if (reason === "busy") {
          assert.strictEqual(count("written") + count("busy"), lines)
          assert.isAbove(count("busy"), 0)
          // Exactly the lines reported as written arrive.
          yield* bob.until("what was written", () => (bob.lines.length >= count("written") ? true : undefined))
          const numbers = bob.lines.map((line) => /^from alice: (\d+) /.exec(line)?.[1])
          assert.deepStrictEqual(
            numbers,
            [...seen].flatMap(([label, outcome]) => (outcome === "written" ? [label.slice(1)] : []))
          )
          bob.lines.splice(0)
          yield* bob.barrier
        } else {
          assert.isAbove(count(reason), 0)
          assert.strictEqual(count("written") + count(reason) + count("offline"), lines)
        }
      })
    )
  }
})
