import { assert, describe, it } from "@effect/vitest"
import { SparseMap } from "../../src/conversations/SparseMap.js"

describe("a sparse map", () => {
  it("shares nothing with other empty ones once it has a value", () => {
    const [one, other] = [SparseMap.empty<string, number>(), SparseMap.empty<string, number>()]
    const filled = one.put("a", 1)
    assert.deepStrictEqual([...filled], [["a", 1]])
    assert.deepStrictEqual([...one], [])
    assert.deepStrictEqual([...other.put("b", 2)], [["b", 2]])
    assert.strictEqual(filled.size, 1)
  })

  it("stays the same map while it has values, and after the last one is deleted", () => {
    const map = SparseMap.empty<string, number>().put("a", 1)
    assert.strictEqual(map.put("b", 2), map)
    map.delete("a")
    map.delete("b")
    assert.strictEqual(map.size, 0)
    assert.isFalse(map.has("a"))
    assert.strictEqual(map.put("c", 3), map)
    map.clear()
    assert.isUndefined(map.get("c"))
    assert.strictEqual(SparseMap.empty<string, number>().size, 0)
  })

  it("can be deleted from and cleared while it is empty", () => {
    const map = SparseMap.empty<string, number>()
    map.delete("a")
    map.clear()
    assert.deepStrictEqual([...map], [])
    assert.isUndefined(map.get("a"))
  })
})
