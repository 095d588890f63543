import { describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { assert } from "vitest"
import { from, pass, startMemoryServer } from "../support/MemoryServer.js"
import { flood, numbersFrom, range } from "../support/NumberedLines.js"
import { shortTimeouts } from "../support/SmallSettings.js"
import { settle } from "../support/Turns.js"
import { uncounted } from "../support/Uncounted.js"

describe("the rate", () => {
  const limited = Effect.gen(function* () {
    const chat = yield* startMemoryServer({ ...shortTimeouts, rate: 5 })
    yield* pass(1_000)
    const alice = yield* chat.connect
    alice.say("alice", "alice: 1", "alice: 2", "alice: 3", "alice: 4") // one second's worth: the login counts
    for (const text of ["1", "2", "3", "4"]) assert.strictEqual(yield* alice.next, `from alice: ${text}`)
    return alice
  })

  it.scoped("lets one second's worth through at once, and refuses the next line", () =>
    Effect.gen(function* () {
      const alice = yield* limited
      alice.say("alice: 5")
      assert.match(yield* alice.next, /^! slow-down retry=200: /)
    })
  )

  for (const [what, mistake, refusal] of [
    ["a label before /hello", "@k1 alice: hi", "! bad-line"],
    ["an '@' without a label", "@", "! bad-line"],
    ["a line without a colon", "no colon", "! bad-line"],
    ["a line that is too long", "x".repeat(70_000), "! too-long"]
  ] as const) {
    it.scoped(`counts ${what}, and refuses it when it is over the rate`, () =>
      Effect.gen(function* () {
        const { connect } = yield* startMemoryServer({ ...shortTimeouts, rate: 3 })
        const alice = yield* connect
        alice.say("alice", mistake, mistake, mistake, "alice: hi")
        const lines: Array<string> = []
        while (lines.length < 4) lines.push(...uncounted(yield* alice.next))
        for (const expected of [refusal, refusal, "! slow-down retry=", "! slow-down retry="]) {
          const line = lines.shift() ?? ""
          assert.isTrue(line.startsWith(expected), line)
        }
        yield* pass(1_000)
        alice.say("alice: hi")
        assert.strictEqual(yield* alice.next, "from alice: hi")
      })
    )
  }

  it.scoped("counts a first line that is too long against the address, and refuses it when it is over the rate", () =>
    Effect.gen(function* () {
      const limits = { ratePerAddress: 1, burstPerAddress: 1, wrap: from("192.0.2.1", "192.0.2.1") }
      const { connect } = yield* startMemoryServer({ ...shortTimeouts, ...limits })
      const long = "x".repeat(70_000)
      for (const expected of ["! bad-login fatal: ", "! slow-down retry="]) {
        const alice = yield* connect
        alice.say(long)
        const line = yield* alice.next
        assert.isTrue(line.startsWith(expected), line)
      }
    })
  )

  for (const rate of [1, 3, 5, 7, 60, 999]) {
    it.scoped(`reports an exact retry: after it the line passes, even after an earlier attempt: ${rate} a second`, () =>
      Effect.gen(function* () {
        const { connect } = yield* startMemoryServer({ ...shortTimeouts, rate })
        yield* pass(1_000)
        const alice = yield* connect
        alice.say("alice", ...Array.from({ length: rate - 1 }, () => "alice: x"))
        for (let line = 1; line < rate; line++) yield* alice.next
        for (const wait of [0, 1, 37, 99]) {
          alice.say("alice: x")
          const retry = Number(/^! slow-down retry=(\d+): /.exec(yield* alice.next)?.[1])
          assert.isAtMost(retry, Math.ceil(1_000 / rate))
          const early = Math.min(wait, retry - 1)
          yield* pass(early)
          alice.say("alice: too early")
          assert.match(yield* alice.next, new RegExp(`^! slow-down retry=${retry - early}: `))
          yield* pass(retry - early)
          alice.say("alice: in time")
          assert.strictEqual(yield* alice.next, "from alice: in time")
        }
      })
    )
  }

  it.scoped("refills to one second's worth at most", () =>
    Effect.gen(function* () {
      const alice = yield* limited
      yield* pass(3_600_000)
      alice.say(...["a", "b", "c", "d", "e", "f"].map((text) => `alice: ${text}`))
      for (const text of ["a", "b", "c", "d", "e"]) assert.strictEqual(yield* alice.next, `from alice: ${text}`)
      assert.match(yield* alice.next, /^! slow-down retry=200: /)
    })
  )

  it.scoped("does not charge a held line twice", () =>
    Effect.gen(function* () {
      const { connect, join } = yield* startMemoryServer({
        ...shortTimeouts,
        rate: 60,
        outboxBytes: 1_024,
        holdTimeout: Duration.hours(1)
      })
      yield* pass(1_000)
      const bob = yield* join("bob")
      const alice = yield* connect
      bob.socket.pause()
      alice.say("alice", ...flood(59))
      for (let round = 0; round < 20; round++) {
        bob.socket.resume()
        yield* settle
        bob.socket.pause()
      }
      bob.socket.resume()
      yield* settle
      assert.deepStrictEqual(numbersFrom("alice", bob.received), range(0, 59))
      assert.deepStrictEqual(alice.received, [])
    })
  )
})
