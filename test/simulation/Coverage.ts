import * as Fate from "../../src/protocol/Fate.js"
import { all as reasons } from "../../src/protocol/CloseReason.js"
import type { Wire } from "./History.js"
import type { HeardLine } from "./ProtocolModel.js"
import type { Outcome } from "./Run.js"
import type { ObservedConnection } from "./ObservedConnection.js"

const sum = (numbers: ReadonlyArray<number>) => numbers.reduce((one, other) => one + other, 0)

/** Everything countable in a run, by group and name. Each must occur, or a promise is untested. */
const counts = ({ history, sessions }: Outcome): ReadonlyArray<readonly [string, string, number]> => {
  const { drained, killed, ledger, logs, steps } = history
  const ofSessions = (is: (session: ObservedConnection) => boolean) => sessions.filter(is).length
  const logged = (start: string) => logs.filter(({ message }) => message.startsWith(start)).length
  const received = sessions.flatMap((session) => session.received)
  const withParam = (start: string) =>
    received.filter((one) => one.is === "from" && one.params.some((param) => param.startsWith(start))).length
  const answered = (head: string) => received.filter((one) => one.line.startsWith(head)).length
  const returned = (reason: string) =>
    sum(received.map((one) => (one.is === "undelivered" && one.reason === reason ? one.count * one.names.length : 0)))
  const breaks = (test: (read: number, write: number) => boolean) =>
    ofSessions(({ wire: { broke, gone, writeBroke } }) => {
      return broke && test(gone?.turn ?? Infinity, writeBroke?.turn ?? Infinity)
    })
  return [
    ...reasons.map((reason) => ["closed as", reason, ofSessions((one) => one.reason === reason)] as const),
    ...Fate.all.map((fate) => ["pairs", fate, ledger[fate]] as const),
    ...["offline", "busy", "disconnected", "slow", "unreachable"].map(
      (reason) => ["pairs", reason, returned(reason)] as const
    ),
    ["pairs", "cut off", drained?.cutOff ?? 0],
    ...Fate.delivered.map((fate) => ["outcomes", fate, answered(`* ${fate} @`)] as const),
    ["outcomes", "undelivered", answered("! undelivered @")],
    ["messages", "marked", withParam("auto=")],
    ["messages", "with a list of other recipients", withParam("to=")],
    ...[
      ..."bad-line too-long too-many-recipients slow-down unknown-command closing"
        .split(" ")
        .map((code) => `! ${code}`),
      ..."who pong bye help hello joined left closing".split(" ").map((code) => `* ${code}`)
    ].map((head) => ["answers", head, answered(`${head} `) + answered(`${head}:`)] as const),
    ["rates", "lines surely refused", sum(sessions.map(({ lines }) => lines.filter(isSlowed).length))],
    ["rates", "with a known retry", sum(sessions.map(({ lines }) => lines.filter(hasRetry).length))],
    ["rates", "lines that may have been refused", sum(sessions.map(({ lines }) => lines.filter(maySlow).length))],
    ["connections", "broken, read side first", breaks((read, write) => read < write)],
    ["connections", "broken, write side first", breaks((read, write) => write < read)],
    [
      "connections",
      "broken in the middle of a line",
      breaks(() => true) && ofSessions((one) => /[^\n]$/.test(one.wire.taken))
    ],
    [
      "connections",
      "broken before they said anything",
      ofSessions(({ wire }) => wire.broke && wire.heard.length === 0)
    ],
    ["connections", "half-closed by the client", ofSessions(({ wire }) => wire.ended !== undefined)],
    ["connections", "half-closed in the middle of a line", ofSessions(isCutLine)],
    ["connections", "held", ofSessions(({ wire }) => wire.pauses.length > 0)],
    ["connections", "held when they broke", ofSessions(isHeldAtBreak)],
    ["connections", "that logged in as one before", ofSessions((one) => isSuccessor(one, sessions))],
    ["connections", "whose login broke under it", ofSessions((one) => one.isUncertain)],
    ["connections", "lingering to the deadline", ofSessions(({ wire }) => lingered(wire) >= history.setting.linger)],
    ["server", "drains that cut off", drained !== undefined && drained.cutOff > 0 ? 1 : 0],
    ["server", "second signals", killed === undefined ? 0 : 1],
    ["server", "crowds dropped", logged("full: the operating system drops")],
    ["server", "shortages", logged("out of file descriptors")],
    ["server", "failed accepts", logged("accepting failed")],
    ...steps.map(([, step]) => ["steps", step.do, 1] as const)
  ]
}

const isSlowed = ({ meaning }: HeardLine) => meaning.is === "slowed"

const hasRetry = ({ meaning }: HeardLine) => meaning.is === "slowed" && meaning.retry !== undefined

const maySlow = (line: HeardLine) => line.maySlow

/** How long the server waited for the client's end. */
const lingered = ({ closed, destroyed }: Wire) =>
  closed === undefined || destroyed === undefined ? 0 : destroyed.at - closed.at

const isCutLine = ({ wire }: ObservedConnection) =>
  wire.ended !== undefined && wire.heard.at(-1)?.bytes.endsWith("\n") === false

const isHeldAtBreak = ({ wire }: ObservedConnection) => {
  const held = wire.pauses.at(-1)
  return wire.broke && held !== undefined && (held.to === undefined || held.to.turn >= (wire.gone?.turn ?? Infinity))
}

const isSuccessor = (session: ObservedConnection, sessions: ReadonlyArray<ObservedConnection>) =>
  session.name !== undefined &&
  sessions.some((one) => one.name === session.name && one.wire.number < session.wire.number)

/** Counts what occurred in a number of runs. */
export class Coverage {
  schedules = 0
  private readonly groups = new Map<string, Map<string, number>>()

  add(outcome: Outcome) {
    this.schedules += 1
    for (const [group, name, count] of counts(outcome)) {
      const found = this.groups.get(group) ?? new Map<string, number>()
      this.groups.set(group, found)
      found.set(name, (found.get(name) ?? 0) + count)
    }
  }

  /** What never occurred. */
  get missing(): ReadonlyArray<string> {
    // A defect of the program must not occur, and no schedule has an operator.
    const never = ["internal-error", "kicked", "banned"]
    return [...this.groups].flatMap(([group, found]) =>
      [...found].flatMap(([name, count]) => (count === 0 && !never.includes(name) ? [`${group}: ${name}`] : []))
    )
  }

  get steps(): number {
    return sum([...(this.groups.get("steps")?.values() ?? [])])
  }

  get pairs(): number {
    return sum([...(this.groups.get("pairs")?.values() ?? [])])
  }

  show(): string {
    return [...this.groups]
      .map(([group, found]) => `${group}\n${[...found].map(([name, count]) => `  ${count} ${name}`).join("\n")}`)
      .join("\n")
  }
}
