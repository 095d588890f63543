import type { Report } from "../Checks.js"
import type { ConversationId } from "../../../src/ports/StoreLines.js"
import type { Logged, Membership } from "./SimulatedStore.js"
import type { StoreHistory } from "./StoreHistory.js"
import type { DeviceLife, Given, StoreModel } from "./StoreModel.js"

/** Cursors are saved after a second, with the next transaction. */
const savedAfter = 2_000

/** Every device is given every line of its account that was flushed, in order, from its place on. */
export const check = (model: StoreModel, report: Report) => {
  const { history } = model
  for (const { message, sitting } of model.unknown) {
    // A guest that registers has got lines that were not kept.
    if (sitting.isAccount) report("a line was given that is not stored", `${whose(sitting)}: ${message.line}`)
  }
  for (const [sitting, lines] of model.taken) {
    if (!sitting.words.includes("send-only")) continue
    const given = lines.find(({ is }) => is === "message" || is === "gap")
    if (given !== undefined) report("a client that only sends was given a line", `${whose(sitting)}: ${given.line}`)
  }
  for (const device of model.devices) {
    for (const given of device.given.values()) {
      checkLines(model, device, given, report)
      checkRepeats(history, given, report)
    }
    for (const [id, [first]] of model.conversations) {
      if (first?.line.conversation.kind !== "room") checkWhole(model, device, id, everything, report)
    }
    for (const membership of model.history.store.memberships) {
      if (membership.account === device.account) checkWhole(model, device, membership.room, membership, report)
    }
  }
}

/** The lines of a conversation that are for an account: those after one, until another one. */
type Part = Pick<Membership, "after" | "last">

const everything: Part = { after: 0, last: Infinity }

const whose = ({ client, socket }: Given["sitting"]) => `${client.name}/${client.device} on ${socket.remote}`

/** Each line is what was flushed, is not given before, and is not given back to the connection that sent it. */
const checkLines = (model: StoreModel, device: DeviceLife, given: ReadonlyArray<Given>, report: Report) => {
  for (const { entry, message, sitting } of given) {
    const where = `${whose(sitting)}: ${message.line}`
    if (message.room !== undefined) checkRoomLine(model, device, { entry, message, sitting }, report, where)
    if (message.turn < entry.flushed.turn) report("a line was given before it was flushed", where)
    const { numbers } = message
    if (numbers !== undefined && (numbers.seq !== entry.seq || numbers.at !== entry.at)) {
      report("a line was given with other numbers", where)
    }
    if (numbers === undefined && sitting.words.includes("seq")) report("a line was given without its number", where)
    const { isCopy, text } = message
    if (isCopy && model.isSaidOnce(text) && sitting.said.some((line) => line.text === text)) {
      report("a copy was given to the connection that sent the line", where)
    }
  }
}

/**
 * A line of a room is for those who were in it when it was stored, and does not come back to the account that sent it.
 */
const checkRoomLine = (
  model: StoreModel,
  { account }: DeviceLife,
  { entry, message }: Given,
  report: Report,
  where: string
) => {
  if (model.membership(account, entry) === undefined)
    report("a line of a room was given to an account that was not in it", where)
  if (!message.isCopy && entry.line.account === account)
    report("a line of a room came back to the account that sent it", where)
}

/** A line that a device has surely got is given again only if its server was killed before it saved the cursor. */
const checkRepeats = (history: StoreHistory, given: ReadonlyArray<Given>, report: Report) => {
  if (history.hadTrouble) return
  const known = new Map<number, Given>()
  for (const one of given) {
    const { seq } = one.entry
    const before = known.get(seq)
    if (before === undefined || one.message.knownAt < before.message.knownAt) known.set(seq, before ?? one)
    if (before === undefined || before.message.knownAt === Infinity) continue
    const mayBeUnsaved = history.ends.some(
      ({ at, isOrderly, life }) =>
        !isOrderly &&
        life >= before.sitting.life &&
        life < one.sitting.life &&
        (history.wasSlow || at < before.message.knownAt + savedAfter)
    )
    if (!mayBeUnsaved) report("a line was given again without need", `${whose(one.sitting)}: ${one.message.line}`)
  }
}

/** Nothing is missing between two lines, before the first one, or at the end. */
const checkWhole = (
  model: StoreModel,
  device: DeviceLife,
  id: ConversationId,
  { after: begin, last: end }: Part,
  report: Report
) => {
  const { account, from, gaps, given, sittings, starts, to } = device
  const { schedule, store } = model.history
  const isInPart = ({ seq }: Logged) => begin < seq && seq <= end
  const owed = (model.conversations.get(id) ?? []).filter((entry) => isInPart(entry) && model.isFor(account, entry))
  const told = gaps.get(id) ?? []
  // A conversation with a guest ends when nobody is behind in it, or where there are too many bytes: then no gap is
  // left.
  const hasEnded = ({ removed }: Logged) =>
    store.ended.has(id) && removed !== undefined && (removed.turn <= from || schedule.setting.keepBytes < 1e9)
  const missing = (after: number, before: number) =>
    owed.find(
      (entry) =>
        entry.seq > after &&
        entry.seq < before &&
        !hasEnded(entry) &&
        !told.some(({ first, last }) => first <= entry.seq && entry.seq <= last)
    )
  let place = Math.max(begin, starts.get(id) ?? 0)
  for (const sitting of sittings) {
    const own = (given.get(id) ?? []).filter((one) => one.sitting === sitting && isInPart(one.entry))
    let previous: number | undefined = undefined
    for (const { entry, message } of own) {
      const { seq }: Logged = entry
      const where = `${whose(sitting)}, conversation ${id}: ${message.line}`
      if (previous !== undefined && seq <= previous) report("lines were given out of order", where)
      const skipped = missing(previous ?? place, seq)
      if (skipped !== undefined) report("a line was passed over", `${skipped.seq} ${skipped.line.text} before ${where}`)
      previous = seq
    }
    place = Math.max(place, ...own.flatMap(({ entry, message }) => (message.isConfirmed ? [entry.seq] : [])))
  }
  const isAtRest =
    to === Infinity &&
    end === Infinity &&
    sittings.some(({ life, socket, words }) => {
      const { ends } = model.history
      return life === ends.at(-1)?.life && !socket.wire.broke && words.includes("ack") && words.includes("seq")
    })
  const lost = isAtRest ? missing(place, Infinity) : undefined
  if (lost !== undefined) {
    report("a stored line was never given to a device", `${device.device}, conversation ${id}: ${lost.line.text}`)
  }
  for (const gap of told) {
    const isKept = ({ removed, seq }: Logged) => seq >= gap.first && seq <= gap.last && removed === undefined
    // A guest and the account that has its name now have one name, and so have rooms after each other.
    const isOfAnother = [...gaps].some(
      ([other, all]) => other !== id && all.includes(gap) && !(model.conversations.get(other) ?? []).some(isKept)
    )
    if (owed.some(isKept) && !isOfAnother)
      report("a gap was reported where lines are kept", `${device.device}: ${gap.line}`)
  }
}
