import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/TestClock"
import type { ConnectionUser } from "../../src/cluster/NatsConnection.js"
import * as NatsLosses from "../../src/cluster/NatsLosses.js"

/** A connection that is up or down as the test says, and what is logged of it. */
const reporting = Effect.gen(function* () {
  const log: Array<string> = []
  const logger = Logger.make(({ annotations, message }) => {
    const facts = Array.from(HashMap.entries(annotations), ([key, value]) => `${key}=${String(value)}`)
    log.push([String(message), ...facts.toSorted()].join(" "))
  })
  let user: ConnectionUser | undefined = undefined as ConnectionUser | undefined
  const connection = {
    isUp: false,
    server: undefined as string | undefined,
    use: (given: ConnectionUser) => {
      user = given
      return () => (user = undefined)
    }
  }
  yield* Effect.provide(NatsLosses.report(connection), Logger.replace(Logger.defaultLogger, logger))
  const up = (server: string) =>
    Effect.suspend(() => {
      Object.assign(connection, { isUp: true, server })
      user?.up()
      return TestClock.adjust(0)
    })
  const down = Effect.suspend(() => {
    Object.assign(connection, { isUp: false, server: undefined })
    user?.down()
    return TestClock.adjust(0)
  })
  return { log, up, down }
})

const lost = (server: string, suppressed: number) =>
  `the connection to NATS is lost server=${server} suppressed=${suppressed}`
const again = (server: string) => `connected to NATS again server=${server}`

describe("NatsLosses.report", () => {
  it.scoped("logs a loss and its end at once, but not the first connection", () =>
    Effect.gen(function* () {
      const { down, log, up } = yield* reporting
      yield* up("a")
      assert.deepStrictEqual(log, [])
      yield* down
      assert.deepStrictEqual(log, [lost("a", 0)])
      yield* TestClock.adjust("1 hour")
      yield* up("b")
      assert.deepStrictEqual(log, [lost("a", 0), again("b")])
    })
  )

  it.scoped("logs a connection that is lost again and again every ten seconds, with the number of losses", () =>
    Effect.gen(function* () {
      const { down, log, up } = yield* reporting
      yield* up("a")
      for (let i = 0; i < 20; i++) {
        yield* down
        yield* up("a")
        yield* TestClock.adjust("1 second")
      }
      assert.deepStrictEqual(log, [lost("a", 0), again("a"), lost("a", 8), again("a"), lost("a", 9), again("a")])
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(log.length, 6)
    })
  )

  it.scoped("logs a loss that lasts, even if it began shortly after another one", () =>
    Effect.gen(function* () {
      const { down, log, up } = yield* reporting
      yield* up("a")
      yield* down
      yield* up("b")
      yield* down
      assert.strictEqual(log.length, 2)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(log.slice(2), [lost("b", 0)])
    })
  )
})
