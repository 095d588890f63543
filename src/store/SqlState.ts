import type { AccountId } from "../ports/StoreAccounts.js"
import type { ConversationId, ConversationKey } from "../ports/StoreLines.js"
import { keyText } from "../ports/StoreLines.js"
import { rows, row, run, type Sql } from "./SqlQuery.js"

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

/** The only row of `meta`. */
export interface Meta {
  log: string
  /** Transactions so far. With several servers, another number than one's own means that another one has written. */
  commits: number
  running: number
  stored: number
  given: number
  expired: number
  lines: number
  bytes: number
}

export interface SqlMember {
  readonly since: number
  read: number
  /** `read` has changed in this transaction. */
  isReadDirty: boolean
  given: number
  /** Lines that are owed to it: above `given`, and not its own. */
  waiting: number
  waitingBytes: number
}

export interface Head {
  readonly id: ConversationId
  readonly key: ConversationKey
  first: number
  next: number
  at: number
  readonly members: Map<AccountId, SqlMember>
}

/** Bytes of text that no device of an account was given. */
interface Unread {
  all: number
  guests: number
}

/** How much a conversation holds. */
export interface Size {
  lines: number
  bytes: number
}

/**
 * What the tables imply and what would be slow to ask for each line: numbers, sizes, what is unread. The tables hold no such
 * counters, since each would be one more page to write in every transaction. All of it is thrown away when a transaction
 * fails.
 */
export class SqlState {
  limits: SqlLimits
  /** Accounts that exist and are not removed. */
  active: Set<AccountId> | undefined
  readonly devices = new Map<AccountId, Set<string>>()
  readonly unread = new Map<AccountId, Unread>()
  readonly heads = new Map<ConversationId, Head>()
  readonly ids = new Map<string, ConversationId>()
  /** Conversations up to this id have been measured for retention; `sizes` has them. */
  measured = 0
  readonly sizes = new Map<ConversationId, Size>()
  private known: Meta | undefined
  private readonly lastIds = new Map<string, number>()
  /** The running time at the start, and the monotonic clock then. */
  private started: { readonly running: number; readonly now: number } | undefined

  constructor(limits: SqlLimits) {
    this.limits = limits
  }

  // oxlint-disable-next-line require-yield -- a request like the others
  *configure(limits: SqlLimits): Sql<void> {
    this.limits = limits
  }

  /** Throws away what has been derived from the tables. */
  forget() {
    this.active = undefined
    this.known = undefined
    this.measured = 0
    for (const cache of [this.devices, this.unread, this.heads, this.ids, this.sizes, this.lastIds]) cache.clear()
  }

  /** For a store that others write to: throws everything away if they did. */
  *refresh(): Sql<void> {
    const current = yield* row<{ commits: number }>("select commits from meta")
    if (current?.commits !== this.known?.commits) this.forget()
  }

  *meta(): Sql<Meta> {
    if (this.known !== undefined) return this.known
    const found = yield* row<Readonly<Meta>>(
      "select log, commits, running, stored, given, expired, lines, bytes from meta"
    )
    if (found === undefined) throw new Error("the store has no row in its table meta")
    return (this.known = { ...found })
  }

  /** How long servers have run on this store, in ms: the age of lines is measured in it, whatever the wall clock says. */
  *running({ now }: Moment): Sql<number> {
    const { running } = yield* this.meta()
    this.started ??= { running, now }
    return Math.max(running, Math.floor(this.started.running + now - this.started.now))
  }

  /** Writes what has changed in this transaction. The last step of each. */
  *flush(moment: Moment): Sql<void> {
    const meta = yield* this.meta()
    meta.commits += 1
    meta.running = yield* this.running(moment)
    const { bytes, commits, expired, given, lines, running, stored } = meta
    yield* run(
      "update meta set commits = ?, running = ?, stored = ?, given = ?, expired = ?, lines = ?, bytes = ?",
      commits,
      running,
      stored,
      given,
      expired,
      lines,
      bytes
    )
  }

  /** The next id for a row of a table. Ids of accounts and conversations are never used again: their rows stay. */
  *nextId(table: "account" | "conversation" | "line" | "undelivered"): Sql<number> {
    let last = this.lastIds.get(table)
    if (last === undefined)
      last = (yield* row<{ last: number | null }>(`select max(id) as last from ${table}`))?.last ?? 0
    this.lastIds.set(table, last + 1)
    return last + 1
  }

