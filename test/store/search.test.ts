import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import { execFileSync } from "node:child_process"
import { join } from "node:path"
import type { StoreService } from "../../src/ports/Store.js"
import type { AccountId } from "../../src/ports/StoreAccounts.js"
import * as Keys from "../../src/ports/StoreLines.js"
import type { StoreLimits } from "../../src/ports/StoreUpkeep.js"
import * as Checksum from "../../src/store/Checksum.js"
import * as Sqlite from "../../src/store/Sqlite.js"
import * as SqliteDriver from "../../src/store/SqliteDriver.js"
import { migrations } from "../../src/store/SqlSchema.js"
import { append, balanced, defaults, line, register } from "../ports/StoreFixtures.js"
import { indexAll, searched } from "../ports/StoreSearching.js"
import { storeThread } from "../support/Bundled.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

const limits: StoreLimits = { ...defaults, keepLines: 100_000 }

/** Uses a store until it is closed. */
const using = <A, E>(path: string, use: (store: StoreService) => Effect.Effect<A, E>) =>
  Effect.scoped(
    Effect.flatMap(storeThread, (thread) =>
      Effect.flatMap(Sqlite.make({ path, limits, thread, reserveBytes: 4096 }), use)
    )
  )

const file = Effect.map(temporaryFolder, (folder) => join(folder, "chat.db"))

/** The first row of a query on a file that no store has open. In another process, which closes the file for certain. */
const rowOf = (path: string, sql: string): ReadonlyArray<number> => {
  const program = `
    const sqlite = process.getBuiltinModule("node:sqlite") ?? require("${SqliteDriver.packageName}")
    const found = new sqlite.DatabaseSync(process.argv[1]).prepare(process.argv[2]).get()
    console.log(JSON.stringify(Object.values(found)))`
  return JSON.parse(execFileSync(process.execPath, ["--no-warnings", "-e", program, path, sql], { encoding: "utf8" }))
}

const alice = 1 as AccountId
const key = Keys.keyBetween(alice, alice)

const store = (store: StoreService, from: number, count: number) =>
  store.append(Array.from({ length: count }, (_, index) => line(key, alice, `line ${from + index}`, { isLive: true })))

const numbers = (store: StoreService, text: string) =>
  Effect.map(searched(store, { reader: alice, text, limit: 100_000 }), (found) => found.map(({ line }) => line.seq))

/** Writes 2500 lines to a new file as the version before the index did. */
const writeEarlier = (path: string) => {
  const earlier = migrations.findIndex((statements) => statements.some((sql) => sql.startsWith("create table word ")))
  const connection = SqliteDriver.loadDriver(import.meta.filename ?? "")?.(path)
  assert.isDefined(connection)
  connection.exec("pragma auto_vacuum = incremental; pragma journal_mode = wal")
  for (const statement of migrations.slice(0, earlier).flat()) connection.exec(statement)
  connection.exec(`
    insert into meta (id, log, commits, clean, running, stored, given, expired, lines, bytes)
      values (1, 'log', 1, 1, 0, 2500, 0, 0, 2500, ${2500 * 110});
    insert into account values (1, 'alice', 'ALICE', 'hash', 0, 0);
    insert into conversation values (1, 1, 1, 1, '', 1, 0);
    insert into member (conversation, account, since, read, given) values (1, 1, 1, 2500, 0)`)
  for (let seq = 1; seq <= 2500; seq++) {
    const body = Buffer.from(`line ${seq}`)
    const content = { conversation: 1, seq, at: 0, account: 1, author: "alice", flags: 0, recipients: "", body }
    connection.exec(
      `insert into line (id, conversation, seq, at, ran, account, author, flags, recipients, body, size, crc)
       values (${seq}, 1, ${seq}, 0, 0, 1, 'alice', 0, '', x'${body.toString("hex")}', 110,
           ${Checksum.ofLine(content)})`
    )
  }
  connection.exec(`pragma application_id = 22428; pragma user_version = ${earlier}`)
  connection.close()
}

