import type { AccountId } from "../ports/StoreAccounts.js"
import type { ConversationId } from "../ports/StoreLines.js"
import type { ExportedRoom, StoreRecord } from "../ports/StoreUpkeep.js"
import * as Checksum from "./Checksum.js"
import * as ExportedKey from "./ExportedKey.js"
import * as SqlGaps from "./SqlGaps.js"
import { type LineRow, linesWithText, row, rows, type Sql, text } from "./SqlQuery.js"
import { endedKind, keyOf, type KeyRow, roomKind } from "./SqlKeys.js"
import { type Moment, type SqlState } from "./SqlState.js"

/** Where an export continues: a part of the content, and the last id in it that is done. */
export interface ExportPosition {
  readonly part: "accounts" | "conversations" | "lines" | "cursors" | "rest"
  readonly id: number
  /** Lines so far that are intact. */
  readonly intact: number
  /** Lines up to this one are read one by one, because some of them cannot be read. */
  readonly oneByOneTo?: number | undefined
}

export const start: ExportPosition = { part: "accounts", id: 0, intact: 0 }

/** Where an export continues after it could not read what is at this position. Undefined if it cannot continue. */
export const afterDamage = ({ id, intact, oneByOneTo, part }: ExportPosition): ExportPosition | undefined => {
  if (part !== "lines") return undefined
  return oneByOneTo === undefined
    ? { part, id, intact, oneByOneTo: id + exportedLines }
    : { part, id: id + 1, intact, oneByOneTo }
}

export interface ExportPiece {
  readonly records: ReadonlyArray<StoreRecord>
  /** Undefined after the last piece. */
  readonly next: ExportPosition | undefined
}

export const states = ["active", "removed", "freed"] as const
export const reasons = ["expired", "removed"] as const

/** The next piece of an export. Only complete if nothing is written between the pieces. */
export function* exportPiece(state: SqlState, position: ExportPosition, moment: Moment): Sql<ExportPiece> {
  const running = yield* state.running(moment)
  const { intact } = position
  if (position.part === "lines") return yield* lines(state, position, running)
  const { next, records } = yield* position.part === "rest"
    ? rest(state, running, intact)
    : position.part === "accounts"
      ? accounts(position.id, running)
      : position.part === "conversations"
        ? conversation(position.id)
        : cursors(position.id)
  return { records, next: next && { ...next, intact } }
}

/** A piece without lines: the number of those that are intact stays as it was. */
interface OtherPiece {
  readonly records: ReadonlyArray<StoreRecord>
  readonly next: Pick<ExportPosition, "id" | "part"> | undefined
}

function* accounts(after: number, running: number): Sql<OtherPiece> {
  const account = yield* row<{
    id: AccountId
    name: string
    likeness: string
    credential: string | null
    created: number
    state: number
  }>("select id, name, likeness, credential, created, state from account where id > ? order by id limit 1", after)
  if (account === undefined) return { records: [], next: { part: "conversations", id: 0 } }
  const devices = yield* rows<{ name: string; token: Uint8Array | null; seen: number; ran: number }>(
    "select name, token, seen, ran from device where account = ? order by name",
    account.id
  )
  const { created, credential, id, likeness, name, state } = account
  const records: ReadonlyArray<StoreRecord> = [
    { type: "account", id, name, likeness, credential, created, state: states[state] ?? "freed" },
    ...devices.map(({ name, ran, seen, token }): StoreRecord => {
      const hexadecimal = token === null ? null : Buffer.from(token).toString("hex")
      return { type: "device", account: id, name, token: hexadecimal, seen, awayMillis: running - ran }
    })
  ]
  return { records, next: { part: "accounts", id } }
}

function* conversation(after: number): Sql<OtherPiece> {
  const found = yield* row<KeyRow & { id: ConversationId; first: number; at: number; guest: string }>(
    `select id, kind, one, other, likeness, first, at, guest from conversation where id > ? and kind < ${endedKind}
     order by id limit 1`,
    after
  )
  if (found === undefined) return { records: [], next: { part: "lines", id: 0 } }
  const { at, first, guest, id } = found
  const members = yield* rows<{ account: AccountId; since: number; read: number; given: number }>(
    "select account, since, read, given from member where conversation = ? order by joined, account",
    id
  )
  const room = found.kind === roomKind ? yield* roomOf(id, found.likeness) : null
  const record = { type: "conversation", id, ...ExportedKey.exported(keyOf(found, id)), room, first, at } as const
  const name = guest === "" ? {} : { guestName: guest }
  return {
    records: [{ ...record, ...name, members: members.map((member) => ({ ...member })) }],
    next: { part: "conversations", id }
  }
}

