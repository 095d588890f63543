import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { copyFileSync, existsSync, openSync, readFileSync, statSync, truncateSync, writeSync } from "node:fs"
import type { StoreService } from "../../src/ports/Store.js"
import { ofRoom, type Page, withGuest } from "../../src/ports/StoreLines.js"
import type { SearchRequest } from "../../src/ports/StoreSearch.js"
import * as Words from "../../src/protocol/Words.js"
import * as Checksum from "../../src/store/Checksum.js"
import * as Memory from "../../src/store/Memory.js"
import * as WordBlock from "../../src/store/WordBlock.js"
import { indexAll, searched } from "../ports/StoreSearching.js"
import { append, defaults, line, register, stored } from "../ports/StoreFixtures.js"
import { create } from "../ports/StoreRoomFixtures.js"
import { rootOf, valueOf } from "../support/SqliteFiles.js"
import {
  alice,
  bob,
  carolWrites,
  execute,
  file,
  fill,
  key,
  open,
  refusal,
  text,
  using
} from "../support/SqliteStores.js"

/** Overwrites bytes of a file. */
const write = (path: string, bytes: Uint8Array, position: number) =>
  Effect.sync(() => writeSync(openSync(path, "r+"), bytes, 0, bytes.length, position))

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

/**
 * Searches for the text of all lines: those that are found, and whether the search says that there are damaged ones.
 */
const search = (store: StoreService) => {
  let isDamaged = false
  const noting = (request: SearchRequest) =>
    Effect.tap(store.search(request), (step) => {
      isDamaged ||= step.isDamaged === true
    })
  return Effect.map(searched({ ...store, search: noting }, { reader: bob, text }), (found) => ({
    isDamaged,
    numbers: found.map(({ line }) => line.seq)
  }))
}

/** A line with words of its own. */
const numbered = (number: number) => line(key, alice, `common w${number} v${number} x${number}`, { isLive: true })

const numbersOf = ({ lines }: Page) => lines.map(({ seq }) => seq)

const descending = (count: number) => Array.from({ length: count }, (_, index) => count - index)

describe("the file of a store that was closed", () => {
  it.scopedLive("is not changed by a store that nothing is written to", () =>
    Effect.gen(function* () {
      const path = yield* file
      yield* using(path, fill)
      const before = readFileSync(path)
      yield* using(path, (store) =>
        Effect.map(store.accounts.all, (accounts) => {
          assert.lengthOf(accounts, 2)
          assert.isFalse(existsSync(`${path}-wal`) && statSync(`${path}-wal`).size > 0)
        })
      )
      assert.isTrue(readFileSync(path).equals(before))
    })
  )

  it.scopedLive("is checked thoroughly again if a server was killed that had written to it", () =>
    Effect.gen(function* () {
      const path = yield* file
      yield* using(path, fill)
      const killed = `${path}-killed`
      yield* using(path, (store) =>
        Effect.map(carolWrites(store), () => {
          copyFileSync(path, killed)
          copyFileSync(`${path}-wal`, `${killed}-wal`)
        })
      )
      yield* write(killed, Buffer.alloc(4096, 7), 4096 * 60)
      const store = yield* open(killed)
      assert.strictEqual(store.state(), "damaged")
    })
  )
})

