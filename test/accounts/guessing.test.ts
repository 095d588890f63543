import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { answerTo, ask, logIn, startAccounts } from "../support/Accounts.js"
import { from, pass, startMemoryServer } from "../support/MemoryServer.js"

const password = "correct horse"

/** The answers to this many wrong passwords in a row. */
const guess = (chat: Parameters<typeof answerTo>[0], times: number) =>
  Effect.forEach(Array.from({ length: times }), (_, count) => answerTo(chat, `alice: wrong guess ${count}`))

const wrong = (times: number) => Array.from({ length: times }, () => "! wrong-password fatal")

describe("guessing", () => {
  it.scoped("is slowed down more and more after five mistakes, and forgiven by the right password", () =>
    Effect.gen(function* () {
      const chat = yield* startMemoryServer(yield* startAccounts({ alice: password }))
      assert.deepStrictEqual(yield* guess(chat, 6), [...wrong(5), "! slow-down retry=1000 fatal"])
      assert.strictEqual(yield* answerTo(chat, `alice: ${password}`), "! slow-down retry=1000 fatal")
      yield* pass(1_000)
      assert.deepStrictEqual(yield* guess(chat, 2), [...wrong(1), "! slow-down retry=2000 fatal"])
      yield* pass(2_000)
      assert.strictEqual(yield* answerTo(chat, `alice: ${password}`), "in")
      assert.deepStrictEqual(yield* guess(chat, 10), wrong(10))
    })
  )

  it.scoped("is slowed down for a name without an account just the same", () =>
    Effect.gen(function* () {
      const chat = yield* startMemoryServer(yield* startAccounts({ bob: password }))
      assert.deepStrictEqual(yield* guess(chat, 6), [...wrong(5), "! slow-down retry=1000 fatal"])
    })
  )

  it.scoped("never waits for longer than five minutes, and mistakes are forgotten after an hour", () =>
    Effect.gen(function* () {
      const chat = yield* startMemoryServer(yield* startAccounts({ alice: password }))
      yield* guess(chat, 5)
      for (let count = 0; count < 10; count++) {
        yield* pass(300_000)
        yield* guess(chat, 1)
      }
      assert.deepStrictEqual(yield* guess(chat, 1), ["! slow-down retry=300000 fatal"])
      yield* pass(3_600_001)
      assert.deepStrictEqual(yield* guess(chat, 5), wrong(5))
    })
  )

  it.scoped("locks nobody out: neither another address, nor one from which the password was right", () =>
    Effect.gen(function* () {
      const hosts = ["192.0.2.1", ...Array.from({ length: 7 }, () => "198.51.100.9"), "192.0.2.1", "192.0.2.2"]
      const chat = yield* startMemoryServer({ ...(yield* startAccounts({ alice: password })), wrap: from(...hosts) })
      assert.strictEqual(yield* answerTo(chat, `alice: ${password}`), "in")
      assert.strictEqual((yield* guess(chat, 7)).at(-1), "! slow-down retry=1000 fatal")
      assert.strictEqual(yield* answerTo(chat, `alice: ${password}`), "in")
      assert.strictEqual(yield* answerTo(chat, `alice: ${password}`), "in")
    })
  )

  it.scoped("does not slow down a token from the same address", () =>
    Effect.gen(function* () {
      const hosts = ["192.0.2.1", ...Array.from({ length: 8 }, () => "198.51.100.9")]
      const chat = yield* startMemoryServer({ ...(yield* startAccounts({ alice: password })), wrap: from(...hosts) })
      const [line = ""] = yield* ask(yield* logIn(chat, `alice: ${password}`), "/token bot")
      const token = /^\* token bot (achat_[0-9a-f]{32}): /u.exec(line)?.[1]
      assert.strictEqual((yield* guess(chat, 7)).at(-1), "! slow-down retry=1000 fatal")
      assert.strictEqual(yield* answerTo(chat, `alice/bot: ${token}`), "in")
    })
  )
})
