import type { Report } from "../Checks.js"
import { accounts, bystander } from "./Clients.js"
import type { TakenOutcome } from "./Received.js"
import { recipientOf, type Logged } from "./SimulatedStore.js"
import type { SaidLine, Sitting } from "./StoreHistory.js"
import { grouped, type StoreModel } from "./StoreModel.js"

/** How long a line between guests may take, in milliseconds. */
const promptly = 100

/** The outcomes that senders get are what has happened to their lines. */
export const check = (model: StoreModel, report: Report) => {
  for (const [sitting, lines] of model.taken) {
    const outcomes = lines.flatMap((line) => (line.is === "outcome" ? [line] : []))
    checkOutcomes(model, sitting, outcomes, report)
    checkOrder(model, sitting, report)
    if (sitting.who === bystander) checkBystander(model, sitting, report)
    const bad = lines.find(({ line }) => /^! (?:bad-line|too-long|unknown-command) /u.test(line))
    if (bad !== undefined) report("a line was refused that is right", `${sitting.socket.remote}: ${bad.line}`)
  }
  checkOnce(model, report)
}

const checkOutcomes = (model: StoreModel, sitting: Sitting, outcomes: ReadonlyArray<TakenOutcome>, report: Report) => {
  const { remote, wire } = sitting.socket
  const saidAs = grouped(sitting.said, ({ label }) => label)
  const told = new Map<string, number>()
  for (const outcome of outcomes) {
    const where = `${remote}: ${outcome.line}`
    const said = saidAs.get(outcome.label) ?? []
    const [line] = said
    if (line === undefined) {
      report("an outcome belongs to no line", where)
      continue
    }
    if (outcome.names.length === 0 && outcome.outcome === "label-used") report("an outcome names no recipient", where)
    // Any other refusal is about the whole line.
    for (const name of outcome.names.length > 0 ? outcome.names : line.to) {
      if (!line.to.includes(name)) report("an outcome names somebody else", where)
      const key = `${outcome.label} ${name}`
      const count = (told.get(key) ?? 0) + 1
      told.set(key, count)
      if (count > said.length) report("a line has two outcomes", where)
      // The outcomes of lines with one label come in no particular order, like all outcomes.
      const stored = said.flatMap(({ text }) => model.stored(text, name))
      if (outcome.outcome === "stored")
        checkStored(stored, outcome, !said.every(({ text }) => model.isSaidOnce(text)), report, where)
      else if (
        (accounts.includes(name) || name.startsWith("#")) &&
        said.length === 1 &&
        model.isSaidOnce(line.text) &&
        stored.length > 0
      ) {
        report("a line was stored and reported as something else", where)
      }
    }
  }
  const { atRest, ends } = model.history
  const isWhole = atRest !== undefined && sitting.life === ends.at(-1)?.life && wire.gone === undefined
  if (!isWhole || wire.ended !== undefined || wire.closed !== undefined) return
  for (const [label, said] of saidAs) {
    if (label === undefined) continue
    for (const name of said[0]?.to ?? []) {
      if ((told.get(`${label} ${name}`) ?? 0) < said.length)
        report("a line has no outcome", `${remote}: @${label} ${name}`)
    }
  }
}

const checkStored = (
  stored: ReadonlyArray<Logged>,
  { isAgain, numbers, turn }: TakenOutcome,
  wasSentAgain: boolean,
  report: Report,
  where: string
) => {
  if (stored.length === 0) report("a line was reported as stored, and is not", where)
  else if (stored.every(({ flushed }) => flushed.turn > turn))
    report("a line was reported as stored before it was", where)
  if (numbers !== undefined && !stored.some(({ at, seq }) => seq === numbers.seq && at === numbers.at)) {
    report("a line was reported as stored with other numbers", where)
  }
  if (isAgain && !wasSentAgain) report("a line was reported as stored again, and was sent once", where)
}

/** The lines of a connection to one account are stored in the order in which it sent them. */
const checkOrder = (model: StoreModel, sitting: Sitting, report: Report) => {
  const latest = new Map<number, Logged>()
  for (const line of sitting.said) {
    if (!model.isSaidOnce(line.text)) continue
    for (const name of line.to) {
      const [entry] = model.stored(line.text, name)
      if (entry === undefined) continue
      const before = latest.get(entry.conversation)
      if (before !== undefined && before.seq > entry.seq) {
        report("lines were stored out of order", `${sitting.socket.remote}: ${line.text} is ${entry.seq}`)
      }
      latest.set(entry.conversation, entry)
    }
  }
}

/** A text is in a conversation once: whoever sent it again said `once`. */
const checkOnce = ({ history: { store } }: StoreModel, report: Report) => {
  for (const [text, entries] of grouped(store.log, ({ conversation, line }) => `${conversation} ${line.text}`)) {
    const [first, second] = entries
    if (first === undefined || second === undefined) continue
    const { account, once } = first.line
    // A label is remembered as long as its line and its device. What is left of a device that is forgotten is not
    // stored.
    const isForgotten =
      (first.removed !== undefined && first.removed.turn <= second.flushed.turn) ||
      store.openings.some(
        ({ device, turn, ...one }) =>
          one.account === account && device === once?.device && turn > first.flushed.turn && turn <= second.flushed.turn
      ) ||
      recipientOf(first.line) !== recipientOf(second.line)
    if (!isForgotten) report("a line was stored twice", text)
  }
}

/** A client without an account that writes to none does not notice the store. */
const checkBystander = (model: StoreModel, sitting: Sitting, report: Report) => {
  const { cut, said, socket } = sitting
  const { wire } = socket
  if (wire.isSlow || wire.broke || wire.reset !== undefined || cut < 65_536) return
  const taken = model.taken.get(sitting) ?? []
  const isOver = (line: SaidLine) =>
    (wire.gone ?? wire.closed ?? wire.ended) !== undefined ||
    model.history.ends.some(({ at, life }) => life === sitting.life && at <= line.at + promptly)
  for (const line of said) {
    const got = taken.find((one) => one.is === "message" && one.text === line.text)
    if (got !== undefined && got.at <= line.at + promptly) continue
    if (got === undefined && isOver(line)) continue
    report("a line between guests waited for the store", `${socket.remote}: ${line.text}`)
  }
}
