import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { StoreService } from "../../src/ports/Store.js"
import * as Keys from "../../src/ports/StoreLines.js"
import type { FoundLine, SearchRequest } from "../../src/ports/StoreSearch.js"
import * as Wire from "../../src/protocol/Wire.js"
import * as Words from "../../src/protocol/Words.js"
import { append, defaults, line, type OpenStore, register } from "./StoreFixtures.js"

type Query = Omit<SearchRequest, "phrases" | "limit"> & { readonly text: string; readonly limit?: number }

/** All lines that the steps of a search find, newest first. */
export const searched = (
  store: StoreService,
  { limit = 1000, text, ...request }: Query
): Effect.Effect<ReadonlyArray<FoundLine>, unknown> =>
  Effect.gen(function* () {
    const found: Array<FoundLine> = []
    for (let from: number | undefined; ;) {
      const phrases = Words.phrasesOf(text)
      const step = yield* store.search({ ...request, phrases, limit: limit - found.length, from })
      found.push(...step.lines)
      if (step.next === undefined || found.length === limit) return found
      assert(from === undefined || step.next < from, "a search that does not continue")
      from = step.next
    }
  })

const textsOf = (found: ReadonlyArray<FoundLine>) => found.map(({ line }) => Wire.decode(line.text))

/** Indexes whatever can be indexed. */
export const indexAll = (store: StoreService) =>
  Effect.gen(function* () {
    for (let steps = 0; yield* store.index; steps++) assert.isBelow(steps, 10_000, "an index that is never done")
  })

/** More lines than a part of an index has, so that what was stored before is in it. They are of two other accounts. */
const indexed = (store: StoreService) =>
  Effect.gen(function* () {
    const [one, other] = [yield* register(store, "others1"), yield* register(store, "others2")]
    const key = Keys.keyBetween(one, other)
    const lines = Array.from({ length: 700 }, (_, index) => line(key, one, `filler ${index}`, { isLive: true }))
    yield* store.append(lines)
    yield* store.append(lines)
    yield* indexAll(store)
  })

/** Runs a check of searches twice: where nothing is in an index, and where everything is. */
const both = (store: StoreService, check: Effect.Effect<unknown, unknown>) =>
  Effect.zipRight(check, Effect.zipRight(indexed(store), check))

/** A text, and what is found in it and what is not. */
const words: ReadonlyArray<{
  readonly text: string
  readonly found: ReadonlyArray<string>
  readonly missed: ReadonlyArray<string>
}> = [
  {
    text: "The deploy of Host-7 failed, twice!",
    found: ["deploy", "DEPLOY the", "twice host-7", "failed,", "7"],
    missed: ["deployed", "dep", "host 8", "7-host"]
  },
  { text: "don't panic: it's 10.0.0.1", found: ["don't", "10.0.0.1", "0.0", "PANIC"], missed: ["dont", "1.0.0"] },
  {
    text: "Crème brûlée im Gasthaus Größe, МОСКВА, ещё Ελλάς",
    found: ["creme", "BRÛLÉE", "bru\u0302lee\u0301", "GRÖSSE", "grosse", "москва", "еще", "ΕΛΛΑΣ", "ελλας"],
    missed: ["cremes", "moskau"]
  },
  { text: "ｆｕｌｌ width ﬁsh", found: ["full", "FISH", "ｗｉｄｔｈ"], missed: ["ful"] },
  {
    text: "明日は東京タワーへ行く。ｶﾞﾝﾊﾞﾚ",
    found: ["東京", "京タ", "東京タワー", "行く 東京", "明", "ガンバレ"],
    missed: ["京東", "東ワ", "東京へ", "カンハレ"]
  },
  { text: "서울에서 만나요", found: ["서울", "만나"], missed: ["울서", "서에"] },
  { text: "ไปโรงเรียนกัน", found: ["โรงเรียน", "กัน"], missed: ["เรียนโรง"] },
  { text: "हिन्दी में लिखो", found: ["हिन्दी", "लिखो में"], missed: ["हिन"] },
  {
    text: "ship it 🎉👍🏽 by 👩‍💻 1️⃣ 🇩🇪",
    found: ["🎉", "👍", "👍🏿", "👩‍💻", "1", "🇩🇪", "🎉👍"],
    missed: ["👎", "🇪🇩", "👍🎉"]
  },
  {
    text: `"a b" AND c* NOT (d) NEAR:e -f ^g + h'i \\ %j_k`,
    found: ["NEAR", "near:e", '"b', "c*", "-f", "AND NOT", "OR_ % a".slice(4), "(d)", "h'i", "j_k", "^g"],
    missed: ["OR", "NEAR(a", "b*c", "not:c"]
  },
  { text: "soft\u00adhyphen and zero\u200bwidth", found: ["softhyphen", "zerowidth"], missed: ["soft", "width"] }
]