describe("the index of a store in a file", () => {
  it.scoped("continues after a restart, wherever it was", () =>
    Effect.gen(function* () {
      for (const steps of [0, 3, 7]) {
        const path = yield* file
        yield* using(path, (one) =>
          Effect.gen(function* () {
            yield* register(one, "alice")
            for (let from = 1; from < 2500; from += 500) yield* store(one, from, 500)
            for (let step = 0; step < steps; step++) yield* one.index
          })
        )
        yield* using(path, (one) =>
          Effect.gen(function* () {
            const check = Effect.gen(function* () {
              assert.strictEqual((yield* numbers(one, "line")).length, 2500)
              for (const number of [1, 1023, 1024, 2047, 2500]) {
                assert.deepStrictEqual(yield* numbers(one, `${number}`), [number])
              }
            })
            yield* check
            yield* one.index
            yield* check
            yield* indexAll(one)
            yield* check
          })
        )
        assert.isAbove(rowOf(path, "select count(*) from word")[0] ?? 0, 100)
      }
    })
  )

  it.scoped("forgets the words of lines that are gone, also where some lines stay", () =>
    Effect.gen(function* () {
      const path = yield* file
      yield* using(path, (one) =>
        Effect.gen(function* () {
          yield* register(one, "alice")
          const bob = yield* register(one, "bob")
          // A quiet conversation, whose only line is among the first ones.
          yield* append(one, line(Keys.keyBetween(alice, bob), bob, "precious"))
          for (let from = 1; from < 14_000; from += 1000) yield* store(one, from, 1000)
          yield* indexAll(one)
          yield* one.configure({ ...limits, keepLines: 100 })
          while ((yield* one.retain([])).hasMore);
          assert.deepStrictEqual(yield* numbers(one, "line 13900"), [])
          yield* indexAll(one)
          assert.strictEqual((yield* balanced(one)).lines, 101)
          assert.strictEqual((yield* numbers(one, "precious")).length, 1)
          assert.deepStrictEqual(yield* numbers(one, "line 13901"), [13_901])
        })
      )
      // One word and one conversation in the first block, and the last 100 lines in those that follow.
      assert.isBelow(rowOf(path, "select count(*) from word where id < 65 * 13")[0] ?? 0, 3)
      assert.isBelow(rowOf(path, "select sum(length(postings)) from word")[0] ?? 0, 3000)
    })
  )

  it.scoped("does not take a line for an earlier one that is gone", () =>
    Effect.gen(function* () {
      const path = yield* file
      yield* using(path, (one) =>
        Effect.gen(function* () {
          yield* register(one, "alice")
          const bob = yield* register(one, "bob")
          yield* append(one, line(Keys.keyBetween(alice, bob), bob, "old", { isLive: true }))
          yield* store(one, 1, 1000)
          yield* store(one, 1001, 100)
          yield* indexAll(one)
          yield* TestClock.adjust("31 days")
          while ((yield* one.retain([])).hasMore);
          assert.strictEqual((yield* balanced(one)).lines, 0)
        })
      )
      yield* using(path, (one) =>
        Effect.gen(function* () {
          for (let from = 1101; from < 2500; from += 500) yield* store(one, from, 500)
          assert.deepStrictEqual(yield* numbers(one, "line 1101"), [1101])
          yield* indexAll(one)
          assert.deepStrictEqual(yield* numbers(one, "line 1101"), [1101])
          assert.strictEqual((yield* numbers(one, "line")).length, 1500)
        })
      )
    })
  )

  it.scoped("leads to no line that is damaged, and the store is known to be damaged then", () =>
    Effect.gen(function* () {
      const path = yield* file
      yield* using(path, (one) =>
        Effect.gen(function* () {
          yield* register(one, "alice")
          yield* store(one, 1, 3)
        })
      )
      const connection = SqliteDriver.loadDriver(import.meta.filename ?? "")?.(path)
      connection?.exec("update line set body = cast('line two' as blob) where seq = 2")
      connection?.close()
      yield* using(path, (one) =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* numbers(one, "line"), [3, 1])
          assert.strictEqual(one.state(), "damaged")
          assert.deepStrictEqual(yield* numbers(one, "line"), [3, 1])
          assert.strictEqual((yield* Effect.flip(one.append([line(key, alice, "more")]))).reason, "damaged")
        })
      )
    })
  )

  it.scoped("is checked with the store, whatever has become of it", () =>
    Effect.gen(function* () {
      const path = yield* file
      yield* using(path, (one) =>
        Effect.gen(function* () {
          yield* register(one, "alice")
          for (let from = 1; from < 2500; from += 500) yield* store(one, from, 500)
          yield* indexAll(one)
          assert.deepStrictEqual(yield* one.check, [])
        })
      )
      const change = (sql: string) => {
        const connection = SqliteDriver.loadDriver(import.meta.filename ?? "")?.(path)
        connection?.exec(sql)
        connection?.close()
      }
      change("delete from word where id = (select min(id) from word where id >= 65)")
      yield* using(path, (one) =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* one.check, [
            "the index of words lacks some of the lines before line 2048 of the table"
          ])
          assert.strictEqual((yield* numbers(one, "line")).length, 2500)
        })
      )
      change("update word set postings = zeroblob(300)")
      yield* using(path, (one) =>
        Effect.gen(function* () {
          assert.strictEqual((yield* one.check).length, 2)
          assert.isBelow((yield* numbers(one, "line")).length, 2500)
        })
      )
    })
  )

  it.scoped("is made for what a store of an earlier version has", () =>
    Effect.gen(function* () {
      const path = yield* file
      yield* Effect.sync(() => writeEarlier(path))
      yield* using(path, (one) =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* numbers(one, "line 1000"), [1000])
          yield* indexAll(one)
          assert.deepStrictEqual(yield* numbers(one, "line 1000"), [1000])
          assert.deepStrictEqual(yield* one.check, [])
        })
      )
      assert.isAbove(rowOf(path, "select count(*) from word")[0] ?? 0, 100)
    })
  )
})
