import type { AccountId } from "../ports/StoreAccounts.js"
import type { ConversationId, ConversationKey } from "../ports/StoreLines.js"
import { guestConversationOverhead, keyText } from "../ports/StoreLines.js"
import type { Head, SqlMember } from "./SqlHead.js"
import type { IndexedBlock, IndexWalk } from "./SqlIndex.js"
import { endedKind, keyColumns, keyOfRow, type KeyRow } from "./SqlKeys.js"
import { SqlLastNumbers } from "./SqlLastNumbers.js"
import * as SqlMeta from "./SqlMeta.js"
import { damage, rows, row, run, type Sql, unlessDamaged } from "./SqlQuery.js"
import { SqlRetention } from "./SqlRetention.js"
import { owed, SqlUnread } from "./SqlUnread.js"
import * as Touched from "./Touched.js"

/** The limits of `StoreLimits`, with the duration in milliseconds. */
export interface SqlLimits {
  readonly keepMillis: number
  readonly keepBytes: number
  readonly keepLines: number
  readonly unreadLines: number
  readonly unreadBytes: number
}

/** Both clocks when a request was made. */
export interface Moment {
  readonly wall: number
  readonly now: number
}

/** This server, if several use the store. */
export interface SqlSharing {
  readonly server: string
  /** See `StoreSharing.keepsOrder`. */
  keepsOrder: boolean
}

/**
 * State derived from the tables that would be slow to query for each line: numbers, sizes, unread lines. The tables
 * hold no such counters, because each would be one more page to write in every transaction. When a transaction fails,
 * all derived state is dropped.
 */
export class SqlState {
  limits: SqlLimits
  /** Accounts that exist and are not removed. */
  active: Set<AccountId> | undefined
  /** The devices of accounts, each with the server that it belongs to (`StoreAccounts.openDevice`), or null. */
  readonly devices = new Map<AccountId, ReadonlyMap<string, string | null>>()
  readonly unread = new SqlUnread()
  readonly heads = new Map<ConversationId, Head>()
  readonly ids = new Map<string, ConversationId>()
  /** The progress of retention, valid while only this server does the upkeep and removes lines. */
  readonly retention = new SqlRetention()
  /**
   * The block that is being added to the index of words. Survives a failed transaction, because it contains only
   * committed lines.
   */
  indexed: IndexedBlock | undefined
  /** The pass that cleans the index of words. */
  walk: IndexWalk | undefined
  private guests: number | undefined
  readonly lastNumbers = new SqlLastNumbers()
  /** How many members of rooms are in `heads`. */
  private roomMembers = 0
  private known: SqlMeta.Meta | undefined
  private readonly lastIds = new Map<string, number>()
  /** The running time and the monotonic clock at the start. Other servers do not affect them. */
  private started: { readonly running: number; readonly now: number } | undefined
  /** The changes of the transaction under way; undefined if it may have changed anything. */
  touched: Touched.Touched | undefined

  /** @param sharing undefined if no other server uses the store */
  constructor(
    limits: SqlLimits,
    readonly sharing?: SqlSharing
  ) {
    this.limits = limits
  }

  // oxlint-disable-next-line require-yield -- a request like the others
  *configure(limits: SqlLimits): Sql<void> {
    this.limits = limits
  }

  /** Drops all derived state. */
  forget() {
    this.known = undefined
    this.touched = undefined
    this.lastIds.clear()
    this.retention.forget()
    this.forgetRows()
  }

  private forgetRows() {
    this.active = undefined
    this.guests = undefined
    this.lastNumbers.forget()
    this.roomMembers = 0
    for (const cache of [this.devices, this.heads, this.ids, this.unread]) cache.clear()
  }

  /** This server begins or stops the upkeep of the store. Another server may have done it before, or may do it next. */
  keepOrder(keepsOrder: boolean) {
    if (this.sharing === undefined) return
    this.sharing.keepsOrder = keepsOrder
    this.retention.forget()
    this.indexed = undefined
    this.walk = undefined
  }

  /** Runs before each request to a shared store: drops the derived state that other servers have changed. */
  *refresh(): Sql<void> {
    const { known } = this
    const current = yield* SqlMeta.read()
    if (current.commits === known?.commits) return
    // The totals first: state that is derived from now on may be newer than they are, but not older.
    this.known = current
    this.lastIds.clear()
    this.lastIds.set("line", current.lastLine)
    const touched = known && Touched.between(current.touched, known.commits, current.commits)
    if (touched === undefined) this.forgetRows()
    else this.forgetTouched(touched)
    if (known === undefined) this.retention.forget()
    else yield* this.retention.addLines(known.lastLine, current.lastLine)
  }