  *activeAccounts(): Sql<Set<AccountId>> {
    if (this.active !== undefined) return this.active
    const found = yield* rows<{ id: AccountId }>("select id from account where state = 0")
    return (this.active = new Set(found.map(({ id }) => id)))
  }

  *devicesOf(account: AccountId): Sql<Set<string>> {
    const known = this.devices.get(account)
    if (known !== undefined) return known
    const found = yield* rows<{ name: string }>("select name from device where account = ?", account)
    const names = new Set(found.map(({ name }) => name))
    this.devices.set(account, names)
    return names
  }

  *idOf(key: ConversationKey): Sql<ConversationId | undefined> {
    const text = keyText(key)
    const known = this.ids.get(text)
    if (known !== undefined) return known
    const found = yield* row<{ id: ConversationId }>(
      "select id from conversation where kind = ? and one = ? and other = ? and likeness = ?",
      ...keyColumns(key)
    )
    if (found !== undefined) this.ids.set(text, found.id)
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
    const last = yield* row<{ seq: number; at: number }>(
      "select seq, at from line where conversation = ? order by seq desc limit 1",
      id
    )
    const members = new Map<AccountId, SqlMember>()
    const next = last === undefined ? found.first : last.seq + 1
    const head = { id, key: keyOf(found), first: found.first, next, at: last?.at ?? found.at, members }
    for (const member of yield* rows<{ account: AccountId; since: number; read: number; given: number }>(
      "select account, since, read, given from member where conversation = ? order by account",
      id
    )) {
      const { account, given, read, since } = member
      const owed = yield* this.owed(head.key, id, account, given, next - 1)
      members.set(account, { since, read, isReadDirty: false, given, waiting: owed.lines, waitingBytes: owed.bytes })
    }
    if (this.heads.size >= maxHeads) this.heads.clear()
    this.heads.set(id, head)
    return head
  }

  /** The lines of a conversation above one and up to another that are for a member. */
  *owed(key: ConversationKey, id: ConversationId, account: AccountId, above: number, upTo: number): Sql<Size> {
    if (above >= upTo) return { lines: 0, bytes: 0 }
    const found = yield* row<Size>(
      `select count(*) as lines, coalesce(sum(size), 0) as bytes from line
       where conversation = ? and seq > ? and seq <= ? and account <> ?`,
      id,
      above,
      upTo,
      ownAuthor(key, account)
    )
    return { lines: Number(found?.lines ?? 0), bytes: Number(found?.bytes ?? 0) } // Postgres' sum has another type
  }

  /** What is unread of an account. */
  *unreadOf(account: AccountId): Sql<Unread> {
    const known = this.unread.get(account)
    if (known !== undefined) return known
    const unread = { all: 0, guests: 0 }
    for (const head of yield* this.headsOf(account)) {
      const bytes = head.members.get(account)?.waitingBytes ?? 0
      unread.all += bytes
      if (head.key.kind === "guest") unread.guests += bytes
    }
    this.unread.set(account, unread)
    return unread
  }

  /** Counts lines as unread, or with negative numbers as no longer unread. */
  addUnread({ key }: Head, account: AccountId, member: SqlMember, lines: number, bytes: number) {
    member.waiting += lines
    member.waitingBytes += bytes
    const unread = this.unread.get(account)
    if (unread === undefined) return
    unread.all += bytes
    if (key.kind === "guest") unread.guests += bytes
  }

  /** Counts a change of what a conversation holds, if it has been measured. */
  addSize(id: ConversationId, lines: number, bytes: number) {
    if (id > this.measured) return
    const size = this.sizes.get(id) ?? { lines: 0, bytes: 0 }
    this.sizes.set(id, { lines: size.lines + lines, bytes: size.bytes + bytes })
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

/** Heads in memory, of a few hundred bytes each. */
const maxHeads = 50_000

export interface KeyRow {
  readonly kind: number
  readonly one: AccountId
  readonly other: AccountId
  readonly likeness: string
}

export const keyColumns = (key: ConversationKey): readonly [number, number, number, string] =>
  key.kind === "guest" ? [2, key.account, 0, key.likeness] : [1, key.accounts[0], key.accounts[1], ""]

export const keyOf = ({ kind, likeness, one, other }: KeyRow): ConversationKey =>
  kind === 2 ? { kind: "guest", account: one, likeness } : { kind: "accounts", accounts: [one, other] }

/** The author whose lines are not for a member: itself, or nobody in a conversation with itself. */
export const ownAuthor = (key: ConversationKey, account: AccountId): number =>
  key.kind === "accounts" && key.accounts[0] === key.accounts[1] ? -1 : account
