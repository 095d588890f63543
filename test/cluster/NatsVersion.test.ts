import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as NatsVersion from "../../src/cluster/NatsVersion.js"

describe("a version of NATS", () => {
  it("may forget entries before 2.9.21", () => {
    for (const version of ["1.4.1", "2.8.4", "2.9.0", "2.9.10", "2.9.20", "2.9.20-beta.1"]) {
      assert.isTrue(NatsVersion.isForgetful(version), version)
    }
    for (const version of ["2.9.21", "2.9.25", "2.10.0", "2.12.1-dev", "3.0.0", "", "devel", undefined]) {
      assert.isFalse(NatsVersion.isForgetful(version), version)
    }
  })

  it.effect("is warned of if there are several servers of it", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const logger = Logger.make(({ message }) => void log.push(String(message)))
      const warn = (isClustered: boolean, version: string) =>
        Effect.provide(NatsVersion.warn({ isClustered, version }), Logger.replace(Logger.defaultLogger, logger))
      yield* warn(false, "2.9.10")
      yield* warn(true, "2.9.21")
      assert.deepStrictEqual(log, [])
      yield* warn(true, "2.9.10")
      assert.lengthOf(log, 1)
      assert.include(log[0], "2.9.21")
    })
  )
})
