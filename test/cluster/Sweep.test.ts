import { assert, describe, it } from "vitest"
import * as Effect from "effect/Effect"
import { MemoryTables } from "../../src/cluster/MemoryTables.js"
import { Sweep } from "../../src/cluster/Sweep.js"

/** A table with the names of two incarnations, of which one is dead. */
const swept = () => {
  const tables = new MemoryTables()
  const names = new Map<string, number>()
  for (let i = 0; i < 100; i++) names.set(`dead-${i}`, tables.swap("names", `dead-${i}`, 0, "x") ?? 0)
  tables.swap("names", "living", 0, "y")
  const state = { now: 0, mayWork: true }
  const sweep = new Sweep({
    directory: {
      get: (table, key) => Effect.sync(() => tables.get(table, key)),
      swap: (table, key, revision, value) =>
        Effect.sync(() => {
          const done = tables.swap(table, key, revision, value)
          if (done !== undefined) names.delete(key)
          return done
        }),
      watch: () => Effect.void
    },
    names: {
      owners: () => [...(names.size > 0 ? [{ node: "b", incarnation: "1" }] : []), { node: "c", incarnation: "2" }],
      entriesOf: (incarnation, most) => (incarnation === "1" ? [...names].slice(0, most) : [["living", 1]])
    },
    now: () => state.now,
    restMillis: 1_000,
    isDead: (_, incarnation) => incarnation === "1",
    mayWork: () => state.mayWork,
    fork: (effect) => void Effect.runSync(effect)
  })
  const left = () => tables.entries("names").map(({ key }) => key)
  return { sweep, state, left, tables }
}

describe("Sweep", () => {
  it("removes the names of a lost node after some time, some with each tick, and no others", () => {
    const { left, state, sweep } = swept()
    sweep.tick()
    state.now = 999
    sweep.tick()
    assert.lengthOf(left(), 101)
    state.now = 1_000
    state.mayWork = false
    sweep.tick()
    assert.lengthOf(left(), 101)
    state.mayWork = true
    sweep.tick()
    assert.lengthOf(left(), 37)
    sweep.tick()
    assert.deepStrictEqual(left(), ["living"])
    sweep.tick()
  })

  it("leaves a name that was claimed meanwhile", () => {
    const { left, state, sweep, tables } = swept()
    sweep.tick()
    tables.swap("names", "dead-7", tables.get("names", "dead-7")?.revision ?? 0, "z")
    state.now = 1_000
    for (let tick = 0; tick < 5; tick++) sweep.tick()
    assert.deepStrictEqual(left(), ["dead-7", "living"])
  })
})
