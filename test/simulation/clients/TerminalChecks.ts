import type { Report, Violation } from "../Checks.js"
import { decode } from "../WireText.js"
import type { Connection, Handled } from "./HostileServer.js"
import * as TerminalRows from "./TerminalRows.js"
import type { TerminalHistory } from "./TerminalWorld.js"

/** The promises of the terminal's client that a run broke. */
export const check = (history: TerminalHistory): ReadonlyArray<Violation> => {
  const violations: Array<Violation> = []
  const report: Report = (rule, detail) => void violations.push({ rule, detail })
  if (history.defect !== undefined) report("a defect", history.defect)
  checkStates(history, report)
  checkTruth(history, report)
  checkRepeats(history, report)
  checkOrder(history, report)
  checkHeld(history, report)
  checkRest(history, report)
  checkBounds(history, report)
  const { endedAt, leftAt, server } = history
  // Two waits for outcomes and for the server's end, and a second for the connection to close.
  if (endedAt === undefined || endedAt > (leftAt ?? endedAt) + 5_000) report("the client did not end", `${endedAt}`)
  if (server.tooFast > 0) report("faster than the announced rate", `${server.tooFast} lines`)
  return violations
}

const keyOf = (text: string, to: string) => `${text} to ${to}`

/** In the end, each line must be visible once for each recipient. */
const checkStates = ({ shown, typed }: TerminalHistory, report: Report) => {
  const seen = new Map<string, number>()
  for (const { text, to } of TerminalRows.finals(shown)) seen.set(keyOf(text, to), (seen.get(keyOf(text, to)) ?? 0) + 1)
  for (const { text, to } of typed) {
    for (const name of to) {
      const count = seen.get(keyOf(text, name)) ?? 0
      if (count === 0) report("a line disappeared", keyOf(text, name))
      if (count > 1) report("a line has two outcomes", keyOf(text, name))
      seen.delete(keyOf(text, name))
    }
  }
  for (const key of seen.keys()) report("a line that was not typed", key)
}

/** What is shown is what the server reported, and what it reported is shown. */
const checkTruth = ({ server, shown }: TerminalHistory, report: Report) => {
  const handled = new Map<string, Array<Handled>>()
  for (const one of server.handled) {
    const same = handled.get(one.text)
    if (same === undefined) handled.set(one.text, [one])
    else same.push(one)
  }
  for (const { state, text, to } of TerminalRows.finals(shown)) {
    const sent = (handled.get(text) ?? []).filter((one) => one.names.includes(to))
    const told = sent.map((one) => toldOf(server.connections[one.connection], one, to))
    const key = keyOf(text, to)
    switch (state) {
      case "delivered":
      case "returned":
      case "refused":
        if (!told.includes(state)) report(`shown as ${state} without that outcome`, key)
        break
      case "unsent":
        if (told.some((one) => one !== "putBack")) report("shown as not sent, although it was", key)
        break
      case "unknown":
        if (sent.length > 0 && told.every((one) => one === "delivered")) report("an outcome is not shown", key)
    }
  }
}

/** What the server has reported about a line for a recipient, as far as the client has read it whole. */
const toldOf = (connection: Connection | undefined, { label, names }: Handled, to: string) => {
  const told: Array<"delivered" | "returned" | "refused" | "putBack"> = []
  for (const { code, mark, rest } of repliesTo(connection, label)) {
    const named = decode(/^[^=]*?(?=(?: \S+=|$))/.exec(rest)?.[0] ?? "").split(", ")
    // A wrong name makes every outcome unknown that is still due.
    if (code !== "undelivered" && mark === "!") told.push(isForNow(code) ? "putBack" : "refused")
    else if (named.some((name) => !names.includes(name))) break
    else if (named.includes(to)) told.push(mark === "*" ? "delivered" : "returned")
  }
  return told[0]
}

/**
 * How long to pause after the refusal of a line for now, in milliseconds. A server that shuts down takes no line on
 * this connection any more, and one that asks for no pause still does not get its lines back at once.
 */
const pauseAfter = (connection: Connection | undefined, { label }: Handled): number => {
  const refusal = repliesTo(connection, label).find(({ code, mark }) => mark === "!" && isForNow(code))
  const retry = /(?:^| )retry=(\d+)/.exec(refusal?.rest ?? "")?.[1] ?? 0
  return refusal?.code === "closing" ? Infinity : Math.max(leastPauseMillis, Number(retry))
}

const leastPauseMillis = 100

/** A line of the server about a labelled line: `! code @label rest:`. */
interface LabelledReply {
  readonly mark: string
  readonly code: string
  readonly rest: string
}

