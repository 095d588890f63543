import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { copyFileSync, existsSync, readFileSync, statSync, truncateSync } from "node:fs"
import type { StoreService } from "../../src/ports/Store.js"
import type { StoredPage } from "../../src/ports/StoreLines.js"
import type { SearchRequest } from "../../src/ports/StoreSearch.js"
import * as Words from "../../src/protocol/Words.js"
import * as Checksum from "../../src/store/Checksum.js"
import * as WordBlock from "../../src/store/WordBlock.js"
import { indexAll, searched } from "../ports/StoreSearching.js"
import { append, line, register } from "../ports/StoreFixtures.js"
import { overwrite, rootOf, valueOf } from "../support/SqliteFiles.js"
import {
  alice,
  bob,
  carolWrites,
  execute,
  file,
  fill,
  filled,
  key,
  open,
  refusal,
  text,
  using
} from "../support/SqliteStores.js"

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

const numbersOf = ({ lines }: StoredPage) => lines.map(({ seq }) => seq)

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
      yield* overwrite(killed, Buffer.alloc(4096, 7), 4096 * 60)
      const store = yield* open(killed)
      assert.strictEqual(store.state(), "damaged")
    })
  )
})

describe("damage in the file of a store", () => {
  it.scopedLive("in a text is noticed: the line is not given, and nothing more is stored", () =>
    Effect.gen(function* () {
      const path = yield* filled
      const position = readFileSync(path).lastIndexOf(text) + 100
      yield* overwrite(path, Buffer.from("Z"), position)
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
      const path = yield* filled
      // Times are far apart, so that a time stands for a line.
      execute(path, "update line set at = 1000 * seq")
      const crcs = Array.from({ length: 1000 }, (_, index) => {
        const content = { conversation: 1, seq: index + 1, at: 1000 * (index + 1), account: 1, author: "author1" }
        return Checksum.ofLine({ ...content, flags: 0, recipients: "", body: Buffer.from(text) })
      })
      execute(path, crcs.map((crc, index) => `update line set crc = ${crc} where seq = ${index + 1};`).join("\n"))
      yield* overwrite(path, Buffer.alloc(4096, 7), 4096 * 60)
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
      const path = yield* filled
      yield* using(path, (store) => indexAll(store))
      assert.deepStrictEqual(yield* using(path, search), { isDamaged: false, numbers: descending(1000) })
      copyFileSync(path, `${path}-words`)
      yield* overwrite(`${path}-words`, Buffer.alloc(4096, 7), 4096 * (rootOf(path, "word") - 1))
      const words = yield* using(`${path}-words`, search)
      assert.deepStrictEqual(words.numbers, descending(1000))
      yield* overwrite(path, Buffer.alloc(4096, 7), 4096 * 60)
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
      yield* overwrite(path, Buffer.alloc(4096, 7), position - (position % 4096))
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
      const path = yield* filled
      const size = statSync(path).size
      yield* overwrite(path, Buffer.alloc(4096, 7), 4096 * 60)
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
      const path = yield* filled
      for (const page of [60, 90]) yield* overwrite(path, Buffer.alloc(4096, 0x5a), 4096 * page)
      const faults = yield* Effect.flatMap(open(path), (store) => store.check)
      // Pages have numbers from 1.
      for (const page of [61, 91])
        assert.isTrue(
          faults.some((fault) => fault.includes(` page ${page}`)),
          faults.join("\n")
        )
    })
  )

  it.scopedLive("is found at the start after a server was killed", () =>
    Effect.gen(function* () {
      const path = yield* filled
      execute(path, "update meta set clean = 0")
      yield* overwrite(path, Buffer.alloc(4096, 7), 4096 * 60)
      const store = yield* open(path)
      assert.strictEqual(store.state(), "damaged")
      assert.strictEqual((yield* Effect.flip(append(store, line(key, alice, "more")))).reason, "damaged")
    })
  )

  for (const [what, damage] of [
    [
      "the root of a table",
      (path: string) => overwrite(path, Buffer.alloc(4096, 7), 4096 * (rootOf(path, "line") - 1))
    ],
    [
      "the root of an index",
      (path: string) => overwrite(path, Buffer.alloc(4096, 7), 4096 * (rootOf(path, "member_account") - 1))
    ],
    ["an index, which is missing", (path: string) => Effect.sync(() => execute(path, "drop index line_label"))]
  ] as const) {
    it.scopedLive(`is found at the start in ${what}, after an orderly end as well`, () =>
      Effect.gen(function* () {
        const path = yield* filled
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
      const path = yield* filled
      const size = statSync(path).size - 4096
      truncateSync(path, size)
      assert.strictEqual((yield* refusal(path))[0], "not-a-store")
      assert.strictEqual(statSync(path).size, size)
    })
  )

  it.scopedLive("in the header refuses the file, which stays as it is", () =>
    Effect.gen(function* () {
      const path = yield* filled
      yield* overwrite(path, Buffer.alloc(100, 7), 0)
      const before = readFileSync(path)
      assert.strictEqual((yield* refusal(path))[0], "not-a-store")
      assert.isTrue(before.equals(readFileSync(path)))
    })
  )
})
