import type { ConversationId } from "../ports/StoreLines.js"
import type { ExportedRoom, StoreRecord } from "../ports/StoreUpkeep.js"
import { sizeOf } from "../ports/StoreLines.js"
import * as Wire from "../protocol/Wire.js"
import * as Checksum from "./Checksum.js"
import * as ExportedKey from "./ExportedKey.js"
import * as SqlGaps from "./SqlGaps.js"
import { reasons, states } from "./SqlExport.js"
import * as SqlRescue from "./SqlRescue.js"
import { share } from "./SharedTexts.js"
import { type LineRow, row, rows, run, type Sql } from "./SqlQuery.js"
import { keyColumns, roomKind } from "./SqlKeys.js"
import type { Meta } from "./SqlMeta.js"
import type { Moment, SqlState } from "./SqlState.js"

/** Fills a store with the records of an export. */

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
  const { commits, log } = meta
  yield* renew(state, { ...meta, commits, log })
  const totals = records.find((record) => record.type === "totals")
  const announced = (totals?.lost ?? 0) + (totals?.missing ?? 0)
  if (totals === undefined) return
  if (announced === 0 && totals.partial !== true && !(yield* SqlGaps.areThere())) return
  for (const id of yield* SqlRescue.missingAccounts()) {
    for (const record of SqlRescue.withoutAccount(id)) yield* add(state, record, running)
  }
  yield* settle(state, announced)
}

/** Drops all derived state except `meta`, because the tables have more rows than before. */
function* renew(state: SqlState, meta: Meta): Sql<void> {
  state.forget()
  Object.assign(yield* state.meta(), meta)
}

/**
 * Completes an import that lacks data. No position may be after the last line of a conversation, or its next lines
 * would count as given. Lost lines that were waiting count as expired without a notice to their senders.
 */
function* settle(state: SqlState, announced: number): Sql<void> {
  const meta = yield* state.meta()
  let waiting = 0
  for (const { id } of yield* rows<{ id: ConversationId }>("select id from conversation order by id")) {
    state.trim()
    const head = yield* state.head(id)
    if (head === undefined) continue
    for (const member of head.members.values()) waiting += member.waiting
    const last = head.next - 1
    for (const column of ["given", "read"]) {
      yield* run(`update member set ${column} = ? where conversation = ? and ${column} > ?`, last, id, last)
    }
    yield* run("update member set since = ? where conversation = ? and since > ?", head.next, id, head.next)
    yield* run("update cursor set seq = ? where conversation = ? and seq > ?", last, id, last)
  }
  yield* SqlGaps.remember(announced)
  const unaccounted = meta.stored - meta.given - waiting - meta.expired
  yield* renew(state, { ...meta, dead: meta.dead + unaccounted, expired: meta.expired + unaccounted })
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
      return yield* run("insert into device values (?, ?, ?, ?, ?, null)", account, name, hash, seen, ran)
    }
    case "conversation": {
      const { accounts, at, first, guest, guestName = "", id, last, members, room } = element
      const key = room === null ? keyColumns(ExportedKey.imported(accounts, guest)) : [roomKind, 0, 0, room.likeness]
      yield* run("insert into conversation values (?, ?, ?, ?, ?, ?, ?, ?)", id, ...key, first, at, guestName)
      if (room !== null) yield* addRoom(id, room)
      if (last !== undefined) yield* SqlGaps.expect(id, last)
      for (const [index, { account, given, read, since }] of members.entries()) {
        const joined = room === null ? 0 : index + 1
        yield* run("insert into member values (?, ?, ?, ?, ?, ?)", id, account, since, read, given, joined)
      }
      return
    }
    case "cursor": {
      const { account, conversation, device, seq } = element
      // Exports of earlier versions contain cursors of lost devices.
      if (!(yield* state.devicesOf(account)).has(device)) return
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
    case "lost":
      return
    case "totals": {
      const { dead, ended, expired, given, lastConversation, stored } = element
      const totals = { dead, expired, given, stored }
      Object.assign(yield* state.meta(), { ...totals, endedId: lastConversation, endedSeq: ended })
    }
  }
}
