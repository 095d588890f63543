import type { Report, Violation } from "../Checks.js"
import { decode } from "../WireText.js"
import type { Connection } from "./HostileServer.js"
import { textOf, type Reported, type SendHistory } from "./SendWorld.js"

/** The promises of `send` that a run broke. */
export const check = (history: SendHistory): ReadonlyArray<Violation> => {
  const violations: Array<Violation> = []
  const report: Report = (rule, detail) => void violations.push({ rule, detail })
  if (history.defect !== undefined) report("a defect", history.defect)
  checkReports(history, report)
  checkStatus(history, report)
  checkRepeats(history, report)
  checkOrder(history, report)
  checkUnknown(history, report)
  checkTime(history, report)
  if (history.server.tooFast > 0) report("faster than the announced rate", `${history.server.tooFast} lines`)
  return violations
}

const isPositive = ({ outcome }: Reported) => !["returned", "refused", "unknown"].includes(outcome)

const keyOf = (line: number, to: string) => `line ${line} to ${to}`

/** Each outcome is reported once, and a success only if the server has reported it. */
const checkReports = ({ reported, schedule, server }: SendHistory, report: Report) => {
  const seen = new Set<string>()
  for (const one of reported) {
    const key = keyOf(one.line, one.to)
    if (seen.has(key)) report("an outcome was reported twice", key)
    seen.add(key)
    if (isPositive(one) && !wasTold({ server }, one)) report("reported as delivered without an outcome", key)
  }
  for (const { names, text } of server.handled) {
    const line = lineOf(text)
    for (const name of names) {
      if (!seen.has(keyOf(line, name))) report("a line was sent, but never reported", keyOf(line, name))
    }
    if (line > schedule.setting.lines) report("a line that is not in the input", text)
  }
}

const lineOf = (text: string) => Number(/^text (\d+)\.$/.exec(text)?.[1])

/** Whether the client has read a complete positive outcome that names the recipient, for a label of this line. */
const wasTold = ({ server }: Pick<SendHistory, "server">, { line, to }: Reported): boolean =>
  server.handled.some(({ connection, label, text }) => {
    if (text !== textOf(line)) return false
    const lines = (server.connections[connection]?.end.delivered ?? "").split("\n").slice(0, -1)
    return lines.some((reply) => {
      const [, own, names = ""] = /^\* \S+ @(\S+) ([^:=]+):/.exec(reply) ?? []
      return own === label && decode(names).split(", ").includes(to)
    })
  })

const checkStatus = ({ errors, reported, schedule, server, status }: SendHistory, report: Report) => {
  const { lines, recipients, retries, waitFor } = schedule.setting
  const isWhole = reported.length === lines * recipients.length
  const isUnknown = reported.some(({ outcome }) => outcome === "unknown")
  const expected = !isWhole || isUnknown ? 3 : reported.every(isPositive) ? 0 : 1
  // Nothing was sent: the server could not be reached, or refused the login.
  const hasNotBegun = status === 2 && server.handled.length === 0 && reported.length === 0
  // All is known, but a line was still to be sent again when the connection ended.
  const isGivenUp =
    status === 3 && expected === 1 && retries + waitFor > 0 && /connection ended|no outcome/.test(errors)
  if (status !== expected && !hasNotBegun && !isGivenUp)
    report("a wrong exit status", `${status} instead of ${expected}: ${errors}`)
}

/** A line is accepted once by each recipient, and sent again only with `--retry` or `--wait-for`. */
const checkRepeats = ({ schedule, server }: SendHistory, report: Report) => {
  const { retries, waitFor } = schedule.setting
  const sent = new Map<string, number>()
  const accepted = new Set<string>()
  for (const one of server.handled) {
    sent.set(one.text, (sent.get(one.text) ?? 0) + 1)
    for (const name of one.accepted) {
      const key = `${one.text} ${name}`
      if (accepted.has(key)) report("delivered twice", key)
      accepted.add(key)
    }
  }
  if (waitFor > 0) return
  for (const [text, count] of sent) {
    // Each recipient may be the reason for another try.
    const most = 1 + retries * schedule.setting.recipients.length
    if (count > most) report("sent more often than --retry allows", `${text} ${count} times`)
  }
}

/**
 * On each connection, lines are first sent in the order of the input. Where a rate is announced, they also reach each
 * recipient in order: the server may refuse any of them.
 */
const checkOrder = ({ schedule, server }: SendHistory, report: Report) => {
  const sent = new Map<number, Set<number>>()
  const last = new Map<string, number>()
  for (const { accepted, connection, text } of server.handled) {
    const line = lineOf(text)
    const before = sent.get(connection) ?? new Set<number>()
    sent.set(connection, before)
    if (!before.has(line) && Math.max(0, ...before) > line) report("sent in a different order", text)
    before.add(line)
    if (schedule.setting.rate === 0) continue
    for (const name of accepted) {
      if (line < (last.get(name) ?? 0)) report("a line was overtaken", `${text} to ${name}`)
      last.set(name, Math.max(line, last.get(name) ?? 0))
    }
  }
}

/** An unknown outcome ends the command: the user has to decide whether that line is sent again. */
const checkUnknown = ({ reported, server }: SendHistory, report: Report) => {
  for (const { line, outcome } of reported) {
    if (outcome !== "unknown") continue
    const read = server.handled.filter(({ text }) => lineOf(text) === line).map(({ connection }) => connection)
    const unread = server.connections.filter((one) => isUnread(one, line)).map(({ number }) => number)
    const last = [...read, ...unread].reduce((one, other) => Math.max(one, other), -1)
    const later = server.handled.find(({ connection }) => last >= 0 && connection > last)
    if (later !== undefined) report("continued after an unknown outcome", `line ${line}, then ${later.text}`)
  }
}

/** Whether the client has sent a line on this connection that the server did not read whole before it ended that. */
const isUnread = ({ end, rest }: Connection, line: number): boolean =>
  `${rest}${end.outgoing}\n`.includes(`: ${textOf(line)}\n`)

/** The command ends, and does not wait for longer than its flags allow after the last news. */
const checkTime = ({ endedAt, inputAt, schedule, server, status }: SendHistory, report: Report) => {
  const { lines, rate, timeout, waitFor } = schedule.setting
  if (status === undefined) return report("the command never ended", `after ${endedAt} ms`)
  const quiet = endedAt - Math.max(server.movedAt, inputAt)
  const paced = rate === 0 ? 0 : (lines * 1_100) / rate
  const most = 2 * timeout + waitFor + paced + 5_000
  if (quiet > most) report("waited for too long", `${quiet} ms after the last news, of at most ${most}`)
}
