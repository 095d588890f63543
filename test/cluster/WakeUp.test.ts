import { assert, describe, it } from "vitest"
import { WakeUp } from "../../src/cluster/WakeUp.js"

const clocks = () => {
  const time = { now: 0, ahead: 1_700_000_000_000 }
  const wakeUp = new WakeUp(
    () => time.now,
    () => time.now + time.ahead,
    6_000,
    1_000
  )
  return { time, wakeUp }
}

describe("WakeUp", () => {
  it("reports a sleep once", () => {
    const { time, wakeUp } = clocks()
    time.now += 100_000
    assert.isFalse(wakeUp.hasSlept())
    time.ahead += 1_001
    assert.isTrue(wakeUp.hasSlept())
    assert.isFalse(wakeUp.hasSlept())
  })

  it("ignores a nap, and adds up those of one span", () => {
    const { time, wakeUp } = clocks()
    time.ahead += 1_000
    assert.isFalse(wakeUp.hasSlept())
    time.now += 5_000
    assert.isFalse(wakeUp.hasSlept())
    time.ahead += 1
    assert.isTrue(wakeUp.hasSlept())
  })

  it("ignores a wall clock that drifts, and reacts to one that is set", () => {
    const { time, wakeUp } = clocks()
    for (let hour = 0; hour < 100; hour++) {
      time.now += 3_600_000
      time.ahead += 200
      assert.isFalse(wakeUp.hasSlept())
    }
    time.ahead -= 50_000
    assert.isTrue(wakeUp.hasSlept())
    assert.isFalse(wakeUp.hasSlept())
    time.ahead += 1_001
    assert.isTrue(wakeUp.hasSlept())
  })
})
