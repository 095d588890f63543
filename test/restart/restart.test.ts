import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"

const main = fileURLToPath(new URL("../../scripts/restart/main.mjs", import.meta.url))

/** Two restarts of the built program under a small load. */
const restart = (sockets: string) =>
  Effect.async<{ readonly status: number; readonly output: string }>((resume) => {
    const options = ["--clients", "20", "--restarts", "2", "--seconds", "1", "--return-after", "100ms"]
    const env = { PATH: process.env["PATH"] }
    execFile(process.execPath, [main, ...options, "--sockets", sockets], { env }, (error, output, errors) => {
      resume(Effect.succeed({ status: error === null ? 0 : Number(error.code), output: output + errors }))
    })
  })

describe("a restart under load", () => {
  it.live("refuses no connect on a socket that stays, and nobody's line is lost, doubled or unknown", () =>
    Effect.map(restart("held"), ({ output, status }) => {
      assert.strictEqual(status, 0, output)
      assert.match(output, /^connects refused +0$/mu)
      assert.match(output, /^lines sent +[1-9]\d*$/mu)
      assert.match(output, /^ok: 20 clients, 2 restarts$/mu)
    })
  )

  it.live("refuses connects on a port of the server's own, which the measurement does not overlook", () =>
    Effect.map(restart("own"), ({ output, status }) => {
      assert.strictEqual(status, 1, output)
      assert.match(output, /^FAULT {2}[1-9]\d* connects were refused$/mu)
    })
  )
})
