import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import { execFileSync } from "node:child_process"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { constants, getPriority } from "node:os"
import { join } from "node:path"
import * as Credentials from "../../src/accounts/Credentials.js"
import { niceness } from "../../src/accounts/HashProtocol.js"
import * as HashThreads from "../../src/accounts/HashThreads.js"
import { bundled } from "../support/Bundled.js"
import { eventually } from "../support/Eventually.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

const hashThread = bundled("src/accounts/HashThread.ts")

const cost: Credentials.Cost = { ln: 4, r: 8, p: 1 }

const made = (file: string, most = 1) => HashThreads.make({ file, most })

/** The nice values of the threads of this process, without that of the main thread. */
const niceValues = () =>
  readdirSync("/proc/self/task").flatMap((thread) => {
    if (thread === String(process.pid)) return []
    try {
      return Number(readFileSync(`/proc/self/task/${thread}/stat`, "utf8").split(") ")[1]?.split(" ")[16])
    } catch {
      return [] // it has ended
    }
  })

/** A nice value, or the highest one of the kernel: the tests themselves may run with a high one. */
const niceValue = (value: number) => Math.min(constants.priority.PRIORITY_LOW, value)

const low = () => niceValues().filter((value) => value === niceValue(getPriority() + niceness)).length

/** Makes a hash in a thread of its own, and prints the nice values of all threads. */
const printNiceValues = `
  const { readdirSync, readFileSync } = require("node:fs")
  const thread = new (require("node:worker_threads").Worker)(process.argv[1])
  thread.once("message", () => {
    const stats = readdirSync("/proc/self/task").map((id) => readFileSync("/proc/self/task/" + id + "/stat", "utf8"))
    console.log(stats.map((text) => text.split(") ")[1].split(" ")[16]).join(" "))
    process.exit()
  })
  thread.postMessage({ password: "secret", salt: new Uint8Array(16), bytes: 32, options: {} })`

/**
 * Runs with a thread that does this before it does its work; `text` is its program. Returns what was logged as well.
 */
const withThread = <A>(text: (real: string) => string, use: (derive: Credentials.Derive) => Effect.Effect<A>) =>
  Effect.gen(function* () {
    const folder = yield* temporaryFolder
    const file = join(folder, "thread.cjs")
    writeFileSync(file, text(JSON.stringify(yield* hashThread)))
    const logged: Array<string> = []
    const logger = Logger.make(({ message }) => logged.push(String(message)))
    const result = yield* Effect.flatMap(made(file), use).pipe(
      Effect.provide(Logger.replace(Logger.defaultLogger, logger))
    )
    return { logged, result }
  })

/** The first of its kind ends when it gets a password. */
const endsOnce = (real: string) => `
  const fs = require("node:fs")
  const { parentPort } = require("node:worker_threads")
  fs.appendFileSync(__filename + ".starts", "x")
  if (fs.readFileSync(__filename + ".starts", "utf8") === "x") parentPort.on("message", () => process.exit(3))
  else require(${real})`

const ended = "a thread for passwords has ended; other threads make its hashes"

describe("threads that hash passwords", () => {
  it.scopedLive("make the same hashes as libuv's, and check them", () =>
    Effect.gen(function* () {
      const derive = yield* made(yield* hashThread)
      const salt = Buffer.from("a salt in a buffer of its own", "latin1").subarray(2, 18)
      const hash = yield* derive("correct horse", salt, cost, 32)
      assert.deepStrictEqual(hash, yield* Credentials.inLibuv("correct horse", salt, cost, 32))
      const record = yield* Credentials.hash("pässword ✓", cost, derive)
      assert.isTrue(yield* Credentials.verify("pässword ✓", record))
      assert.isTrue(yield* Credentials.verify("pässword ✓", record, derive))
      assert.isFalse(yield* Credentials.verify("password", record, derive))
    })
  )

  if (process.platform === "linux") {
    // With the highest nice value there is no lower priority.
    it.live.skipIf(getPriority() === niceValue(Infinity))(
      "start with the first password, have a low priority, and end with the scope",
      () =>
        Effect.gen(function* () {
          const mainBefore = readFileSync("/proc/self/stat", "utf8").split(") ")[1]?.split(" ")[16]
          const used = Effect.gen(function* () {
            const derive = yield* made(yield* hashThread, 2)
            assert.strictEqual(low(), 0)
            yield* Effect.all(
              Array.from({ length: 4 }, () => Credentials.hash("correct horse", cost, derive)),
              { concurrency: "unbounded" }
            )
            assert.strictEqual(low(), 2)
            assert.strictEqual(readFileSync("/proc/self/stat", "utf8").split(") ")[1]?.split(" ")[16], mainBefore)
          })
          yield* Effect.scoped(used)
          yield* eventually(() => low() === 0, "a thread is still there")
        })
    )

    it.scopedLive("give way also if the server itself has a low priority", () =>
      Effect.gen(function* () {
        const command = ["-n", "7", process.execPath, "-e", printNiceValues, yield* hashThread]
        const values = execFileSync("nice", command, { encoding: "utf8" }).trim().split(" ").map(Number)
        const own = niceValue(getPriority() + 7)
        const lower = niceValue(own + niceness)
        assert.include(values, lower)
        assert.deepStrictEqual(
          values.filter((value) => value !== own),
          [lower].filter((value) => value !== own)
        )
      })
    )
  }

  it.scopedLive("answer a check during which one of them ends, and start another one for the next check", () =>
    Effect.gen(function* () {
      const { logged, result } = yield* withThread(endsOnce, (derive) =>
        Effect.gen(function* () {
          const record = yield* Credentials.hash("correct horse", cost, derive)
          return [
            yield* Credentials.verify("correct horse", record, derive),
            yield* Credentials.verify("battery staple", record, derive)
          ]
        })
      )
      assert.deepStrictEqual(result, [true, false])
      assert.deepStrictEqual(logged, [ended])
    })
  )

  it.scopedLive("that cannot start are replaced by libuv's", () =>
    Effect.gen(function* () {
      const { logged, result } = yield* withThread(
        () => `throw new Error("no memory")`,
        (derive) =>
          Effect.gen(function* () {
            const record = yield* Credentials.hash("correct horse", cost, derive)
            return yield* Credentials.verify("correct horse", record, derive)
          })
      )
      assert.isTrue(result)
      assert.deepStrictEqual(logged, [ended, ended])
    })
  )

  it.scopedLive("report a hash that cannot be made, and continue", () =>
    Effect.gen(function* () {
      const derive = yield* made(yield* hashThread)
      const impossible = yield* Effect.exit(derive("correct horse", Buffer.alloc(16), { ln: 0, r: 1, p: 1 }, 32))
      assert.match(Exit.isFailure(impossible) ? Cause.pretty(impossible.cause) : "", /Invalid scrypt params/u)
      assert.lengthOf(yield* derive("correct horse", Buffer.alloc(16), cost, 32), 32)
    })
  )
})
