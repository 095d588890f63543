import type { AccountId } from "../ports/StoreAccounts.js"
import type { ConversationId } from "../ports/StoreLines.js"
import type { ExportedRoom, StoreRecord } from "../ports/StoreUpkeep.js"
import * as Checksum from "./Checksum.js"
import * as ExportedKey from "./ExportedKey.js"
import * as SqlGaps from "./SqlGaps.js"
import { damage, type LineRow, linesWithText, row, rows, type Sql, text, unlessDamaged } from "./SqlQuery.js"
import { endedKind, keyOfRow, type KeyRow, roomKind } from "./SqlKeys.js"
import * as SqlRescue from "./SqlRescue.js"
import type { Moment, SqlState } from "./SqlState.js"

/** The position of an export: the part of the content, and the last exported id in it. */
export interface ExportPosition {
  readonly part: "accounts" | "conversations" | "lines" | "cursors" | "rest"
  readonly id: number
  /** How many intact lines have been exported so far. */
  readonly intact: number
  /** Conversations that are not in the export. Their lines and cursors are omitted as well. */
  readonly lost: ReadonlyArray<number>
  /** Whether anything besides lines is lost. */
  readonly isPartial: boolean
  /** The id of the last account; undefined while accounts are being exported, unless one of them could not be read. */
  readonly lastAccount?: number | undefined
  /** Lines up to this one are read one by one, because some are unreadable. */
  readonly oneByOneTo?: number | undefined
}

export const start: ExportPosition = { part: "accounts", id: 0, intact: 0, lost: [], isPartial: false }

/** The position after unreadable data at which an export continues. Undefined if it cannot continue. */
export const afterDamage = (position: ExportPosition): ExportPosition | undefined => {
  const { id, oneByOneTo, part } = position
  if (part !== "lines") return undefined
  return oneByOneTo === undefined ? { ...position, oneByOneTo: id + exportedLines } : { ...position, id: id + 1 }
}

export interface ExportPiece {
  readonly records: ReadonlyArray<StoreRecord>
  /** Undefined after the last piece. */
  readonly next: ExportPosition | undefined
}

export const states = ["active", "removed", "freed"] as const
export const reasons = ["expired", "removed"] as const

/** The next piece of an export. The export is complete only if nothing is written between the pieces. */
export function* exportPiece(state: SqlState, position: ExportPosition, moment: Moment): Sql<ExportPiece> {
  const running = yield* state.running(moment)
  const { part } = position
  if (part === "lines") return yield* lines(state, position, running)
  const { next, records } = yield* part === "rest"
    ? rest(state, running, position)
    : part === "accounts"
      ? accounts(position, running)
      : part === "conversations"
        ? conversations(position)
        : cursors(position)
  const isPartial = position.isPartial || records.some(({ type }) => type === "lost")
  const gone = records.flatMap((record) =>
    record.type === "lost" && record.what === "conversation" ? [record.id] : []
  )
  return { records, next: next && { ...position, ...next, isPartial, lost: [...position.lost, ...gone] } }
}

/** A piece without lines. */
interface OtherPiece {
  readonly records: ReadonlyArray<StoreRecord>
  readonly next: Pick<ExportPosition, "id" | "part" | "lastAccount"> | undefined
}

interface AccountRow {
  readonly id: AccountId
  readonly name: string
  readonly likeness: string
  readonly credential: string | null
  readonly created: number
  readonly state: number
}

const selectAccount = "select id, name, likeness, credential, created, state from account"

function* accounts({ id: after, lastAccount }: ExportPosition, running: number): Sql<OtherPiece> {
  const next = yield* unlessDamaged(row<AccountRow>(`${selectAccount} where id > ? order by id limit 1`, after))
  const nextPart = { part: "conversations", id: 0, lastAccount: after } as const
  const id = after + 1
  if (next !== undefined && next !== damage && next.id === id) {
    return { records: yield* account(next, running), next: { part: "accounts", id, lastAccount } }
  }
  // One by one: each id belongs to an account, so a missing one is lost. Postgres treats a page of zeros as empty.
  const last = lastAccount ?? (yield* SqlRescue.lastAccount())
  if (id > last) return { records: [], next: nextPart }
  const found = yield* unlessDamaged(row<AccountRow>(`${selectAccount} where id = ?`, id))
  const records =
    found === damage || found === undefined ? SqlRescue.withoutAccount(id) : yield* account(found, running)
  return { records, next: { part: "accounts", id, lastAccount: last } }
}

function* account({ created, credential, id, likeness, name, state }: AccountRow, running: number): Sql<Records> {
  const devices = yield* unlessDamaged(devicesOf(id))
  const record = { type: "account", id, name, likeness, credential, created, state: states[state] ?? "freed" } as const
  if (devices === damage) return [record, { type: "lost", what: "devices", id }]
  return [
    record,
    ...devices.map(({ name, ran, seen, token }): StoreRecord => {
      const hexadecimal = token === null ? null : Buffer.from(token).toString("hex")
      return { type: "device", account: id, name, token: hexadecimal, seen, awayMillis: running - ran }
    })
  ]
}

