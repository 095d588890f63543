import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { assert, describe, it } from "vitest"
import * as StoreRun from "./store/StoreRun.js"
import * as StoreSchedule from "./store/StoreSchedule.js"
import type { StoreSetting, StoreStep } from "./store/StoreStep.js"

const script = fileURLToPath(new URL("../../scripts/simulate.mjs", import.meta.url))

/** As in simulation.test.ts. */
const youngObjects = ["--min-semi-space-size=32", "--max-semi-space-size=64", "--single-threaded-gc"]

/** A run in readable form, without its random tokens. */
const tell = (seed: number) => {
  const schedule = StoreSchedule.make(seed)
  const all = schedule.acts.map((_, place) => place)
  return StoreRun.story(StoreRun.run(schedule, all), all).replaceAll(/achat_[0-9a-f]{32}/gu, "achat_")
}

const usual: StoreSetting = {
  holdTimeout: 400,
  stallTimeout: 3_000,
  grace: 2_000,
  outboxLines: 64,
  outboxBytes: 100_000,
  maxOutcomes: 50,
  maxDevices: 20,
  turnBounds: undefined,
  keep: 1e9,
  keepLines: 10_000,
  keepBytes: 1e9,
  unreadLines: 1_000,
  unreadBytes: 1e9
}

const client = { cut: 65_536, polite: true, opaque: false }

/** Schedules that the simulation has found, and what was broken in them. */
const found: ReadonlyArray<{
  readonly title: string
  readonly setting?: Partial<StoreSetting>
  readonly acts: ReadonlyArray<StoreStep>
}> = [
  {
    title: "a line to an account that was being removed was given to its device, and not stored",
    acts: [
      { do: "connect", who: 2, words: ["ack", "seq"], ...client },
      { do: "turns", count: 2 },
      { do: "remove", name: "bob" },
      { do: "say", who: 2, to: ["bob"], count: 1, size: 0, labelled: true }
    ]
  },
  {
    title: "a connection that was replaced, and had lines that were not routed yet, waited for itself",
    setting: { outboxBytes: 200, maxOutcomes: 2, turnBounds: { work: 2_000, share: 700, flushes: 1 } },
    acts: [
      { do: "connect", who: 2, words: ["ack", "seq", "once"], ...client, cut: 3 },
      { do: "turns", count: 6 },
      { do: "connect", who: 2, words: ["ack", "once"], ...client },
      { do: "say", who: 2, to: ["alice"], count: 5, size: 10, labelled: true }
    ]
  },
  {
    title: "a room without members could not end on a damaged disk, and the server tried without a pause",
    acts: [
      { do: "connect", who: 5, words: ["seq"], ...client },
      { do: "turns", count: 2 },
      { do: "command", who: 5, line: "/join #dev" },
      { do: "turns", count: 4 },
      { do: "disk", is: "damaged" },
      { do: "end", who: 5 },
      { do: "pass", millis: 1_500 }
    ]
  },
  {
    title: "a guest that took the place of another one in a room was told that it had left",
    acts: [
      { do: "connect", who: 2, words: ["seq"], ...client },
      { do: "turns", count: 3 },
      { do: "command", who: 2, line: "/join #ops" },
      { do: "turns", count: 6 },
      { do: "connect", who: 6, words: [], ...client },
      { do: "command", who: 6, line: "/join #ops" },
      { do: "turns", count: 6 },
      { do: "end", who: 6 },
      { do: "turns", count: 3 },
      { do: "connect", who: 6, words: ["seq"], ...client },
      { do: "turns", count: 3 },
      { do: "command", who: 6, line: "/join #ops" }
    ]
  },
  {
    title: "a gap in the conversation with an account was taken for one in that with the guest who had its name",
    setting: { keepLines: 5, unreadLines: 30, outboxBytes: 5_000 },
    acts: [
      { do: "connect", who: 4, words: ["ack", "seq"], ...client },
      { do: "turns", count: 3 },
      { do: "connect", who: 7, words: ["seq"], ...client },
      { do: "turns", count: 3 },
      { do: "say", who: 7, to: ["bob"], count: 2, size: 0, labelled: true },
      { do: "command", who: 7, line: "/register correct horse" },
      { do: "turns", count: 5 },
      { do: "disk", is: "damaged" },
      { do: "pass", millis: 3_500 },
      { do: "disk", is: "ok" },
      { do: "say", who: 7, to: ["alice", "bob"], count: 60, size: 10, labelled: false }
    ]
  },
  {
    title: "a slow store that takes a line at a time was taken for one that is busy without end",
    setting: { outboxLines: 1 },
    acts: [
      { do: "speed", before: 12, after: 12, millis: 0 },
      { do: "connect", who: 5, words: ["seq"], ...client },
      { do: "turns", count: 2 },
      { do: "say", who: 5, to: ["bob"], count: 3_000, size: 10, labelled: false },
      { do: "pass", millis: 1 }
    ]
  }
]

describe("the simulation of a server with a store", () => {
  it(
    "loses nothing that was reported as stored, over any crash, and covers everything",
    { timeout: 240_000 },
    async () => {
      const args = [...youngObjects, script, "--store", "--schedules", "100", "--seed", "1"]
      await promisify(execFile)(process.execPath, args).catch(({ stdout }) => assert.fail(stdout))
    }
  )

  it("starts from a random seed as well, because the seeds above find nothing new", () => {
    const began = performance.now()
    const { runs, story } = StoreRun.search()(
      Date.now() % 1_000_000_000,
      (done) => done === 0 || performance.now() - began < 1_000
    )
    if (story !== undefined) assert.fail(story) // starts with the seed
    assert.isAtLeast(runs, 1)
  })

  it("repeats a run with the same seed", () => {
    for (let seed = 1; seed <= 5; seed++) assert.strictEqual(tell(seed), tell(seed))
  })

  it("replays the schedules that it prints", () => {
    const { isBroken, story } = StoreRun.replay("7:0-20,24") ?? { isBroken: true, story: "" }
    assert.isFalse(isBroken)
    assert.match(story, /^to replay it: npm run simulate -- --store --replay 7:0-20,24$/mu)
    assert.isUndefined(StoreRun.replay("seven"))
  })

  for (const { acts, setting, title } of found) {
    it(`passes where ${title}`, () => {
      const schedule = { seed: 0, setting: { ...usual, ...setting }, acts }
      const history = StoreRun.run(
        schedule,
        acts.map((_, place) => place)
      )
      assert.deepStrictEqual(StoreRun.check(history), [])
    })
  }
})
