import { connectionBytes } from "../../src/chat/Budget.js"
import { refusalSlots } from "../../src/chat/Limits.js"
import type * as AckModel from "./AckModel.js"
import type { Report } from "./Checks.js"
import type { History, Moment, Wire } from "./History.js"
import { isTurnedAway, type ObservedConnection } from "./ObservedConnection.js"
import * as OperatorModel from "./OperatorModel.js"
import * as ProtocolModel from "./ProtocolModel.js"
import { mostAhead } from "./SimulatedSocket.js"
import { looksLike } from "./WireText.js"

/** Every connection ends, for the right reason, and nothing is left over when all have. */
export const check = (history: History, sessions: ReadonlyArray<ObservedConnection>, report: Report) => {
  for (const defect of history.defects) report("a defect", defect)
  for (const { fields, level, message } of history.logs) {
    if (level === "ERROR" || level === "FATAL") report("an error in the log", `${message} ${JSON.stringify(fields)}`)
  }
  for (const { misuse, remote } of history.wires) for (const what of misuse) report(what, remote)
  checkNames(sessions, report)
  checkLimits(history, sessions, report)
  for (const session of sessions) {
    checkReason(history, session, report)
    checkDeadlines(history, session, report)
    checkHeld(history, session, sessions, report)
    checkReadAhead(history, session, report)
  }
  if (history.killed !== undefined) return
  checkRests(history, report)
  checkDrain(history, report)
}

const checkReason = (history: History, session: ObservedConnection, report: Report) => {
  const { log, reason, wire } = session
  const { setting } = history
  const early = ProtocolModel.earliness(history)
  const where = `${wire.remote} (${reason})`
  if (log === undefined || reason === undefined) {
    if (history.killed === undefined && !isDropped(session)) report("a connection never ended", where)
    return
  }
  const brokeAt = Math.min(wire.broke ? (wire.gone?.turn ?? Infinity) : Infinity, wire.writeBroke?.turn ?? Infinity)
  const draining = history.drainAsked !== undefined && history.drainAsked.turn <= log.turn
  const login = session.lines.find(({ meaning }) => meaning.is === "login")
  const has = (head: string) => session.received.some((one) => one.is === "answer" && one.line.startsWith(head))
  const isTrue = {
    left: () => wire.ended !== undefined,
    quit: () => session.lines.some(({ meaning }) => meaning.is === "quit"),
    "connection-lost": () => brokeAt <= log.turn,
    "slow-consumer": () => stalledMillis(session) >= setting.stallTimeout - early,
    unreachable: () => wasSilent(history, wire, log.at) || hasNotAcknowledged(history, session, log.at),
    memory: () => ProtocolModel.hasLittleMemory(setting),
    "bad-login": () => login?.meaning.is === "login" && login.meaning.name === undefined && has("! bad-login"),
    "login-in-use": () => has("! login-in-use"),
    "login-timeout": () => log.at - wire.accepted.at >= setting.loginTimeout - early && has("! login-timeout"),
    full: () => session.name === undefined,
    // The simulated server has no accounts.
    unauthorized: () => false,
    "logged-out": () => false,
    kicked: () => session.expulsion !== undefined,
    banned: () => session.expulsion !== undefined || isTurnedAway(session) || login !== undefined,
    shutdown: () => draining,
    "cut-off": () => draining && log.at - (history.drainAsked?.at ?? Infinity) >= setting.grace,
    "internal-error": () => false
  }[reason]
  if (!isTrue()) report("a wrong close reason", where)
  // The last line takes a turn: a connection that broke before it is lost, whatever else was about to end it.
  if (session.endedInOrder && brokeAt + 1 < Math.min(log.turn, wire.closed?.turn ?? Infinity) && reason !== "full") {
    report("ended in order after it broke", where)
  }
  if (session.endedInOrder && reason !== "full" && (wire.closed?.untaken ?? 1) > 0) {
    report("closed before the kernel took everything", where)
  }
  if (session.endedInOrder && wire.destroyed !== undefined && wire.closed === undefined) {
    report("destroyed instead of closed", where)
  }
}

/** How long a client that was closed had surely taken nothing, and acknowledged nothing new. */
const stalledMillis = ({ acknowledged, wire: { destroyed } }: ObservedConnection): number => {
  if (destroyed === undefined) return 0
  const { from = -Infinity } = acknowledged.advances.findLast(({ isSure }) => isSure) ?? {}
  return Math.min(destroyed.stalled, destroyed.at - from)
}

