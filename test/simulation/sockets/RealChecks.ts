import * as Fate from "../../../src/protocol/Fate.js"
import type { Report, Violation } from "../Checks.js"
import type { RealClient, SentLine } from "./RealClient.js"
import type { RealHistory } from "./RealWorld.js"

/** The promises that a run on real sockets broke: those that need no exact history of the server's turns. */
export const check = (history: RealHistory): ReadonlyArray<Violation> => {
  const violations: Array<Violation> = []
  const report: Report = (rule, detail) => void violations.push({ rule, detail })
  const { ledger, late, names } = history
  for (const what of late) report("late", what)
  if (names.length > 0) report("names are left", names.join(", "))
  const settled = Fate.all.reduce((sum, fate) => sum + ledger[fate], 0)
  if (ledger.inFlight !== 0 || settled !== ledger.accepted)
    report("the ledger does not balance", JSON.stringify(ledger))
  const lines = new Map<string, Known>()
  for (const client of history.clients)
    for (const line of client.sent) lines.set(line.text, { ...line, client, got: new Map() })
  for (const client of history.clients) checkMessages(client, lines, report)
  for (const client of history.clients) checkOutcomes(client, report)
  for (const client of history.clients) checkEnd(client, report)
  checkFates(history, lines, report)
  return violations
}

/** A line, and how often each recipient has received it. */
interface Known extends SentLine {
  readonly client: RealClient
  readonly got: Map<string, RealClient>
}

/** Each message was sent to its reader, is unchanged, arrives once, and after those that its sender sent before. */
const checkMessages = (reader: RealClient, lines: ReadonlyMap<string, Known>, report: Report) => {
  const last = new Map<RealClient, number>()
  for (const line of reader.lines) {
    const [, from, text = ""] = /^from (\S+)[^:]*: (.*)$/u.exec(line) ?? []
    if (from === undefined) continue
    const known = lines.get(text)
    const what = `${reader.name} got ${JSON.stringify(line.slice(0, 60))}`
    if (known === undefined || known.client.name !== from || !known.to.includes(reader.name)) {
      report("a message that was not sent", what)
      continue
    }
    if (known.got.has(reader.name)) report("a message arrived twice", what)
    known.got.set(reader.name, reader)
    const place = known.client.sent.findIndex((one) => one.text === text)
    if (place < (last.get(known.client) ?? -1)) report("messages arrived in a different order", what)
    last.set(known.client, place)
  }
}

interface Outcome {
  readonly isDelivered: boolean
  readonly names: ReadonlyArray<string>
  /** The line was refused as a whole. */
  readonly isRefusal: boolean
}

const outcomesOf = ({ lines }: RealClient): ReadonlyMap<string, ReadonlyArray<Outcome>> => {
  const found = new Map<string, Array<Outcome>>()
  for (const line of lines) {
    const [, mark, code, label = "", names = ""] =
      /^([!*]) (\S+) @([^\s:]+)(?: ([^:=]*?))?(?: \S+=[^:]*)?:/u.exec(line) ?? []
    if (mark === undefined) continue
    const all = found.get(label) ?? []
    found.set(label, all)
    all.push({
      isDelivered: mark === "*",
      names: names.split(", ").filter((name) => name !== ""),
      isRefusal: mark === "!" && code !== "undelivered"
    })
  }
  return found
}

/** Each labelled line has one outcome for each recipient, if its sender left in order, and at most one otherwise. */
const checkOutcomes = (client: RealClient, report: Report) => {
  const outcomes = outcomesOf(client)
  const isComplete = hasLeftInOrder(client) && client.lines.some((line) => line.startsWith("* hello "))
  for (const { label, to } of client.sent) {
    if (label === undefined) continue
    const all = outcomes.get(label) ?? []
    const isRefused = all.some(({ isRefusal }) => isRefusal)
    for (const name of to) {
      const count = all.filter(({ names }) => names.includes(name)).length + (isRefused ? 1 : 0)
      if (count > 1) report("an outcome was reported twice", `@${label} of ${client.name} for ${name}`)
      if (count === 0 && isComplete) report("an outcome is missing", `@${label} of ${client.name} for ${name}`)
    }
  }
}

/** The server's last line reaches every client that leaves in order and reads, whatever it sends meanwhile. */
const checkEnd = ({ ending, error, hasPaused, lines, name }: RealClient, report: Report) => {
  if (hasPaused || ending !== "quit") return
  const last = lines.at(-1) ?? ""
  if (/^(?:\* bye reason=quit|! login-in-use .*fatal): /u.test(last)) return
  report("the last line is missing", `${name} got ${JSON.stringify(last)} (${error})`)
}

const hasLeftInOrder = ({ ending, isOrderly }: RealClient) =>
  (ending === "quit" || ending === "half") && isOrderly === true

/** What was reported as written was received, and what was returned was not. */
const checkFates = ({ clients, ledger }: RealHistory, lines: ReadonlyMap<string, Known>, report: Report) => {
  let received = 0
  for (const { got } of lines.values()) received += got.size
  const delivered = ledger.written + ledger.received
  const isWhole = clients.every(hasLeftInOrder)
  const mayBeReturned = clients.some(({ acknowledges }) => acknowledges)
  if (isWhole && received < delivered) report("written lines were not received", `${received} of ${delivered}`)
  if (!mayBeReturned && received > delivered) report("more was received than written", `${received} of ${delivered}`)
  for (const client of clients) {
    const outcomes = outcomesOf(client)
    for (const line of client.sent) {
      const all = line.label === undefined ? [] : (outcomes.get(line.label) ?? [])
      for (const { isDelivered, isRefusal, names } of all) {
        for (const name of isRefusal ? line.to : names) {
          const reader = lines.get(line.text)?.got.get(name)
          const what = `@${line.label} of ${client.name} for ${name}`
          // What an acknowledging client has not acknowledged in time returns, although it may have been read.
          if (!isDelivered && reader?.acknowledges === false) report("returned, but received", what)
          // What was written to a connection that broke may be unread.
          const isSafe = clients.every((one) => one.name !== name || hasLeftInOrder(one))
          if (isDelivered && reader === undefined && isSafe) report("written, but not received", what)
        }
      }
    }
  }
}
