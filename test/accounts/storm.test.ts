import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Credentials from "../../src/accounts/Credentials.js"
import { startAccounts } from "../support/Accounts.js"
import { startSocketServer } from "../support/SocketServer.js"

const logins = 200

describe("many logins with passwords at once", () => {
  it.scopedLive("are answered, each of them, and keep nobody else waiting for a password check", () =>
    Effect.gen(function* () {
      const accounts = yield* startAccounts({ alice: "correct horse" }, { cost: Credentials.cost })
      const server = yield* startSocketServer(accounts)
      const bystander = yield* server.join("bystander")
      const answers = new Map<string, number>()
      const storm = yield* Effect.fork(
        Effect.forEach(
          Array.from({ length: logins }, (_, number) => number),
          (number) =>
            Effect.gen(function* () {
              const client = yield* server.connect
              yield* client.send(`alice: wrong guess ${number}\n`)
              const [head = ""] = (yield* client.line).split(" fatal")
              const kind = head.replace(/retry=\d+/u, "retry=MS")
              answers.set(kind, (answers.get(kind) ?? 0) + 1)
              yield* client.closed
            }).pipe(Effect.scoped),
          { concurrency: "unbounded", discard: true }
        )
      )
      // While passwords are checked, a client that has logged in gets its answers.
      let rounds = 0
      while (storm.unsafePoll() === null) {
        yield* bystander.barrier
        rounds += 1
      }
      yield* storm
      assert.isAbove(rounds, 20)
      const wrong = answers.get("! wrong-password") ?? 0
      const later = answers.get("! slow-down retry=MS") ?? 0
      assert.strictEqual(wrong + later, logins)
      // Four of one address may wait, and after five mistakes none is checked for a while.
      assert.isAtLeast(wrong, 4)
      assert.isAtMost(wrong, 9)
    })
  )
})
