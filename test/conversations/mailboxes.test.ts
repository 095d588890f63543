import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { slow } from "../support/SlowStore.js"
import { login, passes, seen, startConversations } from "../support/Conversations.js"
import { settle } from "../support/Turns.js"

describe("accounts that are written to once", () => {
  it.scoped("get a line to all of them, however many they are", () =>
    Effect.gen(function* () {
      const state = { isStuck: false }
      const { accounts, connect, join } = yield* startConversations(
        { maxRecipients: 2_000, outboxLines: 16, holdTimeout: Duration.seconds(2) },
        slow({ delay: () => 0, fails: () => false, isStuck: () => state.isStuck })
      )
      const others = Array.from({ length: 1_500 }, (_, number) => `account${number}`)
      for (const name of others) {
        const made = yield* accounts.store.accounts.create({ name, likeness: name.toUpperCase(), credential: "" })
        if (made !== undefined) accounts.accounts.index.add(made)
      }
      const carol = yield* join("carol")
      const all = ["bob", ...others].join(", ")
      carol.say("/hello", `@all ${all}: hi`)
      yield* seen(carol, "* stored @all")
      const bob = yield* connect
      bob.say(...login("bob"))
      yield* seen(bob, "from carol: hi")
      carol.say(`@next ${all}: hi again`)
      yield* seen(carol, "* stored @next")
      yield* seen(bob, "from carol: hi again")
      // By now a thousand others were forgotten.
      carol.say("bob: and again")
      yield* seen(bob, "from carol: and again")
      assert.strictEqual((yield* accounts.store.statistics).stored, 3_003)
      for (const { id } of yield* accounts.store.accounts.all) {
        if (id > 2) assert.lengthOf(yield* accounts.store.waiting(id, "main"), 1)
      }
      // Nobody holds a sender for ever, whichever of them it is.
      state.isStuck = true
      carol.say(...Array.from({ length: 40 }, () => `${others.join(", ")}: hi`), "/ping after")
      yield* passes(4_000)
      assert.isTrue(carol.received.includes("* pong: after"))
      state.isStuck = false
    }).pipe(Effect.orDie)
  )

  it.scoped("are forgotten when there are many, and found again", () =>
    Effect.gen(function* () {
      const { accounts, connect, join } = yield* startConversations()
      const { index } = accounts.accounts
      for (let number = 0; number < 1_100; number++) {
        const name = `account${number}`
        const made = yield* accounts.store.accounts.create({ name, likeness: name.toUpperCase(), credential: "" })
        if (made !== undefined) index.add(made)
      }
      const carol = yield* join("carol")
      carol.say(...Array.from({ length: 1_100 }, (_, number) => `account${number}: hi`), "bob: one")
      yield* carol.barrier
      yield* settle
      carol.say("account0: again", "bob: two")
      const bob = yield* connect
      bob.say(...login("bob"))
      yield* seen(bob, "from carol: two")
      yield* passes(1_500)
      const { stored, waiting } = yield* accounts.store.statistics
      assert.deepStrictEqual([stored, waiting], [1_103, 1_101])
    }).pipe(Effect.orDie)
  )
})
