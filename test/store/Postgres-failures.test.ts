import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import type { AccountId } from "../../src/ports/StoreAccounts.js"
import * as Keys from "../../src/ports/StoreLines.js"
import * as Words from "../../src/protocol/Words.js"
import * as Postgres from "../../src/store/Postgres.js"
import { append, balanced, defaults, line, register, stored } from "../ports/StoreFixtures.js"
import * as PostgresServer from "../support/PostgresServer.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"
import { withPostgres } from "./PostgresTests.js"

/**
 * A driver whose every second commit fails with the error of a session that is terminated: after the database has
 * committed, or after it has crashed without a trace of the transaction. The connection is open until a moment later.
 */
const failingDriver = (fate: "committed" | "lost") =>
  Effect.map(temporaryFolder, (folder) => {
    const file = join(folder, "pg.cjs")
    writeFileSync(
      file,
      `const { Client } = require(${JSON.stringify(PostgresServer.driver)})
      const isLost = ${fate === "lost"}
      let commits = 0
      exports.Client = class extends Client {
        async query(sql, ...rest) {
          if (sql !== "commit" || ++commits % 2 === 1) {
            // The numbers of lost transactions have not been given away yet.
            const isStatus = typeof sql === "string" && sql.includes("pg_xact_status")
            return super.query(isStatus && isLost ? sql.replace("('", "('1000000") : sql, ...rest)
          }
          await super.query(isLost ? "rollback" : "commit")
          setTimeout(() => this.end(), 20)
          throw Object.assign(new Error("terminating connection due to administrator command"), { code: "57P01" })
        }
      }`
    )
    return file
  })

/** A driver whose database answers the commit of the tables, and no commit after it. */
const hangingDriver = Effect.map(temporaryFolder, (folder) => {
  const file = join(folder, "pg.cjs")
  writeFileSync(
    file,
    `const { Client } = require(${JSON.stringify(PostgresServer.driver)})
    let commits = 0
    exports.Client = class extends Client {
      query(sql, ...rest) {
        return sql === "commit" && ++commits > 1 ? new Promise(() => {}) : super.query(sql, ...rest)
      }
    }`
  )
  return file
})

