import type { StoreFault } from "../ports/StoreUpkeep.js"
import type { ConversationId } from "../ports/StoreLines.js"
import * as Checksum from "./Checksum.js"
import * as SharedTexts from "./SharedTexts.js"
import * as SqlGaps from "./SqlGaps.js"
import * as SqlIndex from "./SqlIndex.js"
import { endedKind, guestKind, type KeyRow, roomKind } from "./SqlKeys.js"
import { damage, type LineRow, linesWithText, row, rows, type Sql, text, unlessDamaged } from "./SqlQuery.js"
import * as SqlRescue from "./SqlRescue.js"
import * as SqlRooms from "./SqlRooms.js"
import type { Meta } from "./SqlMeta.js"
import type { SqlState } from "./SqlState.js"

/**
 * The part of `StoreUpkeep.check` that uses queries. The database's own check comes before it. Unreadable data is a
 * fault, and the check continues with the rest.
 */
export function* check(state: SqlState): Sql<ReadonlyArray<StoreFault>> {
  state.forget()
  const faults: Array<StoreFault> = [...(yield* unreadableTables())]
  const found = { lines: 0, bytes: 0, waiting: 0, isWhole: true }
  const ids = yield* unlessDamaged(rows<{ id: ConversationId }>("select id from conversation order by id"))
  if (ids === damage) found.isWhole = false
  for (const { id } of ids === damage ? [] : ids) {
    state.trim() // nothing is written here
    const inIt: Array<FaultIn> = []
    const isRead = yield* unlessDamaged(checkConversation(state, id, found, inIt))
    if (isRead === damage) {
      inIt.push((it) => `${it} cannot be read`)
      found.isWhole = false
    }
    if (inIt.length === 0) continue
    const it = `conversation ${id} (${yield* partiesOf(id)})`
    for (const fault of inIt) faults.push(fault(it))
  }
  for (const part of [missingAccounts(), SharedTexts.check(), SqlRooms.check(), places()]) {
    const more = yield* unlessDamaged(part)
    if (more !== damage) faults.push(...more)
  }
  const meta = yield* state.meta()
  const { bytes, isWhole, lines, waiting } = found
  // Unreadable data is already a fault, and cannot be counted.
  if (isWhole) faults.push(...totals(meta, { bytes, lines, waiting }))
  const words = yield* unlessDamaged(SqlIndex.check())
  faults.push(...(words === damage ? ["the index of words cannot be read"] : words))
  return faults
}

/** A fault in a conversation, given the name by which `check` refers to the conversation. */
type FaultIn = (conversation: string) => StoreFault

/** The parties of a conversation, so that an operator knows which users are affected. */
function* partiesOf(id: ConversationId): Sql<string> {
  const found = yield* unlessDamaged(
    row<KeyRow>("select kind, one, other, likeness from conversation where id = ?", id)
  )
  if (found === damage || found === undefined) return "of unknown members"
  const { kind, likeness, one, other } = found
  if (kind === endedKind) return "a room that has ended"
  if (kind === roomKind) {
    const room = yield* unlessDamaged(row<{ name: string }>("select name from room where conversation = ?", id))
    return room === damage || room === undefined ? `a room like ${likeness}` : room.name
  }
  const name = yield* accountName(one)
  if (kind === guestKind) return `${name} and the guest ${likeness}`
  return one === other ? `${name} alone` : `${name} and ${yield* accountName(other)}`
}

function* accountName(id: number): Sql<string> {
  const found = yield* unlessDamaged(row<{ name: string }>("select name from account where id = ?", id))
  return found === damage || found === undefined ? `account ${id}` : found.name
}

interface Found {
  lines: number
  bytes: number
  waiting: number
  /** Everything could be read. */
  isWhole: boolean
}

const totals = (
  { bytes: allBytes, expired, given, lines: allLines, stored }: Meta,
  { bytes, lines, waiting }: Omit<Found, "isWhole">
): ReadonlyArray<StoreFault> => {
  const faults: Array<StoreFault> = []
  if (lines !== allLines) faults.push(`${lines} lines are stored, and ${allLines} should be`)
  if (bytes !== allBytes) faults.push(`${bytes} bytes of text are stored, and ${allBytes} should be`)
  if (stored !== given + waiting + expired) {
    faults.push(`${stored} direct lines were stored, but ${given} were given, ${waiting} wait and ${expired} expired`)
  }
  return faults
}

/**
 * One column of each table that is in none of its indexes, so that a query for it reads the rows. The table
 * `invitation` has no such column. Lines are omitted, because they are read with their texts.
 */
