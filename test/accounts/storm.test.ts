import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Credentials from "../../src/accounts/Credentials.js"
import { maxPendingPerAddress } from "../../src/accounts/Verification.js"
import { Device } from "../../src/chat/Device.js"
import { startAccounts } from "../support/Accounts.js"
import { startSocketServer } from "../support/SocketServer.js"
import { settle } from "../support/Turns.js"

const logins = 200

describe("many logins with passwords at once", () => {
  it.scoped("are refused without a question if too many wait, whether the account exists or not", () =>
    Effect.gen(function* () {
      const { accounts } = yield* startAccounts(
        { alice: "correct horse" },
        { store: (store) => ({ ...store, accounts: { ...store.accounts, credential: () => Effect.never } }) }
      )
      const claim = {
        name: "alice",
        device: undefined,
        secret: "battery staple",
        identity: undefined,
        host: "192.0.2.1",
        isPrivate: true,
        isSendOnly: false
      }
      for (let count = 0; count < maxPendingPerAddress; count++) {
        const decision = accounts.admission.decide(claim)
        assert(Effect.isEffect(decision))
        yield* Effect.fork(decision)
      }
      yield* settle
      for (const name of ["alice", "bob"]) {
        const decision = accounts.admission.decide({ ...claim, name })
        assert(!Effect.isEffect(decision) && decision !== undefined && !(decision instanceof Device))
        assert.match(decision.line(undefined), /^! slow-down retry=[12]\d\d\d fatal: too many logins/u)
      }
      assert.isTrue(Effect.isEffect(accounts.admission.decide({ ...claim, host: "192.0.2.2" })))
    })
  )

  it.scopedLive("are answered, each of them, and keep nobody else waiting for a password check", () =>
    Effect.gen(function* () {
      const accounts = yield* startAccounts({ alice: "correct horse" }, { cost: Credentials.cost })
      const server = yield* startSocketServer(accounts)
      const bystander = yield* server.join("bystander")
      const answers = new Map<string, number>()
      const began = performance.now()
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
      const seconds = (performance.now() - began) / 1_000
      const wrong = answers.get("! wrong-password") ?? 0
      const later = answers.get("! slow-down retry=MS") ?? 0
      assert.strictEqual(wrong + later, logins)
      assert.isAbove(rounds, 2 * wrong) // if it waited for each check, it would have one answer for each
      // Four of one address may wait, and after five mistakes none is checked for a second, then for two, and so on.
      assert.isAtLeast(wrong, 4)
      assert.isAtMost(wrong, 9 + 4 * Math.floor(Math.log2(1 + seconds)))
    })
  )
})
