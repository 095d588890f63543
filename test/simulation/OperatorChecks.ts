import type { Report } from "./Checks.js"
import type { History, OperatorAct } from "./History.js"
import type { Meaning } from "./LineMeaning.js"
import { isTurnedAway, type ObservedConnection } from "./ObservedConnection.js"
import * as OperatorModel from "./OperatorModel.js"
import * as ProtocolModel from "./ProtocolModel.js"

/**
 * Who is kicked or banned is disconnected with a last line that says so, and who is banned is refused until the ban
 * ends; nobody else is.
 */
export const check = (history: History, sessions: ReadonlyArray<ObservedConnection>, report: Report) => {
  const isOperated = history.acts.length > 0
  for (const act of history.acts) checkAct(history, act, sessions, report)
  for (const session of sessions) {
    if (!isOperated && session.reason === "banned") report("a client was refused without a ban", session.wire.remote)
    if (!isOperated) continue
    checkAccept(history, session, report)
    checkLogin(history, session, report)
    checkLastLine(history, session, report)
    checkExpelled(history, session, report)
  }
}

/** How often, and on whom, an act had an effect. */
const checkAct = (history: History, act: OperatorAct, sessions: ReadonlyArray<ObservedConnection>, report: Report) => {
  const { clock, count, step, turn } = act
  const what = `${JSON.stringify(step)} in turn ${turn}`
  if (step.do === "unban") {
    const before = history.acts.slice(0, history.acts.indexOf(act))
    const isBanned =
      OperatorModel.bannedUntil(before, (subject) => OperatorModel.isSameSubject(subject, step.subject)) > clock
    if (isBanned !== count > 0) report("a wrong answer to an unban", `${what}: ${count}`)
    return
  }
  if (history.killed !== undefined) return
  const there = sessions.filter(
    (session) => session.wire.accepted.order < act.order && !isTurnedAway(session) && session.reason !== "full"
  )
  const maybe = there.filter((session) => mayConcern(history, act, session)).length
  const surely = there.filter((session) => surelyConcerns(act, session)).length
  const isRight = step.do === "kick" ? (count > 0 ? maybe > 0 : surely === 0) : count >= surely && count <= maybe
  if (!isRight) report("a wrong number of disconnected clients", `${what}: ${count}, and not ${surely} to ${maybe}`)
}

const mayConcern = (history: History, act: OperatorAct, { log, name, presence, wire }: ObservedConnection) => {
  const isThere = log === undefined || ProtocolModel.settledBy(history, log.turn) >= act.turn
  const known = presence !== undefined && presence.maybeNamed.from <= act.turn ? name : undefined
  return isThere && OperatorModel.isAgainst(act, wire.host, known)
}

const surelyConcerns = (act: OperatorAct, { isUncertain, log, name, presence, wire }: ObservedConnection) => {
  const isThere = log !== undefined && log.turn > act.turn
  const known = presence !== undefined && presence.surelyNamed.from <= act.turn && !isUncertain ? name : undefined
  return isThere && OperatorModel.isAgainst(act, wire.host, known)
}

/** A connection from a banned address is refused, with the end of the ban. */
const checkAccept = (history: History, session: ObservedConnection, report: Report) => {
  const { log, wire } = session
  const { clock } = wire.accepted
  const until = OperatorModel.addressBannedUntil(history, wire)
  const where = `${wire.remote}: ${wire.taken.slice(0, 60)}`
  if (until <= clock) {
    if (isTurnedAway(session)) report("a client was refused without a ban", where)
  } else if (!isTurnedAway(session)) {
    if (log !== undefined) report("a banned address was let in", where)
  } else if (!wire.taken.startsWith(`! banned ${retryOf(until - clock)}fatal: `)) report("a wrong refusal", where)
}

const retryOf = (left: number) => (left === Infinity ? "" : `retry=${Math.ceil(left)} `)

/** A login under a banned name is refused, and no other. */
const checkLogin = (history: History, session: ObservedConnection, report: Report) => {
  const { expulsion, isUncertain, lines, reason, wire } = session
  const login = lines.find(({ meaning }) => meaning.is === "login")
  if (login?.meaning.is !== "login" || login.meaning.name === undefined) return
  const { name } = login.meaning
  const ends = endsDuring(history, login.span, (subject) => OperatorModel.isNameOf(subject, name))
  const clocks = clocksOf(history, login.span)
  const where = `${name} at ${wire.remote}`
  const isIn = session.name !== undefined && !isUncertain
  if (isIn && ends.every((end) => end > clocks.most)) report("a banned name logged in", where)
  if (reason !== "banned" || isIn || expulsion !== undefined || isTurnedAway(session)) return
  const banned = ends.filter((end) => end > clocks.least)
  if (banned.length === 0) return report("a name was refused without a ban", where)
  const line = session.received.at(-1)?.line ?? ""
  const isTrue = (end: number) => isRetryOf(line, end, clocks)
  if (line.startsWith("! banned") && !banned.some(isTrue)) report("a wrong refusal", `${where}: ${line}`)
}

interface Clocks {
  readonly least: number
  readonly most: number
}

const isRetryOf = (line: string, end: number, { least, most }: Clocks) => {
  const retry = /^! banned (?:@\S+ )?(?:retry=(\d+) )?fatal: /u.exec(line)?.[1]
  if (retry === undefined || end === Infinity) return retry === undefined && end === Infinity
  return Number(retry) >= Math.ceil(end - most) && Number(retry) <= Math.ceil(end - least)
}

const clockOf = ({ clocks }: History, turn: number) => clocks[turn] ?? Infinity

const clocksOf = (history: History, { from, to }: ProtocolModel.Span): Clocks => ({
  least: clockOf(history, from),
  most: clockOf(history, to)
})

