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
import { afterAll, beforeAll } from "vitest"
import * as Keys from "../../src/ports/StoreLines.js"
import type { StoreRecord } from "../../src/ports/StoreUpkeep.js"
import * as Postgres from "../../src/store/Postgres.js"
import * as PostgresConnection from "../../src/store/PostgresConnection.js"
import * as PostgresSchema from "../../src/store/PostgresSchema.js"
import { append, balanced, defaults, device, line, register, stored } from "../ports/StoreFixtures.js"
import { storeSuite } from "../ports/StoreSuite.js"
import * as StoreWithoutRooms from "../support/StoreWithoutRooms.js"
import * as PostgresServer from "../support/PostgresServer.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

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

const totals = (records: Chunk.Chunk<StoreRecord>) =>
  Chunk.toReadonlyArray(records).find((record) => record.type === "totals")

describe.skipIf(PostgresServer.missing !== undefined)(
  `with Postgres (${PostgresServer.missing ?? "installed"})`,
  () => {
    const scope = Effect.runSync(Scope.make())
    let server: PostgresServer.PostgresServer | undefined
    let schemas = 0

    beforeAll(async () => {
      server = await Effect.runPromise(Scope.extend(PostgresServer.make(), scope))
    })

    afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

    const open = (schema: string, isShared?: boolean) =>
      Effect.suspend(() =>
        Postgres.make({ url: server?.url ?? "", limits: defaults, driver: PostgresServer.driver, schema, isShared })
      )

    /** Executes statements in a schema, on a connection of its own. */
    const executing =
      (schema: string) =>
      (...statements: ReadonlyArray<string>) =>
        Effect.promise(async () => {
          const driver = PostgresConnection.driver(PostgresServer.driver)
          const connection = new PostgresConnection.PostgresConnection(driver, server?.url ?? "", schema)
          await connection.open()
          for (const statement of statements) await connection.execute(statement)
          await connection.close()
        })

    storeSuite("the store in Postgres", (limits) =>
      Effect.suspend(() =>
        Postgres.make({ url: server?.url ?? "", limits, driver: PostgresServer.driver, schema: `test${schemas++}` })
      )
    )

    describe("a store in Postgres", () => {
      it.scopedLive("keeps everything, and the id of its log", () =>
        Effect.gen(function* () {
          const log = yield* Effect.scoped(
            Effect.gen(function* () {
              const store = yield* open("kept")
              const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
              yield* append(store, line(Keys.between(alice, bob), alice, "hi"))
              return store.log
            })
          )
          const store = yield* open("kept")
          assert.strictEqual(store.log, log)
          assert.strictEqual((yield* balanced(store)).lines, 1)
        })
      )

      it.scopedLive(
        "has another log after it was restored from a dump, and none that a running server goes on with",
        () =>
          Effect.gen(function* () {
            const execute = executing("restored")
            // As `pg_restore` does, this makes a table anew, with its rows.
            const restore = execute(
              "begin",
              "create table copy as select * from meta",
              "drop table meta",
              "alter table copy rename to meta",
              "commit"
            )
            const log = Effect.scoped(Effect.map(open("restored"), (store) => store.log))
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

            const store = yield* open("restored")
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
          const execute = executing("few")
          yield* execute(
            "create role few login",
            "grant create on database postgres to few",
            "revoke execute on function pg_control_system() from public"
          )
          const url = (server?.url ?? "").replace("//chat@", "//few@")
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
          const store = yield* open("hurt")
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          const key = Keys.between(alice, bob)
          yield* store.append(["one", "two", "three", "four", "five"].map((text) => line(key, alice, text)))
          yield* executing("hurt")("update line set crc = crc + 1 where seq in (2, 3)")
          const records = yield* Stream.runCollect(store.exported)
          assert.deepInclude(totals(records), { lost: 2 })
          const rescued = yield* open("rescued")
          yield* rescued.imported(Stream.fromIterable(records))
          assert.deepStrictEqual(yield* rescued.check, [])
          assert.deepInclude(yield* balanced(rescued), { lines: 3, expired: 2 })
          const again = totals(yield* Stream.runCollect(rescued.exported))
          assert.deepStrictEqual([again?.lost, again?.missing], [undefined, 2])
          yield* executing("rescued")("delete from line where seq = 4")
          assert.include(yield* rescued.check, "conversation 1 has line 5 in the place of 2")
        })
      )

      it.scopedLive("keeps everything that a version without rooms has stored", () =>
        Effect.gen(function* () {
          const { content, schema, verify } = StoreWithoutRooms
          const connection = new PostgresConnection.PostgresConnection(
            PostgresConnection.driver(PostgresServer.driver),
            server?.url ?? "",
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
          yield* Effect.scoped(Effect.flatMap(open("old"), verify))
          assert.deepInclude(yield* balanced(yield* open("old")), { lines: 6, rooms: 1, conversations: 3 })
        })
      )

      it.scopedLive("can be written by two servers at once, without holes or doubles", () =>
        Effect.gen(function* () {
          const [first, second] = [yield* open("shared", true), yield* open("shared", true)]
          const stores = [first, second]
          const [alice, bob] = [yield* register(first, "alice"), yield* register(first, "bob")]
          yield* device(first, bob)
          const key = Keys.between(alice, bob)
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
          const store = yield* Scope.extend(open("single"), first)
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          const refused = yield* Effect.flip(open("single"))
          assert.deepInclude(refused, {
            reason: "in-use",
            description: "another process uses the store in this database"
          })
          const key = Keys.between(alice, bob)
          assert.strictEqual(stored(yield* append(store, line(key, alice, "one"))).seq, 1, "it goes on")
          // As long as the other one is about to end, as after a kill.
          const second = yield* Effect.fork(open("single"))
          yield* Effect.sleep("200 millis")
          yield* Scope.close(first, Exit.void)
          assert.strictEqual(stored(yield* append(yield* Fiber.join(second), line(key, alice, "two"))).seq, 2)
        })
      )

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
          const options = { url: server?.url ?? "", limits: defaults, schema: `test${schemas++}`, driver: file }
          const store = yield* Postgres.make(options)
          const alice = yield* register(store, "alice")
          const key = Keys.between(alice, alice)
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
          const key = Keys.between(alice, bob)
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
          const options = { url: server?.url ?? "", limits: defaults, schema: `test${schemas++}` }
          const store = yield* Postgres.make({ ...options, driver: yield* failingDriver("committed") })
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          const key = Keys.between(alice, bob)
          for (let round = 1; round <= 3; round++) {
            const appended = yield* append(store, line(key, alice, "hi", { isLive: true }))
            assert.deepInclude(appended, { _tag: "Stored", seq: round, again: false })
          }
          assert.strictEqual((yield* balanced(store)).stored, 3)
        })
      )

      it.scopedLive("says that a line is not stored if the database has crashed without a trace of it", () =>
        Effect.gen(function* () {
          const options = { url: server?.url ?? "", limits: defaults, schema: `test${schemas++}` }
          const [alice, bob] = yield* Effect.scoped(
            Effect.gen(function* () {
              const store = yield* Postgres.make({ ...options, driver: PostgresServer.driver })
              return [yield* register(store, "alice"), yield* register(store, "bob")] as const
            })
          )
          const store = yield* Postgres.make({ ...options, driver: yield* failingDriver("lost") })
          const one = line(Keys.between(alice, bob), alice, "hi", { isLive: true })
          assert.strictEqual((yield* Effect.flip(append(store, one))).reason, "unavailable")
          assert.strictEqual((yield* balanced(store)).stored, 0)
        })
      )

      it.scopedLive("can be closed although the database has stopped answering", () =>
        Effect.gen(function* () {
          const url = server?.url ?? ""
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

      it.scopedLive("is refused if the database would lose what it commits", () =>
        Effect.gen(function* () {
          const own = yield* PostgresServer.make("synchronous_commit = off")
          const options = { url: own.url, limits: defaults, driver: PostgresServer.driver }
          const error = yield* Effect.flip(Effect.scoped(Postgres.make(options)))
          assert.strictEqual(error.reason, "not-durable")
          assert.strictEqual(
            error.message,
            "the database has synchronous_commit = off, and a power cut would lose lines"
          )
        })
      )

      it.scopedLive("is refused in one sentence if there is no database", () =>
        Effect.gen(function* () {
          const options = {
            url: "postgres://chat@/none?host=/nowhere",
            limits: defaults,
            driver: PostgresServer.driver
          }
          const error = yield* Effect.flip(Effect.scoped(Postgres.make(options)))
          assert.strictEqual(error.reason, "not-accessible")
          assert.match(error.message, /^the database cannot be used: .*ENOENT/u)
        })
      )
    })
  }
)
