import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFile, spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

const main = path("../../scripts/restart/main.mjs")

const small = ["--clients", "20", "--restarts", "2", "--seconds", "1", "--return-after", "100ms"]

/** Two restarts of a program under a small load; the built one as it is, unless the options name another. */
const restart = (sockets: string, options: ReadonlyArray<string> = [], fault = "none") =>
  Effect.async<{ readonly status: number; readonly output: string }>((resume) => {
    const env = { PATH: process.env["PATH"], SOAK_FAULT: fault }
    const args = [main, ...small, "--sockets", sockets, ...options]
    const child = execFile(process.execPath, args, { env }, (error, output, errors) => {
      resume(Effect.succeed({ status: error === null ? 0 : Number(error.code), output: output + errors }))
    })
    return Effect.sync(() => child.kill("SIGTERM"))
  })

const faulty = ["--program", path("../support/faulty-program.mjs")]

const row = (output: string, title: string) => Number(new RegExp(`^ *${title} +(\\d+)$`, "mu").exec(output)?.[1])

describe("a restart under load", () => {
  it.live("refuses no connect on a socket that stays, and nobody's line is lost, doubled or unknown", () =>
    Effect.map(restart("held"), ({ output, status }) => {
      assert.strictEqual(status, 0, output)
      assert.match(output, /^connections refused +0$/mu)
      assert.match(output, /^lines sent +[1-9]\d*$/mu)
      assert.deepStrictEqual([row(output, "lost"), row(output, "arrived twice")], [0, 0])
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

describe.concurrent("the measurement of a restart", () => {
  it.live("sees every message that comes twice", () =>
    Effect.map(restart("held", faulty, "double"), ({ output, status }) => {
      assert.strictEqual(status, 1, output)
      assert.isAbove(row(output, "written"), 0)
      assert.strictEqual(row(output, "arrived twice"), row(output, "written"), output)
    })
  )

  it.live("sees messages that are lost", () =>
    Effect.map(restart("held", faulty, "drop"), ({ output, status }) => {
      assert.strictEqual(status, 1, output)
      assert.isAbove(row(output, "lost"), 0)
      assert.match(output, /^FAULT {2}line \d+ of sender\d+ is lost, though it was told as written$/mu)
    })
  )

  it.live("does not wait for ever where no message comes", () =>
    Effect.map(restart("held", [...faulty, "--patience", "5"], "mute"), ({ output, status }) => {
      assert.strictEqual(status, 1, output)
      assert.match(output, /^FAILED: no message came behind a restart within 5 s$/mu)
    })
  )

  it.live("says why the server does not start, and not that it has gone", () =>
    Effect.map(restart("held", ["--program", path("nowhere.mjs"), "--patience", "2"]), ({ output, status }) => {
      assert.match(output, /Cannot find module .*nowhere\.mjs/u)
      assert.match(output, /^the server: no listening within 2 s$/mu)
      assert.notInclude(output, "ESRCH")
      assert.strictEqual(status, 1)
    })
  )
})

describe("what starts a server again and again", () => {
  it("gives up when that ends at once, five times in a row", () => {
    const args = [path("../../scripts/restart/activator.mjs"), "web=0", "--", "false"]
    const { status, stderr, stdout } = spawnSync(process.execPath, args, { encoding: "utf8", timeout: 10_000 })
    assert.strictEqual(stdout.split("\n").filter((line) => line.startsWith("server ")).length, 5)
    assert.match(stderr, /^given up: 5 times in a row it ended within a second$/mu)
    assert.strictEqual(status, 1)
  })
})
