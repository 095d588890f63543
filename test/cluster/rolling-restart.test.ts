import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as NatsServers from "../support/NatsServers.js"

const script = fileURLToPath(new URL("../../scripts/cluster/restart.mjs", import.meta.url))

const run = Effect.async<{ readonly status: number; readonly output: string }>((resume) => {
  const flags = ["--clients", "12", "--rounds", "1", "--seconds", "1"]
  execFile(process.execPath, [script, ...flags], (error, output, errors) =>
    resume(Effect.succeed({ status: error === null ? 0 : Number(error.code), output: output + errors }))
  )
})

describe.skipIf(NatsServers.missing)("a cluster whose nodes are restarted one after the other", () => {
  it.scopedLive(
    "loses no line, and its clients go on at other nodes",
    () =>
      Effect.gen(function* () {
        const { output, status } = yield* run
        assert.strictEqual(status, 0, output)
        assert.match(output, /lost, doubled, out of order +0, 0, 0/u)
      }),
    120_000
  )
})