const devicesOf = (account: number) =>
  rows<{ name: string; token: Uint8Array | null; seen: number; ran: number }>(
    "select name, token, seen, ran from device where account = ? order by name",
    account
  )

type Records = ReadonlyArray<StoreRecord>

interface ConversationRow extends KeyRow {
  readonly id: ConversationId
  readonly first: number
  readonly at: number
  readonly guest: string
}

const selectConversation = "select id, kind, one, other, likeness, first, at, guest from conversation"

function* conversations({ id: after, lastAccount = 0 }: ExportPosition): Sql<OtherPiece> {
  const next = yield* unlessDamaged(
    row<ConversationRow>(`${selectConversation} where id > ? and kind < ${endedKind} order by id limit 1`, after)
  )
  const nextPart = { part: "lines", id: 0 } as const
  if (next === undefined) return { records: [], next: nextPart }
  if (next !== damage) {
    return { records: yield* conversation(next, lastAccount), next: { part: "conversations", id: next.id } }
  }
  const id = after + 1
  if (id > (yield* SqlRescue.lastConversation())) return { records: [], next: nextPart }
  const found = yield* unlessDamaged(
    row<ConversationRow>(`${selectConversation} where id = ? and kind < ${endedKind}`, id)
  )
  const records =
    found === damage
      ? yield* SqlRescue.withoutConversation(id)
      : found === undefined
        ? []
        : yield* conversation(found, lastAccount)
  return { records, next: { part: "conversations", id } }
}

function* conversation(found: ConversationRow, lastAccount: number): Sql<Records> {
  const { at, first, guest, id } = found
  const key = keyOfRow(found, id)
  const room = found.kind === roomKind ? yield* unlessDamaged(roomOf(id, found.likeness)) : null
  if (room === damage) return [{ type: "lost", what: "conversation", id }]
  const { isPartial, members } = yield* SqlRescue.membersOf(id, key, first, room?.owner ?? null, lastAccount)
  const invited = room === null ? [] : yield* unlessDamaged(invitedTo(id))
  const exportedRoom = room && { ...room, invited: invited === damage ? [] : invited }
  const record = { type: "conversation", id, ...ExportedKey.exported(key), room: exportedRoom, first, at } as const
  const name = guest === "" ? {} : { guestName: guest }
  const number = yield* SqlRescue.lastNumberOf(id)
  const last = number === 0 || (yield* isExported(id, number)) ? {} : { last: number }
  return [
    { ...record, ...last, ...name, members },
    ...(isPartial ? [{ type: "lost", what: "members", id } as const] : []),
    ...(invited === damage ? [{ type: "lost", what: "invitations", id } as const] : [])
  ]
}

/** Whether a line can be read and its checksum is right, so that it is in the export. */
function* isExported(conversation: ConversationId, seq: number): Sql<boolean> {
  const line = yield* unlessDamaged(
    row<LineRow>(`${selectLine} where l.conversation = ? and l.seq = ?`, conversation, seq)
  )
  return line !== damage && line !== undefined && isIntact(line)
}

const isIntact = (line: LineRow): boolean => Checksum.ofLine(line) === line.crc

function* invitedTo(id: ConversationId): Sql<ReadonlyArray<AccountId>> {
  const found = yield* rows<{ account: AccountId }>(
    "select account from invitation where conversation = ? order by account",
    id
  )
  return found.map(({ account }) => account)
}

function* roomOf(id: ConversationId, likeness: string): Sql<Omit<ExportedRoom, "invited">> {
  const found = yield* row<{
    name: string
    topic: string
    topicBy: string
    owner: number
    locked: number
    slowMillis: number
  }>(
    `select name, topic, topic_by as "topicBy", owner, locked, slow as "slowMillis" from room where conversation = ?`,
    id
  )
  if (found === undefined) throw new Error(`conversation ${id} is a room without a name`)
  const { locked, name, owner, slowMillis, topic, topicBy } = found
  return {
    name,
    likeness,
    topic,
    topicBy,
    owner: owner === 0 ? null : (owner as AccountId), // the column holds ids of accounts
    locked: locked === 1,
    slowMillis
  }
}

