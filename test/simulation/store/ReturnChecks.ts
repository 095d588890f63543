import type { Report } from "../Checks.js"
import type { TakenReturn } from "./Received.js"
import { recipientOf, type Logged } from "./SimulatedStore.js"
import type { Sitting } from "./StoreHistory.js"
import type { StoreModel } from "./StoreModel.js"

/** Lines that no device was given return to who sent them, and receipts say what devices were given. */
export const check = (model: StoreModel, report: Report) => {
  const { atRest, schedule, store } = model.history
  const returned = new Set<Logged>()
  for (const [sitting, lines] of model.taken) {
    for (const line of lines) {
      if (line.is === "return") for (const entry of checkReturn(model, sitting, line, report)) returned.add(entry)
      else if (line.is === "receipt") checkReceipt(model, sitting, line.name, line.seq, line.turn, report)
    }
  }
  if (atRest === undefined) return
  for (const entry of store.log) {
    const { line, removed } = entry
    if (removed?.isReturned !== true || returned.has(entry)) continue
    if (line.account === undefined) checkGuest(model, entry, report)
    // A return is kept as long as a line.
    else if (removed.at + schedule.setting.keep > atRest.at && canBeTold(model, line.account)) {
      report("nobody was told that a line is lost", `${line.author}: ${line.text}`)
    }
  }
}

/** The account has a device that came at the end. */
const canBeTold = ({ devices, history }: StoreModel, account: number) =>
  devices.some(
    (one) =>
      one.account === account &&
      one.to === Infinity &&
      one.sittings.some(({ life, words }) => life === history.ends.at(-1)?.life && words.join() === "ack,seq")
  )

/** The lines that a return is about. */
const checkReturn = (
  model: StoreModel,
  sitting: Sitting,
  { count, first, last, line, name, reason, turn }: TakenReturn,
  report: Report
): ReadonlyArray<Logged> => {
  const { remote } = sitting.socket
  const sender = model.accountOf(sitting)
  const recipient = model.idOf(name)
  const lost = model.history.store.log.filter(
    (entry) =>
      entry.removed?.isReturned === true &&
      entry.removed.turn <= turn &&
      recipientOf(entry.line) === recipient &&
      entry.seq >= first &&
      entry.seq <= last &&
      entry.line.author === sitting.client.name &&
      // A guest that has registered gets the returns of both.
      (entry.line.account === sender || entry.line.account === undefined)
  )
  const own = lost.filter((entry) => entry.line.account === sender)
  const found = own.length === count ? own : lost.filter((entry) => entry.line.account === undefined)
  if (found.length !== count) {
    report("a return is not about lines that are lost", `${remote}: ${line}; ${found.length} are`)
  }
  const others = found.filter(
    (entry) => entry.line.account === undefined && !sitting.said.some(({ text }) => text === entry.line.text)
  )
  if (others.length > 0) report("a guest was told of the lines of another one", `${remote}: ${line}`)
  if (reason !== "expired" && reason !== "removed") report("a return has another reason", `${remote}: ${line}`)
  return found
}

/** A guest that is still there learns that its line is lost. */
const checkGuest = ({ history }: StoreModel, { line, removed }: Logged, report: Report) => {
  const sitting = history.sittings.find(({ said }) => said.some(({ text }) => text === line.text))
  if (sitting === undefined || removed === undefined) return
  const { gone, closed, ended } = sitting.socket.wire
  const isThere = (gone ?? closed ?? ended) === undefined && sitting.life === history.ends.at(-1)?.life
  if (isThere && !sitting.client.registers) report("a guest was not told that its line is lost", line.text)
}

/** By this time, some device of the account had received everything up to this line. */
const checkReceipt = (
  model: StoreModel,
  sitting: Sitting,
  name: string,
  upTo: number,
  turn: number,
  report: Report
) => {
  const reader = model.idOf(name)
  if (reader === undefined) return
  const ids = model.conversationsWith(reader, sitting.client.name)
  const isGiven = ids.some((id) =>
    model.devices.some(
      ({ account, gaps, given, starts }) =>
        account === reader &&
        (model.conversations.get(id) ?? []).every(
          ({ line, seq }) =>
            seq > upTo ||
            recipientOf(line) !== reader ||
            seq <= (starts.get(id) ?? 0) ||
            (given.get(id) ?? []).some(
              ({ entry, message }) => entry.seq === seq && message.turn <= turn && message.isConfirmed
            ) ||
            (gaps.get(id) ?? []).some(({ first, last }) => first <= seq && seq <= last)
        )
    )
  )
  if (!isGiven) report("a receipt is ahead of every device", `${sitting.socket.remote}: ${name} ${upTo}`)
}
