import { assert, describe, it } from "@effect/vitest"
import { Manners, maxSilenced, maxWriters } from "../../src/rooms/Manners.js"

const start = () => {
  const clock = { now: 0 }
  return { clock, manners: new Manners(() => clock.now) }
}

const times = (count: number, each: (index: number) => void) => {
  for (let index = 0; index < count; index++) each(index)
}

describe("slow mode", () => {
  it("remembers up to its limit of writers, and then forgets the one that has not written for longest", () => {
    const { clock, manners } = start()
    assert.strictEqual(manners.write("first", 60_000), 0)
    clock.now = 1_000
    assert.strictEqual(manners.write("second", 60_000), 0)
    times(maxWriters - 2, (index) => assert.strictEqual(manners.write(`guest-${index}`, 60_000), 0))
    assert.deepStrictEqual([manners.write("first", 60_000), manners.write("second", 60_000)], [59_000, 60_000])
    assert.strictEqual(manners.write("one more", 60_000), 0)
    assert.deepStrictEqual([manners.write("first", 60_000), manners.write("guest-0", 60_000)], [0, 60_000])
  })

  it("forgets a writer after its time, however short slow mode has become", () => {
    const { clock, manners } = start()
    manners.write("first", 60_000)
    clock.now = 5_000
    assert.strictEqual(manners.write("first", 10_000), 5_000)
    assert.strictEqual(manners.write("first", 5_000), 0)
    assert.strictEqual(manners.write("first", 5_000), 5_000)
    manners.forgetWriters()
    assert.strictEqual(manners.write("first", 5_000), 0)
  })
})

describe("silences", () => {
  it("are as many as their limit says; a further one has to wait for the end of another", () => {
    const { clock, manners } = start()
    times(maxSilenced, (index) => assert.isTrue(manners.silence(`guest-${index}`, 60_000 + index)))
    assert.isFalse(manners.silence("one more", 60_000))
    assert.strictEqual(manners.silencedFor("one more"), 0)
    assert.isTrue(manners.silence("guest-0", 120_000), "of somebody who is silenced already")
    clock.now = 60_001
    assert.isTrue(manners.silence("one more", 60_000))
    assert.deepStrictEqual([manners.silencedFor("guest-0"), manners.silencedFor("guest-1")], [59_999, 0])
    assert.isFalse(manners.silence("two more", 60_000))
  })
})
