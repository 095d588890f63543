import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFile, spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

const main = path("../../scripts/restart/main.mjs")

/** Hundreds of lines go out in half a second, and a fault affects one line in fifty or more. */
const small = ["--clients", "20", "--restarts", "2", "--seconds", "1", "--return-after", "100ms"]

/** Two restarts under a small load, by default of the built program. */
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
  it.live("refuses no connect on a held socket, and no line is lost, duplicated or unknown", () =>
    Effect.map(restart("held"), ({ output, status }) => {
      assert.strictEqual(status, 0, output)
      assert.match(output, /^connections refused +0$/mu)
      assert.match(output, /^lines sent +[1-9]\d*$/mu)
      assert.deepStrictEqual([row(output, "lost"), row(output, "arrived twice")], [0, 0])
      assert.match(output, /^ok: 20 clients, 2 restarts$/mu)
    })
  )

  it.live("refuses connects on the server's own port, and the measurement reports them", () =>
    Effect.map(restart("own"), ({ output, status }) => {
      assert.strictEqual(status, 1, output)
      assert.match(output, /^FAULT {2}[1-9]\d* connects were refused$/mu)
    })
  )
})

describe.concurrent("the measurement of a restart", () => {
  it.live("notices every duplicated message", () =>
    Effect.map(restart("held", faulty, "double"), ({ output, status }) => {
      assert.strictEqual(status, 1, output)
      assert.isAbove(row(output, "written"), 0)
      assert.strictEqual(row(output, "arrived twice"), row(output, "written"), output)
    })
  )

  it.live("notices lost messages", () =>
    Effect.map(restart("held", faulty, "lose"), ({ output, status }) => {
      assert.strictEqual(status, 1, output)
      assert.isAbove(row(output, "lost"), 0)
      assert.match(output, /^FAULT {2}line \d+ of sender\d+ is lost, although it was reported as written$/mu)
    })
  )

  it.live("gives up if no message arrives", () =>
    Effect.map(restart("held", [...faulty, "--patience", "5"], "mute"), ({ output, status }) => {
      assert.strictEqual(status, 1, output)
      assert.match(output, /^FAILED: no message arrived after a restart within 5 s$/mu)
    })
  )

  it.live("reports why the server does not start", () =>
    Effect.map(restart("held", ["--program", path("nowhere.mjs"), "--patience", "2"]), ({ output, status }) => {
      assert.match(output, /Cannot find module .*nowhere\.mjs/u)
      assert.match(output, /^the server: no listening within 2 s$/mu)
      assert.notInclude(output, "ESRCH")
      assert.strictEqual(status, 1)
    })
  )
})

describe("the activator of the restart measurement", () => {
  it("gives up after the server has ended at once five times in a row", () => {
    const args = [path("../../scripts/restart/activator.mjs"), "web=0", "--", "false"]
    const { status, stderr, stdout } = spawnSync(process.execPath, args, { encoding: "utf8", timeout: 10_000 })
    assert.strictEqual(stdout.split("\n").filter((line) => line.startsWith("server ")).length, 5)
    assert.match(stderr, /^giving up: the server ended within a second 5 times in a row$/mu)
    assert.strictEqual(status, 1)
  })
})
