import { assert, describe, it } from "@effect/vitest"
import { LiveSource, type Live } from "../../src/chat/Live.js"

describe("LiveSource", () => {
  it("replaces the value: what was read before stays as it was", () => {
    const live = new LiveSource({ rate: 1, burst: 2 })
    const before = live.current
    live.set({ rate: 3 })
    assert.deepStrictEqual(before, { rate: 1, burst: 2 })
    assert.deepStrictEqual(live.current, { rate: 3, burst: 2 })
  })

  it("notifies the listeners after each change, in the order in which they were added", () => {
    const live = new LiveSource({ rate: 1 })
    const seen: Array<readonly [string, number, number]> = []
    live.onChange(({ rate }) => seen.push(["first", rate, live.current.rate]))
    live.onChange(({ rate }) => seen.push(["second", rate, live.current.rate]))
    assert.deepStrictEqual(seen, [])
    live.set({ rate: 2 })
    live.set({})
    assert.deepStrictEqual(seen, [
      ["first", 2, 2],
      ["second", 2, 2],
      ["first", 2, 2],
      ["second", 2, 2]
    ])
  })

  it("is a Live of fewer options, too", () => {
    const live = new LiveSource({ rate: 1, burst: 2 })
    const some: Live<{ readonly rate: number }> = live
    live.set({ rate: 5 })
    assert.strictEqual(some.current.rate, 5)
  })
})