  private forgetTouched({ accounts, conversations, guests }: Touched.Touched) {
    for (const id of conversations) {
      const head = this.heads.get(id)
      if (head?.key.kind === "room") this.roomMembers -= head.members.size
      this.heads.delete(id)
    }
    for (const account of accounts) {
      this.devices.delete(account)
      this.unread.forget(account)
    }
    if (this.guests !== undefined) this.guests += guests
  }

  /** Declares that the transaction under way changes no derived state except the entries that it adds to `touched`. */
  touching() {
    if (this.sharing !== undefined) this.touched = Touched.nothing()
  }

  /** `Meta.commits` with the transaction under way, which has been flushed. */
  get commits(): number {
    if (this.known === undefined) throw new Error("no transaction is under way")
    return this.known.commits
  }

  *meta(): Sql<SqlMeta.Meta> {
    if (this.known !== undefined) return this.known
    return (this.known = yield* SqlMeta.read())
  }

  /**
   * How long servers have run on this store, in ms. The age of lines is measured in it, independently of the wall
   * clock.
   */
  *running({ now }: Moment): Sql<number> {
    const { running } = yield* this.meta()
    this.started ??= { running, now }
    return Math.max(running, Math.floor(this.started.running + now - this.started.now))
  }

  /** Writes the changed totals, as the last step of a transaction. */
  *flush(moment: Moment): Sql<void> {
    const meta = yield* this.meta()
    meta.commits += 1
    meta.running = yield* this.running(moment)
    if (this.sharing !== undefined) yield* this.flushTouched(meta)
    yield* SqlMeta.write(meta)
  }

  private *flushTouched(meta: SqlMeta.Meta): Sql<void> {
    const touched = Touched.after(meta.touched, meta.commits, this.touched)
    this.touched = undefined
    if (touched === meta.touched) return
    meta.touched = touched
    yield* run("update meta set touched = ?", touched)
  }

  /**
   * The next id for a row of a table. Ids of accounts, conversations and lines are never reused: rows of accounts are
   * not deleted.
   */
  *nextId(table: "account" | "change" | "conversation" | "line" | "shared_text" | "undelivered"): Sql<number> {
    let last = this.lastIds.get(table)
    if (last === undefined) {
      last = (yield* row<{ last: number | null }>(`select max(id) as last from ${table}`))?.last ?? 0
      if (table === "conversation") last = Math.max(last, (yield* this.meta()).endedId)
      if (table === "line") last = Math.max(last, (yield* this.meta()).lastLine)
    }
    this.lastIds.set(table, last + 1)
    if (table === "line") (this.known ?? (yield* this.meta())).lastLine = last + 1
    return last + 1
  }

  /** By how many bytes the kept lines exceed `keepBytes`; negative if there is room. */
  *excess(): Sql<number> {
    const { bytes } = yield* this.meta()
    const guests = this.guests ?? (yield* this.guestConversations())
    return bytes + guestConversationOverhead * guests - this.limits.keepBytes
  }

  private *guestConversations(): Sql<number> {
    return (this.guests = Number(
      (yield* row<{ n: number }>("select count(*) as n from conversation where kind = 2"))?.n
    ))
  }

  *activeAccounts(): Sql<Set<AccountId>> {
    if (this.active !== undefined) return this.active
    const found = yield* rows<{ id: AccountId }>("select id from account where state = 0")
    return (this.active = new Set(found.map(({ id }) => id)))
  }

  *devicesOf(account: AccountId): Sql<ReadonlyMap<string, string | null>> {
    const known = this.devices.get(account)
    if (known !== undefined) return known
    const found = yield* rows<{ name: string; owner: string | null }>(
      "select name, owner from device where account = ?",
      account
    )
    const devices = new Map(found.map(({ name, owner }) => [name, owner]))
    this.devices.set(account, devices)
    return devices
  }

  /** A device of an account now belongs to this owner (`devices`), or is gone if `owner` is undefined. */
  setDevice(account: AccountId, name: string, owner: string | null | undefined) {
    this.touched?.accounts.add(account)
    const known = this.devices.get(account)
    if (known === undefined) return
    const devices = new Map(known)
    if (owner === undefined) devices.delete(name)
    else devices.set(name, owner)
    this.devices.set(account, devices)
  }

  *idOf(key: ConversationKey): Sql<ConversationId | undefined> {
    if (key.kind === "room") return (yield* this.room(key.room))?.id
    const text = keyText(key)
    const known = this.ids.get(text)
    if (known !== undefined) return known
    const found = yield* row<{ id: ConversationId }>(
      "select id from conversation where kind = ? and one = ? and other = ? and likeness = ?",
      ...keyColumns(key)
    )
    return found?.id
  }

