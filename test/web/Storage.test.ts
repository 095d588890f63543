import { assert, describe, it } from "@effect/vitest"
import { memoryOf } from "../../src/web/browser/Storage.js"

/** A browser's storage that two tabs share, and that can be full. */
const storage = () => {
  const items = new Map<string, string>()
  const state = { isFull: false }
  const shared: Storage = {
    get length() {
      return items.size
    },
    key: (index) => [...items.keys()][index] ?? null,
    clear: () => items.clear(),
    getItem: (key) => items.get(key) ?? null,
    removeItem: (key) => void items.delete(key),
    setItem: (key, text) => {
      if (state.isFull) throw new DOMException("the quota is exceeded", "QuotaExceededError")
      items.set(key, text)
    }
  }
  return { shared, state }
}

describe("The storage of a browser", () => {
  it("has nothing that another tab has removed, and what another tab has written", () => {
    const { shared } = storage()
    const [one, other] = [memoryOf(() => shared), memoryOf(() => shared)]
    one.write("token", "achat_0")
    assert.strictEqual(other.read("token"), "achat_0")
    other.write("token", undefined)
    assert.isUndefined(one.read("token"))
    other.write("token", "achat_1")
    assert.strictEqual(one.read("token"), "achat_1")
  })

  it("keeps for this tab what does not fit, and no longer once it fits", () => {
    const { shared, state } = storage()
    const [one, other] = [memoryOf(() => shared), memoryOf(() => shared)]
    one.write("draft", "old")
    state.isFull = true
    one.write("draft", "new")
    assert.deepStrictEqual([one.read("draft"), other.read("draft")], ["new", "old"])
    state.isFull = false
    one.write("draft", "newer")
    other.write("draft", undefined)
    assert.isUndefined(one.read("draft"))
  })

  it("works where a browser has none", () => {
    const memory = memoryOf(() => {
      throw new DOMException("storage is off", "SecurityError")
    })
    assert.isUndefined(memory.read("draft"))
    memory.write("draft", "text")
    assert.strictEqual(memory.read("draft"), "text")
    memory.write("draft", undefined)
    assert.isUndefined(memory.read("draft"))
  })
})
