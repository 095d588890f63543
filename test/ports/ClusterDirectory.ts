import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { ClusterService, Table } from "../../src/ports/Cluster.js"
import { eventually } from "../support/Eventually.js"
import { linked, type OpenEngine, retrying, watching, withNodesOf } from "./ClusterFixtures.js"

/** All nodes swap an entry at the same moment. Returns the revisions of those that succeed. */
const racing = (nodes: ReadonlyArray<ClusterService>, key: string, revision: number) =>
  Effect.forEach(nodes, ({ directory, node }) => directory.swap("names", key, revision, node), {
    concurrency: "unbounded"
  }).pipe(Effect.map((all) => all.filter((won) => won !== undefined)))

/** What the directory of every layer of the port promises. */
export const directorySuite = (open: OpenEngine) => {
  const withNodes = withNodesOf(open)

  describe("directory", () => {
    it.scopedLive("has no entry before one is set", () =>
      withNodes((a) =>
        Effect.gen(function* () {
          assert.strictEqual(yield* a.directory.get("names", "bob"), undefined)
        })
      )
    )

    it.scopedLive("sets an entry if there is none, and no second time", () =>
      withNodes((a, b) =>
        Effect.gen(function* () {
          const revision = yield* a.directory.swap("names", "bob", 0, "a 1")
          assert.isAbove(revision ?? 0, 0)
          assert.strictEqual(yield* b.directory.swap("names", "bob", 0, "b 1"), undefined)
          assert.deepStrictEqual(yield* b.directory.get("names", "bob"), { key: "bob", value: "a 1", revision })
        })
      )
    )

    it.scopedLive("changes an entry of this revision, and of no other", () =>
      withNodes((a, b) =>
        Effect.gen(function* () {
          const first = (yield* a.directory.swap("nodes", "a", 0, "one")) ?? 0
          const second = (yield* b.directory.swap("nodes", "a", first, "two")) ?? 0
          assert.isAbove(second, first)
          assert.strictEqual(yield* a.directory.swap("nodes", "a", first, "three"), undefined)
          assert.strictEqual((yield* a.directory.get("nodes", "a"))?.value, "two")
        })
      )
    )

    it.scopedLive("removes an entry of this revision, after which there is none", () =>
      withNodes((a, b) =>
        Effect.gen(function* () {
          const first = (yield* a.directory.swap("names", "bob", 0, "one")) ?? 0
          assert.strictEqual(yield* b.directory.swap("names", "bob", first + 1000, undefined), undefined)
          assert.isAbove((yield* a.directory.swap("names", "bob", first, undefined)) ?? 0, first)
          assert.strictEqual(yield* b.directory.get("names", "bob"), undefined)
          assert.strictEqual(yield* b.directory.swap("names", "bob", first, "two"), undefined)
          const again = (yield* b.directory.swap("names", "bob", 0, "three")) ?? 0
          assert.isAbove(again, first)
          assert.strictEqual(yield* a.directory.swap("names", "bob", 0, "four"), undefined)
          assert.strictEqual((yield* a.directory.get("names", "bob"))?.value, "three")
        })
      )
    )

    it.scopedLive("gives an entry that all nodes want to one of them", () =>
      withNodes((a, b, c) =>
        Effect.gen(function* () {
          const nodes = [a, b, c]
          const names = Array.from({ length: 30 }, (_, index) => `name-${index}`)
          const won = yield* Effect.forEach(
            names.flatMap((name) => nodes.map((node) => [name, node] as const)),
            ([name, node]) =>
              Effect.map(node.directory.swap("names", name, 0, node.node), (revision) => [name, revision] as const),
            { concurrency: "unbounded" }
          )
          for (const name of names) {
            assert.strictEqual(won.filter(([key, revision]) => key === name && revision !== undefined).length, 1)
          }
        })
      )
    )

    it.scopedLive(
      "lets one of the nodes change an entry of the same revision, and one take a name that was removed",
      () =>
        withNodes((a, b, c) =>
          Effect.gen(function* () {
            const keys = Array.from({ length: 40 }, (_, index) => `key-${index}`)
            const won = yield* Effect.forEach(
              keys,
              (key) =>
                Effect.gen(function* () {
                  const first = (yield* a.directory.swap("names", key, 0, "first")) ?? 0
                  const [second = 0, ...others] = yield* racing([a, b, c], key, first)
                  yield* b.directory.swap("names", key, second, undefined)
                  const again = yield* racing([a, b, c], key, 0)
                  return [1 + others.length, again.length]
                }),
              { concurrency: 4 }
            )
            assert.deepStrictEqual(
              won,
              keys.map(() => [1, 1])
            )
          })
        )
    )

    it.scopedLive("lets all nodes change and remove many entries at once", () =>
      withNodes((a, b, c) =>
        Effect.gen(function* () {
          const nodes = [a, b, c]
          const swaps = (revisions: ReadonlyArray<number | undefined>, value: string | undefined) =>
            Effect.forEach(
              revisions,
              (revision = -1, index) =>
                (nodes[index % 3] ?? a).directory.swap("names", `many-${index}`, revision, value),
              { concurrency: "unbounded" }
            )
          const first = yield* swaps(Array<number>(150).fill(0), "1")
          const second = yield* swaps(first, "2")
          const third = yield* swaps(second, undefined)
          assert.lengthOf(
            third.filter((revision) => revision !== undefined),
            150
          )
        })
      )
    )

    it.scopedLive("keeps its tables apart", () =>
      withNodes((a) =>
        Effect.gen(function* () {
          yield* a.directory.swap("names", "x", 0, "name")
          assert.strictEqual(yield* a.directory.get("nodes", "x"), undefined)
        })
      )
    )

    it.scopedLive("takes keys of 1,024 characters, and values of 1,000", () =>
      withNodes((a) =>
        Effect.gen(function* () {
          const key = "0123456789abcdef".repeat(64)
          const value = "é ".repeat(500)
          yield* a.directory.swap("names", key, 0, value)
          assert.strictEqual((yield* a.directory.get("names", key))?.value, value)
        })
      )
    )

    const tables: ReadonlyArray<Table> = ["names", "nodes"]
    it.scopedLive("shows a watch what there is, and then each change in order", () =>
      withNodes((a, b) =>
        Effect.forEach(tables, (table) =>
          Effect.gen(function* () {
            const one = (yield* a.directory.swap(table, "one", 0, "1")) ?? 0
            const gone = (yield* a.directory.swap(table, "gone", 0, "1")) ?? 0
            yield* a.directory.swap(table, "gone", gone, undefined)
            const seen = watching()
            yield* b.directory.watch(table, seen.handlers)
            yield* eventually(() => seen.log.includes("current"), "the watch is not current")
            assert.deepStrictEqual(seen.log, ["restarted", "one=1", "current"])
            const two = (yield* b.directory.swap(table, "two", 0, "1")) ?? 0 // of the watching node itself
            const changed = (yield* a.directory.swap(table, "one", one, "2")) ?? 0
            yield* a.directory.swap(table, "two", two, undefined)
            yield* eventually(() => seen.log.includes("-two"), "the watch does not see the last change")
            const isMerged = !seen.log.includes("two=1") // which an engine need not tell that has the removal already
            const [first, last] = isMerged ? [[], []] : [["two=1"], [two]]
            assert.deepStrictEqual(seen.log.slice(3), [...first, "one=2", "-two"])
            assert.deepStrictEqual(seen.revisions, [one, ...last, changed])
          })
        )
      )
    )

    it.scopedLive("ends a watch with its scope", () =>
      withNodes((a) =>
        Effect.gen(function* () {
          const seen = watching()
          yield* Effect.scoped(
            Effect.zipRight(
              a.directory.watch("names", seen.handlers),
              eventually(() => seen.log.includes("current"), "the watch is not current")
            )
          )
          yield* a.directory.swap("names", "late", 0, "1")
          yield* Effect.sleep("100 millis")
          assert.deepStrictEqual(seen.log, ["restarted", "current"])
        })
      )
    )

    it.scopedLive("fails while the engine is down, and then has every entry again", () =>
      withNodes((a, b, _, engine) =>
        Effect.gen(function* () {
          const kept = (yield* a.directory.swap("names", "kept", 0, "1")) ?? 0
          yield* engine.down
          assert.strictEqual((yield* Effect.flip(b.directory.get("names", "kept")))._tag, "ClusterUnavailable")
          const swap = Effect.flip(b.directory.swap("names", "new", 0, "1"))
          assert.strictEqual((yield* swap)._tag, "ClusterUnavailable")
          yield* engine.up
          assert.deepStrictEqual(yield* retrying(b.directory.get("names", "kept")), {
            key: "kept",
            value: "1",
            revision: kept
          })
          assert.isAbove((yield* retrying(a.directory.swap("names", "kept", kept, "2"))) ?? 0, kept)
        })
      )
    )

    it.scopedLive("starts a watch again after the engine was down", () =>
      withNodes((a, b, _, engine) =>
        Effect.gen(function* () {
          yield* a.directory.swap("names", "one", 0, "1")
          const seen = watching()
          yield* b.directory.watch("names", seen.handlers)
          const { link } = yield* linked(b)
          yield* eventually(() => seen.log.includes("current"), "the watch is not current")
          yield* engine.down
          yield* eventually(() => !link.isUp(), "the node does not notice it")
          yield* engine.up
          yield* retrying(a.directory.get("names", "one"))
          yield* eventually(() => seen.log.length >= 6, "the watch does not start again")
          assert.deepStrictEqual(seen.log.slice(3, 6), ["restarted", "one=1", "current"])
          yield* retrying(a.directory.swap("names", "two", 0, "1"))
          yield* eventually(() => seen.entries.has("two"), "the watch does not go on")
        })
      )
    )
  })
}
