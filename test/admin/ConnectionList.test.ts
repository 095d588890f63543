import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import * as ConnectionList from "../../src/admin/ConnectionList.js"
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
  unacknowledgedLines: 0,
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
  const { connections } = ConnectionList.make(inspection, Either.getOrThrow(ConnectionList.parse(query)))
  return connections.map(({ name }) => name).join("")
}

describe("ConnectionList", () => {
  it("sorts names upwards and numbers downwards, and by default the newest first", () => {
    assert.strictEqual(names({}), "cab")
    assert.strictEqual(names({ sort: "name" }), "abc")
    assert.strictEqual(names({ sort: "queue-lines", limit: "1" }), "c")
    assert.strictEqual(names({ limit: "0" }), "")
  })

  it("limits open and closed connections, and counts the open ones", () => {
    const list = ConnectionList.make(inspection, { sort: "name", limit: 1 })
    assert.deepStrictEqual([list.total, list.connections.length, list.closed.map(({ name }) => name)], [3, 1, ["y"]])
  })

  it.effect("renders JSON over several turns of the event loop", () =>
    Effect.gen(function* () {
      const connections = Array.from({ length: 10_000 }, (_, at) => connection(`"<${at}>"\u2028`))
      let turns = 0
      let counting = setImmediate(function count() {
        turns += 1
        counting = setImmediate(count)
      })
      const text = yield* Stream.mkString(ConnectionList.json({ ...inspection, total: 3, connections }))
      clearImmediate(counting)
      assert.deepStrictEqual(JSON.parse(text), { now: 5, isDraining: false, total: 3, connections, closed })
      assert.isAbove(turns, 30)
    })
  )

  it.effect("reads only the sort key of a connection that is not shown", () =>
    Effect.gen(function* () {
      const read: Array<string> = []
      const watched = (name: string) =>
        Object.defineProperty(connection(name), "bytesOut", { enumerable: true, get: () => read.push(name) })
      const connections = ["b", "c", "a"].map(watched)
      const list = ConnectionList.make({ ...inspection, connections }, { sort: "name", limit: 1 })
      assert.strictEqual(JSON.parse(yield* Stream.mkString(ConnectionList.json(list))).connections[0].name, "a")
      assert.deepStrictEqual(read, ["a"])
    })
  )

  it("describes the mistake in a query", () => {
    const sort =
      "sort: must be one of name, remote, since, idle, lines-in, lines-out, bytes-in, bytes-out, queue-lines, " +
      "queue-bytes, unacknowledged"
    const limit = "limit: must be a whole number from 0 to 100000"
    const mistakes: ReadonlyArray<readonly [Record<string, string | ReadonlyArray<string>>, string]> = [
      [{ sort: "size" }, sort],
      [{ sort: "constructor" }, sort],
      [{ sort: ["name", "name"] }, sort],
      [{ limit: "-1" }, limit],
      [{ limit: "100001" }, limit],
      [{ limit: "1.5" }, limit],
      [{ limit: "" }, limit],
      [{ limit: "many" }, limit],
      [{ limit: ["1", "2"] }, limit],
      [{ order: "up" }, "unknown parameter order; allowed: sort, limit"],
      [{ order: ["up", "down"], limit: "1" }, "unknown parameter order; allowed: sort, limit"]
    ]
    for (const [query, mistake] of mistakes) {
      assert.deepStrictEqual(ConnectionList.parse(query), Either.left(mistake), JSON.stringify(query))
    }
    assert.deepStrictEqual(ConnectionList.parse({ limit: "100000" }), Either.right({ sort: "since", limit: 100_000 }))
  })
})
