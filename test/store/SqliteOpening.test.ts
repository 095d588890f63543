import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { chmodSync, cpSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { append, line } from "../ports/StoreFixtures.js"
import { alice, execute, file, fill, key, open, refusal, text, using } from "../support/SqliteStores.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

describe("the file of a store in SQLite that is opened", () => {
  it.scopedLive("can be read by its owner only", () =>
    Effect.gen(function* () {
      const path = yield* file
      const store = yield* open(path)
      yield* fill(store)
      for (const name of [path, `${path}-wal`, `${path}-reserve`]) {
        assert.strictEqual((statSync(name).mode & 0o777).toString(8), "600", name)
      }
    })
  )

  it.scopedLive("can be read by its owner only if the file was there, and empty", () =>
    Effect.gen(function* () {
      const path = yield* file
      writeFileSync(path, "", { mode: 0o644 })
      yield* using(path, fill)
      assert.strictEqual((statSync(path).mode & 0o777).toString(8), "600")
    })
  )

  it.scopedLive("can be read by its owner only after a copy with another mode took its place", () =>
    Effect.gen(function* () {
      const path = yield* file
      yield* using(path, fill)
      chmodSync(path, 0o644)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const store = yield* open(path)
          yield* append(store, line(key, alice, text))
          for (const name of [path, `${path}-wal`]) assert.strictEqual(statSync(name).mode & 0o777, 0o600, name)
          // As if the server was killed: what it has stored last is in the log.
          cpSync(`${path}-wal`, `${path}-copy-wal`)
          cpSync(path, `${path}-copy`)
        })
      )
      chmodSync(`${path}-copy-wal`, 0o644)
      yield* using(`${path}-copy`, () =>
        Effect.sync(() => assert.strictEqual(statSync(`${path}-copy-wal`).mode & 0o777, 0o600))
      )
    })
  )

  it.scopedLive("is for one server at a time", () =>
    Effect.gen(function* () {
      const path = yield* file
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* open(path)
          assert.deepStrictEqual(yield* refusal(path), ["in-use", `another process uses ${path}`])
        })
      )
      yield* open(path)
    })
  )

  it.scopedLive("is refused if a newer version wrote it, and left as it is", () =>
    Effect.gen(function* () {
      const path = yield* file
      yield* using(path, fill)
      execute(path, "pragma user_version = 1000")
      const before = readFileSync(path)
      assert.deepStrictEqual(yield* refusal(path), ["newer-schema", `${path} was written by a newer version of a-chat`])
      assert.isTrue(before.equals(readFileSync(path)))
    })
  )

  it.scopedLive("is refused if it is not a store, and left as it is", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = (name: string) => join(folder, name)
      writeFileSync(path("text"), "a list of things to do, which nobody wants to lose\n")
      mkdirSync(path("folder"))
      execute(path("other"), "create table things (thing)")
      const other = readFileSync(path("other"))
      assert.deepStrictEqual(yield* refusal(path("text")), [
        "not-a-store",
        `${path("text")} is not a store of a-chat, or its beginning is damaged`
      ])
      assert.strictEqual(readFileSync(path("text"), "utf8"), "a list of things to do, which nobody wants to lose\n")
      assert.deepStrictEqual(yield* refusal(path("folder")), ["not-a-store", `${path("folder")} is not a regular file`])
      assert.deepStrictEqual(yield* refusal(path("other")), [
        "not-a-store",
        `${path("other")} is a database of another application`
      ])
      assert.isTrue(readFileSync(path("other")).equals(other))
      const missing = join(folder, "missing", "chat.db")
      const [reason, message] = yield* refusal(missing)
      assert.strictEqual(reason, "not-accessible")
      assert.include(message, `${missing} cannot be opened: ENOENT`)
    })
  )
})
