import * as Fate from "../../src/protocol/Fate.js"
import type { Report } from "./Checks.js"
import * as HeadChecks from "./HeadChecks.js"
import type { History } from "./History.js"
import type { Doubt } from "./LineMeaning.js"
import type { ObservedConnection } from "./ObservedConnection.js"
import * as ProtocolModel from "./ProtocolModel.js"
import * as WireText from "./WireText.js"

/** A message line. */
export interface Message {
  readonly sender: ObservedConnection
  readonly line: ProtocolModel.HeardLine
  readonly to: ReadonlyArray<string>
  /** The line as its recipients receive it. */
  readonly wire: string
  readonly isAccepted: Doubt
}

/**
 * Of one sender and one name: the number of lines accepted, written and received (each surely, and at most), and
 * returned.
 */
interface Tally {
  sure: number
  maybe: number
  written: number
  maybeWritten: number
  received: number
  maybeReceived: number
  returned: number
}

const nothing: Tally = {
  sure: 0,
  maybe: 0,
  written: 0,
  maybeWritten: 0,
  received: 0,
  maybeReceived: 0,
  returned: 0
}

/** What became of a line that a recipient got. */
type Got = "written" | "maybe written" | "received" | "maybe received" | "maybe read"

/**
 * Each accepted (line, recipient) pair is written once, received once or returned once, unless its sender had left; and
 * the ledger says the same. A recipient may have got a line that is returned if it did not acknowledge it, although it
 * acknowledges others, or if the server could not learn that the kernel took it.
 */
export const check = (history: History, sessions: ReadonlyArray<ObservedConnection>, report: Report) => {
  const byName = new Map<string, Array<ObservedConnection>>()
  for (const session of sessions) {
    if (session.name === undefined) continue
    byName.set(session.name, [...(byName.get(session.name) ?? []), session])
  }
  const messages = sessions.flatMap((sender) => messagesOf(history, sender))
  const byWire = new Map(messages.map((message) => [message.wire, message]))
  const tallies = new Map<ObservedConnection, Map<string, Tally>>()
  const tally = (sender: ObservedConnection, name: string) => {
    const own = tallies.get(sender) ?? new Map<string, Tally>()
    tallies.set(sender, own)
    const found = own.get(name) ?? { ...nothing }
    own.set(name, found)
    return found
  }
  for (const { isAccepted, sender, to } of messages) {
    for (const name of to) {
      const own = tally(sender, WireText.shown(name))
      if (isAccepted !== "no") own.maybe += 1
      if (isAccepted === "yes") own.sure += 1
    }
  }

  // A line is written to its recipient, once, and not to a later client with the same name.
  const writtenTo = new Map<Message, Map<string, Got>>()
  for (const recipient of sessions) {
    let place = 0
    for (const one of recipient.received) {
      if (one.is !== "from") continue
      place += 1
      const message = byWire.get(one.line)
      const name = recipient.name ?? ""
      const where = `${show(one.line)} at ${recipient.wire.remote}`
      if (message === undefined || !message.to.includes(name)) {
        report("a line that was not sent to its recipient", where)
        continue
      }
      if (message.isAccepted === "no") report("a refused line was written", where)
      const names = writtenTo.get(message) ?? new Map<string, Got>()
      writtenTo.set(message, names)
      if (names.has(name)) report("a line was written twice", where)
      const got = gotAt(recipient, place, one.isKnown)
      names.set(name, got)
      const own = tally(message.sender, name)
      if (got === "written") own.written += 1
      if (got === "written" || got === "maybe written") own.maybeWritten += 1
      if (got === "received") own.received += 1
      if (got === "received" || got === "maybe received") own.maybeReceived += 1
      const { presence } = recipient
      if (presence !== undefined && message.line.span.to < presence.maybe.from) {
        report("a line reached a later client with the same name", where)
      }
      if (recipient.expulsion !== undefined && message.line.span.from > recipient.expulsion.to) {
        report("a line reached a client that the operator had disconnected", where)
      }
    }
  }
  HeadChecks.check(sessions, byWire, writtenTo, byName, report)

  const outcomes = outcomesOf(sessions, report)
  for (const sender of sessions) {
    for (const one of sender.received) {
      if (one.is !== "undelivered") continue
      for (const name of one.names) {
        tally(sender, name).returned += one.count
        checkReason(history, sender, name, one.reason, byName.get(name) ?? [], report)
      }
    }
  }
  for (const message of messages) checkOutcomes(history, message, writtenTo.get(message), outcomes, byName, report)
  for (const [sender, own] of tallies) {
    for (const [name, counts] of own) {
      const { maybe, maybeReceived, maybeWritten, received, returned, sure, written } = counts
      const what = `${sender.wire.remote} to ${name}: ${JSON.stringify(counts)}`
      if (written + received + returned > maybe) report("more was delivered and returned than accepted", what)
      if (sender.endedInOrder && maybeWritten + maybeReceived + returned < sure && history.killed === undefined) {
        report("a line was neither delivered nor returned", what)
      }
    }
  }
  checkQueues(history, sessions, byName, report)
  if (history.killed === undefined) checkLedger(history, tallies, report)
}