const columns = {
  account: "name",
  device: "seen",
  conversation: "at",
  member: "given",
  cursor: "seq",
  room: "topic",
  invitation: "account",
  undelivered: "last"
}

/** The tables that cannot be read as a whole. Postgres' message names a page with a wrong checksum. */
function* unreadableTables(): Sql<ReadonlyArray<StoreFault>> {
  const faults: Array<StoreFault> = []
  for (const [table, column] of Object.entries(columns)) {
    try {
      yield* row(`select max(${column}) as most from ${table}`)
    } catch (error) {
      if (!(error instanceof Error && "reason" in error && error.reason === "damaged")) throw error
      faults.push(`the table ${table} cannot be read as a whole: ${error.message}`)
    }
  }
  return faults
}

/** Missing ids between those of accounts. Rows of accounts are never deleted, so these are lost. */
function* missingAccounts(): Sql<ReadonlyArray<StoreFault>> {
  return (yield* SqlRescue.missingAccounts()).map((id) => `account ${id} is missing`)
}

/** Cursors of devices that do not exist. */
function* places(): Sql<ReadonlyArray<StoreFault>> {
  const found = yield* rows<{ account: number }>(
    `select distinct c.account from cursor c left join device d on d.account = c.account and d.name = c.device
     where d.name is null order by c.account`
  )
  return found.map(({ account }) => `account ${account} has cursors of a device that it does not have`)
}

function* checkConversation(state: SqlState, id: ConversationId, found: Found, faults: Array<FaultIn>): Sql<void> {
  const head = yield* state.head(id)
  if (head === undefined) return
  for (const member of head.members.values()) found.waiting += member.waiting
  for (const account of yield* SqlRescue.missingMembers(head.key, [...head.members.keys()])) {
    const name = yield* accountName(account)
    faults.push((it) => `${name} is missing among the members of ${it}`)
    found.isWhole = false
  }
  const gaps = yield* SqlGaps.of(id)
  let expected = head.first
  let unreadable: number | undefined
  const reportUnreadable = (upTo: number) => {
    const from = unreadable
    if (from !== undefined) faults.push((it) => `lines ${from} to ${upTo} of ${it} cannot be read`)
    unreadable = undefined
  }
  for (let after = 0, isOver = false; !isOver;) {
    const together = yield* unlessDamaged(
      rows<LineRow>(
        `${selectLine} where l.conversation = ? and l.seq > ? order by l.seq limit ?`,
        id,
        after,
        checkedLines
      )
    )
    const from = Math.max(after + 1, head.first)
    const end = Math.min(head.next, from + checkedLines)
    const page = together === damage ? yield* oneByOne(id, from, end, gaps) : together
    for (const line of page) {
      if (typeof line === "number") {
        if (line > expected) reportUnreadable(expected - 1) // they are separated by a gap
        unreadable ??= line
        found.isWhole = false
        expected = line + 1
        after = line
        continue
      }
      reportUnreadable(expected - 1)
      found.lines += 1
      found.bytes += line.size
      const isAfterGap = gaps.some(({ first, last }) => first <= expected && last === line.seq - 1)
      if (line.seq !== expected && !isAfterGap) {
        const other = expected
        faults.push((it) => `${it} has line ${line.seq} in the place of ${other}`)
      }
      if (Checksum.ofLine({ ...line, conversation: id }) !== line.crc) {
        faults.push((it) => `line ${line.seq} of ${it} is damaged: its checksum is wrong`)
      }
      expected = line.seq + 1
      after = line.seq
    }
    if (together === damage) after = end - 1 // a gap may be at the end
    isOver = together === damage ? end >= head.next : page.length < checkedLines
  }
  reportUnreadable(expected - 1)
}

const selectLine = `select l.seq, l.at, l.account, l.author, l.flags, l.recipients, ${text}, l.size, l.crc
  from ${linesWithText}`

/**
 * The lines from one number up to, but not including, another. An unreadable line is represented by its number; numbers
 * in gaps are omitted.
 */
function* oneByOne(
  id: ConversationId,
  from: number,
  end: number,
  gaps: ReadonlyArray<SqlGaps.NumberGap>
): Sql<ReadonlyArray<LineRow | number>> {
  const found: Array<LineRow | number> = []
  for (let seq = from; seq < end; seq++) {
    if (SqlGaps.has(gaps, seq)) continue
    const line = yield* unlessDamaged(row<LineRow>(`${selectLine} where l.conversation = ? and l.seq = ?`, id, seq))
    found.push(line === damage || line === undefined ? seq : line)
  }
  return found
}

const checkedLines = 500