const repliesTo = (connection: Connection | undefined, label: string | undefined): ReadonlyArray<LabelledReply> =>
  (connection === undefined || label === undefined ? undefined : repliesOf(connection).get(label)) ?? []

/** By their labels. Kept, because a client that sends for long asks for each of its lines. */
const repliesOf = (connection: Connection): ReadonlyMap<string, ReadonlyArray<LabelledReply>> => {
  const { delivered } = connection.end
  const known = replies.get(connection)
  if (known?.delivered === delivered) return known.byLabel
  const byLabel = new Map<string, Array<LabelledReply>>()
  for (const line of wholeLines(delivered)) {
    const [, mark, code = "", label, rest = ""] = /^([!*]) (\S+) @([^\s:]+)(?: ([^:]*))?:/.exec(line) ?? []
    if (mark === undefined || label === undefined) continue
    const same = byLabel.get(label)
    if (same === undefined) byLabel.set(label, [{ mark, code, rest }])
    else same.push({ mark, code, rest })
  }
  replies.set(connection, { delivered, byLabel })
  return byLabel
}

const replies = new WeakMap<
  Connection,
  { readonly delivered: string; readonly byLabel: ReadonlyMap<string, ReadonlyArray<LabelledReply>> }
>()

const isForNow = (code: string) => code === "closing" || code === "slow-down"

const wholeLines = (bytes: string) => bytes.split("\n").slice(0, -1)

/**
 * Nothing is sent again unless the server refused it for now, after the pause that it asked for, or the user wants it.
 */
const checkRepeats = ({ resentAt, server }: TerminalHistory, report: Report) => {
  const sent = new Map<string, Handled>()
  for (const one of server.handled) {
    for (const name of one.names) {
      const key = keyOf(one.text, name)
      const before = sent.get(key)
      sent.set(key, one)
      if (before === undefined) continue
      const connection = server.connections[before.connection]
      if (toldOf(connection, before, name) === "putBack") {
        const isEarly = one.connection === before.connection && one.at < before.at + pauseAfter(connection, before)
        if (isEarly) report("sent again before the pause was over", `${key} at ${one.at} ms`)
        continue
      }
      if (!resentAt.some((at) => at >= before.at && at <= one.at)) report("sent again", `${key} at ${one.at} ms`)
    }
  }
}

/** To each recipient, lines go in the order typed; where a rate is announced, they also arrive in it. */
const checkOrder = ({ resentAt, schedule, server, typed }: TerminalHistory, report: Report) => {
  const place = new Map(typed.map(({ text }, index) => [text, index]))
  const lastSent = new Map<string, number>()
  const lastAccepted = new Map<string, number>()
  for (const { accepted, at, names, text } of server.handled) {
    // Lines that the user sends again come after those that were sent meanwhile.
    if (resentAt.some((resent) => resent <= at)) return
    const index = place.get(text)
    if (index === undefined) return report("a line that was not typed", text)
    for (const name of names) {
      const last = lastSent.get(name) ?? -1
      if (index < last && !wasSentBefore(server.handled, text, at))
        report("sent in a different order", keyOf(text, name))
      lastSent.set(name, Math.max(index, last))
    }
    if (schedule.setting.rate === 0) continue
    for (const name of accepted) {
      if (index < (lastAccepted.get(name) ?? -1)) report("a line was overtaken", keyOf(text, name))
      lastAccepted.set(name, Math.max(index, lastAccepted.get(name) ?? -1))
    }
  }
}

const wasSentBefore = (handled: ReadonlyArray<Handled>, text: string, at: number) =>
  handled.filter((one) => one.text === text && one.at <= at).length > 1

/** How long lines wait for those who were present before the break. */
const holdMillis = 15_000

/**
 * A line is not sent to someone who was present before the break until that one is back, or the wait is over; and then
 * it is sent at once.
 */
