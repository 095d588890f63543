import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Keys from "../../src/ports/StoreLines.js"
import type { StoreRecord } from "../../src/ports/StoreUpkeep.js"
import * as Postgres from "../../src/store/Postgres.js"
import * as PostgresConnection from "../../src/store/PostgresConnection.js"
import * as PostgresSchema from "../../src/store/PostgresSchema.js"
import { append, balanced, defaults, device, line, register, stored } from "../ports/StoreFixtures.js"
import { storeSuite } from "../ports/StoreSuite.js"
import * as StoreWithoutRooms from "../support/StoreWithoutRooms.js"
import * as PostgresServer from "../support/PostgresServer.js"
import { refusalOf } from "../support/StoreRefusal.js"
import { withPostgres } from "./PostgresTests.js"

const totals = (records: Chunk.Chunk<StoreRecord>) =>
  Chunk.toReadonlyArray(records).find((record) => record.type === "totals")

withPostgres((database) => {
  storeSuite("the store in Postgres", (limits) =>
    Effect.suspend(() =>
      Postgres.make({ url: database.url, limits, driver: PostgresServer.driver, schema: database.newSchema() })
    )
  )

  describe("a store in Postgres", () => {
    it.scopedLive("keeps everything, and the id of its log", () =>
      Effect.gen(function* () {
        const log = yield* Effect.scoped(
          Effect.gen(function* () {
            const store = yield* database.open("kept")
            const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
            yield* append(store, line(Keys.keyBetween(alice, bob), alice, "hi"))
            return store.log
          })
        )
        const store = yield* database.open("kept")
        assert.strictEqual(store.log, log)
        assert.strictEqual((yield* balanced(store)).lines, 1)
      })
    )

    it.scopedLive(
      "has another log after it was restored from a dump, and none that a running server continues with",
      () =>
        Effect.gen(function* () {
          const execute = database.executing("restored")
          // As `pg_restore` does, this makes a table anew, with its rows.
          const restore = execute(
            "begin",
            "create table copy as select * from meta",
            "drop table meta",
            "alter table copy rename to meta",
            "commit"
          )
          const log = Effect.scoped(Effect.map(database.open("restored"), (store) => store.log))
          const first = yield* log
          assert.strictEqual(yield* log, first)
          yield* restore
          const second = yield* log
          assert.notStrictEqual(second, first)
          assert.strictEqual(yield* log, second)
          // A copy of the files is for the operator to mark.
          yield* execute("update meta set log = ''")
          const third = yield* log
          assert.match(third, /^[0-9a-f]{16}$/u)
          assert.notStrictEqual(third, second)
          // Earlier versions did not know where the tables are.
          yield* execute("alter table schema_version drop column origin")
          assert.strictEqual(yield* log, third)
          assert.strictEqual(yield* log, third)

          const store = yield* database.open("restored")
          yield* restore
          const others = "application_name = 'a-chat' and pid <> pg_backend_pid()"
          yield* execute(`select pg_terminate_backend(pid) from pg_stat_activity where ${others}`)
          const failure = yield* Effect.flip(store.statistics).pipe(
            Effect.repeat({ until: ({ message }) => message.includes("restored") }),
            Effect.retry({ schedule: Schedule.spaced("20 millis"), times: 200 })
          )
          assert.match(failure.message, /was restored from a backup while this server ran; restart the server$/u)
          assert.strictEqual(store.log, third)
        })
    )

    it.scopedLive("can be one of a role that may not ask which cluster it is in", () =>
      Effect.gen(function* () {
        const execute = database.executing("few")
        yield* execute(
          "create role few login",
          "grant create on database postgres to few",
          "revoke execute on function pg_control_system() from public"
        )
        const url = database.url.replace("//chat@", "//few@")
        const options = { url, limits: defaults, driver: PostgresServer.driver, schema: "few" }
        const log = Effect.scoped(Effect.map(Postgres.make(options), (store) => store.log))
        const first = yield* log
        assert.strictEqual(yield* log, first)
        // The privilege alone makes it no other place, whether it comes or goes.
        yield* execute("grant execute on function pg_control_system() to few")
        assert.strictEqual(yield* log, first)
        yield* execute("revoke execute on function pg_control_system() from few")
        assert.strictEqual(yield* log, first)
        yield* execute(
          "create table copy as select * from meta",
          "drop table meta",
          "alter table copy rename to meta",
          "alter table meta owner to few"
        )
        assert.notStrictEqual(yield* log, first, "the table is another one")
      })
    )

    it.scopedLive("leaves damaged lines out of an export, and knows which are missing after an import", () =>
      Effect.gen(function* () {
        const store = yield* database.open("hurt")
        const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
        const key = Keys.keyBetween(alice, bob)
        yield* store.append(["one", "two", "three", "four", "five"].map((text) => line(key, alice, text)))
        yield* database.executing("hurt")("update line set crc = crc + 1 where seq in (2, 3)")
        const records = yield* Stream.runCollect(store.exported)
        assert.deepInclude(totals(records), { lost: 2 })
        const rescued = yield* database.open("rescued")
        yield* rescued.imported(Stream.fromIterable(records))
        assert.deepStrictEqual(yield* rescued.check, [])
        assert.deepInclude(yield* balanced(rescued), { lines: 3, expired: 2 })
        const again = totals(yield* Stream.runCollect(rescued.exported))
        assert.deepStrictEqual([again?.lost, again?.missing], [undefined, 2])
        yield* database.executing("rescued")("delete from line where seq = 4")
        assert.include(yield* rescued.check, "conversation 1 (alice and bob) has line 5 in the place of 2")
      })
    )

    it.scopedLive(
      "with a page of zeros in the place of accounts or members names them, and a copy has what is left",
      () =>
        Effect.gen(function* () {
          for (const [schema, sql, what] of [
            ["no_account", "delete from account where id = 2", "account"],
            ["no_member", "delete from member where account = 2", "members"]
          ] as const) {
            const store = yield* database.open(schema)
            const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
            yield* append(store, line(Keys.keyBetween(alice, bob), alice, "one"))
            yield* database.executing(schema)(sql)
            assert.isAbove((yield* store.check).length, 0)
            const records = Chunk.toReadonlyArray(yield* Stream.runCollect(store.exported))
            const lost = records.filter((record) => record.type === "lost")
            assert.deepStrictEqual(
              lost.map((record) => record.what),
              [what]
            )
            const rescued = yield* database.open(`${schema}_rescued`)
            yield* rescued.imported(Stream.fromIterable(records))
            assert.deepStrictEqual(yield* rescued.check, [])
            assert.strictEqual(yield* register(rescued, "somebody"), 3)
          }
        })
    )

    it.scopedLive("gives the numbers of damaged lines at the end of a conversation to no others in a copy", () =>
      Effect.gen(function* () {
        const store = yield* database.open("hurt_end")
        const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
        const key = Keys.keyBetween(alice, bob)
        yield* store.append(["one", "two", "three", "four", "five"].map((text) => line(key, alice, text)))
        yield* database.executing("hurt_end")("update line set crc = crc + 1 where seq > 3")
        const rescued = yield* database.open("rescued_end")
        yield* rescued.imported(store.exported)
        const again = yield* database.open("rescued_again")
        yield* again.imported(rescued.exported)
        for (const copy of [rescued, again]) {
          assert.strictEqual(stored(yield* append(copy, line(key, bob, "six"))).seq, 6)
          assert.deepStrictEqual(yield* copy.check, [])
          assert.deepInclude(yield* balanced(copy), { lines: 4, expired: 2 })
        }
      })
    )

    it.scopedLive("keeps everything that a version without rooms has stored", () =>
      Effect.gen(function* () {
        const { content, schema, verify } = StoreWithoutRooms
        const connection = new PostgresConnection.PostgresConnection(
          PostgresConnection.postgresDriver(PostgresServer.driver),
          database.url,
          "old"
        )
        yield* Effect.promise(async () => {
          await connection.open()
          await connection.execute("create schema old")
          for (const statement of schema.flat()) await connection.execute(PostgresSchema.translated(statement))
          await connection.execute("create table schema_version (version bigint not null)")
          await connection.execute(`insert into schema_version values (${schema.length})`)
          for (const statement of content((bytes) => `'\\x${bytes.toString("hex")}'`)) {
            await connection.execute(statement)
          }
          await connection.close()
        })
        yield* Effect.scoped(Effect.flatMap(database.open("old"), verify))
        assert.deepInclude(yield* balanced(yield* database.open("old")), { lines: 6, rooms: 1, conversations: 3 })
      })
    )

    it.scopedLive("can be written by two servers at once, without holes or doubles", () =>
      Effect.gen(function* () {
        const [first, second] = [yield* database.open("shared", true), yield* database.open("shared", true)]
        const stores = [first, second]
        const [alice, bob] = [yield* register(first, "alice"), yield* register(first, "bob")]
        yield* device(first, bob)
        const key = Keys.keyBetween(alice, bob)
        yield* Effect.forEach(
          stores,
          (store) =>
            Effect.forEach(Array.from({ length: 20 }), () =>
              store.append([line(key, alice, "one"), line(key, bob, "two")])
            ),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(yield* first.check, [])
        assert.strictEqual((yield* balanced(first)).stored, 80)
        const { conversation, seq } = stored(yield* append(first, line(key, alice, "three")))
        const { lines } = yield* second.page({ conversation, reader: bob, limit: 1 })
        assert.deepStrictEqual(
          [seq, lines.map(({ text }) => text)],
          [81, ["three"]],
          "reads what the other has written"
        )
      })
    )

    it.scopedLive("is for one process at a time", () =>
      Effect.gen(function* () {
        const first = yield* Scope.make()
        const store = yield* Scope.extend(database.open("single"), first)
        const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
        assert.deepStrictEqual(yield* refusalOf(database.open("single")), [
          "in-use",
          "another process uses the store in this database"
        ])
        const key = Keys.keyBetween(alice, bob)
        assert.strictEqual(stored(yield* append(store, line(key, alice, "one"))).seq, 1, "it continues")
        // As long as the other one is about to end, as after a kill.
        const second = yield* Effect.fork(database.open("single"))
        yield* Effect.sleep("200 millis")
        yield* Scope.close(first, Exit.void)
        assert.strictEqual(stored(yield* append(yield* Fiber.join(second), line(key, alice, "two"))).seq, 2)
      })
    )

    it.scopedLive("is refused if the database would lose what it commits", () =>
      Effect.gen(function* () {
        const own = yield* PostgresServer.make("synchronous_commit = off")
        const options = { url: own.url, limits: defaults, driver: PostgresServer.driver }
        assert.deepStrictEqual(yield* refusalOf(Postgres.make(options)), [
          "not-durable",
          "the database has synchronous_commit = off, and a power cut would lose lines"
        ])
      })
    )

    it.scopedLive("is refused in one sentence if there is no database", () =>
      Effect.gen(function* () {
        const options = {
          url: "postgres://chat@/none?host=/nowhere",
          limits: defaults,
          driver: PostgresServer.driver
        }
        const [reason, message = ""] = yield* refusalOf(Postgres.make(options))
        assert.strictEqual(reason, "away")
        assert.match(message, /^the database cannot be used: .*ENOENT/u)
      })
    )
  })
})
