import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Credentials from "../../src/accounts/Credentials.js"
import { Verification } from "../../src/accounts/Verification.js"

const time = { now: () => performance.now(), wall: () => Date.now() }

/** The CPU time of this process, of all of its threads, in milliseconds. */
const used = () => {
  const { system, user } = process.cpuUsage()
  return (system + user) / 1000
}

describe("a check where there is no account", () => {
  it.live("takes as much work as a wrong password", () =>
    Effect.gen(function* () {
      const verification = new Verification({ time, threads: 1 })
      const record = yield* Credentials.hash("correct horse")
      const workOf = (account: string, found: string | undefined) =>
        Effect.gen(function* () {
          const before = used()
          for (let count = 0; count < 3; count++) {
            const claim = { account, address: `${account} ${count}`, password: "battery staple" }
            yield* verification.check(claim, Effect.succeed(found))
          }
          return used() - before
        })
      yield* workOf("warm", record)
      const [known, unknown] = [yield* workOf("known", record), yield* workOf("unknown", undefined)]
      assert.isAbove(unknown, known / 3)
      assert.isBelow(unknown, known * 3)
    })
  )
})