const checkHeld = (history: TerminalHistory, report: Report) => {
  const { schedule, server, typed } = history
  for (const connection of server.connections) {
    const { helloAt, number } = connection
    if (helloAt === undefined || !hasGreeted(connection)) continue
    const absent = presentBefore(server.connections.slice(0, number))
    for (const { at, connection: on, names, text, told } of server.handled) {
      if (on !== number || at >= helloAt + holdMillis) continue
      const back = mentioned(connection.end.delivered.slice(0, told))
      for (const name of names) {
        if (absent.has(name) && !back.has(name)) report("sent to someone who is not back yet", keyOf(text, name))
      }
    }
    if (schedule.setting.rate > 0 || !isHonest(connection)) continue
    const endedAt = connection.endedAt ?? history.leftAt ?? Infinity
    const since = server.connections.slice(0, number).findLast(hasGreeted)?.endedAt ?? 0
    for (const line of typed) {
      const isHeld = number > 0 && line.at < helloAt + holdMillis
      const due = isHeld ? helloAt + holdMillis : Math.max(helloAt, line.at)
      // A line typed before the break may have been lost with the connection.
      if (line.at <= since || due + slackMillis >= endedAt) continue
      const sentAt = server.handled.find(({ text }) => text === line.text)?.at ?? Infinity
      if (sentAt > due + slackMillis) report("a line waited for too long", `${line.text}, sent at ${sentAt} ms`)
    }
  }
}

const slackMillis = 10

/** The client has read the greeting whole. */
const hasGreeted = ({ end }: Connection) => wholeLines(end.delivered).some((line) => /^from \S+: hello\? /.test(line))

/** The server has neither asked for a pause nor stopped reading or replying. */
const isHonest = ({ end, isFrozen }: Connection) =>
  !isFrozen && !/! (?:slow-down|closing) |\* closing /.test(end.delivered)

/** Who was present when the last of these connections ended, as far as the client knew. */
const presentBefore = (connections: ReadonlyArray<Connection>): ReadonlySet<string> => {
  let present = new Set<string>()
  let atEnd = new Set<string>()
  for (const connection of connections) {
    if (!hasGreeted(connection)) continue
    atEnd = new Set()
    for (const line of wholeLines(connection.end.delivered)) {
      const [, code, name = "", names = ""] = /^\* (joined|left|who)(?: @\S+)? ([^:]*): ?(.*)$/.exec(line) ?? []
      if (code === "joined") present.add(decode(name))
      if (code === "left") present.delete(decode(name))
      if (code === "who") present = new Set(decode(names).split(", "))
      // Who leaves from now on may come back.
      if (line.startsWith("* closing ")) atEnd = new Set(present)
    }
  }
  return new Set([...present, ...atEnd])
}

/** Who has been reported as present. */
const mentioned = (delivered: string): ReadonlySet<string> => {
  const names = new Set<string>()
  for (const line of wholeLines(delivered)) {
    const [, joined] = /^\* joined ([^:]*):/.exec(line) ?? []
    const [, listed = ""] = /^\* who @\S+ [^:]*: ?(.*)$/.exec(line) ?? []
    for (const name of decode(joined ?? listed).split(", ")) names.add(name)
  }
  return names
}

/**
 * Long after the last act, no line waits, unless the server cannot be reached or has not replied to lines before it.
 */
const checkRest = ({ atRest, schedule, server, typed }: TerminalHistory, report: Report) => {
  if (atRest === undefined) return
  const pending = TerminalRows.pending(atRest.shown)
  const done = new Set(TerminalRows.finals(atRest.shown).map(({ text, to }) => keyOf(text, to)))
  const open = typed.filter(({ text, to }) => to.some((name) => !done.has(keyOf(text, name))))
  if (pending.count !== open.length)
    report("the rows above the prompt are wrong", `${pending.count}, not ${open.length}`)
  const connection = server.connections.at(-1)
  if (connection === undefined || connection.end.isFinished || !hasGreeted(connection) || connection.isFrozen) return
  // A pause of days, or a line without an outcome where a rate is announced.
  if (/ retry=\d{6}/.test(connection.end.delivered)) return
  const sent = server.handled.filter((one) => one.connection === connection.number)
  if (sent.some((one) => one.names.some((name) => toldOf(connection, one, name) === undefined))) return
  const waiting = pending.rows.filter(({ mark }) => mark === "…")
  if (waiting.length > 0)
    report("a line waits without end", `${waiting[0]?.text}, at a rate of ${schedule.setting.rate}`)
}

/** As many lines as the client may have under way. */
const maxUnderWay = 256

/** As many rows as the client draws above the prompt. */
const maxRows = 12

const checkBounds = ({ atRest, server }: TerminalHistory, report: Report) => {
  for (const connection of server.connections) {
    const sent = server.handled.filter((one) => one.connection === connection.number)
    const open = sent.filter((one) => one.names.every((name) => toldOf(connection, one, name) === undefined))
    if (open.length > maxUnderWay) report("too many lines are under way", `${open.length}`)
  }
  const rows = TerminalRows.pending(atRest?.shown ?? []).rows.length
  if (rows > maxRows) report("too many rows above the prompt", `${rows}`)
}
