import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { bundled, storeThread } from "../support/Bundled.js"
import * as SimulatedDisk from "../support/SimulatedDisk.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

const namespace = ["unshare", "--user", "--map-root-user", "--mount"]

/** Whether no file system of a few megabytes can be mounted. */
const noTmpfs = spawnSync("unshare", [...namespace.slice(1), "mount", "-t", "tmpfs", "none", "/mnt"]).status !== 0

/** Runs `BadDisk.ts`, and returns what it has printed. */
const report = (command: ReadonlyArray<string>, environment: Readonly<Record<string, string>> = {}) => {
  const [file = "", ...args] = command
  const { stderr, stdout } = spawnSync(file, args, { encoding: "utf8", env: { ...process.env, ...environment } })
  assert.notStrictEqual(stdout, "", stderr)
  return JSON.parse(stdout) as unknown
}

describe("a store in SQLite", () => {
  it.scopedLive.skipIf(noTmpfs)("refuses lines while the disk is full, and stores again once there is room", () =>
    Effect.gen(function* () {
      const folder = join(yield* temporaryFolder, "disk")
      mkdirSync(folder)
      const program = yield* bundled("test/store/BadDisk.ts")
      const mount = `mount -t tmpfs -o size=3m none ${folder} && exec "$0" "$@"`
      const run = [process.execPath, program, "full", folder, yield* storeThread]
      assert.deepStrictEqual(report([...namespace, "sh", "-c", mount, ...run]), {
        refusal: ["full", "full"],
        isSome: true,
        read: 10,
        removed: 50,
        stillRefused: "full",
        recovered: "ok",
        missing: 0,
        given: 10,
        faults: []
      })
    })
  )

  it.scopedLive.skipIf(SimulatedDisk.missing !== undefined)(
    "finds out whether a transaction was committed when the disk fails, and opens the file again",
    () =>
      Effect.gen(function* () {
        const parent = yield* temporaryFolder
        const folder = join(parent, "disk")
        mkdirSync(folder)
        const program = yield* bundled("test/store/BadDisk.ts")
        const environment = {
          LD_PRELOAD: yield* SimulatedDisk.library,
          FOLDER: folder,
          FAILING: join(parent, "failing")
        }
        const command = [process.execPath, program, "failing", folder, yield* storeThread]
        const { during, faults, others, refused, results } = report(command, environment) as {
          results: ReadonlyArray<string>
          during: number
          others: number
          refused: number
          faults: ReadonlyArray<string>
        }
        const rounds = [0, 1, 2, 3, 4].map((round) => results.slice(round * 4, round * 4 + 4))
        for (const [before, , state, after] of rounds) {
          assert.deepStrictEqual([before, state, after], ["Stored", "unavailable", "Stored"])
        }
        assert.strictEqual(others, 10)
        assert.strictEqual(refused, 0)
        assert.strictEqual(during, rounds.filter(([, result]) => result === "Stored").length, results.join(" "))
        assert.deepStrictEqual(faults, [])
      })
  )
})
