import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { copyFileSync, readFileSync } from "node:fs"
import { afterAll, beforeAll } from "vitest"
import type { StoreService } from "../../src/ports/Store.js"
import type { AccountId } from "../../src/ports/StoreAccounts.js"
import * as Keys from "../../src/ports/StoreLines.js"
import type { StoreRecord } from "../../src/ports/StoreUpkeep.js"
import * as MemoryStore from "../../src/store/MemoryStore.js"
import { append, balanced, defaults, device, line, register } from "../ports/StoreFixtures.js"
import { create } from "../ports/StoreRoomFixtures.js"
import { damagePage, rootsOf } from "../support/SqliteFiles.js"
import { countOf, file, open, recordsOf, using } from "../support/SqliteStores.js"

const count = 400

const of = (number: number) => number as AccountId

/** Accounts with long names, each with a device, a conversation with the next one, and a place in it; and rooms. */
const fill = (store: StoreService) =>
  Effect.gen(function* () {
    for (let number = 1; number <= count; number++) {
      yield* register(store, `user${number}`)
      yield* device(store, of(number))
    }
    const lines: Array<Keys.NewLine> = []
    for (let number = 1; number < count; number++) {
      const key = Keys.keyBetween(of(number), of(number + 1))
      for (const text of ["one", "two"]) lines.push(line(key, of(number), text))
    }
    for (let from = 0; from < lines.length; from += 500) yield* store.append(lines.slice(from, from + 500))
    for (let number = 2; number <= count; number++) {
      const conversation = yield* store.find(Keys.keyBetween(of(number - 1), of(number)))
      assert.isDefined(conversation)
      yield* store.saveCursors([{ account: of(number), device: "main", conversation, seq: 1 }])
    }
    for (let number = 1; number <= 300; number++) {
      const room = yield* create(store, `room${number}`, of(number))
      yield* append(store, line(Keys.ofRoom(room.id), of(number), "in a room"))
    }
  })

/** A page of a table from its middle, which is not its first or last: an open store does not notice the damage. */
const leafOf = (path: string, table: string, root: number): number => {
  const page = readFileSync(path).subarray(4096 * (root - 1), 4096 * root)
  const isInterior = page[0] === 0x05 || page[0] === 0x02
  assert.isTrue(isInterior, `the table ${table} has one page`)
  const middle = Math.floor(page.readUInt16BE(3) / 2)
  return page.readUInt32BE(page.readUInt16BE(12 + 2 * middle))
}

