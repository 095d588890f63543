import { searchIn, type Search } from "../clients/Search.js"
import type { Report, Violation } from "../Checks.js"
import * as Replay from "../Replay.js"
import * as DeviceChecks from "./DeviceChecks.js"
import * as LogChecks from "./LogChecks.js"
import * as OutcomeChecks from "./OutcomeChecks.js"
import * as PastChecks from "./PastChecks.js"
import * as ReturnChecks from "./ReturnChecks.js"
import * as RoomChecks from "./RoomChecks.js"
import { StoreCoverage } from "./StoreCoverage.js"
import type { StoreHistory } from "./StoreHistory.js"
import { StoreModel } from "./StoreModel.js"
import { make, type StoreSchedule } from "./StoreSchedule.js"
import { StoreWorld } from "./StoreWorld.js"

/** Runs the kept steps of a schedule. */
export const run = (schedule: StoreSchedule, kept: ReadonlyArray<number>): StoreHistory =>
  new StoreWorld(schedule, kept).run()

/** The promises that a run broke. */
export const check = (history: StoreHistory): ReadonlyArray<Violation> => {
  const violations: Array<Violation> = []
  const report: Report = (rule, detail) => void violations.push({ rule, detail })
  const model = new StoreModel(history)
  DeviceChecks.check(model, report)
  LogChecks.check(model, report)
  OutcomeChecks.check(model, report)
  ReturnChecks.check(model, report)
  RoomChecks.check(model, report)
  PastChecks.check(model, report)
  checkProcess(history, report)
  return violations
}

const checkProcess = ({ defects, ledgers, leftOver, sittings }: StoreHistory, report: Report) => {
  for (const defect of defects) report("a defect", defect)
  for (const left of leftOver) report("something was left over", left)
  for (const { socket } of sittings) for (const misuse of socket.wire.misuse) report("the socket was misused", misuse)
  for (const { accepted, inFlight, ...fates } of ledgers) {
    const settled = Object.values(fates).reduce((sum, count) => sum + count, 0)
    if (inFlight !== 0 || accepted !== settled)
      report("the ledger does not balance", JSON.stringify({ accepted, inFlight, ...fates }))
  }
}

/** A run in readable form. */
export const story = (history: StoreHistory, kept: ReadonlyArray<number>): string => {
  const { ends, schedule, sittings, store } = history
  return [
    `to replay it: npm run simulate -- --store --replay ` +
      `${Replay.showPlaces(schedule.seed, schedule.acts.length, kept)}`,
    `setting ${JSON.stringify(schedule.setting)}`,
    ...kept.map((place) => `step ${place} ${JSON.stringify(schedule.acts[place])}`),
    ...sittings.flatMap(({ client, life, socket, words }) => [
      `${socket.remote} ${client.name}/${client.device ?? ""} (${words.join("+")}) in life ${life}`,
      ...[
        ...socket.wire.heard.map(({ at, bytes, turn }) => ({
          turn,
          told: `  ${at} ms, turn ${turn}: < ${cut(bytes)}`
        })),
        ...socket.wire.takes.map(({ at, end, turn }, index) => {
          const from = socket.wire.takes[index - 1]?.end ?? 0
          return { turn, told: `  ${at} ms, turn ${turn}: > ${cut(socket.wire.taken.slice(from, end))}` }
        })
      ]
        .toSorted((one, other) => one.turn - other.turn)
        .map(({ told }) => told)
    ]),
    ...store.log.map(
      ({ conversation, flushed, line, removed, seq }) =>
        `stored ${conversation}/${seq} at ${flushed.at} ms, turn ${flushed.turn}: ${line.author}: ${cut(line.text)}` +
        (removed === undefined ? "" : `; removed in turn ${removed.turn}${removed.isReturned ? ", unread" : ""}`)
    ),
    ...ends.map(
      ({ at, isOrderly, life, turn }) => `life ${life} ends at ${at} ms, turn ${turn}${isOrderly ? ", in order" : ""}`
    ),
    ...check(history).map(({ detail, rule }) => `BROKEN ${rule}: ${detail}`)
  ].join("\n")
}

const cut = (text: string) =>
  JSON.stringify(text.length > 400 ? `${text.slice(0, 400)}…` : text).replaceAll(/x{30,}/gu, "x…")

/** Runs seeds, and counts what occurred in them. */
export const search = (coverage = new StoreCoverage()): Search =>
  searchIn({ client: "the store", make, run, check, story, note: (history) => coverage.add(history) })

/**
 * Runs a schedule in its short form once more, and describes everything that happens in it; undefined if the form is
 * invalid.
 */
export const replay = (text: string): { readonly story: string; readonly isBroken: boolean } | undefined => {
  const found = Replay.parsePlaces(text)
  if (found === undefined) return undefined
  const schedule = make(found.seed)
  const kept = found.kept ?? schedule.acts.map((_, place) => place)
  const history = run(schedule, kept)
  return { story: story(history, kept), isBroken: check(history).length > 0 }
}