/** The ends of the bans that may have been in force in these turns, one for each act within. */
const endsDuring = ({ acts }: History, { from, to }: ProtocolModel.Span, concerns: (subject: string) => boolean) => {
  const before = acts.filter(({ turn }) => turn < from).length
  const after = acts.filter(({ turn }) => turn <= to).length
  const counts = Array.from({ length: after - before + 1 }, (_, more) => before + more)
  return counts.map((count) => OperatorModel.bannedUntil(acts.slice(0, count), concerns))
}

/** The operator's word is the last line of a client that it reaches, and true. */
const checkLastLine = (history: History, session: ObservedConnection, report: Report) => {
  const { acts, killed } = history
  const { expulsion, lines, reason, received, wire } = session
  const words = received.filter(({ line }) => /^! (?:kicked|banned) /u.test(line))
  const last = received.at(-1)
  const where = `${wire.remote} (${reason}): ${last?.line.slice(0, 60)}`
  if (words.length > 1 || (words.length === 1 && words[0] !== last)) report("a line follows the operator's", where)
  // The refusal of a client that was turned away is checked with its accept, although a later ban may concern it as
  // well.
  if (expulsion === undefined || isTurnedAway(session)) return
  if (last !== undefined && words.length === 1) {
    const login = lines.find(({ meaning }) => meaning.is === "login")
    const asked = login?.meaning.is === "login" ? (login.meaning.name ?? "") : ""
    // The last line may be the refusal of its login, which a later ban does not take back.
    const isRefusal =
      session.name === undefined &&
      login !== undefined &&
      endsDuring(history, login.span, (subject) => OperatorModel.isNameOf(subject, asked)).some((end) =>
        isRetryOf(last.line, end, clocksOf(history, login.span))
      )
    const isTrue = (act: OperatorAct) => {
      if (act.step.do === "kick") return last.line.startsWith("! kicked fatal: ")
      const soFar = acts.slice(0, acts.indexOf(act) + 1)
      const clocks = { least: act.clock, most: act.clock }
      const ends = [
        OperatorModel.bannedUntil(soFar, (subject) => OperatorModel.isAddressOf(subject, wire.host)),
        OperatorModel.bannedUntil(soFar, (subject) => OperatorModel.isNameOf(subject, session.name ?? asked))
      ]
      return ends.some((end) => isRetryOf(last.line, end, clocks))
    }
    if (!isRefusal && !acts.some((act) => OperatorModel.isAgainst(act, wire.host, session.name) && isTrue(act)))
      report("a wrong last line from the operator", where)
  }
  // The refusal of its login may be its last line, and be lost when the operator disconnects it in the same turn.
  const isRefused = session.name === undefined && lines.some(({ meaning }) => meaning.is === "login")
  const isLeaving =
    wire.ended !== undefined || isRefused || lines.some(({ meaning }) => meaning.is === "quit" || isBadLogin(meaning))
  const isReached = !wire.isSlow && wire.reset === undefined && wire.writeBroke === undefined && !isLeaving
  const isOther = reason !== "kicked" && reason !== "banned"
  if (isReached && !isOther && words.length === 0 && killed === undefined)
    report("a client was not told that the operator disconnected it", where)
}

/** Whether the last line that it received is the operator's. */
export const hasLastLine = ({ received }: ObservedConnection): boolean =>
  /^! (?:kicked|banned) /u.test(received.at(-1)?.line ?? "")

/** The bytes of the operator's line that were taken. The connection may have ended before the rest was. */
const lastLineBytes = (session: ObservedConnection): number => {
  const { taken } = session.wire
  const part = taken.slice(taken.lastIndexOf("\n") + 1)
  if (part === "") return hasLastLine(session) ? `${session.received.at(-1)?.line}\n`.length : 0
  const isOperators = ["! kicked ", "! banned "].some((head) => part.startsWith(head) || head.startsWith(part))
  return isOperators ? part.length : 0
}

const isBadLogin = (meaning: Meaning) => meaning.is === "login" && meaning.name === undefined

/** Reasons that an expelled connection may end for: nothing else ends it before the operator's line is taken. */
const afterExpulsion: ReadonlyArray<unknown> = [
  "kicked",
  "banned",
  "connection-lost",
  "unreachable",
  "slow-consumer",
  "memory",
  "cut-off"
]

/** Whom the operator disconnects is gone soon, even if it takes nothing. */
const checkExpelled = (history: History, session: ObservedConnection, report: Report) => {
  const { acts, killed, setting, times } = history
  const { expulsion, log, reason, wire } = session
  if (killed !== undefined || isTurnedAway(session)) return
  const isExpelled = acts.some((act) => act.order > wire.accepted.order && surelyConcerns(act, session))
  if (isExpelled && reason !== "full" && !afterExpulsion.includes(reason))
    report("a client was not disconnected", `${wire.remote} (${reason})`)
  if (expulsion === undefined || expulsion.to === Infinity || log === undefined) return
  // A write that has begun is completed; what waits behind it returns to the senders.
  const act = acts.find(({ turn }) => turn === expulsion.to)
  const handed = expulsion.from === expulsion.to ? act?.writing.get(wire) : undefined
  const last = lastLineBytes(session)
  if (handed !== undefined && wire.taken.length - last > handed)
    report("a queue was written to a disconnected client", `${wire.remote}: ${wire.taken.length - last - handed} bytes`)
  const since = times[expulsion.to] ?? 0
  const late = Math.min(setting.linger, setting.stallTimeout) + 500
  for (const { from, to } of wire.stalls) {
    const waited = Math.min(to, log.at) - Math.max(from, since)
    if (waited > late) report("a disconnected client was kept", `${wire.remote} took nothing for ${waited} ms more`)
  }
}
