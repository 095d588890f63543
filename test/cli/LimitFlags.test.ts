import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Help from "../../src/cli/help/HelpText.js"
import * as Limits from "../../src/cli/serve/LimitFlags.js"

const nothing: Limits.Given = {
  maxConnections: Option.none(),
  maxConnectionsPerAddress: Option.none(),
  connectsPerAddress: Option.none(),
  ratePerAddress: Option.none(),
  burstPerAddress: Option.none(),
  limitLoopback: Option.none(),
  maxLine: Option.none(),
  maxRecipients: Option.none(),
  loginTimeout: Option.none(),
  holdTimeout: Option.none(),
  stallTimeout: Option.none(),
  grace: Option.none(),
  returnAfter: Option.none(),
  outboxLines: Option.none(),
  outboxBytes: Option.none(),
  maxOutcomes: Option.none(),
  rate: Option.none()
}

const flag = <A>(value: A) => Option.some({ by: "flag", value } as const)

describe("Limits.connections", () => {
  const descriptors = { limit: 1024, open: 24 }
  const table: ReadonlyArray<readonly [string, number | undefined, { limit: number; open: number }, number]> = [
    ["what the descriptors leave", undefined, descriptors, 923],
    ["what is wanted, if there are descriptors for it", 923, descriptors, 923],
    ["no more than there are descriptors for", 924, descriptors, 923],
    ["100,000 where there is no limit", undefined, { limit: Infinity, open: 0 }, 100_000],
    ["at least one", undefined, { limit: 20, open: 24 }, 1]
  ]
  for (const [name, wanted, available, expected] of table) {
    it(`are ${name}`, () => assert.strictEqual(Limits.connections(wanted, available), expected))
  }
})

const resolveSeconds = (stall: number, hold: number) =>
  Limits.resolve({
    ...nothing,
    stallTimeout: flag(Duration.seconds(stall)),
    holdTimeout: flag(Duration.seconds(hold))
  })

describe("Limits.resolve", () => {
  it.effect("leaves what was not given to the chat", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* Limits.resolve(nothing), {})
      const limits = yield* Limits.resolve({ ...nothing, maxLine: flag(100), rate: flag(0), limitLoopback: flag(true) })
      assert.deepStrictEqual(limits, { maxLineBytes: 100, rate: 0, limitLoopback: true })
    })
  )

  it.effect("lets no stall timeout be shorter than the hold timeout", () =>
    Effect.gen(function* () {
      yield* resolveSeconds(5, 5)
      const { error } = yield* Effect.flip(resolveSeconds(4, 5))
      assert.strictEqual(Help.plain(error), "--stall-timeout: 4 s is shorter than --hold-timeout, 5 s")
    })
  )
})