withPostgres((database) => {
  describe("a store in Postgres", () => {
    it.scopedLive("is reserved again after the connection was lost, also if the database has not noticed that", () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const file = join(folder, "pg.cjs")
        // Its first connection breaks on this side only.
        writeFileSync(
          file,
          `const { Client } = require(${JSON.stringify(PostgresServer.driver)})
          let clients = 0
          exports.Client = class extends Client {
            number = ++clients
            async query(sql, ...rest) {
              if (this.number > 1 || sql !== "begin" || !this.isWarm) {
                if (sql === "begin") this.isWarm = true
                return super.query(sql, ...rest)
              }
              this.emit("error", new Error("no route to the host"))
              throw new Error("no route to the host")
            }
          }`
        )
        const options = { url: database.url, limits: defaults, schema: database.newSchema(), driver: file }
        const store = yield* Postgres.make(options)
        const alice = yield* register(store, "alice")
        const key = Keys.keyBetween(alice, alice)
        assert.strictEqual((yield* Effect.flip(append(store, line(key, alice, "one")))).reason, "unavailable")
        const again = Effect.retry(append(store, line(key, alice, "two")), {
          schedule: Schedule.spaced("20 millis"),
          times: 200
        })
        assert.strictEqual(stored(yield* again).seq, 1)
      })
    )

    it.scopedLive("says whether a line is stored although the connection was lost, and connects again", () =>
      Effect.gen(function* () {
        const own = yield* PostgresServer.make()
        const store = yield* Postgres.make({ url: own.url, limits: defaults, driver: PostgresServer.driver })
        const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
        const key = Keys.keyBetween(alice, bob)
        let count = 0
        for (let round = 0; round < 3; round++) {
          const writing = yield* Effect.fork(
            Effect.forEach(Array.from({ length: 300 }), () =>
              Effect.exit(append(store, line(key, alice, "hi", { isLive: true })))
            )
          )
          yield* append(store, line(key, alice, "hi", { isLive: true }))
          count += 1
          yield* own.kill
          yield* own.start
          const exits = yield* Fiber.join(writing)
          count += exits.filter((exit) => Exit.isSuccess(exit)).length
          yield* Effect.retry(append(store, line(key, alice, "hi", { isLive: true })), Schedule.spaced("50 millis"))
          count += 1
        }
        const records = Chunk.toReadonlyArray(yield* Stream.runCollect(store.exported))
        assert.strictEqual(records.filter(({ type }) => type === "line").length, count)
        assert.deepStrictEqual(yield* store.check, [])
      })
    )

    it.scopedLive("says that a line is stored although its commit has failed, and stores it once", () =>
      Effect.gen(function* () {
        const options = { url: database.url, limits: defaults, schema: database.newSchema() }
        const store = yield* Postgres.make({ ...options, driver: yield* failingDriver("committed") })
        const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
        const key = Keys.keyBetween(alice, bob)
        for (let round = 1; round <= 3; round++) {
          const appended = yield* append(store, line(key, alice, "hi", { isLive: true }))
          assert.deepInclude(appended, { _tag: "Stored", seq: round, again: false })
        }
        assert.strictEqual((yield* balanced(store)).stored, 3)
      })
    )

    it.scopedLive("says that a line is not stored if the database has crashed without a trace of it", () =>
      Effect.gen(function* () {
        const options = { url: database.url, limits: defaults, schema: database.newSchema() }
        const [alice, bob] = yield* Effect.scoped(
          Effect.gen(function* () {
            const store = yield* Postgres.make({ ...options, driver: PostgresServer.driver })
            return [yield* register(store, "alice"), yield* register(store, "bob")] as const
          })
        )
        const store = yield* Postgres.make({ ...options, driver: yield* failingDriver("lost") })
        const one = line(Keys.keyBetween(alice, bob), alice, "hi", { isLive: true })
        assert.strictEqual((yield* Effect.flip(append(store, one))).reason, "unavailable")
        assert.strictEqual((yield* balanced(store)).stored, 0)
      })
    )

    it.scopedLive("can be closed although the database has stopped answering", () =>
      Effect.gen(function* () {
        const url = database.url
        const scope = yield* Scope.make()
        const opened = Postgres.make({ url, limits: defaults, driver: yield* hangingDriver, schema: "hanging" })
        const store = yield* Scope.extend(opened, scope)
        const registering = yield* Effect.fork(register(store, "alice"))
        yield* Effect.sleep(100)
        yield* Scope.close(scope, Exit.void)
        assert.isTrue(Option.isNone(yield* Fiber.poll(registering)), "it was answered")
        yield* Fiber.interrupt(registering)
      })
    )

    it.scopedLive.each([false, true])(
      "with damaged rows gives a reader all others, and says which lines these are (shared: %s)",
      (isShared) =>
        Effect.gen(function* () {
          const schema = database.newSchema()
          yield* Effect.scoped(
            Effect.gen(function* () {
              const store = yield* database.open(schema, isShared)
              const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
              for (let number = 1; number <= 9; number++) {
                yield* append(store, line(Keys.keyBetween(alice, bob), alice, `word ${number}`))
              }
            })
          )
          // As a page does whose checksum is wrong, these rows fail the query that reads their texts.
          yield* database.executing(schema)(
            `create function damaged() returns bytea language plpgsql stable as
           $$ begin raise exception 'invalid page in block 7' using errcode = 'XX001'; end $$`,
            "alter table line rename to rows_of_line",
            `create view line as select id, conversation, seq, at, ran, account, author, flags, recipients,
             case when seq in (3, 4, 9) then damaged() else body end as body, size, crc, device, label, shared
           from rows_of_line`
          )
          const store = yield* database.open(schema, isShared)
          const reader = 1 as AccountId
          const page = yield* store.page({ conversation: Keys.keyBetween(reader, 2 as AccountId), reader, limit: 100 })
          const damaged = [
            { first: 3, last: 4 },
            { first: 9, last: 9 }
          ]
          assert.deepStrictEqual([page.lines.map(({ seq }) => seq), page.damaged], [[1, 2, 5, 6, 7, 8], damaged])
          const step = yield* store.search({ reader, phrases: Words.phrasesOf("word"), limit: 100 })
          assert.deepStrictEqual(
            [step.lines.map(({ line: { seq } }) => seq), step.isDamaged],
            [[8, 7, 6, 5, 2, 1], true]
          )
        })
    )

    it.scopedLive("with unreadable rows has all others, and the check names those", () =>
      Effect.gen(function* () {
        const schema = database.newSchema()
        yield* Effect.scoped(
          Effect.gen(function* () {
            const store = yield* database.open(schema)
            const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
            for (let number = 1; number <= 9; number++) {
              yield* append(store, line(Keys.keyBetween(alice, bob), alice, `word ${number}`))
            }
          })
        )
        yield* database.executing(schema)(
          `create function damaged() returns bytea language plpgsql stable as
           $$ begin raise exception 'invalid page in block 7' using errcode = 'XX001'; end $$`,
          "alter table line rename to rows_of_line",
          `create view line as select id, conversation, seq, ran, author, flags, recipients, crc, device, label, shared,
             case when seq in (3, 4, 9) then damaged() else body end as body,
             case when seq in (3, 4, 9) then length(damaged()) else at end as at,
             case when seq in (3, 4, 9) then length(damaged()) else size end as size
           , account from rows_of_line`
        )
        const store = yield* database.open(schema)
        const reader = 1 as AccountId
        const page = yield* store.page({ conversation: Keys.keyBetween(reader, 2 as AccountId), reader, limit: 100 })
        assert.deepStrictEqual([page.lines.map(({ seq }) => seq), page.last], [[1, 2, 5, 6, 7, 8], 9])
        const faults = yield* store.check
        const it = "conversation 1 (alice and bob)"
        assert.includeMembers(
          [...faults],
          [`lines 3 to 4 of ${it} cannot be read`, `lines 9 to 9 of ${it} cannot be read`]
        )
        assert.notInclude(faults, `${it} cannot be read`)
        const refused = yield* Effect.flip(append(store, line(Keys.keyBetween(reader, 2 as AccountId), reader, "more")))
        assert.strictEqual(refused.reason, "damaged")
      })
    )
  })
})
