import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import * as Chunk from "effect/Chunk"
import * as Stream from "effect/Stream"
import * as Sqlite from "../../src/store/Sqlite.js"
import { defaults } from "../ports/StoreFixtures.js"
import { bundled, storeThread } from "../support/Bundled.js"
import * as SimulatedDisk from "../support/SimulatedDisk.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

/** How often. More with `ACHAT_STORE_KILLS=100`. */
const kills = Number(process.env["ACHAT_STORE_KILLS"] ?? 10)

/** Lets a writer write for a moment, and kills it. Returns how many lines it has reported as stored. */
const writeAndKill = async (writer: string, path: string, environment: Readonly<Record<string, string>> = {}) => {
  const child = spawn(process.execPath, [writer, path], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...environment }
  })
  const exited = once(child, "exit")
  const reported = lastLine(child)
  await Promise.race([once(child.stdout, "data"), exited])
  // In the middle of something, whatever that is.
  await setTimeout(Math.random() * 60)
  child.kill("SIGKILL")
  await exited
  return Number(await reported)
}

const lastLine = async ({ stdout }: ChildProcess) => {
  let text = ""
  if (stdout !== null) for await (const chunk of stdout) text += String(chunk)
  return text.slice(0, text.lastIndexOf("\n")).split("\n").at(-1) ?? ""
}

/** Opens the store, and checks everything in it. Returns the number of lines. */
const checked = (path: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const store = yield* Sqlite.make({ path, limits: defaults, thread: yield* storeThread, reserveBytes: 4096 })
      assert.deepStrictEqual(yield* store.check, [])
      const { expired, given, lines, stored, waiting } = yield* store.statistics
      assert.strictEqual(stored, given + waiting + expired)
      const records = Chunk.toReadonlyArray(yield* Stream.runCollect(store.exported))
      const numbers = records.flatMap((record) => (record.type === "line" ? [Number(record.text)] : []))
      assert.deepStrictEqual(
        numbers,
        numbers.map((_, index) => index),
        "each line once, in order"
      )
      return lines
    })
  )

describe("a store in SQLite", () => {
  it.scopedLive(
    `loses nothing of what it reported as stored when the process is killed, ${kills} times`,
    () =>
      Effect.gen(function* () {
        const path = join(yield* temporaryFolder, "chat.db")
        const writer = yield* bundled("test/store/Writer.ts")
        for (let run = 0; run < kills; run++) {
          const reported = yield* Effect.promise(() => writeAndKill(writer, path))
          const lines = yield* checked(path)
          assert.isAtLeast(lines, reported, `after ${run + 1} kills`)
        }
      }),
    kills * 5000
  )

  it.scopedLive.skipIf(SimulatedDisk.missing !== undefined)(
    `loses nothing of what it reported as stored when the power fails, ${kills} times`,
    () =>
      Effect.gen(function* () {
        const [folder, shadow] = [join(yield* temporaryFolder, "disk"), yield* temporaryFolder]
        const path = join(folder, "chat.db")
        mkdirSync(folder)
        const writer = yield* bundled("test/store/Writer.ts")
        const environment = { LD_PRELOAD: yield* SimulatedDisk.library, FOLDER: folder, SHADOW: shadow }
        for (let run = 0; run < kills; run++) {
          const reported = yield* Effect.promise(() => writeAndKill(writer, path, environment))
          SimulatedDisk.cutPower(folder, shadow)
          const lines = yield* checked(path)
          assert.isAtLeast(lines, reported, `after ${run + 1} power cuts`)
          // The next run starts with what is on the disk now.
          SimulatedDisk.keep(folder, shadow)
        }
      }),
    kills * 5000
  )
})
