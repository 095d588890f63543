import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { assert, describe, it } from "vitest"
import * as SendRun from "./clients/SendRun.js"
import * as SendSchedule from "./clients/SendSchedule.js"
import * as SendWorld from "./clients/SendWorld.js"
import * as TerminalRows from "./clients/TerminalRows.js"
import * as TerminalRun from "./clients/TerminalRun.js"
import * as TerminalSchedule from "./clients/TerminalSchedule.js"
import * as TerminalWorld from "./clients/TerminalWorld.js"
import * as Replay from "./Replay.js"
import { run } from "./Run.js"
import { make } from "./Schedule.js"
import { shrink } from "./Shrink.js"

const script = fileURLToPath(new URL("../../scripts/simulate.mjs", import.meta.url))

/**
 * Almost all objects of a run are garbage at its end: V8 has the less to copy, the later it collects the young ones. It
 * optimizes a function after eight times as much work as by default: compiling took a fifth of the time.
 */
const flags = [
  "--min-semi-space-size=32",
  "--max-semi-space-size=64",
  "--single-threaded-gc",
  // V8 of Node 22 and later has no such flag.
  ...(Number(process.versions.node.split(".")[0]) < 22 ? ["--interrupt-budget=540000"] : [])
]

const allOf = ({ acts }: { readonly acts: ReadonlyArray<unknown> }) => acts.map((_, place) => place)

const withoutToken = (story: string) => story.replaceAll(/hello\? [\da-f-]{36}/gu, "hello?")

/** A run of `send` in readable form, without its random token. */
const tell = (seed: number) => {
  const schedule = SendSchedule.make(seed)
  return withoutToken(SendRun.story(SendWorld.run(schedule, allOf(schedule)), allOf(schedule)))
}

const runTerminal = (seed: number) => {
  const schedule = TerminalSchedule.make(seed)
  return TerminalWorld.run(schedule, allOf(schedule))
}

const tellTerminal = (seed: number) => withoutToken(TerminalRun.story(runTerminal(seed), []))

describe("the simulation", () => {
  it("keeps every promise under thousands of schedules, which cover everything", { timeout: 300_000 }, async () => {
    // Runs the command, whose bundle takes half the time. Not synchronously: vitest gives up a worker that is blocked
    // for a minute.
    const args = [...flags, script, "--schedules", "2500", "--seed", "1"]
    await promisify(execFile)(process.execPath, args).catch(({ stdout }) => assert.fail(stdout))
  })

  it("runs send against hostile servers, which break none of its promises", () => {
    const began = performance.now()
    const { story } = SendRun.search(1, (done) => done < 50 || (done < 1_000 && performance.now() - began < 10_000))
    if (story !== undefined) assert.fail(story)
  })

  it("runs the terminal's client against hostile servers, which break none of its promises", () => {
    const began = performance.now()
    const { story } = TerminalRun.search(1, (done) => done < 20 || (done < 200 && performance.now() - began < 5_000))
    if (story !== undefined) assert.fail(story)
  })

  it("runs both clients from a random seed as well, because the seeds above find nothing new", () => {
    const firstSeed = Date.now() % 1_000_000_000
    for (const [search, millis] of [
      [SendRun.search, 500],
      [TerminalRun.search, 1_200]
    ] as const) {
      const began = performance.now()
      const { runs, story } = search(firstSeed, (done) => done === 0 || performance.now() - began < millis)
      if (story !== undefined) assert.fail(story) // starts with the seed
      assert.isAtLeast(runs, 1)
    }
  })

  it("shows every state of a line at the terminal, and lines that are held", () => {
    const states = new Set<string>()
    for (let seed = 1; seed <= 40; seed++) {
      const { server, shown } = runTerminal(seed)
      for (const { state } of TerminalRows.finals(shown)) states.add(state)
      const later = server.connections.slice(1).flatMap(({ helloAt }) => helloAt ?? [])
      if (server.handled.some(({ at }) => later.includes(at - 15_000))) states.add("held")
    }
    assert.sameMembers([...states], ["delivered", "returned", "refused", "unknown", "unsent", "held"])
  })

  it("repeats a run of the terminal's client with the same seed", () => {
    for (let seed = 1; seed <= 5; seed++) assert.strictEqual(tellTerminal(seed), tellTerminal(seed))
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