function* roomOf(id: ConversationId, likeness: string): Sql<ExportedRoom> {
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
  const invited = yield* rows<{ account: AccountId }>(
    "select account from invitation where conversation = ? order by account",
    id
  )
  const { locked, name, owner, slowMillis, topic, topicBy } = found
  return {
    name,
    likeness,
    topic,
    topicBy,
    owner: owner === 0 ? null : (owner as AccountId), // the column holds ids of accounts
    locked: locked === 1,
    slowMillis,
    invited: invited.map(({ account }) => account)
  }
}

/** In the order in which they were stored, which is that of their age. */
function* lines(state: SqlState, position: ExportPosition, running: number): Sql<ExportPiece> {
  const { id: after, oneByOneTo } = position
  const found = yield* rows<LineRow>(
    `select l.id, l.conversation, l.seq, l.at, l.ran, l.account, l.author, l.flags, l.recipients, ${text},
            l.crc, l.device, l.label
     from ${linesWithText} join conversation c on c.id = l.conversation
     where l.id > ? and l.id <= ? and c.kind < ${endedKind} order by l.id limit ?`,
    after,
    oneByOneTo === undefined ? Number.MAX_SAFE_INTEGER : after + 1,
    exportedLines
  )
  const records = found
    .filter((line) => Checksum.ofLine(line) === line.crc)
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
  const end = oneByOneTo === undefined ? found.at(-1)?.id : after + 1
  const { lastLine } = yield* state.meta()
  if (end === undefined || end > lastLine) return { records, next: { part: "cursors", id: 0, intact } }
  const isAgainTogether = oneByOneTo === undefined || end >= oneByOneTo
  return { records, next: { part: "lines", id: end, intact, ...(isAgainTogether ? {} : { oneByOneTo }) } }
}

const exportedLines = 500

function* cursors(after: number): Sql<OtherPiece> {
  const account = (yield* row<{ id: AccountId | null }>(
    "select min(account) as id from cursor where account > ?",
    after
  ))?.id
  if (account === undefined || account === null) return { records: [], next: { part: "rest", id: 0 } }
  const found = yield* rows<{ device: string; conversation: ConversationId; seq: number }>(
    "select device, conversation, seq from cursor where account = ? order by device, conversation",
    account
  )
  const records = found.map(({ conversation, device, seq }): StoreRecord => ({
    type: "cursor",
    account,
    device,
    conversation,
    seq
  }))
  return { records, next: { part: "cursors", id: account } }
}

function* rest(state: SqlState, running: number, intact: number): Sql<OtherPiece> {
  const found = yield* rows<{
    account: AccountId
    conversation: ConversationId
    reason: number
    recipient: string
    first: number
    last: number
    count: number
    ran: number
  }>("select account, conversation, reason, recipient, first, last, count, ran from undelivered order by id")
  const { dead, endedSeq, expired, given, lines, stored } = yield* state.meta()
  const returns = found.map(({ ran, reason, ...lines }): StoreRecord => ({
    ...lines,
    type: "return",
    reason: reasons[reason] ?? "expired",
    awayMillis: running - ran
  }))
  const totals = { type: "totals", stored, given, expired, dead, ended: endedSeq } as const
  // Counted so, because an id that cannot be read need not have a line.
  const lost = Math.max(0, lines - (yield* linesOfEnded()) - intact)
  const missing = yield* SqlGaps.missing()
  const gaps = { ...(lost > 0 ? { lost } : {}), ...(missing > 0 ? { missing } : {}) }
  return { records: [...returns, { ...totals, ...gaps }], next: undefined }
}

/** The lines of rooms that have ended, which are not exported. */
function* linesOfEnded(): Sql<number> {
  const found = yield* row<{ n: number }>(
    `select count(*) as n from conversation c join line l on l.conversation = c.id where c.kind = ${endedKind}`
  )
  return Number(found?.n ?? 0) // Postgres' count has another type
}