/** Whether the client's kernel had acknowledged nothing for the stall timeout at this time, although it should have. */
const wasSilent = (history: History, { silences }: Wire, at: number) => {
  const from = at - history.setting.stallTimeout + ProtocolModel.earliness(history)
  return silences.some((silence) => !silence.isAlive && silence.from <= from && silence.to >= at - closing)
}

/**
 * Whether the client had sent no acknowledgement for the stall timeout at this time, although messages waited for one.
 */
const hasNotAcknowledged = (history: History, { acknowledged }: ObservedConnection, at: number) => {
  const { from = Infinity } = acknowledged.absences.at(-1) ?? {}
  return at - from >= history.setting.stallTimeout - ProtocolModel.earliness(history)
}

/** A check once a second, and a tick before each, while the client may have been written to all the time. */
const lateChecks = 2_000

/** How long a check and the end of a connection may take. */
const closing = 100

/** No client may be silent, or take nothing, for longer than allowed; ticks add some tolerance. */
const checkDeadlines = (
  { drainAsked, end, setting }: History,
  { acknowledged, lines, name, reason, wire }: ObservedConnection,
  report: Report
) => {
  const late = 500
  // A client that is held cannot acknowledge, so its time stands still. A write counts when it has been taken whole.
  // `/quit` gives it the linger time, even at the end of the stall timeout.
  const patience = setting.stallTimeout + (reason === "quit" ? setting.linger : 0)
  const isLong = acknowledged.absences.some(({ from, to }) => to - from > patience + late)
  if (isLong && wire.pauses.length === 0 && !wire.isSlow)
    report("a client that acknowledges nothing was kept", wire.remote)
  for (const { from, to } of wire.stalls) {
    const deadline = stallDeadline(from, acknowledged, setting.stallTimeout, late)
    if (to > deadline) report("a stalled client was kept", `${wire.remote} took nothing for ${to - from} ms`)
  }
  // The server may read late what the client had sent before.
  const quietFrom = wire.heard.at(-1)?.at ?? 0
  const longestSilence = Math.max(
    0,
    ...wire.silences.map(({ from, isAlive, to }) => (isAlive ? 0 : to - Math.max(from, quietFrom)))
  )
  // While the client's socket takes nothing, the deadline above applies.
  if (longestSilence > setting.stallTimeout + lateChecks && !wire.isSlow) {
    report("a client that vanished was kept", `${wire.remote} acknowledged nothing for ${longestSilence} ms`)
  }
  const graceEnd = drainAsked === undefined ? Infinity : drainAsked.at + setting.grace
  const isLate = wire.stalls.some(({ from, to }) => from < graceEnd && to > graceEnd + 100)
  if (isLate) report("a stalled client was kept after the grace time", wire.remote)
  const broke = wire.reset && { from: wire.reset.at, to: wire.gone?.at ?? end.at }
  if (broke !== undefined && broke.to - broke.from > late) {
    report("a break was not noticed", `${wire.remote} for ${broke.to - broke.from} ms`)
  }
  if (name !== undefined || reason === "full") return
  const over = Math.min(...[wire.closed, wire.destroyed, wire.gone].map((moment) => moment?.at ?? end.at))
  const isLeaving = wire.ended !== undefined || lines.some(({ meaning }) => meaning.is === "quit")
  if (!isLeaving && !wire.isSlow && over - wire.accepted.at > setting.loginTimeout + late) {
    report("a silent client was kept", `${wire.remote} for ${over - wire.accepted.at} ms`)
  }
}

/**
 * The latest time at which a client that takes nothing is closed: each acknowledgement of something new gives it the
 * time anew, if it was handled before the time was over.
 */
const stallDeadline = (since: number, { advances }: AckModel.Acknowledged, stallTimeout: number, late: number) => {
  let last = since
  for (const { from, to } of advances) {
    const deadline = last + stallTimeout + late
    if (from <= deadline) last = Math.max(last, Math.min(to, deadline))
  }
  return last + stallTimeout + late
}

/**
 * A client that always reads is held by each recipient for at most the hold timeout, unless the recipient takes bytes
 * or acknowledges something meanwhile. (A client that labels lines may also wait for outcomes, without a limit.)
 */
