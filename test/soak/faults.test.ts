import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFile, spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

/** A short soak against the built program with a fault. */
const soak = (fault: string, ...more: ReadonlyArray<string>) =>
  Effect.async<{ readonly status: number; readonly output: string }>((resume) => {
    const options = ["--program", path("../support/faulty-program.mjs"), ...more]
    const env = { PATH: process.env["PATH"], SOAK_FAULT: fault }
    execFile(process.execPath, [path("../../scripts/soak/main.mjs"), ...options], { env }, (error, out, errors) => {
      const output = out + errors
      resume(Effect.succeed({ status: error === null ? 0 : Number(error.code), output }))
    })
  })

/** Enough to find a fault, which is then overdue soon. */
const oneSecond = ["--minutes", "0.02", "--patience", "4"]

const threeSeconds = ["--minutes", "0.05", "--patience", "8"]

const hasPrometheus = spawnSync("prometheus", ["--version"]).error === undefined

// Side by side: a soak waits for most of its time, until its clients have left and lost messages are overdue.
describe.concurrent("the soak", () => {
  for (const [fault, what, finds] of [
    ["leak", "timers that are never cleared", /timers before, \d+ after all clients had left$/m],
    ["drop", "a dropped message among a thousand", / is lost: /],
    ["twice", "a duplicated message", /, twice$/m],
    ["change", "a changed message", /, which is changed$/m],
    ["swap", "two swapped messages", /, after \d+$/m]
  ] as const) {
    it.live(`finds ${what}`, () =>
      Effect.map(soak(fault, ...oneSecond), ({ output, status }) => {
        assert.strictEqual(status, 1, output)
        assert.match(output, finds)
      })
    )
  }

  it.live("finds no fault in the program as it is", () =>
    Effect.map(soak("none", ...threeSeconds), ({ output, status }) => assert.strictEqual(status, 0, output))
  )

  describe.skipIf(!hasPrometheus)("with a real Prometheus (package prometheus)", () => {
    it.live(
      "finds balanced metrics at each scrape, equal to the log and the clients' counts",
      () =>
        Effect.map(soak("none", ...threeSeconds, "--prometheus"), ({ output, status }) => {
          assert.strictEqual(status, 0, output)
          assert.match(output, /^Prometheus: \d+ scrapes in \d+ s of \d+ series, .* up at each: true$/mu)
          assert.match(output, /^ {2}unaccounted 0 to 0, 0 resets, [1-9]\d* pairs accepted/mu)
        }),
      90_000
    )

    it.live(
      "finds a ledger that does not balance",
      () =>
        Effect.map(soak("uneven", ...threeSeconds, "--prometheus"), ({ output, status }) => {
          assert.strictEqual(status, 1, output)
          assert.match(output, /achat_pairs_unaccounted ranged from \d+ to 3/u)
        }),
      90_000
    )
  })
})