describe("an export of a store with a damaged page", () => {
  const whats = {
    account: "account",
    device: "devices",
    conversation: "conversation",
    member: "members",
    cursor: "places",
    room: "conversation"
  } as const

  const scope = Effect.runSync(Scope.make())
  let path = ""
  let whole: ReadonlyArray<StoreRecord> = []
  let roots: Readonly<Record<string, number>> = {}
  const rootPageOf = (name: string) => roots[name] ?? 0

  // Once, because two thousand flushes take a while.
  beforeAll(async () => {
    path = await Effect.runPromise(Scope.extend(file, scope))
    await Effect.runPromise(using(path, fill))
    whole = await Effect.runPromise(using(path, recordsOf))
    roots = rootsOf(path)
  })
  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

  for (const [table, what] of Object.entries(whats)) {
    it.scopedLive(`in the table ${table} has what can be read, and names what cannot`, () =>
      Effect.gen(function* () {
        const copy = `${path}-${table}`
        copyFileSync(path, copy)
        damagePage(copy, leafOf(path, table, rootPageOf(table)))
        const store = yield* open(copy)
        const records = yield* recordsOf(store)
        const lost = records.filter((record) => record.type === "lost")
        assert.isAbove(lost.length, 5)
        assert.isBelow(lost.length, 300)
        assert.deepStrictEqual([...new Set(lost.map((record) => record.what))], [what])
        assert.deepInclude(records.at(-1), { type: "totals", partial: true })
        const numbers = new Set(lost.map(({ id }) => id))
        // Everything else is there.
        const losesConversations = what === "conversation"
        const losesLines = losesConversations
          ? whole.filter((one) => one.type === "line" && numbers.has(one.conversation))
          : []
        assert.strictEqual(countOf(records, "line"), countOf(whole, "line") - losesLines.length)
        assert.strictEqual(countOf(records, "account"), count)
        assert.strictEqual(
          countOf(records, "conversation"),
          countOf(whole, "conversation") - (losesConversations ? numbers.size : 0)
        )
        const devices = what === "devices" || what === "account" ? numbers.size : 0
        assert.strictEqual(countOf(records, "device"), countOf(whole, "device") - devices)
        // The check of the store knows the table, and the copy is intact.
        const faults = yield* store.check
        assert.isTrue(
          faults.some((fault) => fault.startsWith(`${table} Tree `)),
          faults.join("\n")
        )
        assert.isTrue(
          faults.some((fault) => fault.startsWith(`the table ${table} cannot be read as a whole: `)),
          faults.join("\n")
        )
        const rescued = yield* open(`${copy}-rescued`)
        yield* rescued.imported(Stream.fromIterable(records))
        assert.deepStrictEqual(yield* rescued.check, [])
        yield* balanced(rescued)
        // Everybody that is not lost can log in, under the same device name.
        for (let number = 1; number <= count; number++) {
          const { _tag } = yield* device(rescued, of(number))
          const isLost = what === "account" && numbers.has(number)
          assert.strictEqual(_tag, isLost ? "TooMany" : "Opened", `the device of account ${number}`)
        }
        assert.deepStrictEqual(yield* rescued.check, [])
        // New accounts and lines do not get what was others'.
        const id = yield* register(rescued, "somebody")
        assert.strictEqual(id, count + 1)
        assert.lengthOf(yield* rescued.conversations(id, 9), 0)
        const key = Keys.keyBetween(of(1), of(2))
        yield* append(rescued, line(key, of(1), "more"))
        assert.deepStrictEqual(yield* rescued.check, [])
        if (what === "members") {
          const waiting = (yield* rescued.statistics).waiting
          assert.isBelow(waiting, 2 * (count - 1) - (count - 1))
        }
        const memory = yield* MemoryStore.make(defaults)
        assert.strictEqual(
          (yield* Effect.flip(memory.imported(Stream.fromIterable(records)))).message,
          "lines of the export are missing"
        )
      })
    )
  }

  it.scopedLive("in the index of lines has everything, and the check names those whose lines cannot be found", () =>
    Effect.gen(function* () {
      const copy = `${path}-line_seq`
      copyFileSync(path, copy)
      damagePage(copy, leafOf(path, "line_seq", rootPageOf("line_seq")))
      const store = yield* open(copy)
      const records = yield* recordsOf(store)
      assert.strictEqual(countOf(records, "line"), countOf(whole, "line"))
      assert.strictEqual(countOf(records, "lost"), 0)
      const faults = yield* store.check
      const named = faults.filter((fault) => /^conversation \d+ \(user\d+ and user\d+\) cannot be read$/u.test(fault))
      assert.isAbove(named.length, 5, faults.join("\n"))
      const rescued = yield* open(`${copy}-rescued`)
      yield* rescued.imported(Stream.fromIterable(records))
      assert.deepStrictEqual(yield* rescued.check, [])
    })
  )

  /** The lines of direct conversations, and these conversations. */
  const direct = { line: 2 * (count - 1), conversation: count - 1 }
  const keptWithout = {
    account: { device: 0, cursor: 0 },
    device: { device: 0, cursor: 0 },
    conversation: { conversation: 0, line: 0, cursor: 0 },
    member: {},
    cursor: { cursor: 0 },
    room: direct,
    undelivered: {},
    invitation: {}
  }
  for (const [table, less] of Object.entries(keptWithout)) {
    it.scopedLive(`at the root of the table ${table} has the rest as well`, () =>
      Effect.gen(function* () {
        const copy = `${path}-${table}-root`
        copyFileSync(path, copy)
        damagePage(copy, rootPageOf(table))
        const records = yield* using(copy, recordsOf)
        assert.isAbove(countOf(records, "lost"), 0)
        const types = ["account", "device", "conversation", "line", "cursor"] as const
        assert.deepStrictEqual(Object.fromEntries(types.map((type) => [type, countOf(records, type)])), {
          ...Object.fromEntries(types.map((type) => [type, countOf(whole, type)])),
          ...less
        })
        const rescued = yield* open(`${copy}-rescued`)
        yield* rescued.imported(Stream.fromIterable(records))
        assert.deepStrictEqual(yield* rescued.check, [])
      })
    )
  }
})