/** What every layer of the port promises about searches. */
export const searchSuite = (open: OpenStore) => {
  describe("a search", () => {
    it.scoped("finds the lines that have all words, newest first, in all conversations of the reader", () =>
      Effect.gen(function* () {
        const store = yield* open(defaults)
        const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
        const carol = yield* register(store, "carol")
        const [direct, guest] = [Keys.keyBetween(alice, bob), Keys.withGuest(alice, "GUEST")]
        yield* store.append([
          line(direct, alice, "the red house"),
          line(Keys.keyBetween(bob, carol), bob, "a red house of others"),
          line(guest, undefined, "house: red", { isAuto: true, to: "carol" }),
          line(direct, bob, "the green house"),
          line(direct, bob, "House, RED")
        ])
        const check = Effect.gen(function* () {
          const found = yield* searched(store, { reader: alice, text: "red house" })
          assert.deepStrictEqual(textsOf(found), ["House, RED", "house: red", "the red house"])
          const [first, second] = found
          assert.isDefined(first)
          const page = yield* store.page({ conversation: first.conversation, reader: alice, limit: 1 })
          assert.deepStrictEqual([first.key, first.line], [direct, page.lines[0]])
          assert.deepStrictEqual(second?.key, guest)
          const { conversation } = first
          const within = [conversation]
          assert.deepStrictEqual(textsOf(yield* searched(store, { reader: alice, text: "red", within })), [
            "House, RED",
            "the red house"
          ])
          assert.deepStrictEqual(textsOf(yield* searched(store, { reader: alice, text: "house", limit: 2 })), [
            "House, RED",
            "the green house"
          ])
          assert.deepStrictEqual(yield* searched(store, { reader: carol, text: "red", within }), [])
          assert.deepStrictEqual(yield* searched(store, { reader: "guest", text: "red" }), [])
          assert.deepStrictEqual(yield* searched(store, { reader: "guest", text: "red", within }), [])
          assert.deepStrictEqual(yield* searched(store, { reader: alice, text: "red blue" }), [])
        })
        yield* both(store, check)
      })
    )

    it.scoped("finds the lines of a room for its members, and for guests who are in it", () =>
      Effect.gen(function* () {
        const store = yield* open(defaults)
        const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
        const [opsRoom, devRoom] = [
          yield* store.rooms.create({ name: "#ops", likeness: "OPS", owner: alice }),
          yield* store.rooms.create({ name: "#dev", likeness: "DEV", owner: alice })
        ]
        assert(opsRoom !== undefined && devRoom !== undefined)
        const [ops, dev] = [opsRoom.id, devRoom.id]
        const direct = Keys.keyBetween(alice, bob)
        yield* store.append([
          line(Keys.ofRoom(ops), alice, "news of ops"),
          line(Keys.ofRoom(dev), alice, "news of dev"),
          line(Keys.ofRoom(ops), alice, "news for both", { to: "bob" }),
          line(direct, alice, "news for both", { to: "#ops" })
        ])
        const id = yield* store.find(direct)
        assert.isDefined(id)
        const find = (reader: SearchRequest["reader"], within?: ReadonlyArray<Keys.ConversationId>) =>
          Effect.map(searched(store, { reader, within, text: "news" }), (found) =>
            found.map(({ conversation, line }) => [conversation, Wire.decode(line.text)])
          )
        const inDirect = [id, "news for both"]
        const inOps = [
          [ops, "news for both"],
          [ops, "news of ops"]
        ]
        const check = Effect.gen(function* () {
          assert.deepStrictEqual(yield* find(bob), [inDirect])
          assert.deepStrictEqual(yield* find(bob, [ops, dev, id]), [inDirect])
          assert.deepStrictEqual(yield* find("guest", [ops, id]), inOps)
          assert.deepStrictEqual(yield* find("guest"), [])
          yield* store.rooms.join(ops, bob)
          assert.deepStrictEqual(yield* find(bob), [inDirect, ...inOps])
          assert.deepStrictEqual(yield* find(bob, [ops]), inOps)
          yield* store.rooms.leave(ops, bob)
          assert.deepStrictEqual(yield* find(bob), [inDirect])
        })
        yield* both(store, check)
        yield* store.rooms.end(ops)
        assert.deepStrictEqual(yield* find("guest", [ops]), [])
        assert.deepStrictEqual(yield* find(alice), [inDirect, [dev, "news of dev"]])
      })
    )

    it.scoped("takes everything for text, whatever its case, accents and script", () =>
      Effect.gen(function* () {
        const store = yield* open(defaults)
        const alice = yield* register(store, "alice")
        const key = Keys.keyBetween(alice, alice)
        yield* store.append(words.map(({ text }) => line(key, alice, Wire.encode(text), { isLive: true })))
        const check = Effect.forEach(words, ({ found, missed, text }) =>
          Effect.gen(function* () {
            for (const query of found) {
              const texts = textsOf(yield* searched(store, { reader: alice, text: query }))
              assert.include(texts, text, `${query} is found`)
            }
            for (const query of missed) {
              const texts = textsOf(yield* searched(store, { reader: alice, text: query }))
              assert.notInclude(texts, text, `${query} is not found`)
            }
          })
        )
        yield* both(store, check)
      })
    )

    it.scoped("takes a thousand words, and words and lines of any length", () =>
      Effect.gen(function* () {
        const store = yield* open(defaults)
        const alice = yield* register(store, "alice")
        const key = Keys.keyBetween(alice, alice)
        const many = Array.from({ length: 1000 }, (_, index) => `word${index}`)
        const long = "x".repeat(60_000)
        yield* append(store, line(key, alice, `${many.join(" ")} end`))
        yield* append(store, line(key, alice, `${many.slice(1).join(" ")} end`))
        yield* append(store, line(key, alice, `${long} end`))
        const find = (text: string) =>
          Effect.map(searched(store, { reader: alice, text }), (found) => found.map(({ line }) => line.seq))
        const check = Effect.gen(function* () {
          assert.deepStrictEqual(yield* find("end"), [3, 2, 1])
          assert.deepStrictEqual(yield* find(many.toReversed().join(" ")), [1])
          assert.deepStrictEqual(yield* find(many.join("-")), [1])
          assert.deepStrictEqual(yield* find(many.slice(500).join(" ")), [2, 1])
          assert.deepStrictEqual(yield* find(`${many.join(" ")} more`), [])
          assert.deepStrictEqual(yield* find(long), [3])
          assert.deepStrictEqual(yield* find(`${long}x`), [])
        })
        yield* both(store, check)
      })
    )

    it.scoped("finds every line once, over many steps and both sides of the end of the index", () =>
      Effect.gen(function* () {
        const store = yield* open({ ...defaults, keepLines: 100_000 })
        const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
        const key = Keys.keyBetween(alice, bob)
        const add = (from: number) =>
          store.append(
            Array.from({ length: 500 }, (_, index) => {
              const number = from + index
              return line(key, alice, `number ${number} ${number % 100 === 0 ? "rare" : ""}`, { isLive: true })
            })
          )
        const check = (count: number) =>
          Effect.gen(function* () {
            for (const within of [undefined, [(yield* store.find(key)) ?? (0 as Keys.ConversationId)]]) {
              const all = yield* searched(store, { reader: bob, within, text: "number", limit: 10_000 })
              assert.deepStrictEqual(
                all.map(({ line }) => line.seq),
                Array.from({ length: count }, (_, index) => count - index)
              )
              const rare = yield* searched(store, { reader: bob, within, text: "rare number" })
              assert.deepStrictEqual(
                rare.map(({ line }) => line.seq),
                Array.from({ length: count / 100 }, (_, index) => count - 99 - 100 * index)
              )
            }
          })
        for (let count = 0; count < 3000; count += 1000) {
          yield* add(count)
          yield* add(count + 500)
          yield* check(count + 1000)
          yield* store.index // part of it
          yield* check(count + 1000)
          if (count === 1000) yield* indexAll(store)
        }
        yield* indexAll(store)
        yield* check(3000)
      })
    )

    it.scoped("does not find lines that are gone, and their words leave the index", () =>
      Effect.gen(function* () {
        const store = yield* open({ ...defaults, keepLines: 10 })
        const alice = yield* register(store, "alice")
        const key = Keys.keyBetween(alice, alice)
        for (let batch = 0; batch < 12; batch++) {
          yield* store.append(Array.from({ length: 1000 }, () => line(key, alice, `batch ${batch}`, { isLive: true })))
        }
        yield* indexAll(store)
        while ((yield* store.retain([])).hasMore);
        const check = Effect.gen(function* () {
          assert.deepStrictEqual(yield* searched(store, { reader: alice, text: "batch 10" }), [])
          assert.strictEqual((yield* searched(store, { reader: alice, text: "batch 11" })).length, 10)
        })
        yield* check
        yield* indexAll(store)
        yield* check
        yield* append(store, line(key, alice, "batch 12"))
        assert.strictEqual((yield* searched(store, { reader: alice, text: "batch 12" })).length, 1)
      })
    )

    it.scopedLive(
      "finds what was stored before it began, while ten thousand lines a second are stored and indexed",
      () =>
        Effect.gen(function* () {
          const store = yield* open({ ...defaults, keepLines: 100_000 })
          const alice = yield* register(store, "alice")
          const key = Keys.keyBetween(alice, alice)
          const count = { stored: 0 }
          const write = Effect.gen(function* () {
            const lines = Array.from({ length: 100 }, (_, index) => line(key, alice, `line ${index}`, { isLive: true }))
            yield* store.append(lines)
            count.stored += 1
            yield* Effect.sleep("10 millis")
          })
          const index = Effect.zipLeft(store.index, Effect.sleep("1 millis"))
          const writing = yield* Effect.fork(Effect.repeatN(write, 49))
          const indexing = yield* Effect.fork(Effect.forever(index))
          while (count.stored < 50) {
            const before = count.stored
            const found = yield* searched(store, { reader: alice, text: "line 17", limit: 10_000 })
            assert.isAtLeast(found.length, before)
            const numbers = found.map(({ line }) => line.seq)
            assert.deepStrictEqual(
              numbers,
              numbers.map((_, index) => 100 * (numbers.length - index) - 82)
            )
            yield* Effect.sleep("1 millis") // the store in memory has no thread of its own
          }
          yield* Fiber.join(writing)
          yield* Fiber.interrupt(indexing)
          yield* indexAll(store)
          assert.strictEqual((yield* searched(store, { reader: alice, text: "line 17", limit: 10_000 })).length, 50)
        })
    )
  })
}
