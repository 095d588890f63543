import type { Report } from "../Checks.js"
import type { AccountId } from "../../../src/ports/StoreAccounts.js"
import type { Moment } from "../History.js"
import type { Content } from "./SimulatedStore.js"
import type { DeviceLife, StoreModel } from "./StoreModel.js"

/** The content of the store at the end of each process, and when everything had come to rest. */
export const check = (model: StoreModel, report: Report) => {
  const { atRest, ends } = model.history
  for (const { content, ...end } of ends) {
    checkContent(model, content, end, report)
    checkCursors(model, content, end, report)
  }
  if (atRest !== undefined) checkContent(model, atRest.content, atRest, report)
}

/** What was flushed is there once, and the store's own ledger is right. */
const checkContent = (
  { history: { store } }: StoreModel,
  { records, statistics }: Content,
  { at, turn }: Moment,
  report: Report
) => {
  const when = `at ${at} ms, turn ${turn}`
  const flushed = store.log.filter((entry) => entry.flushed.turn <= turn)
  const lines = records.flatMap((record) => (record.type === "line" ? [record] : []))
  const firsts = new Map(
    records.flatMap((record) => (record.type === "conversation" ? [[record.id, record.first] as const] : []))
  )
  const kept = new Map(lines.map((line) => [`${line.conversation} ${line.seq}`, line.text]))
  if (kept.size !== lines.length) report("two lines have one number", when)
  for (const { conversation, line, removed, seq } of flushed) {
    const isGone = Math.min(removed?.turn ?? Infinity, store.endedRooms.get(conversation) ?? Infinity) <= turn
    const hasEnded = firsts.get(conversation) === undefined && isGone
    if (hasEnded || seq < (firsts.get(conversation) ?? 1)) continue
    if (kept.get(`${conversation} ${seq}`) !== line.text)
      report("a flushed line is not in the log", `${when}: ${line.text}`)
  }
  const { expired, given, stored, waiting } = statistics
  const ledger = `${when}: ${stored} = ${given} + ${waiting} + ${expired}`
  if (stored !== given + waiting + expired) report("the ledger of the store does not balance", ledger)
  const direct = flushed.filter(({ line }) => line.conversation.kind !== "room")
  if (stored !== direct.length) report("the store has counted other lines than it has flushed", ledger)
  const returned = flushed.filter(({ removed }) => removed?.isReturned === true && removed.turn <= turn)
  if (expired !== returned.length) report("the store has counted other lines than have expired", ledger)
}

/** No cursor is ahead of what its device has got; nor does a line count as given that no device has got. */
const checkCursors = (
  model: StoreModel,
  { records }: Content,
  end: Moment & { readonly life: number },
  report: Report
) => {
  const hasGot = ({ gaps, given, starts }: DeviceLife, conversation: number, seq: number) => {
    const id = conversation as Parameters<typeof given.get>[0]
    return (
      seq <= (starts.get(id) ?? 0) ||
      (given.get(id) ?? []).some(
        ({ entry, message, sitting }) => entry.seq === seq && message.isConfirmed && sitting.life <= end.life
      ) ||
      (gaps.get(id) ?? []).some(({ first, last }) => first <= seq && seq <= last)
    )
  }
  const owed = (account: number, conversation: number, after: number, upTo: number) =>
    (model.conversations.get(conversation as never) ?? []).filter(
      (entry) =>
        model.isFor(account as AccountId, entry) &&
        entry.seq > after &&
        entry.seq <= upTo &&
        !(entry.removed !== undefined && entry.removed.turn <= end.turn)
    )
  for (const record of records) {
    if (record.type === "cursor") {
      const { account, conversation, device, seq } = record
      const life = model.devices.findLast(
        (one) => one.account === account && one.device === device && one.from <= end.turn
      )
      if (life === undefined) continue
      const { memberships } = model.history.store
      const [latest] = memberships
        .filter((one) => one.account === account && one.room === conversation && one.from <= end.turn)
        .slice(-1)
      if (latest !== undefined && latest.to <= end.turn)
        report("a cursor is in a room that its account has left", `${account}/${device} at ${seq}`)
      const ahead = owed(account, conversation, latest?.after ?? 0, seq).find(
        (entry) => !hasGot(life, conversation, entry.seq)
      )
      if (ahead !== undefined) {
        report("a cursor is ahead of its device", `${account}/${device} at ${seq}: ${ahead.seq} ${ahead.line.text}`)
      }
    } else if (record.type === "conversation") {
      // Nothing of a room is owed to its members.
      for (const { account, given } of record.room === null ? record.members : []) {
        const own = model.devices.filter((one) => one.account === account && one.from <= end.turn)
        const ahead = owed(account, record.id, 0, given).find(
          ({ seq }) => !own.some((life) => hasGot({ ...life, starts: new Map() }, record.id, seq))
        )
        if (ahead !== undefined) {
          report("a line counts as given that no device has got", `${account}: ${ahead.seq} ${ahead.line.text}`)
        }
      }
    }
  }
}
