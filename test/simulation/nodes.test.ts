import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { assert, describe, it } from "vitest"
import * as NodesRun from "./nodes/NodesRun.js"
import * as NodesSchedule from "./nodes/NodesSchedule.js"

const script = fileURLToPath(new URL("../../scripts/simulate.mjs", import.meta.url))

const tell = (seed: number) => {
  const schedule = NodesSchedule.make(seed)
  const all = schedule.acts.map((_, place) => place)
  return NodesRun.story(NodesRun.run(schedule, all), all)
}

describe("the simulation of the nodes of a cluster", () => {
  it("keeps every promise through all faults, and covers everything", { timeout: 120_000 }, async () => {
    const args = [script, "--nodes", "--schedules", "100", "--seed", "1"]
    await promisify(execFile)(process.execPath, args).catch(({ stdout }) => assert.fail(stdout))
  })

  it("starts from a random seed as well, because the seeds above find nothing new", () => {
    const { story } = NodesRun.search()(Date.now() % 1_000_000_000, (done) => done === 0)
    if (story !== undefined) assert.fail(story) // starts with the seed
  })

  it("repeats a run with the same seed", () => {
    for (let seed = 1; seed <= 5; seed++) assert.strictEqual(tell(seed), tell(seed))
  })

  it("replays the schedules that it prints", () => {
    const { isBroken, story } = NodesRun.replay("7:0-9,11") ?? { isBroken: true, story: "" }
    assert.isFalse(isBroken)
    assert.match(story, /^to replay it: npm run simulate -- --nodes --replay 7:0-9,11$/mu)
    assert.isUndefined(NodesRun.replay("seven"))
  })
})
