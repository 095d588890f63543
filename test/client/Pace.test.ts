import { assert, describe, it } from "@effect/vitest"
import { TokenBucket } from "../../src/chat/TokenBucket.js"
import { Pace } from "../../src/client/Pace.js"

/** Sends lines for a minute, each after `delay` on the way; returns how many the server's bucket refused, and took. */
const lines = (perSecond: number, burst: number, delay: (line: number) => number) => {
  const pace = new Pace([{ perSecond, burst }], 0)
  const bucket = new TokenBucket(perSecond, burst, 0)
  for (let line = 0; line < Math.min(4, burst); line++) bucket.take(0) // the greeting
  let [now, arrival, taken, refused] = [0, 0, 0, 0]
  while (now < 60_000) {
    now += pace.wait(now)
    pace.spend(1)
    arrival = Math.max(arrival, now + delay(taken))
    if (bucket.take(arrival) > 0) refused += 1
    else taken += 1
  }
  return { refused, taken }
}

describe("Pace", () => {
  it("stays within the server's bucket, and close to its rate", () => {
    for (const rate of [1, 2, 10, 50, 1000]) {
      const { refused, taken } = lines(rate, rate, () => 0)
      assert.strictEqual(refused, 0, `${rate} per second`)
      assert.isAtLeast(taken, 60 * rate * 0.97 - 3)
    }
    assert.strictEqual(lines(10, 200, () => 0).refused, 0)
  })

  it("leaves room for lines that arrive closer together than they were sent", () => {
    assert.strictEqual(lines(50, 50, (line) => (line % 7) * 10).refused, 0)
  })

  it("counts the lines of the greeting", () => {
    const pace = new Pace([{ perSecond: 10, burst: 10 }], 0)
    assert.strictEqual(pace.available(0), 5)
    pace.spend(5)
    assert.isAbove(pace.wait(0), 0)
  })

  it("obeys the stricter of two rates, and neither after a refusal", () => {
    const pace = new Pace(
      [
        { perSecond: 1000, burst: 1000 },
        { perSecond: 10, burst: 20 }
      ],
      0
    )
    assert.strictEqual(pace.available(0), 14)
    pace.refused(0, 0)
    assert.strictEqual(pace.available(0), 0)
    assert.strictEqual(pace.available(100), 0)
    assert.isAbove(pace.wait(100), 0)
  })

  it("pauses for as long as any refusal asks, and a while if none does", () => {
    const pace = new Pace([], 0)
    pace.refused(0, 0)
    assert.deepStrictEqual([pace.wait(0), pace.available(99), pace.available(100)], [100, 0, Infinity])
    pace.refused(700, 100)
    pace.refused(20, 101)
    assert.deepStrictEqual([pace.wait(101), pace.wait(800)], [699, 0])
  })

  it("reserves the next line that the rate allows, whatever pause the server asks for", () => {
    const pace = new Pace([{ perSecond: 10, burst: 10 }], 0)
    pace.refused(3_600_000, 0)
    const next = pace.reserve(0)
    assert.isAbove(next, 100)
    assert.isBelow(next, 110)
    assert.isAbove(pace.reserve(next), 100)
    assert.strictEqual(new Pace([], 0).reserve(0), 0)
  })

  it("limits nothing without a rate", () => {
    const pace = new Pace([], 0)
    assert.isFalse(pace.isLimited)
    assert.strictEqual(pace.wait(0), 0)
    assert.strictEqual(pace.available(0), Infinity)
  })
})
