import { assert, describe, it } from "vitest"
import { Coverage } from "./Coverage.js"
import * as Replay from "./Replay.js"
import { run } from "./Run.js"
import { make } from "./Schedule.js"
import { shrink } from "./Shrink.js"

const schedules = 2_500

describe("the simulation", () => {
  it(
    "keeps every promise under thousands of schedules, and meets everything that can happen",
    { timeout: 120_000 },
    () => {
      const coverage = new Coverage()
      for (let seed = 1; seed <= schedules; seed++) {
        const schedule = make(seed)
        const outcome = run(schedule)
        coverage.add(outcome)
        const [violation] = outcome.violations
        if (violation === undefined) continue
        const { detail, rule } = violation
        const kept = shrink(
          schedule.steps.map((_, place) => place),
          (some) => run(schedule, some).violations.some((one) => one.rule === rule)
        )
        assert.fail(`${rule} (${detail}): npm run simulate -- --replay ${Replay.show(schedule, kept)}`)
      }
      assert.deepStrictEqual(coverage.missing, [])
    }
  )

  it("runs the same for the same seed", () => {
    for (let seed = 1; seed <= 30; seed++) {
      const [once, again] = [run(make(seed)), run(make(seed))]
      assert.strictEqual(Replay.story(once), Replay.story(again))
    }
  })

  it("replays what it shows", () => {
    const schedule = make(7)
    const kept = schedule.steps.map((_, place) => place).filter((place) => place % 5 < 3)
    assert.deepStrictEqual(Replay.parse(Replay.show(schedule, kept)), { schedule, kept })
    assert.strictEqual(Replay.parse("7")?.kept.length, schedule.steps.length)
    assert.strictEqual(Replay.parse("seven"), undefined)
  })

  it("shrinks to the steps that matter", () => {
    const all = Array.from({ length: 100 }, (_, place) => place)
    assert.deepStrictEqual(
      shrink(all, (kept) => kept.includes(3) && kept.includes(70)),
      [3, 70]
    )
  })
})