/**
 * What became of a recipient's message at this place, the first being 1. An acknowledgement also shows that the
 * recipient got everything before.
 *
 * @param isKnown whether the server can know that the kernel took it
 */
const gotAt = ({ acknowledged }: ObservedConnection, place: number, isKnown: boolean): Got => {
  const { maybe, surely, written } = acknowledged
  if (place > written) return place <= surely ? "received" : place <= maybe ? "maybe received" : "maybe read"
  return isKnown || surely > written ? "written" : maybe > written ? "maybe written" : "maybe read"
}

const messagesOf = (history: History, sender: ObservedConnection): ReadonlyArray<Message> => {
  const { isUncertain, name, received } = sender
  if (name === undefined) return []
  const refused = new Set(
    received.flatMap((one) =>
      one.is === "answer" ? (/^! (?:closing|slow-down) @(\S+?)[: ]/.exec(one.line)?.[1] ?? []) : []
    )
  )
  return sender.lines.flatMap((line): ReadonlyArray<Message> => {
    const { label, meaning } = line
    if (meaning.is !== "message") return []
    const isRefused = label !== undefined && refused.has(label)
    const when = ProtocolModel.closing(history, line)
    const isMaybe = isUncertain || when === "maybe" || line.maySlow || line.isDoubtful
    const isAccepted = isRefused || when === "yes" ? "no" : isMaybe ? "maybe" : "yes"
    return [
      {
        sender,
        line,
        to: meaning.to,
        wire: `from ${WireText.encode(name)}: ${WireText.encode(meaning.text)}`,
        isAccepted
      }
    ]
  })
}

interface Outcome {
  /** The fate of a delivered line; otherwise empty. */
  readonly fate: string
  readonly reason: string
}

/** By session, label and name. */
type Outcomes = Map<string, Outcome>

const outcomesOf = (sessions: ReadonlyArray<ObservedConnection>, report: Report): Outcomes => {
  const found: Outcomes = new Map()
  for (const { received, wire } of sessions) {
    for (const one of received) {
      if ((one.is !== "delivered" && one.is !== "undelivered") || one.label === undefined) continue
      for (const name of one.names) {
        const key = `${wire.number} ${one.label} ${name}`
        if (found.has(key)) report("a label had two outcomes for one recipient", key)
        found.set(key, one.is === "delivered" ? { fate: one.fate, reason: "" } : { fate: "", reason: one.reason })
      }
    }
  }
  return found
}

export type ByName = ReadonlyMap<string, ReadonlyArray<ObservedConnection>>

const checkOutcomes = (
  history: History,
  { isAccepted, line, sender, to }: Message,
  written: ReadonlyMap<string, Got> | undefined,
  outcomes: Outcomes,
  byName: ByName,
  report: Report
) => {
  if (line.label === undefined) return
  for (const name of to) {
    const key = `${sender.wire.number} ${line.label} ${WireText.shown(name)}`
    const outcome = outcomes.get(key)
    if (outcome === undefined) {
      if (isAccepted === "yes" && sender.endedInOrder) report("a label has no outcome", key)
      continue
    }
    const got = written?.get(name)
    if (outcome.fate === "written" && got !== "written" && got !== "maybe written")
      report("reported as written, but was not", key)
    if (outcome.fate === "received" && got !== "received" && got !== "maybe received")
      report("reported as received, but was not", key)
    if (outcome.fate === "" && (got === "written" || got === "received"))
      report("reported as undelivered, but was delivered", key)
    const wasThere = (byName.get(name) ?? []).some(
      ({ presence }) => presence && ProtocolModel.covers(presence.surely, line.span)
    )
    if (outcome.reason === "offline" && wasThere) report("reported as offline, but was present", key)
    const isJam = (one: ObservedConnection) => isJammed(history, one, line.span)
    if (outcome.reason === "busy" && !(byName.get(name) ?? []).some(isJam)) report("reported as busy, but was not", key)
  }
}

/**
 * Whether it may have been jammed at some time of the span: its socket took nothing, or it acknowledged nothing, for
 * long enough, with a tick's tolerance.
 */