const checkHeld = (
  { end, setting }: History,
  session: ObservedConnection,
  sessions: ReadonlyArray<ObservedConnection>,
  report: Report
) => {
  const { lines, wire } = session
  if (wire.pauses.length === 0 || wire.isSlow || lines.some(({ label }) => label !== undefined)) return
  // An unfinished line above the smallest share may have to wait until others let go of their memory.
  if (ProtocolModel.hasLittleMemory(setting) && setting.maxLineBytes > 16_384) return
  const names = new Set(lines.flatMap(({ meaning }) => (meaning.is === "message" ? meaning.to : [])))
  const over = Math.min(wire.gone?.at ?? end.at, wire.closed?.at ?? end.at)
  for (const { from, to } of wire.pauses) {
    const until = Math.min(to?.at ?? over, over)
    const others = sessions.filter((one) => one.name !== undefined && names.has(one.name) && one.wire !== wire)
    // It may also be held by its own queue until the next turns.
    const holders = [session, ...others].filter(
      (one) => one.wire.accepted.at <= until && goneAt(one.wire).at >= from.at
    )
    const most = holders.length * (setting.holdTimeout + 250)
    const moves = holders
      .flatMap(({ acknowledged, wire: { takes } }) => [
        ...takes.map(({ at }) => at),
        ...acknowledged.advances.map(({ from }) => from)
      ])
      .filter((at) => at > from.at && at < until)
    let last = from.at
    for (const at of [...moves.toSorted((one, other) => one - other), until]) {
      if (at - last > most) return report("held for too long", `${wire.remote} for ${at - last} ms from ${last} ms on`)
      last = at
    }
  }
}

/** The shortest time, in milliseconds, after which a drain ends the input of all clients: five ticks without any. */
const leastDrain = 50

/** The server reads less than two reads ahead of the broker, which routes at the end of each turn. */
const checkReadAhead = ({ drainAsked, setting }: History, session: ObservedConnection, report: Report) => {
  const { expulsion, isUncertain, lines, name, reason, wire } = session
  // What it discards after the end of the client's input, or once the operator has disconnected it, takes no memory.
  const mayBeRefused = name === undefined || isUncertain
  const last = lines.find(({ meaning }) => meaning.is === "quit" || (meaning.is === "login" && mayBeRefused))
  const lastTurn = Math.min(last?.heard.turn ?? Infinity, expulsion?.from ?? Infinity)
  const refusedFrom = reason === "login-timeout" ? wire.accepted.at + setting.loginTimeout / 2 : Infinity
  const leavesFrom = (drainAsked?.at ?? Infinity) + leastDrain
  const endsFrom = Math.min(refusedFrom, leavesFrom)
  const sums = new Map<number, number>()
  for (const { at, bytes, turn } of wire.heard) {
    if (turn <= lastTurn && at < endsFrom) sums.set(turn, (sums.get(turn) ?? 0) + bytes.length)
  }
  const most = Math.max(0, ...sums.values())
  if (most > mostAhead) report("read ahead of the broker without a bound", `${wire.remote}: ${most} bytes`)
}

/** A name has one owner at a time, and is refused only while it has one. */
const checkNames = (sessions: ReadonlyArray<ObservedConnection>, report: Report) => {
  const named = sessions.flatMap((one) =>
    one.name === undefined || one.presence === undefined ? [] : [{ ...one, name: one.name, when: one.presence }]
  )
  named.forEach((one, index) => {
    for (const other of named.slice(index + 1)) {
      if (!ProtocolModel.overlap(one.when.surelyNamed, other.when.surelyNamed)) continue
      if (!looksLike(one.name, other.name) || mayShare(one, other)) continue
      report("two had the same name", `${one.name} at ${one.wire.remote} and ${other.wire.remote}`)
    }
  })
  for (const session of sessions) {
    if (session.reason !== "login-in-use") continue
    const login = session.lines.find(({ meaning }) => meaning.is === "login")
    if (login?.meaning.is !== "login" || login.meaning.name === undefined) continue
    const { isSendOnly, name } = login.meaning
    const hasOwner = named.some(
      (one) =>
        one.wire !== session.wire &&
        ProtocolModel.overlap(one.when.maybeNamed, login.span) &&
        looksLike(one.name, name) &&
        !(one.isSendOnly === "yes" && isSendOnly === "yes" && one.name === name)
    )
    if (!hasOwner) report("a free name was refused", `${name} for ${session.wire.remote}`)
  }
}

/** Whether two clients may have one name: if both only send, and the names are identical. */
const mayShare = (one: ObservedConnection, other: ObservedConnection) =>
  one.isSendOnly !== "no" && other.isSendOnly !== "no" && one.name === other.name

/** Beyond the places for refusals, connections are dropped without an answer. */
const isDropped = ({ reason, wire }: ObservedConnection) =>
  reason === undefined && wire.taken === "" && wire.destroyed?.turn === wire.accepted.turn

const isRefused = (session: ObservedConnection) => {
  const { hasLoggedIn, reason, wire } = session
  if (hasLoggedIn) return false
  if (reason === "full" || isTurnedAway(session)) return true
  return reason === undefined && (wire.destroyed !== undefined || wire.taken.startsWith("! full "))
}