/** Lines in the order in which they were stored, so by age. */
function* lines(state: SqlState, position: ExportPosition, running: number): Sql<ExportPiece> {
  const { id: after, oneByOneTo } = position
  const isTogether = oneByOneTo === undefined
  const found = yield* rows<LineRow>(
    `${selectLine} join conversation c on c.id = l.conversation
     where ${isTogether ? "l.id > ?" : "l.id = ?"} and c.kind < ${endedKind} order by l.id limit ?`,
    // With an upper bound, SQLite would read the line after it as well, which may be damaged.
    isTogether ? after : after + 1,
    exportedLines
  )
  const records = found
    .filter((line) => isIntact(line) && !position.lost.includes(line.conversation))
    .map((line): StoreRecord => ({
      type: "line",
      conversation: line.conversation as ConversationId, // the column holds ids of conversations
      seq: line.seq,
      at: line.at,
      ageMillis: running - line.ran,
      account: line.account === 0 ? null : (line.account as AccountId),
      author: line.author,
      text: Buffer.from(line.body).toString("utf8"),
      auto: (line.flags & 1) === 1,
      to: line.recipients,
      device: line.device,
      label: line.label
    }))
  const intact = position.intact + records.length
  const end = isTogether ? found.at(-1)?.id : after + 1
  const { lastLine } = yield* state.meta()
  const next = { ...position, intact }
  if (end === undefined || end > lastLine) return { records, next: { ...next, part: "cursors", id: 0 } }
  const isAgainTogether = isTogether || end >= oneByOneTo
  return { records, next: { ...next, id: end, oneByOneTo: isAgainTogether ? undefined : oneByOneTo } }
}

const selectLine = `select l.id, l.conversation, l.seq, l.at, l.ran, l.account, l.author, l.flags, l.recipients,
  ${text},
                           l.crc, l.device, l.label from ${linesWithText}`

const exportedLines = 500

function* cursors({ id: after, lastAccount = 0, lost }: ExportPosition): Sql<OtherPiece> {
  const next = yield* unlessDamaged(
    row<{ id: AccountId | null }>("select min(account) as id from cursor where account > ?", after)
  )
  const nextPart = { part: "rest", id: 0 } as const
  const id = next === damage ? after + 1 : next?.id
  if (id === undefined || id === null) return { records: [], next: nextPart }
  if (next === damage && id > lastAccount) return { records: [], next: nextPart }
  const devices = yield* exportedDevices(id)
  const { found, isPartial } = yield* SqlRescue.cursorsOf(id, devices)
  const records = found
    .filter(({ conversation, device }) => devices.includes(device) && !lost.includes(conversation))
    .map(({ conversation, device, seq }): StoreRecord => ({
      type: "cursor",
      account: id as AccountId, // the column holds ids of accounts
      device,
      conversation,
      seq
    }))
  // The cursors of lost devices are not reported as lost, because the devices are.
  const partial = isPartial && devices.length > 0 ? [{ type: "lost", what: "places", id } as const] : []
  return { records: [...records, ...partial], next: { part: "cursors", id } }
}

/** The devices of an account that are in the export. */
function* exportedDevices(account: number): Sql<ReadonlyArray<string>> {
  const found = yield* unlessDamaged(row(`${selectAccount} where id = ?`, account))
  if (found === undefined || found === damage) return []
  const devices = yield* unlessDamaged(devicesOf(account))
  return devices === damage ? [] : devices.map(({ name }) => name)
}

interface ReturnRow {
  readonly account: AccountId
  readonly conversation: ConversationId
  readonly reason: number
  readonly recipient: string
  readonly first: number
  readonly last: number
  readonly count: number
  readonly ran: number
}

function* rest(state: SqlState, running: number, { intact, isPartial, lost }: ExportPosition): Sql<OtherPiece> {
  const found = yield* unlessDamaged(
    rows<ReturnRow>(
      "select account, conversation, reason, recipient, first, last, count, ran from undelivered order by id"
    )
  )
  const { dead, endedId, endedSeq, expired, given, lines, stored } = yield* state.meta()
  const returns =
    found === damage
      ? []
      : found
          .filter(({ conversation }) => !lost.includes(conversation))
          .map(({ ran, reason, ...lines }): StoreRecord => ({
            ...lines,
            type: "return",
            reason: reasons[reason] ?? "expired",
            awayMillis: running - ran
          }))
  const withoutReturns = found === damage ? [{ type: "lost", what: "returns", id: 0 } as const] : []
  // A later room with the name of a lost one must not reuse its line numbers.
  const ended = Math.max(endedSeq, yield* SqlRescue.lastLineOf(lost))
  const lastConversation = Math.max(endedId, yield* SqlRescue.lastConversation())
  const totals = { type: "totals", stored, given, expired, dead, ended, lastConversation } as const
  // Counted by this query, because an unreadable id need not belong to a line.
  const notExported = yield* unlessDamaged(linesOfEnded())
  const lostLines = Math.max(0, lines - (notExported === damage ? 0 : notExported) - intact)
  const known = yield* unlessDamaged(SqlGaps.missing())
  const missing = known === damage ? 0 : known
  const gaps = { ...(lostLines > 0 ? { lost: lostLines } : {}), ...(missing > 0 ? { missing } : {}) }
  const partial = isPartial || found === damage ? { partial: true as const } : {}
  return { records: [...returns, ...withoutReturns, { ...totals, ...gaps, ...partial }], next: undefined }
}

/** The lines of rooms that have ended, which are not exported. */
function* linesOfEnded(): Sql<number> {
  const found = yield* row<{ n: number }>(
    `select count(*) as n from conversation c join line l on l.conversation = c.id where c.kind = ${endedKind}`
  )
  return Number(found?.n ?? 0) // Postgres' count has another type
}