const isJammed = (history: History, { acknowledged, wire }: ObservedConnection, { from, to }: ProtocolModel.Span) => {
  const until = history.times[to] ?? Infinity
  const since = history.times[from] ?? 0
  return [...wire.stalls, ...acknowledged.silences].some(
    (stall) => stall.from + ProtocolModel.shortestHold(history) <= until && since <= stall.to + 150
  )
}

const isTooSlow = ({ reason }: ObservedConnection) => reason === "slow-consumer" || reason === "memory"

/** The reason in a returned line must be true of a client with that name. */
const checkReason = (
  history: History,
  { wire }: ObservedConnection,
  name: string,
  reason: string,
  named: ReadonlyArray<ObservedConnection>,
  report: Report
) => {
  const isTrue = {
    offline: () => true,
    busy: () => named.some((one) => longestWait(one) >= ProtocolModel.shortestHold(history)),
    slow: () => named.some(isTooSlow),
    unreachable: () => named.some((one) => one.reason === "unreachable"),
    disconnected: () =>
      named.some(
        (one) => one.acknowledged.isOn || (!one.endedInOrder && !isTooSlow(one) && one.reason !== "unreachable")
      )
  }[reason]
  if (isTrue === undefined || !isTrue())
    report("a wrong reason in a returned line", `${wire.remote}: ${name} ${reason}`)
}

const returnedFromQueues = ["slow", "disconnected", "unreachable"]

/** The longest time in which its socket took nothing, or in which it acknowledged nothing. */
const longestWait = ({ acknowledged, longestStall }: ObservedConnection) =>
  Math.max(longestStall, ...acknowledged.silences.map(({ from, to }) => to - from))

/** Whether what it has not acknowledged may exceed its bounds: when it is held, and when it writes to itself. */
const hasNoBounds = ({ acknowledged, lines, name, wire }: ObservedConnection) =>
  acknowledged.isOn &&
  (wire.pauses.length > 0 || lines.some(({ meaning }) => meaning.is === "message" && meaning.to.includes(name ?? "")))

/** The lines returned from a queue, or unacknowledged, are no more than it can hold. */
const checkQueues = (
  { setting }: History,
  sessions: ReadonlyArray<ObservedConnection>,
  byName: ByName,
  report: Report
) => {
  const returned = new Map<string, number>()
  for (const { received } of sessions) {
    for (const one of received) {
      if (one.is !== "undelivered" || !returnedFromQueues.includes(one.reason)) continue
      for (const name of one.names) returned.set(name, (returned.get(name) ?? 0) + one.count)
    }
  }
  for (const [name, count] of returned) {
    if (byName.get(name)?.some(hasNoBounds) === true) continue
    const most = (byName.get(name)?.length ?? 0) * (setting.outboxLines + 1)
    if (count > most) report("a queue held more than its limit", `${name}: ${count} lines, and not ${most}`)
  }
}

const checkLedger = ({ ledger }: History, tallies: Map<ObservedConnection, Map<string, Tally>>, report: Report) => {
  const sum = { ...nothing, returnedInOrder: 0 }
  for (const [sender, own] of tallies) {
    for (const { maybe, maybeReceived, maybeWritten, received, sure, returned, written } of own.values()) {
      sum.sure += sure
      sum.maybe += maybe
      sum.written += written
      sum.maybeWritten += maybeWritten
      sum.received += received
      sum.maybeReceived += maybeReceived
      sum.returned += returned
      if (sender.endedInOrder) sum.returnedInOrder += returned
    }
  }
  const what = `${JSON.stringify(ledger)}, counted ${JSON.stringify(sum)}`
  if (ledger.inFlight !== 0) report("pairs are in flight at rest", what)
  if (ledger.accepted < sum.sure || ledger.accepted > sum.maybe)
    report("the ledger has a wrong number of accepted pairs", what)
  const bounds: Record<Fate.Fate, { readonly least: number; readonly most: number }> = {
    written: { least: sum.written, most: sum.maybeWritten },
    received: { least: sum.received, most: sum.maybeReceived },
    stored: { least: 0, most: 0 }, // there is no store
    returned: { least: sum.returnedInOrder, most: sum.returned },
    dead: { least: 0, most: sum.maybe }
  }
  for (const fate of Fate.all) {
    const { least, most } = bounds[fate]
    if (ledger[fate] < least || ledger[fate] > most) report(`the ledger has a wrong number of ${fate} pairs`, what)
  }
}

const show = (line: string) => JSON.stringify(line.length > 60 ? `${line.slice(0, 60)}…` : line)
