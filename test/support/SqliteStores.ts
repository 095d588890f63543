import { assert } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { join } from "node:path"
import type { StoreService } from "../../src/ports/Store.js"
import type { AccountId } from "../../src/ports/StoreAccounts.js"
import * as Keys from "../../src/ports/StoreLines.js"
import type { StoreLimits } from "../../src/ports/StoreUpkeep.js"
import type { StoreRecord } from "../../src/ports/StoreUpkeep.js"
import * as Sqlite from "../../src/store/Sqlite.js"
import * as SqliteDriver from "../../src/store/SqliteDriver.js"
import { append, defaults, device, line, register } from "../ports/StoreFixtures.js"
import { storeThread } from "./Bundled.js"
import { refusalOf } from "./StoreRefusal.js"
import { temporaryFolder } from "./TemporaryFolder.js"

export const open = (path: string, limits: StoreLimits = defaults) =>
  Effect.flatMap(storeThread, (thread) => Sqlite.make({ path, limits, thread, reserveBytes: 4096 }))

/** Uses a store until it is closed. */
export const using = <A, E>(path: string, use: (store: StoreService) => Effect.Effect<A, E>) =>
  Effect.scoped(Effect.flatMap(open(path), use))

export const file = Effect.map(temporaryFolder, (folder) => join(folder, "chat.db"))

/** Changes the database without a store. */
export const execute = (path: string, sql: string) => {
  const connection = SqliteDriver.loadDriver(import.meta.filename ?? "")?.(path)
  assert.isDefined(connection)
  connection.exec(sql)
  connection.close()
}

export const reader = `
  const sqlite = process.getBuiltinModule("node:sqlite") ?? require("${SqliteDriver.packageName}")
  try {
    new sqlite.DatabaseSync(process.argv[1]).prepare("select 1 from account").all()
    console.log("it could read")
  } catch (error) {
    console.log(error.message)
  }`

export const [alice, bob] = [1 as AccountId, 2 as AccountId]
export const key = Keys.keyBetween(alice, bob)

export const text = "z".repeat(300)

/** Alice writes to Bob, many pages of lines. */
export const fill = (store: StoreService) =>
  Effect.gen(function* () {
    yield* register(store, "alice")
    yield* register(store, "bob")
    yield* device(store, bob)
    yield* store.append(Array.from({ length: 1000 }, () => line(key, alice, text)))
  })

/** The file of a closed store with these lines. */
export const filled = Effect.tap(file, (path) => using(path, fill))

export const carolWrites = (store: StoreService) =>
  Effect.map(append(store, line(Keys.withGuest(bob, "CAROL"), undefined, "hi")), (result) => {
    assert(result._tag === "Stored")
    return result
  })

export const refusal = (path: string) => refusalOf(open(path))

/** Everything that a store exports. */
export const recordsOf = (store: StoreService) => Effect.map(Stream.runCollect(store.exported), Chunk.toReadonlyArray)

export const countOf = (records: ReadonlyArray<StoreRecord>, type: StoreRecord["type"]) =>
  records.filter((record) => record.type === type).length
