import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFile, spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

/** A few seconds of soak against the built program with a fault. */
const soak = (fault: string, ...more: ReadonlyArray<string>) =>
  Effect.async<{ readonly status: number; readonly output: string }>((resume) => {
    const options = [
      "--minutes",
      "0.05",
      "--patience",
      "8",
      "--program",
      path("../support/faulty-program.mjs"),
      ...more
    ]
    const env = { PATH: process.env["PATH"], SOAK_FAULT: fault }
    execFile(process.execPath, [path("../../scripts/soak/main.mjs"), ...options], { env }, (error, out, errors) => {
      const output = out + errors
      resume(Effect.succeed({ status: error === null ? 0 : Number(error.code), output }))
    })
  })

describe.concurrent("the soak", () => {
  it.live("finds nothing in the program as it is", () =>
    Effect.map(soak("none"), ({ output, status }) => assert.strictEqual(status, 0, output))
  )
})

const hasPrometheus = spawnSync("prometheus", ["--version"]).error === undefined

describe.skipIf(!hasPrometheus).concurrent("a real Prometheus beside the soak (package prometheus)", () => {
  it.live(
    "finds its metrics even, at each scrape, and the same as the log and the clients",
    () =>
      Effect.map(soak("none", "--prometheus"), ({ output, status }) => {
        assert.strictEqual(status, 0, output)
        assert.match(output, /^Prometheus: \d+ scrapes in \d+ s of \d+ series, .* up at each: true$/mu)
        assert.match(output, /^ {2}unaccounted 0 to 0, 0 resets, [1-9]\d* pairs accepted/mu)
      }),
    90_000
  )

  it.live(
    "finds that the account is not even",
    () =>
      Effect.map(soak("uneven", "--prometheus"), ({ output, status }) => {
        assert.strictEqual(status, 1, output)
        assert.match(output, /achat_pairs_unaccounted was from \d+ to 3/u)
      }),
    90_000
  )
})

// At the same time, since most of it is waiting; the order of the events does not matter to them.
describe.concurrent("the soak finds", () => {
  for (const [fault, what, finds] of [
    ["drop", "one message in a thousand that is dropped", / is lost: /],
    ["twice", "one that comes twice", /, twice$/m],
    ["change", "one that is changed", /, which is changed$/m],
    ["swap", "two that change places", /, behind \d+$/m],
    ["leak", "timers that are never cleared", /timers before, \d+ when all had left$/m]
  ] as const) {
    it.live(what, () =>
      Effect.map(soak(fault), ({ output, status }) => {
        assert.strictEqual(status, 1, output)
        assert.match(output, finds)
      })
    )
  }
})
