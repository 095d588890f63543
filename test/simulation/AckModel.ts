import type { History, LogLine, Moment, Wire } from "./History.js"
import * as ProtocolModel from "./ProtocolModel.js"

/** What a client acknowledged. Messages are counted from its first one. */
export interface Acknowledged {
  /** It said `/hello ack`. */
  readonly isOn: boolean
  /** The messages that came before that: they settle as written. All of them, if it did not. */
  readonly written: number
  /** The messages that surely are acknowledged, and those that may be; with the written ones before them. */
  readonly surely: number
  readonly maybe: number
  /** The acknowledgements of something new that the server read. */
  readonly advances: ReadonlyArray<Advance>
  /** Periods in which messages waited for its acknowledgement and none of something new came. */
  readonly silences: ReadonlyArray<Period>
  /** The same for acknowledgements of any kind: one of nothing new shows that the client is still there. */
  readonly absences: ReadonlyArray<Period>
}

interface Period {
  readonly from: number
  readonly to: number
}

/** An acknowledgement of something new, and the period in which the server may have handled it. */
interface Advance extends Period {
  /** The server has surely handled it. */
  readonly isSure: boolean
}

export const ofWire = (
  history: History,
  wire: Wire,
  lines: ReadonlyArray<ProtocolModel.HeardLine>,
  log: LogLine | undefined,
  expulsion: ProtocolModel.Span | undefined
): Acknowledged => {
  const messages = messagesIn(wire)
  const written = messages.filter(({ isExpected }) => !isExpected).length
  const waiting = messages.slice(written)
  const acks = acknowledgements(history, wire).filter(
    ({ count, heard }) => count <= waiting.length && heard.turn <= (expulsion?.to ?? Infinity)
  )
  const isSure = sureness(history, wire, lines, Math.min(log?.turn ?? -Infinity, expulsion?.from ?? Infinity))
  const handled = acks.filter(isSure)
  const surely = Math.max(0, ...handled.map(({ count }) => count))
  const maybe = Math.max(0, ...acks.map(({ count }) => count))
  const timeOf = (heard: Moment) => history.times[ProtocolModel.spanOf(history, wire, heard).to] ?? Infinity
  // A client that has ended its input cannot acknowledge any more, and has no deadline once the server has handled that
  // end. A server that holds the client handles it later: for the last lines, maybe only after it has closed the
  // connection.
  const ended = wire.ended === undefined ? Infinity : timeOf(wire.ended)
  const over = Math.min(...[log, wire.destroyed, wire.gone, history.end].map((moment) => moment?.at ?? Infinity))
  return {
    isOn: isHello.test(wire.taken),
    written,
    surely: written + surely,
    maybe: written + maybe,
    advances: onlyNew(acks).map((ack) => ({
      from: ack.heard.at,
      to: timeOf(ack.heard),
      isSure: handled.includes(ack)
    })),
    ...silencesOf(
      waiting.map(({ at }) => at),
      // What the server has read from a client that it holds may never be handled.
      log === undefined || history.killed !== undefined ? acks : handled,
      Math.min(ended, over)
    )
  }
}

const isHello = /^\* hello [^:\n]* on=\S*\back\b/mu

interface Message {
  /** When the kernel had taken it. */
  readonly at: number
  /** It came after the first `* hello` with `ack`. */
  readonly isExpected: boolean
}

const messagesIn = ({ taken, takes }: Wire): ReadonlyArray<Message> => {
  const found: Array<Message> = []
  let isExpected = false
  let end = 0
  let take = 0
  for (const line of taken.split("\n").slice(0, -1)) {
    end += line.length + 1
    while ((takes[take]?.end ?? Infinity) < end) take += 1
    isExpected ||= isHello.test(line)
    if (line.startsWith("from ")) found.push({ at: takes[take]?.at ?? Infinity, isExpected })
  }
  return found
}

interface Acknowledgement {
  readonly heard: Moment
  readonly count: number
}

/** All lines `/ack N` that the server read, even those after `/quit`. */
const acknowledgements = (history: History, wire: Wire): ReadonlyArray<Acknowledgement> =>
  ProtocolModel.cut(wire, history.setting.maxLineBytes).flatMap(({ bytes, heard }) => {
    const count = /^\/ack (\d+)$/u.exec(bytes)?.[1]
    return count === undefined ? [] : [{ heard, count: Number(count) }]
  })

/** Whether an acknowledgement has surely been handled before the connection ended. */
const sureness = (
  history: History,
  wire: Wire,
  lines: ReadonlyArray<ProtocolModel.HeardLine>,
  /** The turn in which the server stopped to handle them. */
  lastTurn: number
) => {
  const quit = lines.find(({ meaning }) => meaning.is === "quit")
  const linger = history.setting.linger - ProtocolModel.earliness(history)
  let last = quit?.heard.at ?? 0
  return ({ heard }: Acknowledgement): boolean => {
    if (history.killed !== undefined) return false
    const { to } = ProtocolModel.spanOf(history, wire, heard)
    if (ProtocolModel.settledBy(history, to) >= lastTurn) return false
    if (quit === undefined || heard.turn <= quit.heard.turn) return true
    // After `/quit`, silence for the linger time ends the wait.
    if (heard.at - last >= linger) return false
    last = heard.at
    return true
  }
}

/** Those that acknowledge more than all before them. */
const onlyNew = (acks: ReadonlyArray<Acknowledgement>): ReadonlyArray<Acknowledgement> => {
  let acknowledged = 0
  return acks.filter(({ count }) => {
    const isNew = count > acknowledged
    if (isNew) acknowledged = count
    return isNew
  })
}

const silencesOf = (waiting: ReadonlyArray<number>, acks: ReadonlyArray<Acknowledgement>, end: number) => {
  const silences: Array<Period> = []
  const absences: Array<Period> = []
  let acknowledged = 0
  let since = waiting[0]
  let absentSince = since
  for (const { count, heard } of acks) {
    const { at } = heard
    if (absentSince !== undefined && absentSince < at) {
      absences.push({ from: absentSince, to: at })
      absentSince = at
    }
    if (count <= acknowledged) continue
    if (since !== undefined) silences.push({ from: since, to: at })
    acknowledged = count
    const next = waiting[count]
    since = next === undefined ? undefined : Math.max(next, at)
    absentSince = since
  }
  if (since !== undefined && since < end) silences.push({ from: since, to: end })
  if (absentSince !== undefined && absentSince < end) absences.push({ from: absentSince, to: end })
  return { silences, absences }
}