  *head(id: ConversationId): Sql<Head | undefined> {
    const known = this.heads.get(id)
    if (known !== undefined) return known
    const found = yield* row<KeyRow & { first: number; at: number }>(
      "select kind, one, other, likeness, first, at from conversation where id = ?",
      id
    )
    if (found === undefined) return undefined
    const members = new Map<AccountId, SqlMember>()
    const { first, kind } = found
    const lastLine = yield* unlessDamaged(
      row<{ seq: number; at: number }>("select seq, at from line where conversation = ? order by seq desc limit 1", id)
    )
    const last = lastLine === damage ? { seq: yield* this.lastNumbers.ofDamaged(id, first), at: 0 } : lastLine
    const next = Math.max(last?.seq ?? first - 1, yield* this.lastNumbers.missing(id)) + 1
    const head: Head = {
      id,
      key: keyOfRow(found, id),
      isEnded: kind === endedKind,
      first,
      next,
      at: last?.at ?? found.at,
      members
    }
    // A room may have thousands of members, and no lines wait for them.
    const isCounted = head.key.kind === "room" || (yield* this.loadMembers(head))
    if (lastLine !== damage && isCounted) this.keep(head)
    return head
  }

  /** Loads all members. False if damaged lines prevent counting the lines that wait for them. */
  private *loadMembers({ id, key, members, next }: Head): Sql<boolean> {
    let isCounted = true
    for (const member of yield* rows<{ account: AccountId; since: number; read: number; given: number }>(
      "select account, since, read, given from member where conversation = ? order by account",
      id
    )) {
      const { account, given, read, since } = member
      const size = yield* unlessDamaged(owed(key, id, account, given, next - 1))
      const { lines, bytes } = size === damage ? { lines: 0, bytes: 0 } : size
      if (size === damage) isCounted = false
      members.set(account, { since, read, isReadDirty: false, given, waiting: lines, waitingBytes: bytes })
    }
    return isCounted
  }

  /** The head of a room that has not ended. */
  *room(id: ConversationId): Sql<Head | undefined> {
    const head = this.heads.get(id) ?? (yield* this.head(id))
    return head?.key.kind === "room" && !head.isEnded ? head : undefined
  }

  /** A member of a conversation; undefined for an account that is not a member. */
  *member({ id, key, members }: Head, account: AccountId): Sql<SqlMember | undefined> {
    const known = members.get(account)
    if (known !== undefined || key.kind !== "room") return known
    const found = yield* row<Pick<SqlMember, "since" | "read" | "given">>(
      "select since, read, given from member where conversation = ? and account = ?",
      id,
      account
    )
    if (found === undefined) return undefined
    const member = { ...found, isReadDirty: false, waiting: 0, waitingBytes: 0 }
    members.set(account, member)
    this.roomMembers += 1
    return member
  }

  /**
   * Drops the heads from memory if there are too many. Only between requests, because within one they alone hold the
   * numbers of lines that are not in the table yet.
   */
  trim() {
    if (this.heads.size + this.roomMembers >= maxHeads) {
      this.heads.clear()
      this.roomMembers = 0
    }
    if (this.ids.size >= maxHeads) this.ids.clear()
  }

  private keep(head: Head) {
    this.heads.set(head.id, head)
    if (head.key.kind !== "room") this.ids.set(keyText(head.key), head.id)
  }

  /** A conversation has been added to the tables. */
  added(head: Head) {
    this.keep(head)
    if (head.key.kind !== "guest") return
    if (this.guests !== undefined) this.guests += 1
    if (this.touched !== undefined) this.touched.guests += 1
  }

  /** A conversation has been removed from the tables. */
  removed({ id, key }: Head) {
    this.touched = undefined
    this.heads.delete(id)
    this.ids.delete(keyText(key))
    this.retention.removed(id)
    if (key.kind === "guest" && this.guests !== undefined) this.guests -= 1
  }

  /** A room has ended, and only its lines are left in the tables. */
  ended(head: Head) {
    this.heads.set(head.id, { ...head, isEnded: true, members: new Map() })
  }

  /** Counts lines as unread, or with negative numbers as no longer unread. */
  addUnread({ id, key }: Head, account: AccountId, member: SqlMember, lines: number, bytes: number) {
    this.touched?.conversations.add(id)
    this.touched?.accounts.add(account)
    member.waiting += lines
    member.waitingBytes += bytes
    this.unread.add(account, key, bytes)
  }

  /** The conversations of an account, in order of creation. */
  *headsOf(account: AccountId): Sql<ReadonlyArray<Head>> {
    const heads: Array<Head> = []
    for (const { conversation } of yield* rows<{ conversation: ConversationId }>(
      "select conversation from member where account = ? order by conversation",
      account
    )) {
      const head = yield* this.head(conversation)
      if (head !== undefined) heads.push(head)
    }
    return heads
  }
}

/** The most heads in memory, of a few hundred bytes each, and as many ids. */
const maxHeads = 50_000
