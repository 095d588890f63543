import type { AccountId } from "../ports/StoreAccounts.js"
import type { ConversationId } from "../ports/StoreLines.js"
import type { ExportedRoom, StoreRecord } from "../ports/StoreUpkeep.js"
import { sizeOf } from "../ports/StoreLines.js"
import * as Wire from "../protocol/Wire.js"
import * as Checksum from "./Checksum.js"
import * as ExportedKey from "./ExportedKey.js"
import { share } from "./SharedTexts.js"
import { type LineRow, linesWithText, row, rows, run, type Sql, text } from "./SqlQuery.js"
import { endedKind, keyColumns, keyOf, type KeyRow, roomKind } from "./SqlKeys.js"
import { type Moment, type SqlState } from "./SqlState.js"

/** Where an export goes on: a part of the content, and the last id in it that is done. */
export interface ExportPosition {
  readonly part: "accounts" | "conversations" | "lines" | "cursors" | "rest"
  readonly id: number
}

export interface ExportPiece {
  readonly records: ReadonlyArray<StoreRecord>
  /** Undefined after the last piece. */
  readonly next: ExportPosition | undefined
}

const states = ["active", "removed", "freed"] as const
const reasons = ["expired", "removed"] as const

/** The next piece of an export. Only complete if nothing is written between the pieces. */
export function* exportPiece(state: SqlState, position: ExportPosition, moment: Moment): Sql<ExportPiece> {
  const running = yield* state.running(moment)
  switch (position.part) {
    case "accounts":
      return yield* accounts(position.id, running)
    case "conversations":
      return yield* conversation(position.id)
    case "lines":
      return yield* lines(position.id, running)
    case "cursors":
      return yield* cursors(position.id)
    case "rest":
      return yield* rest(state, running)
  }
}

function* accounts(after: number, running: number): Sql<ExportPiece> {
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

function* conversation(after: number): Sql<ExportPiece> {
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
function* lines(after: number, running: number): Sql<ExportPiece> {
  const found = yield* rows<LineRow>(
    `select l.id, l.conversation, l.seq, l.at, l.ran, l.account, l.author, l.flags, l.recipients, ${text},
            l.device, l.label
     from ${linesWithText} join conversation c on c.id = l.conversation
     where l.id > ? and c.kind < ${endedKind} order by l.id limit ?`,
    after,
    exportedLines
  )
  const records = found.map((line): StoreRecord => ({
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
  const last = found.at(-1)
  return { records, next: last === undefined ? { part: "cursors", id: 0 } : { part: "lines", id: last.id } }
}

const exportedLines = 500

function* cursors(after: number): Sql<ExportPiece> {
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

function* rest(state: SqlState, running: number): Sql<ExportPiece> {
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
  const { dead, endedSeq, expired, given, stored } = yield* state.meta()
  const returns = found.map(({ ran, reason, ...lines }): StoreRecord => ({
    ...lines,
    type: "return",
    reason: reasons[reason] ?? "expired",
    awayMillis: running - ran
  }))
  return { records: [...returns, { type: "totals", stored, given, expired, dead, ended: endedSeq }], next: undefined }
}

/** Whether nothing has ever been stored. */
export function* isEmpty(): Sql<boolean> {
  const account = yield* row("select id from account limit 1")
  return account === undefined && (yield* row("select id from conversation limit 1")) === undefined
}

/** Adds some records of an export. */
export function* importPiece(state: SqlState, records: ReadonlyArray<StoreRecord>, moment: Moment): Sql<void> {
  const running = yield* state.running(moment)
  const meta = yield* state.meta()
  const added: Array<LineRow> = []
  for (const element of records) {
    if (element.type === "line") added.push(yield* lineOf(state, element, running))
    else yield* add(state, element, running)
  }
  yield* share(
    state,
    added.filter(({ recipients }) => recipients !== "")
  )
  if (added.length > 0) yield { lines: added }
  meta.lines += added.length
  for (const { size } of added) meta.bytes += size
  // What is derived from the tables was derived before they had these rows.
  const { commits, log } = meta
  state.forget()
  Object.assign(yield* state.meta(), { ...meta, commits, log })
}

function* lineOf(state: SqlState, line: StoreRecord & { readonly type: "line" }, running: number): Sql<LineRow> {
  const { account, ageMillis, at, author, auto, conversation, device, label, seq, text, to } = line
  const body = Buffer.from(text, "utf8")
  const content = { conversation, seq, at, account: account ?? 0, author, flags: auto ? 1 : 0, recipients: to, body }
  const id = yield* state.nextId("line")
  const ran = running - Math.floor(ageMillis)
  const once = device === null || label === null ? undefined : { device, label: Wire.encode(label) }
  const size = sizeOf(body.length, { author: Wire.encode(author), to: Wire.encode(to), once })
  return { ...content, id, ran, size, crc: Checksum.ofLine(content), device, label, shared: null }
}

function* addRoom(id: ConversationId, room: ExportedRoom): Sql<void> {
  const { invited, locked, name, owner, slowMillis, topic, topicBy } = room
  const values = [name, topic, topicBy, owner ?? 0, locked ? 1 : 0, slowMillis]
  yield* run("insert into room values (?, ?, ?, ?, ?, ?, ?)", id, ...values)
  for (const account of invited) yield* run("insert into invitation values (?, ?)", id, account)
}

function* add(state: SqlState, element: Exclude<StoreRecord, { type: "line" }>, running: number): Sql<void> {
  switch (element.type) {
    case "account": {
      const { created, credential, id, likeness, name, state: is } = element
      const values = [id, name, likeness, credential, created, states.indexOf(is)]
      return yield* run("insert into account values (?, ?, ?, ?, ?, ?)", ...values)
    }
    case "device": {
      const { account, awayMillis, name, seen, token } = element
      const hash = token === null ? null : Buffer.from(token, "hex")
      const ran = running - Math.floor(awayMillis)
      return yield* run("insert into device values (?, ?, ?, ?, ?)", account, name, hash, seen, ran)
    }
    case "conversation": {
      const { accounts, at, first, guest, guestName = "", id, members, room } = element
      const key = room === null ? keyColumns(ExportedKey.imported(accounts, guest)) : [roomKind, 0, 0, room.likeness]
      yield* run("insert into conversation values (?, ?, ?, ?, ?, ?, ?, ?)", id, ...key, first, at, guestName)
      if (room !== null) yield* addRoom(id, room)
      for (const [index, { account, given, read, since }] of members.entries()) {
        const joined = room === null ? 0 : index + 1
        yield* run("insert into member values (?, ?, ?, ?, ?, ?)", id, account, since, read, given, joined)
      }
      return
    }
    case "cursor": {
      const { account, conversation, device, seq } = element
      return yield* run("insert into cursor values (?, ?, ?, ?)", account, device, conversation, seq)
    }
    case "return": {
      const { account, awayMillis, conversation, count, first, last, reason, recipient } = element
      const id = yield* state.nextId("undelivered")
      const lines = [reasons.indexOf(reason), recipient, first, last, count]
      const ran = running - Math.floor(awayMillis)
      return yield* run(
        "insert into undelivered values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        id,
        account,
        conversation,
        ...lines,
        ran
      )
    }
    case "totals": {
      const { dead, ended, expired, given, stored } = element
      Object.assign(yield* state.meta(), { dead, endedSeq: ended, expired, given, stored })
    }
  }
}
