import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { rmSync, statfsSync, writeFileSync } from "node:fs"
import { strict as assert } from "node:assert"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import type { StoreService } from "../../src/ports/Store.js"
import type { AccountId } from "../../src/ports/StoreAccounts.js"
import * as Keys from "../../src/ports/StoreLines.js"
import * as Sqlite from "../../src/store/Sqlite.js"

/**
 * A program that uses a store on a disk with a fault, and prints what happened: `node BadDisk.cjs FAULT FOLDER THREAD`.
 *
 * full      the folder is on a small file system, which it fills, and empties again
 * failing   the library `disk.c` is loaded, with FAILING = FOLDER/../failing
 */

const [fault, folder = "", thread = ""] = process.argv.slice(2)

const limits = { keep: "30 days", keepBytes: 1e9, keepLines: 1e6, unreadLines: 1e6, unreadBytes: 1e9 } as const

const [alice, bob] = [1 as AccountId, 2 as AccountId]
const key = Keys.keyBetween(alice, bob)

const line = (text: string) => ({
  conversation: key,
  account: alice,
  author: "alice",
  text,
  isAuto: false,
  to: "",
  isLive: false
})

const prepare = (store: StoreService) =>
  Effect.gen(function* () {
    yield* store.accounts.create({ name: "alice", likeness: "ALICE", credential: "hash" })
    yield* store.accounts.create({ name: "bob", likeness: "BOB", credential: "hash" })
    yield* store.accounts.openDevice(bob, "main", { maxDevices: 1, present: [] })
  })

/** Appends a line; true if it is stored. */
const append = (store: StoreService, text: string) =>
  Effect.match(store.append([line(text)]), {
    onFailure: (error) => error.reason,
    onSuccess: (results) => results[0]?._tag ?? "nothing"
  })

const full = (store: StoreService) =>
  Effect.gen(function* () {
    yield* prepare(store)
    const filler = join(folder, "filler")
    const { bavail, bsize } = statfsSync(folder)
    writeFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - 1600 * 1024), 1))
    let stored = 0
    let result = yield* append(store, "x".repeat(1000))
    while (result === "Stored") {
      stored += 1
      result = yield* append(store, "x".repeat(1000))
    }
    const refusal = [result, store.state()]
    assert.equal((yield* store.statistics).lines, stored)
    const conversation = (yield* store.find(key)) ?? assert.fail("the conversation is gone")
    const page = yield* store.page({ conversation, reader: bob, limit: 10 })
    yield* store.saveCursors([{ account: bob, device: "main", conversation, seq: 10 }])
    yield* store.configure({ ...limits, keepLines: stored - 50 })
    const retained = yield* store.retain([])
    const stillRefused = yield* append(store, "x".repeat(1000))
    rmSync(filler)
    let attempts = 0
    for (; store.state() !== "ok" && attempts < 100; attempts++) {
      yield* Effect.promise(() => setTimeout(100))
      if ((yield* append(store, "after")) === "Stored") stored += 1
    }
    const { lines, given } = yield* store.statistics
    const faults = yield* store.check
    return {
      refusal,
      isSome: stored > 60,
      read: page.lines.length,
      removed: retained.removed,
      stillRefused,
      recovered: store.state(),
      missing: stored - lines - retained.removed,
      given,
      faults
    }
  })

const failing = (store: StoreService) =>
  Effect.gen(function* () {
    yield* prepare(store)
    const fails = join(folder, "../failing")
    const results: Array<string> = []
    for (let round = 0; round < 5; round++) {
      results.push(yield* append(store, "before"))
      writeFileSync(fails, "")
      const during = yield* Effect.fork(append(store, "during"))
      while (store.state() === "ok") yield* Effect.promise(() => setTimeout(5))
      const state = store.state()
      // The file cannot be opened either, so nobody knows whether it has the line.
      assert.equal(yield* append(store, "refused"), "unavailable")
      rmSync(fails)
      results.push(yield* Fiber.join(during))
      let result = "unavailable"
      for (let attempts = 0; result !== "Stored" && attempts < 100; attempts++) {
        result = yield* append(store, "after")
        if (result !== "Stored") yield* Effect.promise(() => setTimeout(50))
      }
      results.push(state, result)
    }
    const conversation = (yield* store.find(key)) ?? assert.fail("the conversation is gone")
    const { lines } = yield* store.page({ conversation, reader: bob, limit: 1000 })
    const count = (text: string) => lines.filter((line) => line.text === text).length
    return {
      results,
      during: count("during"),
      others: count("before") + count("after"),
      refused: count("refused"),
      faults: yield* store.check
    }
  })

const program = (store: StoreService): Effect.Effect<unknown, unknown> =>
  fault === "full" ? full(store) : failing(store)

Sqlite.make({ path: join(folder, "chat.db"), limits, thread, reserveBytes: 128 * 1024 }).pipe(
  Effect.flatMap(program),
  Effect.scoped,
  Effect.tap((report) => Effect.sync(() => console.log(JSON.stringify(report)))),
  Effect.runFork
)
