import type { Report } from "./Checks.js"
import type { History } from "./History.js"
import type { ObservedConnection } from "./ObservedConnection.js"
import * as ProtocolModel from "./ProtocolModel.js"
import * as WireText from "./WireText.js"

/** The beginning of an answer, or the reason in the answer to a labelled line. */
type Head = string | { readonly label: string; readonly reason: string }

/** Each client gets the answers to its lines, in the order of its lines. */
export const check = (history: History, sessions: ReadonlyArray<ObservedConnection>, report: Report) => {
  const delivering = lastDelivery(sessions)
  for (const session of sessions) {
    checkOrder(history, session, delivering, report)
    checkWho(session, sessions, report)
    checkPongs(session, report)
    checkSuggestions(session, sessions, report)
    checkEnd(session, report)
  }
  checkNotices(sessions, report)
}

/** The turn in which a kernel took the last message. */
const lastDelivery = (sessions: ReadonlyArray<ObservedConnection>): number => {
  let last = 0
  for (const { wire } of sessions) {
    const at = wire.taken.lastIndexOf("\nfrom ")
    const end = at < 0 && !wire.taken.startsWith("from ") ? -1 : wire.taken.indexOf("\n", at + 1) + 1
    if (end <= 0) continue
    last = Math.max(last, wire.takes.find((take) => take.end >= end)?.turn ?? 0)
  }
  return last
}

/** The immediate answers, which have the order of the lines they answer. */
const answersOf = ({ received }: ObservedConnection) =>
  received.filter((one) => one.is === "answer" || (one.is === "undelivered" && isAtOnce(one)))

const isAtOnce = ({ label, reason }: { readonly label: string | undefined; readonly reason: string }) =>
  label !== undefined && (reason === "offline" || reason === "busy")

const checkOrder = (history: History, session: ObservedConnection, delivering: number, report: Report) => {
  const answers = answersOf(session)
  const matches = (at: number, head: Head) => {
    const answer = answers[at]
    if (answer === undefined) return false
    if (typeof head === "string") return `${answer.line}\n`.startsWith(head)
    return answer.is === "undelivered" && answer.label === head.label && answer.reason === head.reason
  }
  // Every number of answers that the lines so far may have had.
  let places = new Set([0])
  let best = 0
  let isSilent = false // to some line
  for (const line of session.lines) {
    const next = new Set<number>()
    for (const place of places) {
      for (const heads of alternatives(history, session, line)) {
        let at = place
        for (const head of heads) {
          if (!matches(at, head)) break
          at += 1
          best = Math.max(best, at)
        }
        if (at === place + heads.length) next.add(at)
      }
    }
    if (next.size === 0) {
      // During a shutdown the server answers as long as it has lines to deliver.
      const isOwed = session.reason === "shutdown" && line.span.to < delivering && history.killed === undefined
      if (isOwed) report("no answer during a shutdown", `${session.wire.remote}, turn ${line.span.to} of ${delivering}`)
      isSilent = true
      break
    }
    places = next
  }
  // After a shutdown lines have no answer, and a client that broke off has not received the rest.
  const isWhole = session.endedInOrder && session.reason !== "shutdown" && history.killed === undefined
  const isRefused = best === answers.length - 1 && lastWords.some((head) => matches(best, head))
  if (isRefused) {
    best += 1
    places.add(best)
  }
  const isRight = isWhole ? places.has(answers.length) && !(isSilent && hearsAll(session)) : best === answers.length
  if (isRight) return
  const found = JSON.stringify(answers.slice(0, best + 2).map((answer) => answer.line.slice(0, 60)))
  report("wrong answers", `${session.wire.remote} (${session.reason}) from answer ${best} on: ${found}`)
}

/** Last lines that answer no line, or a login. */
const lastWords = ["! full ", "! login-timeout ", "! kicked ", "! banned "]

/** Whether all its lines were read: after a refusal they are not. */
const hearsAll = ({ reason }: ObservedConnection) => reason === "left" || reason === "quit"

/** The possible answers to a line. */
const alternatives = (
  history: History,
  session: ObservedConnection,
  line: ProtocolModel.HeardLine
): ReadonlyArray<ReadonlyArray<Head>> => {
  const closing = ProtocolModel.closing(history, line)
  const tag = line.label === undefined ? "" : ` @${line.label}`
  const ways: Array<ReadonlyArray<Head>> = []
  if (line.meaning.is === "acknowledged") {
    if (line.meaning.isSure) return [[]] // even during a shutdown
    ways.push([], [`! bad-line${tag}: `])
  }
  // A refused `/hello` does not allow labels.
  if (closing !== "no") ways.push([`! closing${tag}: `], ["! closing: "])
  if (line.isDoubtful) ways.push([])
  if (closing === "yes") return ways
  ways.push(...usual(session, line))
  if (line.maySlow) ways.push([`! slow-down${tag} retry=`])
  return ways
}

