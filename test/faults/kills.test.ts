import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as SimulatedDisk from "../support/SimulatedDisk.js"

const main = fileURLToPath(new URL("../../scripts/kills/main.mjs", import.meta.url))

/** `npm run kills` with fewer kills. */
const kills = (count: number, ...options: ReadonlyArray<string>) =>
  Effect.async<{ readonly status: number; readonly output: string }>((resume) => {
    const child = execFile(process.execPath, [main, "--kills", `${count}`, ...options], (error, output, errors) => {
      resume(Effect.succeed({ status: error === null ? 0 : Number(error.code), output: output + errors }))
    })
    return Effect.sync(() => child.kill("SIGTERM"))
  })

/**
 * Twelve seconds with few members, who write and change their rooms as often as many: enough for everything to occur.
 */
const fewMembers = ["--rooms", "--members", "60", "--minutes", "0.2", "--rate", "100"]

describe("a server that is killed again and again", () => {
  it.live("loses no line that it reported as stored, and stores none twice", () =>
    Effect.map(kills(5), ({ output, status }) => {
      assert.strictEqual(status, 0, output)
      assert.match(output, /^lines reported as stored +[1-9]\d*$/mu)
      assert.match(output, /^sent again by alice +[1-9]\d*$/mu)
      assert.match(output, /^copies of hers +[1-9]\d*$/mu)
      assert.match(output, /^receipts for her, up to +[1-9]\d*$/mu)
    })
  )

  it.live.skipIf(SimulatedDisk.missing !== undefined)("nor where the power fails, and each flush takes 3 ms", () =>
    Effect.map(kills(3, "--power-cuts", "--flush-millis", "3"), ({ output, status }) => {
      assert.strictEqual(status, 0, output)
      assert.match(output, /^lines reported as stored +[1-9]\d*$/mu)
    })
  )

  it.live("claims nothing about a disk that is not simulated", () =>
    Effect.forEach([["--power-cuts"], ["--flush-millis", "3"]], (flags) =>
      Effect.map(kills(1, ...flags, "--store", "/nowhere/chat.db"), (result) =>
        assert.deepStrictEqual(result, {
          status: 2,
          output: "--power-cuts and --flush-millis simulate the disk of the default store: leave out --store\n"
        })
      )
    )
  )

  it.live(
    "gives all members of a room the same lines, and no others a single one",
    () =>
      Effect.map(kills(2, ...fewMembers), ({ output, status }) => {
        assert.strictEqual(status, 0, output)
        assert.match(output, /^lines reported as stored +[1-9]\d*$/mu)
        assert.match(output, /^removals +[1-9]\d*$/mu)
        assert.match(output, /^pages of the past +[1-9]\d*$/mu)
        assert.match(output, /^refused to outsiders +[1-9]\d*$/mu)
      }),
    120_000
  )
})
