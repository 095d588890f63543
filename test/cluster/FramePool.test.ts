import { assert, describe, it } from "vitest"
import { FramePool } from "../../src/cluster/FramePool.js"

const large = 50_000

describe("FramePool", () => {
  it("uses the memory of a frame again, the latest first and at another length", () => {
    const pool = new FramePool()
    const [one, two] = [pool.take(large), pool.take(large)]
    assert.notStrictEqual(one.buffer, two.buffer)
    pool.give(one)
    pool.give(two)
    const again = pool.take(large + 1)
    assert.strictEqual(again.buffer, two.buffer)
    assert.strictEqual(again.length, large + 1)
    assert.strictEqual(pool.take(large).buffer, one.buffer)
    assert.notInclude([one.buffer, two.buffer], pool.take(large).buffer)
  })

  it("takes no memory that is not its own, or that small frames share", () => {
    const pool = new FramePool()
    const foreign = [Buffer.allocUnsafe(large), pool.take(100), pool.take(1_000_000)]
    for (const frame of foreign) pool.give(frame)
    const taken = Array.from({ length: 3 }, () => pool.take(large).buffer)
    for (const { buffer } of foreign) assert.notInclude(taken, buffer)
  })

  it("keeps a few megabytes at most", () => {
    const pool = new FramePool()
    const frames = Array.from({ length: 1_000 }, () => pool.take(large))
    for (const frame of frames) pool.give(frame)
    const given = new Set(frames.map(({ buffer }) => buffer))
    const taken = frames.map(() => pool.take(large)).filter(({ buffer }) => given.has(buffer))
    assert.isAbove(taken.length, 0)
    assert.isBelow(taken.length * large, 4 * 2 ** 20)
  })
})
