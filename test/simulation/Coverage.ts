import * as Fate from "../../src/protocol/Fate.js"
import { closeReasons as reasons } from "../../src/protocol/CloseReason.js"
import type { History, Wire } from "./History.js"
import { hasLastLine } from "./OperatorChecks.js"
import { bannedUntil, isAddressOf, isNameOf } from "./OperatorModel.js"
import { overlap, type HeardLine } from "./ProtocolModel.js"
import type { Outcome } from "./Run.js"
import { isTurnedAway, type ObservedConnection } from "./ObservedConnection.js"

const sum = (numbers: ReadonlyArray<number>) => numbers.reduce((one, other) => one + other, 0)

/** What this server cannot do: it has neither accounts nor a store. The one in `store/` has. */
const withoutAccounts = new Set(["unauthorized", "logged-out", "stored"])

const canBe = (name: string) => !withoutAccounts.has(name)

/** Everything countable in a run, by group and name. Each must occur, or a promise is untested. */
const counts = ({ history, sessions }: Outcome): ReadonlyArray<readonly [string, string, number]> => {
  const { acts, drained, killed, ledger, logs, steps } = history
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
    ...reasons
      .filter(canBe)
      .map((reason) => ["closed as", reason, ofSessions((one) => one.reason === reason)] as const),
    ...Fate.all.filter(canBe).map((fate) => ["pairs", fate, ledger[fate]] as const),
    ...["offline", "busy", "disconnected", "slow", "unreachable"].map(
      (reason) => ["pairs", reason, returned(reason)] as const
    ),
    ["pairs", "cut off", drained?.cutOff ?? 0],
    ...Fate.delivered.filter(canBe).map((fate) => ["outcomes", fate, answered(`* ${fate} @`)] as const),
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
    ["connections", "that only send", ofSessions(isSendOnly)],
    [
      "connections",
      "that only send and share a name",
      ofSessions((one) => isSendOnly(one) && sharesName(one, sessions))
    ],
    [
      "connections",
      "that only send, disconnected by the operator",
      ofSessions((one) => isSendOnly(one) && isExpelled(one))
    ],
    ["operator", "acts without an effect", acts.filter(({ count }) => count === 0).length],
    ["operator", "bans of several clients", acts.filter(({ count }) => count > 1).length],
    ["operator", "bans lifted", acts.filter(({ count, step }) => step.do === "unban" && count > 0).length],
    ["operator", "clients refused by address", ofSessions(isTurnedAway)],
    ["operator", "clients refused by name", ofSessions(isRefusedByName)],
    ["operator", "clients disconnected with a last line", ofSessions((one) => isExpelled(one) && hasLastLine(one))],
    ["operator", "clients disconnected that took nothing", ofSessions(isExpelledStalled)],
    ["operator", "clients disconnected with lines unacknowledged", ofSessions(isExpelledOwing)],
    ["operator", "bans that were over when a client came back", ofSessions((one) => cameAfterBan(history, one))],
    ["server", "drains that cut off", drained !== undefined && drained.cutOff > 0 ? 1 : 0],
    ["server", "second signals", killed === undefined ? 0 : 1],
    ["server", "crowds dropped", logged("full: the operating system drops")],
    ["server", "shortages", logged("out of file descriptors")],
    ["server", "failed accepts", logged("accepting failed")],
    ...steps.map(([, step]) => ["steps", step.do, 1] as const)
  ]
}

const isSendOnly = (one: ObservedConnection) => one.isSendOnly === "yes" && one.name !== undefined

/** It is not the only one at its time with its name. */
const sharesName = (one: ObservedConnection, sessions: ReadonlyArray<ObservedConnection>) =>
  sessions.some(
    (other) =>
      other !== one &&
      isSendOnly(other) &&
      other.name === one.name &&
      other.presence !== undefined &&
      one.presence !== undefined &&
      overlap(one.presence.surelyNamed, other.presence.surelyNamed)
  )

const isExpelled = ({ expulsion, reason }: ObservedConnection) =>
  expulsion !== undefined && (reason === "kicked" || reason === "banned")

const isRefusedByName = (one: ObservedConnection) =>
  one.reason === "banned" && one.expulsion === undefined && !isTurnedAway(one)

const isExpelledStalled = (one: ObservedConnection) => isExpelled(one) && (one.wire.destroyed?.stalled ?? 0) > 0

const isExpelledOwing = (one: ObservedConnection) =>
  isExpelled(one) && one.log?.fields["unacknowledgedLines"] !== undefined

/** It was let in although a ban of its address or name was never lifted. */
const cameAfterBan = ({ acts }: History, { name, wire }: ObservedConnection) =>
  name !== undefined &&
  bannedUntil(
    acts.filter(({ order }) => order < wire.accepted.order),
    (subject) => isAddressOf(subject, wire.host) || isNameOf(subject, name)
  ) > -Infinity

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
    // A defect of the program must not occur.
    return [...this.groups].flatMap(([group, found]) =>
      [...found].flatMap(([name, count]) => (count === 0 && name !== "internal-error" ? [`${group}: ${name}`] : []))
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
