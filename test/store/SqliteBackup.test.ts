import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { execFileSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs"
import { basename, dirname } from "node:path"
import { setImmediate } from "node:timers/promises"
import type { StoreService } from "../../src/ports/Store.js"
import { SqliteEngine } from "../../src/store/SqliteEngine.js"
import * as SqlStore from "../../src/store/SqlStore.js"
import { append, balanced, defaults, line } from "../ports/StoreFixtures.js"
import { eventually } from "../support/Eventually.js"
import { alice, file, fill, key, open, reader, text, using } from "../support/SqliteStores.js"

/** What another process gets that reads the database. SQLite does not lock a file against its own process. */
const read = (path: string) =>
  execFileSync(process.execPath, ["--no-warnings", "-e", reader, path], { encoding: "utf8" }).trim()

/** Transactions of this many lines each. */
const appendOften = (store: StoreService, transactions: number, lines: number) =>
  Effect.forEach(
    Array.from({ length: transactions }),
    () => store.append(Array.from({ length: lines }, () => line(key, alice, text, { isLive: true }))),
    { discard: true }
  )

describe("the log of a store in SQLite", () => {
  it.scopedLive("is longer while transactions are large, up to a limit", () =>
    Effect.gen(function* () {
      const path = yield* file
      const store = yield* open(path, { ...defaults, keepLines: 1_000_000 })
      yield* fill(store)
      yield* appendOften(store, 100, 1000)
      assert.isAbove(statSync(`${path}-wal`).size, 12 * 1024 * 1024)
      assert.isBelow(statSync(`${path}-wal`).size, 20 * 1024 * 1024)
    })
  )

  it.scopedLive("is as short as before after a large transaction", () =>
    Effect.gen(function* () {
      const path = yield* file
      const store = yield* open(path, { ...defaults, keepLines: 1_000_000 })
      yield* fill(store)
      yield* appendOften(store, 75, 400)
      assert.isBelow(statSync(`${path}-wal`).size, 8 * 1024 * 1024)
    })
  )
})

describe("a backup of a store in SQLite", () => {
  it.scopedLive("is complete, and has another log", () =>
    Effect.gen(function* () {
      const path = yield* file
      const copy = `${path}.backup`
      const [log, statistics] = yield* using(path, (store) =>
        Effect.gen(function* () {
          yield* fill(store)
          yield* store.backup(copy)
          const before = yield* balanced(store)
          yield* append(store, line(key, alice, "not in the backup", { isLive: true }))
          return [store.log, before] as const
        })
      )
      assert.strictEqual((statSync(copy).mode & 0o777).toString(8), "600")
      const restored = yield* open(copy)
      assert.notStrictEqual(restored.log, log)
      assert.deepStrictEqual(yield* restored.check, [])
      assert.strictEqual((yield* balanced(restored)).lines, statistics.lines)
    })
  )

  it.scopedLive("is the store at one moment, although lines are stored meanwhile", () =>
    Effect.gen(function* () {
      const path = yield* file
      const copy = `${path}.backup`
      const store = yield* open(path, { ...defaults, keepLines: 1_000_000 })
      yield* fill(store)
      // About 30 MB, so that the copy takes many turns of the thread.
      for (let round = 0; round < 40; round += 1) {
        yield* store.append(Array.from({ length: 1000 }, () => line(key, alice, text, { isLive: true })))
      }
      const before = (yield* store.statistics).lines
      const backup = yield* Effect.fork(store.backup(copy))
      let meanwhile = 0
      while ((yield* Fiber.poll(backup))._tag === "None") {
        yield* append(store, line(key, alice, text, { isLive: true }))
        meanwhile += 1
      }
      yield* Fiber.join(backup)
      assert.isAbove(meanwhile, 3)
      const restored = yield* open(copy)
      assert.deepStrictEqual(yield* restored.check, [])
      assert.isAtLeast((yield* restored.statistics).lines, before)
      assert.isAtMost((yield* restored.statistics).lines, before + meanwhile)
      assert.deepStrictEqual(yield* store.check, [])
      assert.strictEqual((yield* store.statistics).lines, before + meanwhile)
    })
  )

  it.scopedLive("leaves the file locked for other processes, and its log as short as before", () =>
    Effect.gen(function* () {
      const path = yield* file
      const store = yield* open(path)
      yield* fill(store)
      yield* store.backup(`${path}.one`)
      yield* store.backup(`${path}.two`)
      assert.strictEqual(read(path), "database is locked")
      yield* appendOften(store, 75, 400)
      assert.isBelow(statSync(`${path}-wal`).size, 8 * 1024 * 1024)
    })
  )

  it.scopedLive("is not disturbed by large transactions next to small ones", () =>
    Effect.gen(function* () {
      const path = yield* file
      const partial = `${path}.backup.partial`
      yield* using(path, (store) => Effect.zipRight(fill(store), appendOften(store, 60, 1000)))
      const limits = SqlStore.toSqlLimits({ ...defaults, keepLines: 1_000_000 })
      const engine = new SqliteEngine({ path, base: import.meta.filename ?? "", limits, reserveBytes: 0 })
      const backup = yield* Effect.fork(Effect.promise(() => engine.backup(`${path}.backup`)))
      const isCopying = () => {
        const copied = statSync(partial, { throwIfNoEntry: false })?.size ?? 0
        return copied > 0 && copied < statSync(path).size
      }
      const states = new Set<string>()
      const moment = { wall: 0, now: 0 }
      const body = Buffer.from(text)
      let appended = 0
      while ((yield* Fiber.poll(backup))._tag === "None") {
        if (isCopying()) {
          for (const length of [600, 1]) {
            const { text: _, ...one } = line(key, alice, text, { isLive: true })
            engine.call("append", moment, [Array.from({ length }, () => ({ ...one, body })), []])
          }
          appended += 1
          const { mtimeMs, size } = statSync(path)
          states.add(`${size} ${mtimeMs}`)
        }
        yield* Effect.promise(() => setImmediate())
      }
      yield* Fiber.join(backup)
      engine.close()
      assert.isAbove(appended, 15)
      assert.strictEqual(states.size, 1, "pages were moved into the file while it was copied")
      yield* using(`${path}.backup`, (store) => Effect.map(store.check, (faults) => assert.deepStrictEqual(faults, [])))
    })
  )

  it.scopedLive("that is being written when the store is closed fails, and leaves no file", () =>
    Effect.gen(function* () {
      const path = yield* file
      const copy = `${path}.backup`
      const backup = yield* using(path, (store) =>
        Effect.gen(function* () {
          yield* fill(store)
          for (let round = 0; round < 40; round += 1) {
            yield* store.append(Array.from({ length: 1000 }, () => line(key, alice, text, { isLive: true })))
          }
          const backup = yield* Effect.forkDaemon(store.backup(copy))
          yield* eventually(() => existsSync(`${copy}.partial`), "the backup did not begin")
          assert.include((yield* Effect.flip(store.backup(`${path}.two`))).message, "another backup is being written")
          return backup
        })
      )
      const { reason } = yield* Effect.flip(Fiber.join(backup))
      assert.strictEqual(reason, "unavailable")
      yield* eventually(() => !existsSync(`${copy}.partial`), "a part of the backup is left")
      assert.isFalse(existsSync(copy))
      yield* using(path, (store) => Effect.map(store.check, (faults) => assert.deepStrictEqual(faults, [])))
    })
  )

  it.scopedLive("has its name once it is complete, and replaces what a backup has left that was killed", () =>
    Effect.gen(function* () {
      const path = yield* file
      const copy = `${path}.backup`
      const { lines } = yield* using(path, (store) => Effect.zipRight(fill(store), store.statistics))
      for (const ending of [".partial", ".partial-wal", ".partial-journal"]) writeFileSync(copy + ending, "left")
      const limits = SqlStore.toSqlLimits(defaults)
      const engine = new SqliteEngine({ path, base: import.meta.filename ?? "", limits, reserveBytes: 0 })
      const backup = yield* Effect.fork(Effect.promise(() => engine.backup(copy)))
      while ((yield* Fiber.poll(backup))._tag === "None") {
        assert.isFalse(existsSync(copy))
        yield* Effect.promise(() => setImmediate())
      }
      yield* Fiber.join(backup)
      engine.close()
      assert.deepStrictEqual(
        readdirSync(dirname(path)).filter((name) => name.includes(".backup")),
        [basename(copy)]
      )
      const restored = yield* open(copy)
      assert.deepStrictEqual(yield* restored.check, [])
      assert.strictEqual((yield* restored.statistics).lines, lines)
    })
  )

  it.scopedLive("does not take what is left of another file of its name", () =>
    Effect.gen(function* () {
      const path = yield* file
      const copy = `${path}.backup`
      const store = yield* open(path)
      yield* fill(store)
      yield* store.backup(copy)
      // A server with this backup was killed. Then the backup was deleted, but not its log.
      const left = yield* using(copy, (other) =>
        Effect.map(append(other, line(key, alice, text, { isLive: true })), () => readFileSync(`${copy}-wal`))
      )
      rmSync(copy)
      writeFileSync(`${copy}-wal`, left)
      const error = yield* Effect.flip(store.backup(copy))
      assert.include(error.message, `${copy}-wal`)
      assert.deepStrictEqual([existsSync(copy), readFileSync(`${copy}-wal`).equals(left)], [false, true])
    })
  )

  it.scopedLive("is refused if another file has taken the place of the store", () =>
    Effect.gen(function* () {
      const path = yield* file
      const copy = `${path}.backup`
      yield* using(`${path}.other`, fill)
      const store = yield* open(path)
      renameSync(`${path}.other`, path)
      const error = yield* Effect.flip(store.backup(copy))
      assert.include(error.message, `${path} was removed or replaced`)
      assert.isFalse(existsSync(copy))
    })
  )

  it.scopedLive("is refused if the file is there already", () =>
    Effect.gen(function* () {
      const path = yield* file
      writeFileSync(`${path}.backup`, "something else")
      const store = yield* open(path)
      const error = yield* Effect.flip(store.backup(`${path}.backup`))
      assert.include(error.message, `${path}.backup cannot be created: EEXIST`)
      assert.strictEqual(readFileSync(`${path}.backup`, "utf8"), "something else")
      // The log of the store is in the same folder, and must not be removed as a leftover.
      const itself = yield* Effect.flip(store.backup(path))
      assert.include(itself.message, `${path} cannot be created: EEXIST`)
    })
  )
})
