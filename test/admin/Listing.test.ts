import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import * as Listing from "../../src/admin/Listing.js"
import type { ConnectionInfo, Inspection } from "../../src/chat/Inspection.js"

const connection = (name: string, more: Partial<ConnectionInfo> = {}): ConnectionInfo => ({
  name,
  remote: `${name}:1`,
  since: 0,
  idleMillis: 0,
  linesIn: 0,
  linesOut: 0,
  bytesIn: 0,
  bytesOut: 0,
  queueLines: 0,
  queueBytes: 0,
  state: "open",
  ...more
})

const closed: Inspection["closed"] = ["y", "x"].map((name) => ({ ...connection(name), at: 4, reason: "left" }))

const inspection: Inspection = {
  now: 5,
  isDraining: false,
  connections: [
    connection("b", { since: 1 }),
    connection("c", { since: 3, queueLines: 9 }),
    connection("a", { since: 2 })
  ],
  closed
}

const names = (query: Record<string, string>) => {
  const { connections } = Listing.of(inspection, Either.getOrThrow(Listing.parse(query)))
  return connections.map(({ name }) => name).join("")
}

describe("Listing", () => {
  it("sorts names upwards and numbers downwards, the newest first unless told otherwise", () => {
    assert.strictEqual(names({}), "cab")
    assert.strictEqual(names({ sort: "name" }), "abc")
    assert.strictEqual(names({ sort: "queue-lines", limit: "1" }), "c")
    assert.strictEqual(names({ limit: "0" }), "")
  })

  it("limits the closed ones, too, and tells how many there are", () => {
    const list = Listing.of(inspection, { sort: "name", limit: 1 })
    assert.deepStrictEqual([list.total, list.connections.length, list.closed.map(({ name }) => name)], [3, 1, ["y"]])
  })

  it.effect("is JSON, of which each turn of the event loop has a part, however many there are", () =>
    Effect.gen(function* () {
      const connections = Array.from({ length: 10_000 }, (_, at) => connection(`"<${at}>"\u2028`))
      let turns = 0
      let counting = setImmediate(function count() {
        turns += 1
        counting = setImmediate(count)
      })
      const text = yield* Stream.mkString(Listing.json({ ...inspection, total: 3, connections }))
      clearImmediate(counting)
      assert.deepStrictEqual(JSON.parse(text), { now: 5, isDraining: false, total: 3, connections, closed })
      assert.isAbove(turns, 30)
    })
  )

  it.effect("reads of connections that are not shown nothing but what they are sorted by", () =>
    Effect.gen(function* () {
      const read: Array<string> = []
      const watched = (name: string) =>
        Object.defineProperty(connection(name), "bytesOut", { enumerable: true, get: () => read.push(name) })
      const connections = ["b", "c", "a"].map(watched)
      const list = Listing.of({ ...inspection, connections }, { sort: "name", limit: 1 })
      assert.strictEqual(JSON.parse(yield* Stream.mkString(Listing.json(list))).connections[0].name, "a")
      assert.deepStrictEqual(read, ["a"])
    })
  )

  it("says what is wrong with a query", () => {
    const wrong: ReadonlyArray<Record<string, string | ReadonlyArray<string>>> = [
      { sort: "size" },
      { sort: "constructor" },
      { sort: ["name", "name"] },
      { limit: "-1" },
      { limit: "100001" },
      { limit: "many" },
      { order: "up" }
    ]
    for (const query of wrong) assert.isTrue(Either.isLeft(Listing.parse(query)), JSON.stringify(query))
    assert.isTrue(Either.isRight(Listing.parse({ limit: "100000" })))
  })
})
