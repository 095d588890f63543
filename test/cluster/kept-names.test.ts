import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { passes } from "../support/Conversations.js"
import { startKeptNodes } from "../support/KeptNodes.js"
import { settle } from "../support/Turns.js"

describe("the name of an account, on several nodes", () => {
  it.scoped("is no guest's, even if that one's login began before there was the account", () =>
    Effect.gen(function* () {
      const { a, b, cluster } = yield* startKeptNodes(["a", "b"])
      cluster.answers.unsafeClose()
      const guests = [yield* a.connect, yield* a.connect]
      guests[0]?.say("carol")
      guests[1]?.say("/hello send-only", "CAROL")
      yield* settle
      yield* Effect.orDie(b.accounts.operations.add("carol", "correct horse"))
      yield* passes(2_000)
      cluster.answers.unsafeOpen()
      for (const guest of guests) {
        yield* guest.ended
        assert.match(guest.received.at(-1) ?? "", /^! (?:password-required|login-in-use) carol fatal/iu)
      }
      assert.deepStrictEqual(yield* a.server.names, [])
    })
  )
})
