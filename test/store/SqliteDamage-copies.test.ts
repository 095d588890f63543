import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { readFileSync } from "node:fs"
import type { StoreService } from "../../src/ports/Store.js"
import { ofRoom, withGuest } from "../../src/ports/StoreLines.js"
import * as MemoryStore from "../../src/store/MemoryStore.js"
import { append, defaults, line, stored } from "../ports/StoreFixtures.js"
import { create } from "../ports/StoreRoomFixtures.js"
import { overwrite, rootOf } from "../support/SqliteFiles.js"
import { alice, bob, carolWrites, execute, filled, key, open, text, using } from "../support/SqliteStores.js"

/**
 * Copies a store into another, which is intact: what the export says of lost lines, and how many lines have expired.
 */
const copied = (from: string, to: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const [source, target] = [yield* open(from), yield* open(to)]
      const records = Chunk.toReadonlyArray(yield* Stream.runCollect(source.exported))
      yield* target.imported(Stream.fromIterable(records))
      assert.deepStrictEqual(yield* target.check, [])
      const totals = records.find((record) => record.type === "totals")
      return [totals?.lost, totals?.missing, (yield* target.statistics).expired]
    })
  )

describe("damage in the file of a store, and copies of what is left", () => {
  it.scopedLive("costs an export the damaged lines, and no others", () =>
    Effect.gen(function* () {
      const path = yield* filled
      const position = readFileSync(path).lastIndexOf(text) + 100
      yield* overwrite(path, Buffer.from("Z"), position)
      yield* overwrite(path, Buffer.alloc(4096, 7), 4096 * 60)
      const store = yield* open(path)
      const records = Chunk.toReadonlyArray(yield* Stream.runCollect(store.exported))
      const kept = records.flatMap((record) => (record.type === "line" ? [record.seq] : []))
      const { lost = 0 } = records.find(({ type }) => type === "totals") as { readonly lost?: number }
      // A page has about 11 of these lines.
      assert.isTrue(lost > 5 && lost < 20, `${lost}`)
      assert.strictEqual(kept.length, 1000 - lost)
      const rescued = yield* open(`${path}-rescued`)
      yield* rescued.imported(Stream.fromIterable(records))
      assert.deepStrictEqual(yield* rescued.check, [])
      const { dead, expired, given, lines, stored, waiting } = yield* rescued.statistics
      assert.deepStrictEqual(
        [stored, given, waiting, expired, dead, lines],
        [1000, 0, 1000 - lost, lost, lost, 1000 - lost]
      )
      const read = yield* rescued.page({ conversation: key, reader: bob, after: 0, limit: 1000 })
      assert.deepStrictEqual(
        read.lines.map(({ seq, text: one }) => `${seq}${one}`),
        kept.map((seq) => `${seq}${text}`)
      )
      yield* append(rescued, line(key, alice, "more"))
      assert.deepStrictEqual(yield* rescued.check, [])
    })
  )

  it.scopedLive("is known in a copy by the numbers that it has cost, so that any other is a fault there", () =>
    Effect.gen(function* () {
      const path = yield* filled
      execute(path, "update line set crc = crc + 1 where seq in (1, 500, 501, 1000)")
      assert.deepStrictEqual(yield* copied(path, `${path}-1`), [4, undefined, 4])
      assert.deepStrictEqual(yield* copied(`${path}-1`, `${path}-2`), [undefined, 4, 4])
      execute(`${path}-2`, "update line set crc = crc + 1 where seq = 502")
      assert.deepStrictEqual(yield* copied(`${path}-2`, `${path}-3`), [1, 4, 5])
      // The first lines are removed, and the gap before them with these.
      yield* Effect.scoped(
        Effect.gen(function* () {
          const store = yield* open(`${path}-3`, { ...defaults, keepLines: 600 })
          while ((yield* store.retain([])).hasMore) continue
          assert.deepStrictEqual(yield* store.check, [])
        })
      )
      assert.deepStrictEqual(yield* copied(`${path}-3`, `${path}-4`), [undefined, 4, 400])
      execute(`${path}-4`, "delete from line where seq = 600")
      yield* using(`${path}-4`, (store) =>
        Effect.map(store.check, (faults) =>
          assert.include(
            faults,
            "conversation 1 (alice and bob) has line 601 in the place of 600",
            "as many are missing elsewhere"
          )
        )
      )
    })
  )

  it.scopedLive("in a copy is distinguished from the numbers that the copy lacks", () =>
    Effect.gen(function* () {
      const path = yield* filled
      // The lines beside the damaged page, and a whole window of the check.
      execute(path, "update line set crc = crc + 1 where seq between 101 and 103 or seq between 200 and 900")
      yield* copied(path, `${path}-1`)
      const root = rootOf(`${path}-1`, "line")
      const page = readFileSync(`${path}-1`).subarray(4096 * (root - 1), 4096 * root)
      // The second page of lines has some that are around the first gap.
      for (const index of [8, 9]) {
        const leaf = page.readUInt32BE(page.readUInt16BE(12 + 2 * index))
        yield* overwrite(`${path}-1`, Buffer.alloc(4096, 7), 4096 * (leaf - 1))
      }
      const store = yield* open(`${path}-1`)
      const {
        damaged: ranges = [],
        hasMore,
        lines
      } = yield* store.page({ conversation: key, reader: bob, limit: 1000 })
      const gone = ranges.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, at) => first + at))
      const seqs = [...lines.map(({ seq }) => seq), ...gone].toSorted((one, other) => one - other)
      const all = Array.from({ length: 1000 }, (_, index) => index + 1)
      assert.isFalse(hasMore)
      assert.isAbove(gone.length, 5)
      assert.deepStrictEqual(
        seqs,
        all.filter((seq) => !(seq >= 101 && seq <= 103) && !(seq >= 200 && seq <= 900))
      )
      const faults = (yield* store.check).filter((fault) => fault.startsWith("lines "))
      assert.deepStrictEqual(
        faults,
        ranges.map(({ first, last }) => `lines ${first} to ${last} of conversation 1 (alice and bob) cannot be read`)
      )
    })
  )

  it.scopedLive("in a page is counted by the lines that it had, not by the numbers that were free before", () =>
    Effect.gen(function* () {
      const path = yield* filled
      // Of another conversation, whose lines are gone: their ids are between those of lines that are kept.
      execute(path, "update line set id = -2 * id; update line set id = -id; update meta set last_line = 2000; vacuum")
      yield* overwrite(path, Buffer.alloc(4096, 7), 4096 * 60)
      const store = yield* open(path)
      const records = Chunk.toReadonlyArray(yield* Stream.runCollect(store.exported))
      const kept = records.filter(({ type }) => type === "line")
      const totals = records.find((record) => record.type === "totals")
      assert.isTrue(kept.length < 1000)
      assert.strictEqual(totals?.lost, 1000 - kept.length)
    })
  )

  it.scopedLive("is nothing that the store in memory takes: it stays empty", () =>
    Effect.gen(function* () {
      const path = yield* filled
      execute(path, "update line set crc = crc + 1 where seq = 500")
      const source = yield* open(path)
      const memory = yield* MemoryStore.make(defaults)
      const { message } = yield* Effect.flip(memory.imported(source.exported))
      assert.strictEqual(message, "lines of the export are missing")
      assert.lengthOf(yield* memory.accounts.all, 0)
      const rescued = yield* open(`${path}-rescued`)
      yield* rescued.imported(source.exported)
      assert.strictEqual((yield* Effect.flip(memory.imported(rescued.exported))).message, message)
      assert.lengthOf(yield* memory.accounts.all, 0)
    })
  )

  it.scopedLive(
    "at the end of a conversation gives an import no place behind its end, where new lines would count as given",
    () =>
      Effect.gen(function* () {
        const path = yield* filled
        yield* using(path, (store) =>
          Effect.gen(function* () {
            const conversation = yield* store.find(key)
            assert.isDefined(conversation)
            yield* store.saveCursors([{ account: bob, device: "main", conversation, seq: 1000 }])
            yield* store.markRead(bob, conversation, 1000)
          })
        )
        execute(path, "update line set crc = crc + 1 where seq > 990")
        const store = yield* open(path)
        const rescued = yield* open(`${path}-rescued`)
        yield* rescued.imported(store.exported)
        assert.deepStrictEqual(yield* rescued.check, [])
        assert.deepStrictEqual(yield* rescued.waiting(bob, "main"), [])
        assert.strictEqual(stored(yield* append(rescued, line(key, alice, "more"))).seq, 1001)
        assert.deepStrictEqual(
          (yield* rescued.waiting(bob, "main")).map(({ cursor, last }) => [cursor, last]),
          [[1000, 1001]]
        )
        const [conversation] = yield* rescued.conversations(bob, 10)
        assert.strictEqual(conversation?.read, 1000)
        assert.strictEqual((yield* rescued.statistics).waiting, 1)
        assert.deepStrictEqual(yield* rescued.check, [])
        // As earlier versions have exported it: those did not say which the last line was.
        const records = Chunk.map(yield* Stream.runCollect(store.exported), (record) =>
          record.type === "conversation" ? { ...record, last: undefined } : record
        )
        const earlier = yield* open(`${path}-earlier`)
        yield* earlier.imported(Stream.fromIterable(records))
        assert.deepStrictEqual(yield* earlier.waiting(bob, "main"), [])
        assert.strictEqual(stored(yield* append(earlier, line(key, alice, "more"))).seq, 991)
        assert.deepStrictEqual(
          (yield* earlier.waiting(bob, "main")).map(({ cursor, last }) => [cursor, last]),
          [[990, 991]]
        )
        assert.strictEqual((yield* earlier.conversations(bob, 10))[0]?.read, 990)
        assert.deepStrictEqual(yield* earlier.check, [])
      })
  )

  it.scopedLive("at the end of a conversation gives its numbers to no other line, however often it is copied", () =>
    Effect.gen(function* () {
      const path = yield* filled
      const room = yield* using(path, (store) =>
        Effect.gen(function* () {
          yield* carolWrites(store)
          const { id } = yield* create(store, "ops", alice)
          yield* append(store, line(ofRoom(id), alice, "one"))
          // Of this one, the first line stays.
          const { id: other } = yield* create(store, "other", alice)
          for (const text of ["one", "two"]) yield* append(store, line(ofRoom(other), alice, text))
          return id
        })
      )
      // Of one conversation the last lines, and all lines of the others.
      execute(
        path,
        "update line set crc = crc + 1 where (conversation > 1 or seq > 990) and (conversation < 4 or seq > 1)"
      )
      assert.deepStrictEqual(yield* copied(path, `${path}-1`), [13, undefined, 11])
      // Those that have no line begin after the ones that are lost.
      assert.deepStrictEqual(yield* copied(`${path}-1`, `${path}-2`), [undefined, 11, 11])
      const verify = (store: StoreService) =>
        Effect.gen(function* () {
          const [first] = yield* store.waiting(bob, "main")
          assert.deepInclude(first, { cursor: 0, last: 1000 })
          const page = yield* store.page({ conversation: key, reader: bob, after: 980, limit: 100 })
          assert.deepStrictEqual([page.lines.length, page.last, page.hasMore], [10, 1000, false])
          assert.deepStrictEqual(
            (yield* store.rooms.all).map(({ last }) => last),
            [1, 2]
          )
          const more = yield* store.append([
            line(key, alice, "more"),
            line(withGuest(bob, "CAROL"), undefined, "again"),
            line(ofRoom(room), alice, "two")
          ])
          assert.deepStrictEqual(
            more.map((one) => stored(one).seq),
            [1001, 2, 2]
          )
          assert.deepStrictEqual(yield* store.check, [])
        })
      for (const copy of [`${path}-1`, `${path}-2`]) yield* using(copy, verify)
      // After a start, the numbers continue, and retention passes over those that are missing.
      yield* Effect.scoped(
        Effect.gen(function* () {
          const store = yield* open(`${path}-1`, { ...defaults, keepLines: 1 })
          const { seq } = stored(yield* append(store, line(key, alice, "more")))
          assert.strictEqual(seq, 1002)
          for (let hasMore = true; hasMore;) ({ hasMore } = yield* store.retain([]))
          const page = yield* store.page({ conversation: key, reader: bob, limit: 9 })
          assert.deepStrictEqual([page.lines.map(({ seq }) => seq), page.first], [[1002], 1002])
          assert.deepStrictEqual(yield* store.check, [])
        })
      )
    })
  )

  it.scopedLive("at the end of a guest's conversation lets it end, once nothing else is kept of it", () =>
    Effect.gen(function* () {
      const path = yield* filled
      yield* using(path, (store) => Effect.zipRight(carolWrites(store), carolWrites(store)))
      execute(path, "update line set crc = crc + 1 where conversation > 1 and seq = 2")
      yield* copied(path, `${path}-1`)
      const store = yield* open(`${path}-1`, { ...defaults, keepLines: 0 })
      const conversation = yield* store.find(withGuest(bob, "CAROL"))
      assert.isDefined(conversation)
      for (let hasMore = true; hasMore;) ({ hasMore } = yield* store.retain([]))
      const [waiting] = (yield* store.waiting(bob, "main")).filter((one) => one.conversation === conversation)
      assert.deepInclude(waiting, { first: 3, last: 2 })
      yield* store.saveCursors([{ account: bob, device: "main", conversation, seq: 2 }])
      yield* store.retain([])
      assert.isUndefined(yield* store.find(withGuest(bob, "CAROL")))
      assert.deepStrictEqual(yield* store.check, [])
    })
  )

  it.scopedLive("in the index of lines as well gives no line a number that a device was given", () =>
    Effect.gen(function* () {
      const path = yield* filled
      yield* using(path, (store) =>
        Effect.gen(function* () {
          const conversation = yield* store.find(key)
          assert.isDefined(conversation)
          yield* store.saveCursors([{ account: bob, device: "main", conversation, seq: 1000 }])
        })
      )
      execute(path, "update line set crc = crc + 1 where seq > 990")
      const root = rootOf(path, "line_seq")
      yield* overwrite(path, Buffer.alloc(4096, 7), 4096 * (root - 1))
      const rescued = yield* open(`${path}-rescued`)
      yield* rescued.imported((yield* open(path)).exported)
      assert.strictEqual(stored(yield* append(rescued, line(key, alice, "more"))).seq, 1001)
      assert.deepStrictEqual(yield* rescued.check, [])
    })
  )
})