describe("damage in the file of a store", () => {
  const damaged = Effect.gen(function* () {
    const path = yield* file
    yield* using(path, fill)
    return path
  })

  it.scopedLive("in a text is noticed: the line is not given, and nothing more is stored", () =>
    Effect.gen(function* () {
      const path = yield* damaged
      const position = readFileSync(path).lastIndexOf(text) + 100
      yield* write(path, Buffer.from("Z"), position)
      const store = yield* open(path)
      assert.strictEqual(store.state(), "ok")
      const conversation = yield* store.find(key)
      assert.isDefined(conversation)
      const page = yield* store.page({ conversation, reader: bob, after: 0, limit: 1000 })
      assert.strictEqual(page.lines.length, 999)
      assert.strictEqual(store.state(), "damaged")
      const gone = page.lines.findIndex(({ seq }, index) => seq !== index + 1) + 1
      const damage = [{ first: gone, last: gone }]
      assert.deepStrictEqual(page.damaged, damage)
      for (const range of [{ after: gone - 1 }, { before: gone + 1 }]) {
        const bad = yield* store.page({ conversation, reader: bob, limit: 1, ...range })
        assert.deepStrictEqual([bad.lines, bad.damaged, bad.hasMore], [[], damage, gone > 1 && gone < 1000])
      }
      const next = yield* store.page({ conversation, reader: bob, after: gone, limit: 1 })
      assert.deepStrictEqual([next.lines.map(({ seq }) => seq), next.damaged], [[gone + 1], undefined])
      assert.strictEqual((yield* Effect.flip(append(store, line(key, alice, "more")))).reason, "damaged")
      const faults = yield* store.check
      assert.strictEqual(faults.length, 1)
      assert.match(faults[0] ?? "", /^line \d+ of conversation 1 \(alice and bob\) is damaged: its checksum is wrong$/u)
    })
  )

  it.scopedLive("in a page costs the reader its lines, which are named, and no others, whatever is asked for", () =>
    Effect.gen(function* () {
      const path = yield* damaged
      // Times are far apart, so that a time stands for a line.
      execute(path, "update line set at = 1000 * seq")
      const crcs = Array.from({ length: 1000 }, (_, index) => {
        const content = { conversation: 1, seq: index + 1, at: 1000 * (index + 1), account: 1, author: "author1" }
        return Checksum.ofLine({ ...content, flags: 0, recipients: "", body: Buffer.from(text) })
      })
      execute(path, crcs.map((crc, index) => `update line set crc = ${crc} where seq = ${index + 1};`).join("\n"))
      yield* write(path, Buffer.alloc(4096, 7), 4096 * 60)
      const store = yield* open(path)
      const conversation = yield* store.find(key)
      assert.isDefined(conversation)
      const ask = (range: object) => store.page({ conversation, reader: bob, limit: 1000, ...range })
      const all = yield* ask({ after: 0 })
      assert.lengthOf(all.damaged ?? [], 1)
      const { first = 0, last = 0 } = all.damaged?.[0] ?? {}
      // A page of the file has about 11 of these lines.
      assert.isTrue(first > 20 && last > first + 5 && last < first + 20, `${first} to ${last}`)
      const intact = Array.from({ length: 1000 }, (_, index) => index + 1).filter((seq) => seq < first || seq > last)
      assert.deepStrictEqual(numbersOf(all), intact)
      assert.deepStrictEqual(numbersOf(yield* ask({})), intact)
      // The check finds the same, and so does an export.
      const faults = yield* store.check
      assert.deepStrictEqual(
        faults.filter((fault) => fault.includes("conversation 1")),
        [`lines ${first} to ${last} of conversation 1 (alice and bob) cannot be read`]
      )
      assert.notInclude(faults.join(), "should be")
      const exported = Chunk.toReadonlyArray(yield* Stream.runCollect(store.exported))
      assert.deepStrictEqual(
        exported.flatMap((record) => (record.type === "line" ? [record.seq] : [])),
        intact
      )
      // Page by page, in both directions, everything is met once.
      const met: Array<number> = []
      for (let after = 0, hasMore = true; hasMore;) {
        const page = yield* ask({ after, limit: 4 })
        for (const range of page.damaged ?? []) after = Math.max(after, range.last)
        met.push(...numbersOf(page))
        after = Math.max(after, met.at(-1) ?? 0)
        hasMore = page.hasMore
      }
      assert.deepStrictEqual(met, intact)
      for (let before = 1001, hasMore = true; hasMore;) {
        const page = yield* ask({ before, limit: 4 })
        for (const range of page.damaged ?? []) before = Math.min(before, range.first)
        const numbers = numbersOf(page)
        met.splice(0, numbers.length)
        before = Math.min(before, numbers[0] ?? before)
        hasMore = page.hasMore
      }
      assert.deepStrictEqual(met, [])
      for (const seq of [first - 2, first, last + 2]) {
        const since = yield* ask({ since: 1000 * seq, limit: 30 })
        const from = since.lines[0]?.seq ?? 0
        assert.strictEqual(from, seq === first ? last + 1 : seq)
        const until = yield* ask({ until: 1000 * seq, limit: 30 })
        assert.strictEqual(until.lines.at(-1)?.seq, seq === first ? first - 1 : seq)
      }
    })
  )

  it.scopedLive("in a page, or in the index of words, costs a search these lines, and it says so", () =>
    Effect.gen(function* () {
      const path = yield* damaged
      yield* using(path, (store) => indexAll(store))
      assert.deepStrictEqual(yield* using(path, search), { isDamaged: false, numbers: descending(1000) })
      copyFileSync(path, `${path}-words`)
      yield* write(`${path}-words`, Buffer.alloc(4096, 7), 4096 * (rootOf(path, "word") - 1))
      const words = yield* using(`${path}-words`, search)
      assert.deepStrictEqual(words.numbers, descending(1000))
      yield* write(path, Buffer.alloc(4096, 7), 4096 * 60)
      const lines = yield* using(path, search)
      const page = yield* using(path, (store) => store.page({ conversation: key, reader: bob, limit: 1000 }))
      assert.isTrue(lines.isDamaged)
      assert.deepStrictEqual(lines.numbers, numbersOf(page).toReversed())
      // Nothing of it is in the index.
      execute(path, "update meta set last_line = 1000; delete from word")
      const unindexed = yield* using(path, search)
      assert.deepStrictEqual(unindexed, lines)
    })
  )

  it.scopedLive("in the words of a block makes a search look at all lines of the block", () =>
    Effect.gen(function* () {
      const path = yield* file
      const count = 1500
      yield* using(path, (store) =>
        Effect.gen(function* () {
          yield* register(store, "alice")
          yield* register(store, "bob")
          for (let from = 1; from <= count; from += 500) {
            yield* store.append(Array.from({ length: 500 }, (_, index) => numbered(from + index)))
          }
          yield* indexAll(store)
        })
      )
      const [phrase = []] = Words.phrasesOf("common")
      const row = WordBlock.wordRow(0, WordBlock.hashOf(phrase[0] ?? ""))
      const postings = Buffer.from(valueOf(path, `select hex(postings) as value from word where id = ${row}`), "hex")
      const position = readFileSync(path).indexOf(postings.subarray(0, 100))
      assert.isAbove(position, 0)
      yield* write(path, Buffer.alloc(4096, 7), position - (position % 4096))
      const store = yield* open(path)
      const found = yield* searched(store, { reader: bob, text: "common", limit: 10_000 })
      assert.deepStrictEqual(
        found.map(({ line: { seq } }) => seq),
        descending(count)
      )
      assert.strictEqual(store.state(), "damaged")
    })
  )

  it.scopedLive("in a page stops the storing, and the file stays", () =>
    Effect.gen(function* () {
      const path = yield* damaged
      const size = statSync(path).size
      yield* write(path, Buffer.alloc(4096, 7), 4096 * 60)
      const store = yield* open(path)
      const conversation = yield* store.find(key)
      assert.isDefined(conversation)
      assert.isAbove((yield* store.page({ conversation, reader: bob, after: 0, limit: 1000 })).lines.length, 900)
      assert.strictEqual(store.state(), "damaged")
      assert.strictEqual((yield* Effect.flip(append(store, line(key, alice, "more")))).reason, "damaged")
      assert.isAbove((yield* store.page({ conversation, reader: bob, limit: 10 })).lines.length, 0)
      assert.strictEqual(statSync(path).size, size)
    })
  )

  it.scopedLive("in several pages is located by the check, also where the check itself cannot read on", () =>
    Effect.gen(function* () {
      const path = yield* damaged
      for (const page of [60, 90]) yield* write(path, Buffer.alloc(4096, 0x5a), 4096 * page)
      const faults = yield* Effect.flatMap(open(path), (store) => store.check)
      // Pages have numbers from 1.
      for (const page of [61, 91])
        assert.isTrue(
          faults.some((fault) => fault.includes(` page ${page}`)),
          faults.join("\n")
        )
    })
  )

  it.scopedLive("costs an export the damaged lines, and no others", () =>
    Effect.gen(function* () {
      const path = yield* damaged
      const position = readFileSync(path).lastIndexOf(text) + 100
      yield* write(path, Buffer.from("Z"), position)
      yield* write(path, Buffer.alloc(4096, 7), 4096 * 60)
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
      const path = yield* damaged
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

  it.scopedLive("in a copy is told apart from the numbers that the copy lacks", () =>
    Effect.gen(function* () {
      const path = yield* damaged
      // The lines beside the damaged page, and a whole window of the check.
      execute(path, "update line set crc = crc + 1 where seq between 101 and 103 or seq between 200 and 900")
      yield* copied(path, `${path}-1`)
      const root = rootOf(`${path}-1`, "line")
      const page = readFileSync(`${path}-1`).subarray(4096 * (root - 1), 4096 * root)
      // The second page of lines has some that are around the first gap.
      for (const index of [8, 9]) {
        const leaf = page.readUInt32BE(page.readUInt16BE(12 + 2 * index))
        yield* write(`${path}-1`, Buffer.alloc(4096, 7), 4096 * (leaf - 1))
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
      const path = yield* damaged
      // Of another conversation, whose lines are gone: their ids are between those of lines that are kept.
      execute(path, "update line set id = -2 * id; update line set id = -id; update meta set last_line = 2000; vacuum")
      yield* write(path, Buffer.alloc(4096, 7), 4096 * 60)
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
      const path = yield* damaged
      execute(path, "update line set crc = crc + 1 where seq = 500")
      const source = yield* open(path)
      const memory = yield* Memory.make(defaults)
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
        const path = yield* damaged
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
      const path = yield* damaged
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
          assert.deepStrictEqual([numbersOf(page), page.first], [[1002], 1002])
          assert.deepStrictEqual(yield* store.check, [])
        })
      )
    })
  )

  it.scopedLive("at the end of a guest's conversation lets it end, once nothing else is kept of it", () =>
    Effect.gen(function* () {
      const path = yield* damaged
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
      const path = yield* damaged
      yield* using(path, (store) =>
        Effect.gen(function* () {
          const conversation = yield* store.find(key)
          assert.isDefined(conversation)
          yield* store.saveCursors([{ account: bob, device: "main", conversation, seq: 1000 }])
        })
      )
      execute(path, "update line set crc = crc + 1 where seq > 990")
      const root = rootOf(path, "line_seq")
      yield* write(path, Buffer.alloc(4096, 7), 4096 * (root - 1))
      const rescued = yield* open(`${path}-rescued`)
      yield* rescued.imported((yield* open(path)).exported)
      assert.strictEqual(stored(yield* append(rescued, line(key, alice, "more"))).seq, 1001)
      assert.deepStrictEqual(yield* rescued.check, [])
    })
  )

  it.scopedLive("is found at the start after a server was killed", () =>
    Effect.gen(function* () {
      const path = yield* damaged
      execute(path, "update meta set clean = 0")
      yield* write(path, Buffer.alloc(4096, 7), 4096 * 60)
      const store = yield* open(path)
      assert.strictEqual(store.state(), "damaged")
      assert.strictEqual((yield* Effect.flip(append(store, line(key, alice, "more")))).reason, "damaged")
    })
  )

  for (const [what, damage] of [
    ["the root of a table", (path: string) => write(path, Buffer.alloc(4096, 7), 4096 * (rootOf(path, "line") - 1))],
    [
      "the root of an index",
      (path: string) => write(path, Buffer.alloc(4096, 7), 4096 * (rootOf(path, "member_account") - 1))
    ],
    ["an index, which is missing", (path: string) => Effect.sync(() => execute(path, "drop index line_label"))]
  ] as const) {
    it.scopedLive(`is found at the start in ${what}, after an orderly end as well`, () =>
      Effect.gen(function* () {
        const path = yield* damaged
        yield* damage(path)
        const size = statSync(path).size
        const store = yield* open(path)
        assert.strictEqual(store.state(), "damaged")
        assert.strictEqual((yield* Effect.flip(append(store, line(key, alice, "more")))).reason, "damaged")
        assert.strictEqual(statSync(path).size, size)
      })
    )
  }

  it.scopedLive("at its end, which is missing, refuses the file", () =>
    Effect.gen(function* () {
      const path = yield* damaged
      const size = statSync(path).size - 4096
      truncateSync(path, size)
      assert.strictEqual((yield* refusal(path))[0], "not-a-store")
      assert.strictEqual(statSync(path).size, size)
    })
  )

  it.scopedLive("in the header refuses the file, which stays as it is", () =>
    Effect.gen(function* () {
      const path = yield* damaged
      yield* write(path, Buffer.alloc(100, 7), 0)
      const before = readFileSync(path)
      assert.strictEqual((yield* refusal(path))[0], "not-a-store")
      assert.isTrue(before.equals(readFileSync(path)))
    })
  )
})
