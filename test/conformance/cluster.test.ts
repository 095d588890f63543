import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as NatsServers from "../support/NatsServers.js"

const main = fileURLToPath(new URL("../../scripts/conformance/main.mjs", import.meta.url))

/** Runs the suite with its clients at three nodes. */
const run = Effect.async<{ readonly status: number; readonly output: string }>((resume) => {
  execFile(process.execPath, [main, "--cluster", "--patience", "15"], (error, output) =>
    resume(Effect.succeed({ status: error === null ? 0 : Number(error.code), output }))
  )
})

describe.skipIf(NatsServers.missing)("the conformance suite with its clients at three nodes", () => {
  it.scopedLive(
    "finds no fault, and leaves out only what PROTOCOL.md says about several nodes",
    () =>
      Effect.gen(function* () {
        const { output, status } = yield* run
        assert.strictEqual(status, 0, output)
        const skipped = output.split("\n").filter((line) => line.startsWith("skipped"))
        const without = skipped.filter((line) => !/\(needs --(?:command|tls)\)$/u.test(line))
        assert.lengthOf(
          without.filter((line) => line.endsWith("(section 14))")),
          without.length
        )
        assert.isBelow(without.length, 21)
      }),
    120_000
  )
})
