import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { assert, describe, it } from "vitest"
import * as SendRun from "./clients/SendRun.js"
import * as SendSchedule from "./clients/SendSchedule.js"
import * as SendWorld from "./clients/SendWorld.js"
import * as Replay from "./Replay.js"
import { run } from "./Run.js"
import { make } from "./Schedule.js"
import { shrink } from "./Shrink.js"

const script = fileURLToPath(new URL("../../scripts/simulate.mjs", import.meta.url))

/** A run of `send` in readable form, without its random token. */
const tell = (seed: number) => {
  const schedule = SendSchedule.make(seed)
  const all = schedule.acts.map((_, place) => place)
  return SendRun.story(SendWorld.run(schedule, all), all).replaceAll(/hello\? [\da-f-]{36}/gu, "hello?")
}

describe("the simulation", () => {
  it("keeps every promise under thousands of schedules, which cover everything", { timeout: 120_000 }, async () => {
    // Runs the command, whose bundle takes half the time. Not synchronously: vitest gives up a worker that is blocked for
    // a minute.
    const args = [script, "--schedules", "2500", "--seed", "1"]
    await promisify(execFile)(process.execPath, args).catch(({ stdout }) => assert.fail(stdout))
  })

  it("runs send against hostile servers, which break none of its promises", () => {
    const began = performance.now()
    const { runs, story } = SendRun.search(1, (done) => done < 1_000 && performance.now() - began < 10_000)
    if (story !== undefined) assert.fail(story)
    assert.isAtLeast(runs, 50)
  })

  it("repeats a run of send with the same seed", () => {
    for (let seed = 1; seed <= 10; seed++) assert.strictEqual(tell(seed), tell(seed))
  })

  it("repeats a run with the same seed", () => {
    for (let seed = 1; seed <= 30; seed++) {
      const [once, again] = [run(make(seed)), run(make(seed))]
      assert.strictEqual(Replay.story(once), Replay.story(again))
    }
  })

  it("replays the schedules it prints", () => {
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