const usual = (
  session: ObservedConnection,
  { label, meaning }: ProtocolModel.HeardLine
): ReadonlyArray<ReadonlyArray<Head>> => {
  const tag = label === undefined ? "" : ` @${label}`
  switch (meaning.is) {
    case "answered":
      return [meaning.heads]
    case "who":
      return [[meaning.head]]
    case "quit":
    case "acknowledged":
    case "skipped":
      return [[]]
    case "slowed":
      return [[`! slow-down${tag} retry=${meaning.retry === undefined ? "" : `${meaning.retry}:`}`]]
    case "login":
      if (meaning.name === undefined) return [[`! bad-login${tag} fatal: `]]
      return session.name === undefined || session.isUncertain
        ? [[], [`! login-in-use${tag} ${WireText.encode(meaning.name)} fatal: `]]
        : [[]]
    case "message": {
      if (label === undefined) return [[]]
      const busy = { label, reason: "busy" }
      const offline = { label, reason: "offline" }
      // Recipients that get different forms of the line are reported separately.
      return Array.from(meaning.to, (_, place) => Array.from(meaning.to.slice(place), () => busy))
        .concat([[]])
        .flatMap((some): ReadonlyArray<ReadonlyArray<Head>> => [some, [...some, offline]])
    }
  }
}

/**
 * A pong comes after the answers to all earlier lines: after it, no more lines are reported than were sent after the
 * ping.
 */
const checkPongs = ({ lines, received, wire }: ObservedConnection, report: Report) => {
  lines.forEach(({ meaning }, index) => {
    const [pong = ""] = meaning.is === "answered" ? meaning.heads : []
    if (!/^\* pong.*: \d/.test(pong)) return
    const place = received.findIndex(({ line }) => `${line}\n` === pong)
    if (place < 0) return
    const unanswered = new Map<string, number>()
    for (const one of lines.slice(index)) {
      if (one.meaning.is !== "message") continue
      for (const name of one.meaning.to)
        unanswered.set(WireText.shown(name), (unanswered.get(WireText.shown(name)) ?? 0) + 1)
    }
    for (const one of received.slice(place)) {
      if (one.is !== "undelivered" || (one.reason !== "offline" && one.reason !== "busy")) continue
      for (const name of one.names) {
        const left = (unanswered.get(name) ?? 0) - one.count
        unanswered.set(name, left)
        if (left < 0) report("a pong overtook an answer", `${wire.remote}: ${one.line}`)
      }
    }
  })
}

/** A suggested name looks the same as one that was absent, and a client had it. */
const checkSuggestions = (session: ObservedConnection, sessions: ReadonlyArray<ObservedConnection>, report: Report) => {
  for (const one of session.received) {
    if (one.is !== "undelivered") continue
    const isTrue = (like: string) =>
      one.reason === "offline" &&
      !one.names.includes(like) &&
      one.names.some((name) => WireText.looksLike(like, name)) &&
      sessions.some(({ name }) => name === like)
    if (!one.like.every(isTrue)) report("a wrong suggestion", one.line)
  }
}

/** `/who` lists everyone who was certainly present, and no one who cannot have been. */
const checkWho = (session: ObservedConnection, sessions: ReadonlyArray<ObservedConnection>, report: Report) => {
  const asked = session.lines.filter(({ meaning }) => meaning.is === "who")
  const answered = session.received.filter((one) => one.is === "answer" && one.line.startsWith("* who"))
  // Answers can be matched to lines only if each has one.
  if (asked.length !== answered.length || asked.some(({ maySlow }) => maySlow)) return
  asked.forEach(({ span }, index) => {
    const line = answered[index]?.is === "answer" ? answered[index].line : ""
    const [, count, rest = ""] = /^\* who (?:@\S+ )?(\d+): (.*)$/.exec(line) ?? []
    const names = rest === "" ? [] : rest.split(", ").map(WireText.decode)
    const where = `${session.wire.remote}: ${line}`
    if (names.length !== Number(count) || new Set(names).size !== names.length) report("a wrong count of names", where)
    for (const name of names) {
      const couldBe = sessions.some(
        (one) => one.name === name && one.presence && ProtocolModel.overlap(one.presence.maybe, span)
      )
      if (!couldBe) report("listed by /who, but absent", `${where} (${name})`)
    }
    for (const { name, presence } of sessions) {
      if (name === undefined || presence === undefined || names.includes(name)) continue
      if (ProtocolModel.covers(presence.surely, span)) report("present, but not listed by /who", `${where} (${name})`)
    }
  })
}

/** A client that quits, or that the shutdown ends after a `/hello`, gets a last line that says so. */
const checkEnd = ({ lines, reason, received, wire }: ObservedConnection, report: Report) => {
  const byes = received.filter((one) => one.is === "bye")
  const last = received.at(-1)
  const quit = lines.find(({ meaning }) => meaning.is === "quit")
  const tag = quit?.label === undefined ? "" : ` @${quit.label}`
  if (reason === "quit" && (last?.is !== "bye" || !last.line.startsWith(`* bye${tag} reason=quit: `))) {
    report("quit without a bye", wire.remote)
  }
  if (byes.length > 1 || (byes.length === 1 && last?.is !== "bye"))
    report("a bye that is not the last line", wire.remote)
}

/** No client is notified of more joins and leaves than there were. Those that only send are not announced. */
const checkNotices = (sessions: ReadonlyArray<ObservedConnection>, report: Report) => {
  for (const { received, wire } of sessions) {
    const counts = new Map<string, number>()
    for (const one of received) if (one.is === "notice") counts.set(one.line, (counts.get(one.line) ?? 0) + 1)
    for (const [line, count] of counts) {
      // Not `\S`: a byte of an encoded name may be A0, which is white space where each byte is a character.
      const name = WireText.decode(/^\* (?:joined|left) ([^ :]+): /.exec(line)?.[1] ?? "")
      const most = name === "" ? 1 : sessions.filter((one) => one.name === name && one.isSendOnly !== "yes").length
      if (count > most) report("a notice of an event that did not happen", `${wire.remote}: ${count} times ${line}`)
    }
  }
}