/** A client is refused exactly when all places are taken, or its address is banned. */
const checkLimits = (history: History, sessions: ReadonlyArray<ObservedConnection>, report: Report) => {
  const { setting } = history
  sessions.forEach((session, index) => {
    const { turn } = session.wire.accepted
    const before = sessions.slice(0, index).filter((one) => !isRefused(one))
    const surely = before.filter(({ wire }) => turn < goneAt(wire).turn)
    const maybe = before.filter(({ wire }) => turn <= forgottenAt(history, wire))
    const ofHost = (some: ReadonlyArray<ObservedConnection>) =>
      some.filter(({ wire }) => wire.host === session.wire.host).length
    const perHost = setting.maxConnectionsPerAddress === 0 ? Infinity : setting.maxConnectionsPerAddress
    const places = Math.min(setting.maxConnections, Math.ceil(setting.maxMemory / connectionBytes))
    const refused = sessions.slice(0, index).filter((one) => isRefused(one) && turn <= forgottenAt(history, one.wire))
    const where = `${session.wire.remote}: ${surely.length} to ${maybe.length} were served`
    if (isDropped(session) && refused.length < refusalSlots(setting.maxConnections)) {
      report("dropped without an answer", `${session.wire.remote}: ${refused.length} were being refused`)
    }
    if (isRefused(session)) {
      // With little memory, what waits in queues may leave none for another connection.
      if (isTurnedAway(session)) return // checked with the operator's acts
      // Not even refused, because all places for refusals were taken.
      if (isDropped(session) && OperatorModel.addressBannedUntil(history, session.wire) > session.wire.accepted.clock)
        return
      if (maybe.length < setting.maxConnections && ofHost(maybe) < perHost && !ProtocolModel.hasLittleMemory(setting))
        report("refused a client with a place free", where)
    } else if (surely.length >= places || ofHost(surely) >= perHost) {
      report("served more clients than allowed", where)
    }
  })
}

/** When a connection had ended on both sides. */
const goneAt = ({ destroyed, gone }: Wire): Moment => {
  const [first = never, second = never] = [gone, destroyed]
  return first.turn < second.turn ? first : second
}

/** The latest turn in which the server notices the end: while it waits for a write, only when that fails. */
const forgottenAt = (history: History, wire: Wire): number =>
  ProtocolModel.settledBy(history, Math.max(goneAt(wire).turn, wire.writeBroke?.turn ?? 0))

const never: Moment = { turn: Infinity, at: Infinity }

const checkRests = (history: History, report: Report) => {
  const { memoryUnaccounted, readAhead, rests, unaccounted, unsettled } = history
  if (unsettled.length > 0) report("a line waits although no client is slow", unsettled.join(", "))
  if (unaccounted.length > 0) report("the queues and the ledger disagree", unaccounted.join(", "))
  if (memoryUnaccounted.length > 0) report("the queues and the memory budget disagree", memoryUnaccounted.join(", "))
  if (readAhead.length > 0) report("read ahead of the broker without a bound", `${readAhead.join(", ")} bytes`)
  for (const { fibers, isListening, ledger, memory, names, openSockets, timers, when } of rests) {
    const isEnd = when === "the server has ended"
    if (fibers !== 0) report("fibers are left", `${fibers} when ${when}`)
    if (timers !== 0) report("timers are left", `${timers} when ${when}`)
    if (isEnd && isListening) report("a listener is left", when)
    if (names.length > 0) report("names are left", `${names.join(", ")} when ${when}`)
    if (openSockets > 0) report("sockets are left", `${openSockets} when ${when}`)
    if (memory !== 0) report("memory is still counted at rest", `${memory} bytes when ${when}`)
    if (ledger.inFlight !== 0) report("pairs are in flight at rest", `${JSON.stringify(ledger)} when ${when}`)
  }
}

const checkDrain = ({ drainAsked, drained, logs, setting }: History, report: Report) => {
  if (drainAsked === undefined) return
  const stopped = logs.find(({ message }) => message.startsWith("stopped"))
  if (stopped === undefined) return report("the drain never ended", `asked at ${drainAsked.at}`)
  const took = stopped.at - drainAsked.at
  if (took > setting.grace + 1_000 + 200) report("the drain took too long", `${took} ms`)
  if (drained === undefined) return
  if (drained.cutOff > 0 && took < setting.grace) report("the grace time was cut short", `${took} ms`)
  if (drained.ledger.inFlight !== 0) report("pairs are in flight after the drain", JSON.stringify(drained.ledger))
}
