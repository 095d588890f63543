import { parseArgs } from "node:util"
import type { Search } from "./clients/Search.js"
import * as SendRun from "./clients/SendRun.js"
import * as TerminalRun from "./clients/TerminalRun.js"
import { Coverage } from "./Coverage.js"
import { NodesCoverage } from "./nodes/NodesCoverage.js"
import * as NodesRun from "./nodes/NodesRun.js"
import * as Replay from "./Replay.js"
import { run } from "./Run.js"
import { make, type Schedule } from "./Schedule.js"
import { shrink } from "./Shrink.js"
import * as RealRun from "./sockets/RealRun.js"
import { StoreCoverage } from "./store/StoreCoverage.js"
import * as StoreRun from "./store/StoreRun.js"
import type { Violation } from "./Checks.js"

/** Bundled and started by scripts/simulate.mjs, which documents its options. */

const usage =
  "usage: npm run simulate -- [--store | --nodes | --send | --terminal | --real] [--seconds N | --schedules N] " +
  "[--seed S] [--replay SPEC]"

const misuse = (): never => {
  console.error(usage)
  return process.exit(2)
}

const text = { type: "string" } as const

const toggle = { type: "boolean" } as const

const given = () => {
  try {
    return parseArgs({
      options: {
        seconds: text,
        schedules: text,
        seed: text,
        replay: text,
        send: toggle,
        store: toggle,
        nodes: toggle,
        terminal: toggle,
        real: toggle
      }
    }).values
  } catch {
    return misuse()
  }
}

const number = (text: string | undefined, fallback: number) => {
  if (text === undefined) return fallback
  const value = Number(text)
  return Number.isSafeInteger(value) && value >= 0 ? value : misuse()
}

/** Finds the fewest steps that break the same rule, and prints how to replay them. */
const fail = (schedule: Schedule, { rule }: Violation) => {
  const fails = (kept: ReadonlyArray<number>) => run(schedule, kept).violations.some((one) => one.rule === rule)
  const all = schedule.steps.map((_, place) => place)
  const kept = shrink(all, fails)
  console.log(Replay.story(run(schedule, kept)))
  console.log(`seed ${schedule.seed}: ${rule}; ${all.length} steps, of which ${kept.length} are enough. To replay it:`)
  console.log(`  npm run simulate -- --replay ${Replay.show(schedule, kept)}`)
}

const simulate = (limits: { readonly seconds: number; readonly schedules: number }, firstSeed: number) => {
  const coverage = new Coverage()
  const began = performance.now()
  const elapsed = () => (performance.now() - began) / 1000
  for (let seed = firstSeed; elapsed() < limits.seconds && coverage.schedules < limits.schedules; seed++) {
    const schedule = make(seed)
    const outcome = run(schedule)
    coverage.add(outcome)
    const [violation] = outcome.violations
    if (violation === undefined) continue
    console.log(`found after ${coverage.schedules} schedules and ${elapsed().toFixed(1)} s: ${violation.rule}`)
    fail(schedule, violation)
    process.exitCode = 1
    return
  }
  const { pairs, schedules, steps } = coverage
  const rate = (schedules / elapsed()).toFixed(0)
  console.log(coverage.show())
  if (coverage.missing.length > 0) console.log(`never occurred: ${coverage.missing.join("; ")}`)
  // With `--schedules` everything has to occur; a duration cannot require that.
  if (coverage.missing.length > 0 && limits.schedules < Infinity) process.exitCode = 1
  console.log(
    `${schedules} schedules from seed ${firstSeed} on, ${steps} steps, ${pairs} pairs of a line and a recipient; ` +
      `${rate} schedules a second; nothing was broken`
  )
}

/** Runs a client against hostile servers. */
const simulateClient =
  (client: string, search: Search | typeof RealRun.search) =>
  async (limits: { readonly seconds: number; readonly schedules: number }, firstSeed: number) => {
    const began = performance.now()
    const elapsed = () => (performance.now() - began) / 1000
    const { runs, story } = await search(firstSeed, (done) => elapsed() < limits.seconds && done < limits.schedules)
    const rate = (runs / elapsed()).toFixed(0)
    if (story === undefined)
      console.log(`${runs} runs of ${client} from seed ${firstSeed} on, ${rate} a second; nothing was broken`)
    else {
      console.log(`found after ${runs} schedules and ${elapsed().toFixed(1)} s: ${story.split("\n")[0]}`)
      console.log(story)
      process.exitCode = 1
    }
  }

/** Runs what has a coverage of its own: all of it has to occur in a number of schedules. */
const simulateCovered =
  (
    client: string,
    coverage: { readonly show: () => string; readonly missing: ReadonlyArray<string> },
    search: Search
  ) =>
  async (limits: { readonly seconds: number; readonly schedules: number }, firstSeed: number) => {
    await simulateClient(client, search)(limits, firstSeed)
    if (process.exitCode === 1) return
    console.log(coverage.show())
    if (coverage.missing.length === 0) return
    console.log(`never occurred: ${coverage.missing.join("; ")}`)
    if (limits.schedules < Infinity) process.exitCode = 1
  }

/** Runs the server with a store, and crashes. */
const simulateStore = () => {
  const coverage = new StoreCoverage()
  return simulateCovered("the server with a store", coverage, StoreRun.search(coverage))
}

/** Runs the nodes of a cluster. */
const simulateNodes = () => {
  const coverage = new NodesCoverage()
  return simulateCovered("the nodes", coverage, NodesRun.search(coverage))
}

/** Runs one schedule of the store or of the nodes again. */
const replayOne = (run: typeof StoreRun.replay, text: string) => {
  const found = run(text)
  if (found === undefined) return misuse()
  console.log(found.story)
  process.exitCode = found.isBroken ? 1 : 0
}

const replay = (text: string) => {
  const found = Replay.parse(text)
  if (found === undefined) return misuse()
  const outcome = run(found.schedule, found.kept)
  console.log(Replay.story(outcome))
  process.exitCode = outcome.violations.length > 0 ? 1 : 0
}

const values = given()
if (values.replay !== undefined) {
  if (values.store === true) replayOne(StoreRun.replay, values.replay)
  else if (values.nodes === true) replayOne(NodesRun.replay, values.replay)
  else replay(values.replay)
} else {
  const schedules = number(values.schedules, Infinity)
  const seconds = number(values.seconds, schedules < Infinity ? Infinity : 10)
  const runAll =
    values.send === true
      ? simulateClient("send", SendRun.search)
      : values.terminal === true
        ? simulateClient("the terminal", TerminalRun.search)
        : values.real === true
          ? simulateClient("clients on real sockets", RealRun.search)
          : values.store === true
            ? simulateStore()
            : values.nodes === true
              ? simulateNodes()
              : simulate
  await runAll({ seconds, schedules }, number(values.seed, Date.now() % 1_000_000_000))
}
