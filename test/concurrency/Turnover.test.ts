import { assert, describe, it } from "@effect/vitest"
import { seededRandom } from "../../scripts/random.mjs"
import { TurnoverMap, TurnoverSet } from "../../src/concurrency/Turnover.js"

describe("TurnoverMap", () => {
  it("has the entries of a Map, in the same order, however many come and go", () => {
    const [map, model] = [new TurnoverMap<number, string>(), new Map<number, string>()]
    const random = seededRandom(1)
    for (let step = 0; step < 5_000; step++) {
      const key = random.below(200)
      if (random.below(2) === 0) {
        map.set(key, `${step}`)
        model.set(key, `${step}`)
      } else {
        map.delete(key)
        model.delete(key)
      }
      assert.strictEqual(map.size, model.size)
      assert.strictEqual(map.has(key), model.has(key))
      assert.strictEqual(map.get(key), model.get(key))
      if (step % 100 > 0) continue
      assert.deepStrictEqual([...map], [...model])
      assert.deepStrictEqual([...map.keys()], [...model.keys()])
      assert.deepStrictEqual([...map.values()], [...model.values()])
    }
  })

  it("can be emptied by a loop over its entries", () => {
    const map = new TurnoverMap<number, number>()
    for (let key = 0; key < 1_000; key++) map.set(key, key)
    const seen: Array<number> = []
    for (const key of map.keys()) {
      seen.push(key)
      map.delete(key)
    }
    assert.deepStrictEqual(
      seen,
      Array.from({ length: 1_000 }, (_, key) => key)
    )
    assert.strictEqual(map.size, 0)
  })
})

describe("TurnoverSet", () => {
  it("has each element once, in the order in which they came", () => {
    const set = new TurnoverSet<string>()
    for (const element of ["a", "b", "c", "a"]) set.add(element)
    set.delete("b")
    set.delete("d")
    assert.deepStrictEqual([...set], ["a", "c"])
    assert.strictEqual(set.size, 2)
  })
})
