import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type {
  ClusterService,
  ClusterUnavailable,
  Link,
  LinkEvents,
  Table,
  TableEvents
} from "../../src/ports/Cluster.js"
import { eventually } from "../support/Eventually.js"

/** An engine, and what a test needs of it. */
export interface TestEngine {
  /** A node of the cluster, until the scope closes. */
  readonly join: (node: string) => Effect.Effect<ClusterService, ClusterUnavailable, Scope.Scope>
  /** The engine cannot be reached, and keeps its entries. */
  readonly down: Effect.Effect<void>
  readonly up: Effect.Effect<void>
}

export type OpenEngine = Effect.Effect<TestEngine, never, Scope.Scope>

/** What came over a link. */
export const recording = () => {
  const frames: Array<string> = []
  const events: Array<string> = []
  const handlers: LinkEvents = {
    frame: (frame) => void frames.push(Buffer.from(frame).toString("latin1")),
    up: () => void events.push("up")
  }
  return { frames, events, handlers }
}

/** What a watch reported, and what the table has by it. */
export const watching = () => {
  const log: Array<string> = []
  const entries = new Map<string, string>()
  const revisions: Array<number> = []
  const handlers: TableEvents = {
    restarted: (isEmptied) => {
      log.push(isEmptied ? "emptied" : "restarted")
      entries.clear()
    },
    put: ({ key, revision, value }) => {
      log.push(`${key}=${value}`)
      entries.set(key, value)
      revisions.push(revision)
    },
    removed: (key) => {
      log.push(`-${key}`)
      entries.delete(key)
    },
    current: () => void log.push("current")
  }
  return { log, entries, revisions, handlers }
}

const bytes = (text: string) => Buffer.from(text, "latin1")

/** Sends until it arrives: a frame may be lost. */
const sendUntil = (arrived: () => boolean, send: () => void) =>
  Effect.gen(function* () {
    for (let i = 0; i < 200 && !arrived(); i++) {
      send()
      yield* Effect.sleep("50 millis")
    }
    if (!arrived()) throw new Error("no frame arrives")
  })

/** A node's link, and what came over it. */
const linked = (service: ClusterService) => {
  const seen = recording()
  return Effect.map(service.link(seen.handlers), (link): Linked => ({ link, ...seen }))
}

/** Asks again while the engine is on its way back. */
export const retrying = <A>(effect: Effect.Effect<A, ClusterUnavailable>) =>
  Effect.orDie(Effect.retry(effect, Schedule.intersect(Schedule.spaced("100 millis"), Schedule.recurs(100))))

/** All nodes swap an entry at the same moment. Returns the revisions of those that succeed. */
const racing = (nodes: ReadonlyArray<ClusterService>, key: string, revision: number) =>
  Effect.forEach(nodes, ({ directory, node }) => directory.swap("names", key, revision, node), {
    concurrency: "unbounded"
  }).pipe(Effect.map((all) => all.filter((won) => won !== undefined)))

/** Three nodes of one cluster. */
const withNodesOf =
  (open: OpenEngine) =>
  <A, E>(
    body: (
      a: ClusterService,
      b: ClusterService,
      c: ClusterService,
      engine: TestEngine
    ) => Effect.Effect<A, E, Scope.Scope>
  ) =>
    Effect.gen(function* () {
      const engine = yield* open
      return yield* body(yield* engine.join("a"), yield* engine.join("b"), yield* engine.join("c"), engine)
    })

/** Three nodes with their links. */
const withLinksOf =
  (open: OpenEngine) =>
  <A, E>(body: (a: Linked, b: Linked, c: Linked, engine: TestEngine) => Effect.Effect<A, E, Scope.Scope>) =>
    withNodesOf(open)((a, b, c, engine) =>
      Effect.flatMap(Effect.all([linked(a), linked(b), linked(c)]), ([a, b, c]) => body(a, b, c, engine))
    )

/** What every layer of the port promises. */
export const clusterSuite = (name: string, open: OpenEngine) => {
  const withNodes = withNodesOf(open)
  const withLinks = withLinksOf(open)

  describe(name, () => {
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

    describe("link", () => {
      it.scopedLive("carries frames to the node that they are for, in one piece", () =>
        withLinks((a, b, c) =>
          Effect.gen(function* () {
            const frame = "\0\xff\r\n MSG ".repeat(10_000)
            yield* sendUntil(
              () => b.frames.length > 0,
              () => a.link.send("b", bytes(frame))
            )
            assert.strictEqual(b.frames[0], frame)
            assert.deepStrictEqual([a.frames, c.frames], [[], []])
          })
        )
      )

      it.scopedLive("carries the largest frame", () =>
        withLinks((a, b) =>
          Effect.gen(function* () {
            const frame = Buffer.alloc(a.link.maxFrameBytes, "x")
            assert.isAtLeast(frame.length, 64 * 1024)
            yield* sendUntil(
              () => b.frames.length > 0,
              () => a.link.send("b", frame)
            )
            assert.strictEqual(b.frames[0]?.length, frame.length)
          })
        )
      )

      it.scopedLive("carries frames to all other nodes", () =>
        withLinks((a, b, c) =>
          Effect.gen(function* () {
            yield* sendUntil(
              () => b.frames.length > 0 && c.frames.length > 0,
              () => a.link.broadcast(bytes("to all"))
            )
            assert.deepStrictEqual([...new Set([...b.frames, ...c.frames])], ["to all"])
            assert.deepStrictEqual(a.frames, [])
          })
        )
      )

      it.scopedLive("drops frames while the engine is down, and carries them again after it", () =>
        withLinks((a, b, _, engine) =>
          Effect.gen(function* () {
            assert.isTrue(a.link.isUp())
            yield* engine.down
            yield* eventually(() => !a.link.isUp() && !b.link.isUp(), "no node notices it")
            assert.isFalse(a.link.isUp())
            a.link.send("b", bytes("lost"))
            a.link.broadcast(bytes("lost"))
            yield* engine.up
            yield* eventually(() => a.events.includes("up") && b.events.includes("up"), "no node comes back")
            assert.isTrue(a.link.isUp())
            yield* sendUntil(
              () => b.frames.length > 0,
              () => a.link.send("b", bytes("arrives"))
            )
            assert.deepStrictEqual([...new Set(b.frames)], ["arrives"])
            assert.deepStrictEqual([a.events, b.events], [["up"], ["up"]])
          })
        )
      )

      it.scopedLive("reports nothing after its scope", () =>
        withNodes((a, b) =>
          Effect.gen(function* () {
            const sender = yield* linked(a)
            const { frames } = yield* Effect.scoped(linked(b))
            for (let i = 0; i < 5; i++) {
              sender.link.send("b", bytes("late"))
              sender.link.broadcast(bytes("late"))
              yield* Effect.sleep("20 millis")
            }
            assert.deepStrictEqual(frames, [])
          })
        )
      )
    })
  })
}

interface Linked {
  readonly link: Link
  readonly frames: ReadonlyArray<string>
  readonly events: ReadonlyArray<string>
}
