import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as MemoryStore from "../../src/store/MemoryStore.js"
import * as Postgres from "../../src/store/Postgres.js"
import { defaults } from "../ports/StoreFixtures.js"
import { create, lines, seqs } from "../ports/StoreRoomFixtures.js"
import { longLog, sharingSuite } from "../ports/StoreSharing.js"
import * as PostgresServer from "../support/PostgresServer.js"
import { refusalOf } from "../support/StoreRefusal.js"
import { withPostgres } from "./PostgresTests.js"

sharingSuite("servers that share a store in memory", MemoryStore.shared)

it.scoped("a store in memory keeps a log of some length", () => longLog(MemoryStore.shared))

withPostgres((database) => {
  sharingSuite(
    "servers that share a store in Postgres",
    Effect.sync(() => {
      const schema = database.newSchema()
      return (limits) =>
        Postgres.make({ url: database.url, limits, driver: PostgresServer.driver, schema, isShared: true })
    })
  )

  it.scopedLive("is kept in order by one of its servers again after all of them have lost their connections", () =>
    Effect.gen(function* () {
      const [one, other] = [yield* database.open("lost", true), yield* database.open("lost", true)]
      const { sharing } = other
      assert(one.sharing !== undefined && sharing !== undefined)
      const { id } = yield* create(one, "ops")
      assert.deepStrictEqual([yield* one.sharing.keepsOrder, yield* sharing.keepsOrder], [true, false])
      yield* database.executing("lost")(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where application_name = 'a-chat' and pid <> pg_backend_pid()`
      )
      yield* sharing.keepsOrder.pipe(
        Effect.delay("20 millis"),
        Effect.repeat({ until: (keepsOrder) => keepsOrder, times: 500 })
      )
      yield* one.statistics.pipe(Effect.retry({ schedule: Schedule.spaced("20 millis"), times: 500 }))
      assert.deepStrictEqual([yield* one.sharing.keepsOrder, yield* sharing.keepsOrder], [false, true])
      assert.deepStrictEqual(seqs(yield* one.append(lines({ id }, undefined, 2))), [1, 2])
      assert.deepStrictEqual(seqs(yield* other.append(lines({ id }, undefined, 1))), [3])
      yield* other.configure({ ...defaults, keepLines: 1 })
      yield* one.configure({ ...defaults, keepLines: 1 })
      assert.deepStrictEqual([(yield* one.retain([])).removed, (yield* other.retain([])).removed], [0, 2])
    })
  )

  it.scopedLive("is reserved for servers that share it, or for one that is alone", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const store = yield* Scope.extend(database.open("reserved", true), scope)
      assert.deepStrictEqual(yield* refusalOf(database.open("reserved")), [
        "in-use",
        "another process uses the store in this database"
      ])
      assert.isDefined(store.sharing)
      const { id } = (yield* store.rooms.create({ name: "#ops", likeness: "OPS", owner: undefined })) ?? {}
      assert.isDefined(id)
      const latest = yield* store.sharing.latest
      yield* Scope.close(scope, Exit.void)
      const alone = yield* Scope.make()
      const own = yield* Scope.extend(database.open("reserved"), alone)
      assert.isUndefined(own.sharing)
      assert.deepStrictEqual(yield* refusalOf(database.open("reserved", true)), [
        "in-use",
        "a process that is no node of a cluster uses the store in this database"
      ])
      yield* own.rooms.change(id, { slowMillis: 1 })
      yield* Scope.close(alone, Exit.void)
      // What the other process has done is not in the log.
      const { sharing } = yield* database.open("reserved", true)
      assert.isDefined(sharing)
      const page = yield* sharing.changes(latest)
      assert.deepStrictEqual([page.changes, page.isComplete], [[], false])
      assert.deepInclude(yield* sharing.changes(page.last), { changes: [], isComplete: true })
      assert.strictEqual(yield* sharing.latest, page.last)
    })
  )
})
