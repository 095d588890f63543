import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { last, makeToken, next, password, start } from "../support/AccountCommands.js"
import { answerTo, ask, heads, logIn } from "../support/Accounts.js"

describe("the operator", () => {
  it.scoped("adds an account: guests of that name, or of one that looks the same, are closed", () =>
    Effect.gen(function* () {
      const chat = yield* start({})
      const guest = yield* chat.join("Alice")
      yield* chat.accounts.operations.add("alice", password)
      yield* guest.ended
      assert.strictEqual(last(guest), "! password-required Alice fatal")
      assert.strictEqual(yield* answerTo(chat, `alice: ${password}`), "in")
      const again = yield* Effect.flip(chat.accounts.operations.add("ALICE", password))
      assert.deepInclude(again, { impossible: "the name is taken, by the account alice" })
    })
  )

  it.scoped("sets a password, and logs all devices out", () =>
    Effect.gen(function* () {
      const chat = yield* start()
      const main = yield* logIn(chat, `alice: ${password}`)
      yield* chat.accounts.operations.password("alice", next)
      yield* main.ended
      assert.strictEqual(last(main), "! logged-out reason=password fatal")
      assert.strictEqual(yield* answerTo(chat, `alice: ${password}`), "! wrong-password fatal")
      assert.strictEqual(yield* answerTo(chat, `alice: ${next}`), "in")
    })
  )

  it.scoped("removes an account: nobody can log in, and the name stays taken until it is freed", () =>
    Effect.gen(function* () {
      const chat = yield* start()
      const { operations } = chat.accounts
      const [bob, main] = [yield* chat.join("bob"), yield* logIn(chat, `alice: ${password}`)]
      assert.deepInclude(yield* Effect.flip(operations.free("alice")), {
        impossible: "the account alice exists; remove it first"
      })
      yield* operations.remove("alice")
      yield* main.ended
      assert.strictEqual(last(main), "! logged-out reason=removed fatal")
      assert.strictEqual(yield* answerTo(chat, `alice: ${password}`), "! wrong-password fatal")
      assert.strictEqual(yield* answerTo(chat, "Alice"), "! password-required Alice fatal")
      assert.deepStrictEqual(heads(yield* ask(bob, "alice: hi")), ["! undelivered alice reason=offline"])
      assert.deepInclude(yield* Effect.flip(operations.add("alice", next)), {
        impossible: "the name is taken, by the account alice"
      })
      yield* operations.free("alice")
      assert.strictEqual(yield* answerTo(chat, "Alice"), "in")
      yield* operations.add("alice", next)
      assert.strictEqual(yield* answerTo(chat, `alice: ${password}`), "! wrong-password fatal")
      assert.strictEqual(yield* answerTo(chat, `alice: ${next}`), "in")
    })
  )

  it.scoped("lists accounts and their devices", () =>
    Effect.gen(function* () {
      const chat = yield* start({ alice: password, bob: password })
      yield* makeToken(yield* logIn(chat, `alice: ${password}`), "bot")
      yield* chat.accounts.operations.remove("bob")
      const list = yield* chat.accounts.operations.list
      assert.deepStrictEqual(
        list.map(({ devices, isRemoved, name }) => [name, isRemoved, devices.map((one) => one.name).toSorted()]),
        [
          ["alice", false, ["bot", "main"]],
          ["bob", true, []]
        ]
      )
    })
  )

  it.scoped("gets a reason for what is impossible", () =>
    Effect.gen(function* () {
      const { add, password: set, remove } = (yield* start()).accounts.operations
      assert.deepInclude(yield* Effect.flip(add("no name", password)), { impossible: '"no name" is not a name' })
      assert.deepInclude(yield* Effect.flip(set("bob", password)), { impossible: "there is no account bob" })
      assert.deepInclude(yield* Effect.flip(remove("bob")), { impossible: "there is no account bob" })
      assert.match(
        String(Reflect.get((yield* Effect.flip(add("bob", "short"))) as object, "impossible")),
        /^a password has 8 to 128/u
      )
    })
  )
})
