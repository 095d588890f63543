import type { AccountId } from "../ports/StoreAccounts.js"
import type {
  Appended,
  ConversationId,
  ConversationKey,
  ConversationSummary,
  Cursor,
  DirectKey,
  NewLine,
  Page,
  PageRequest,
  StoredLine,
  Waiting
} from "../ports/StoreLines.js"
import { keyText, sizeOf } from "../ports/StoreLines.js"
import * as Wire from "../protocol/Wire.js"
import * as Checksum from "./Checksum.js"
import { countWithin } from "./PageSize.js"
import { type LineRow, linesWithText, row, rows, run, type Sql, text } from "./SqlQuery.js"
import { share } from "./SharedTexts.js"
import {
  type Head,
  keyColumns,
  keyOf,
  type KeyRow,
  type Moment,
  ownAuthor,
  roomKind,
  type SqlMember,
  type SqlState
} from "./SqlState.js"

/** A line whose text is in bytes, as it comes out of a request and goes into the table. */
export interface NewLineBytes extends Omit<NewLine, "text"> {
  readonly body: Uint8Array
}

/** A stored line whose text is in bytes. */
export interface StoredLineBytes extends Omit<StoredLine, "text"> {
  readonly body: Uint8Array
}

export interface PageBytes extends Omit<Page, "lines"> {
  readonly lines: ReadonlyArray<StoredLineBytes>
  /** Lines that were left out because their checksum is wrong. */
  readonly damaged: number
}

/** `StoreLines.append`. */
export function* append(
  state: SqlState,
  lines: ReadonlyArray<NewLineBytes>,
  cursors: ReadonlyArray<Cursor>,
  moment: Moment
): Sql<ReadonlyArray<Appended>> {
  const batch = new Batch(state, yield* state.running(moment), moment)
  const results: Array<Appended> = []
  for (const line of lines) results.push(yield* batch.add(line))
  yield* batch.write()
  for (const cursor of cursors) yield* moveCursor(state, cursor)
  return results
}

/** The lines of one transaction. */
class Batch {
  private readonly added: Array<LineRow> = []
  /** Those that have other recipients. */
  private readonly toSeveral: Array<LineRow> = []
  /** By `labelOf`, since the table does not have them yet. */
  private readonly labels = new Map<string, LineRow>()
  private readonly dirty: Array<{
    readonly conversation: ConversationId
    readonly account: AccountId
    readonly member: SqlMember
  }> = []

  constructor(
    private readonly state: SqlState,
    private readonly running: number,
    private readonly moment: Moment
  ) {}

  *add(line: NewLineBytes): Sql<Appended> {
    const { state } = this
    const { account, conversation: key, once } = line
    const active = state.active ?? (yield* state.activeAccounts())
    if (account !== undefined && !active.has(account)) return { _tag: "Removed" }
    if (account !== undefined && once !== undefined && !(yield* this.hasDevice(account, once))) {
      return { _tag: "Removed" }
    }
    if (key.kind === "room") return yield* this.addToRoom(key.room, line)
    const recipient = recipientOf(key, account)
    if (!active.has(recipient)) return { _tag: "Removed" }
    const known = yield* headOf(state, key)
    if (known !== undefined && once !== undefined) {
      const again = yield* this.again(known.id, line, once, known.members.get(recipient)?.given ?? 0)
      if (again !== undefined) return again
    }
    const size = sizeOf(line.body.length, line)
    if (key.kind === "guest" && (yield* state.excess()) > state.limits.keepBytes / 8) return { _tag: "Full" }
    const waiting = known?.members.get(recipient)?.waiting ?? 0
    if (!line.isLive && (yield* isFull(state, key, recipient, waiting, size))) return { _tag: "Full" }
    // A conversation begins with its first line: a line that is not stored leaves nothing behind.
    const head = known ?? (yield* createConversation(state, key))
    const member = head.members.get(recipient)
    if (member === undefined) return { _tag: "Removed" }
    const meta = yield* state.meta()
    const stored = this.store(head, line, size, meta, yield* state.nextId("line"))
    meta.stored += 1
    state.addUnread(head, recipient, member, 1, size)
    return stored
  }

  /** Nothing of it is owed to the members, so their number does not matter. */
  private *addToRoom(id: ConversationId, line: NewLineBytes): Sql<Appended> {
    const { state } = this
    const { account, once } = line
    const head = yield* state.room(id)
    if (head === undefined) return { _tag: "Removed" }
    const again = once && (yield* this.again(id, line, once, 0))
    if (again !== undefined) return again
    if ((yield* state.excess()) > state.limits.keepBytes / 8) return { _tag: "Full" }
    if (account !== undefined) yield* state.member(head, account) // its read mark moves
    const size = sizeOf(line.body.length, line)
    return this.store(head, line, size, yield* state.meta(), yield* state.nextId("line"))
  }

  /** What became of a line whose label the device has used before; undefined if it has not. */
  private *again(
    conversation: ConversationId,
    { account, body }: NewLineBytes,
    once: NonNullable<NewLine["once"]>,
    given: number
  ): Sql<Appended | undefined> {
    const earlier = yield* this.labelled(conversation, account ?? 0, once)
    if (earlier === undefined) return undefined
    if (!equal(earlier.body, body)) return { _tag: "LabelUsed" }
    return { _tag: "Stored", conversation, seq: earlier.seq, at: earlier.at, again: true, given }
  }

  /** The labels of a device are gone with it: nobody knows whether a line that comes after them was stored before. */
  private *hasDevice(account: AccountId, { device }: NonNullable<NewLine["once"]>): Sql<boolean> {
    const { state } = this
    return (state.devices.get(account) ?? (yield* state.devicesOf(account))).includes(device)
  }

  private store(
    head: Head,
    line: NewLineBytes,
    size: number,
    meta: { lines: number; bytes: number },
    id: number
  ): Appended {
    const { account, author, body, isAuto, once, to } = line
    const seq = head.next
    const at = Math.max(this.moment.wall, head.at)
    // One object without spreading others, because this runs for every line.
    const added = {
      id,
      conversation: head.id,
      seq,
      at,
      ran: this.running,
      account: account ?? 0,
      author: Wire.decode(author),
      flags: isAuto ? 1 : 0,
      recipients: Wire.decode(to),
      body,
      size,
      crc: 0,
      device: once?.device ?? null,
      label: once === undefined ? null : Wire.decode(once.label),
      shared: null
    }
    added.crc = Checksum.ofLine(added)
    this.added.push(added)
    if (to !== "") this.toSeveral.push(added)
    if (once !== undefined) this.labels.set(labelOf(head.id, added.account, once), added)
    head.next = seq + 1
    head.at = at
    meta.lines += 1
    meta.bytes += size
    this.state.addSize(head.id, 1, size)
    this.state.empty.delete(head.id)
    const own = account === undefined ? undefined : head.members.get(account)
    if (account !== undefined && own !== undefined) {
      own.read = seq
      if (!own.isReadDirty) {
        own.isReadDirty = true
        this.dirty.push({ conversation: head.id, account, member: own })
      }
    }
    return { _tag: "Stored", conversation: head.id, seq, at, again: false }
  }

  *write(): Sql<void> {
    if (this.toSeveral.length > 1) yield* share(this.state, this.toSeveral)
    if (this.added.length > 0) yield { lines: this.added }
    for (const { account, conversation, member } of this.dirty) {
      member.isReadDirty = false
      yield* run(
        "update member set read = ? where conversation = ? and account = ?",
        member.read,
        conversation,
        account
      )
    }
  }

  private *labelled(
    conversation: ConversationId,
    account: number,
    once: NonNullable<NewLine["once"]>
  ): Sql<Pick<LineRow, "seq" | "at" | "body"> | undefined> {
    return (
      this.labels.get(labelOf(conversation, account, once)) ??
      (yield* row<Pick<LineRow, "seq" | "at" | "body">>(
        `select l.seq, l.at, ${text} from ${linesWithText}
         where l.account = ? and l.device = ? and l.label = ? and l.conversation = ?`,
        account,
        once.device,
        Wire.decode(once.label),
        conversation
      ))
    )
  }
}

/** The head of a direct conversation; undefined if it has not begun. */
function* headOf(state: SqlState, key: DirectKey): Sql<Head | undefined> {
  const id = state.ids.get(keyText(key)) ?? (yield* state.idOf(key))
  return id === undefined ? undefined : (state.heads.get(id) ?? (yield* state.head(id)))
}

function* createConversation(state: SqlState, key: DirectKey): Sql<Head> {
  const id = (yield* state.nextId("conversation")) as ConversationId // an id of that table
  const first = key.kind === "guest" ? (yield* state.meta()).endedSeq + 1 : 1
  yield* run("insert into conversation values (?, ?, ?, ?, ?, ?, 0)", id, ...keyColumns(key), first)
  const members = new Map<AccountId, SqlMember>()
  const active = yield* state.activeAccounts()
  for (const account of new Set(key.kind === "guest" ? [key.account] : key.accounts)) {
    if (!active.has(account)) continue
    yield* run("insert into member values (?, ?, ?, 0, 0, 0)", id, account, first)
    members.set(account, { since: first, read: 0, isReadDirty: false, given: 0, waiting: 0, waitingBytes: 0 })
  }
  const head = { id, key, isEnded: false, first, next: first, at: 0, members }
  state.added(head)
  return head
}

function* isFull(
  state: SqlState,
  key: ConversationKey,
  recipient: AccountId,
  waiting: number,
  size: number
): Sql<boolean> {
  const { unreadBytes, unreadLines } = state.limits
  if (waiting >= unreadLines) return true
  const unread = state.unread.get(recipient) ?? (yield* state.unreadOf(recipient))
  return unread.all + size > unreadBytes || (key.kind === "guest" && unread.guests + size > unreadBytes / 4)
}

function* moveCursor(state: SqlState, { account, conversation, device, seq }: Cursor): Sql<void> {
  const head = yield* state.head(conversation)
  const member = head && (yield* state.member(head, account))
  if (head === undefined || member === undefined) return
  if (!(yield* state.devicesOf(account)).includes(device)) return
  const last = Math.min(seq, head.next - 1)
  yield* run(
    `insert into cursor values (?, ?, ?, ?) on conflict (account, device, conversation)
     do update set seq = excluded.seq where excluded.seq > cursor.seq`,
    account,
    device,
    conversation,
    last
  )
  // In a room, nothing depends on what the account was given, and there may be thousands of members.
  if (last <= member.given || head.key.kind === "room") return
  // Nothing is left to wait after the last line, so that it need not be counted.
  const owed =
    last === head.next - 1
      ? { lines: member.waiting, bytes: member.waitingBytes }
      : yield* state.owed(head.key, conversation, account, member.given, last)
  yield* run("update member set given = ? where conversation = ? and account = ?", last, conversation, account)
  member.given = last
  state.addUnread(head, account, member, -owed.lines, -owed.bytes)
  const meta = yield* state.meta()
  meta.given += owed.lines
}

/** `StoreLines.page`. */
export function* page(state: SqlState, request: PageRequest): Sql<PageBytes> {
  const head = yield* state.head(request.conversation)
  const first = head && (yield* firstFor(state, head, request.reader))
  if (head === undefined || first === undefined) return { lines: [], first: 1, last: 0, hasMore: false, damaged: 0 }
  const last = head.next - 1
  const { after, before, limit, maxBytes = Infinity, since, until } = request
  let from = Math.max(first, (after ?? 0) + 1, since === undefined ? 0 : yield* firstAt(head, since))
  let to = Math.min(last, (before ?? Infinity) - 1, until === undefined ? last : (yield* firstAt(head, until + 1)) - 1)
  const isForward = after !== undefined || since !== undefined
  let damaged = 0
  // A page without a line would be asked for again and again, so the next one is read if all of its lines are damaged.
  for (;;) {
    const found =
      from > to
        ? []
        : yield* rows<LineRow>(
            `select l.seq, l.at, l.account, l.author, l.flags, l.recipients, ${text}, l.crc, l.device from ${linesWithText}
             where l.conversation = ? and l.seq >= ? and l.seq <= ? order by l.seq ${isForward ? "" : "desc"} limit ?`,
            head.id,
            from,
            to,
            limit
          )
    const taken = found.slice(
      0,
      countWithin(found, ({ body }) => body.length, maxBytes)
    )
    const intact = taken.filter((line) => Checksum.ofLine({ ...line, conversation: head.id }) === line.crc)
    damaged += taken.length - intact.length
    const end = taken.at(-1)?.seq
    if (end !== undefined && isForward) from = end + 1
    if (end !== undefined && !isForward) to = end - 1
    // Lines may be missing, so their number says nothing.
    const hasMore = taken.length < found.length || (found.length === limit && from <= to)
    if (hasMore && intact.length === 0 && taken.length > 0) continue
    const lines = intact.map((line) => {
      const isOwn = line.account === request.reader && line.device !== null && line.device === request.device
      return isOwn ? { ...shown(line), isOwn } : shown(line)
    })
    return {
      lines: isForward ? lines : lines.toReversed(),
      first,
      last: Math.max(last, first - 1),
      hasMore,
      damaged
    }
  }
}

/** The first line that somebody may read; undefined if it may read none. Every request that reads lines asks here. */
export function* firstFor(state: SqlState, head: Head, reader: PageRequest["reader"]): Sql<number | undefined> {
  const isRoom = head.key.kind === "room" && !head.isEnded
  if (reader === "guest") return isRoom ? head.first : undefined
  const member = yield* state.member(head, reader)
  if (member === undefined) return undefined
  return isRoom ? head.first : Math.max(head.first, member.since)
}

/** The first line that was stored at this time or later, or the number of the next one: times never decrease. */
function* firstAt({ first, id, next }: Head, at: number): Sql<number> {
  let low = first
  let high = next
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const line = yield* row<{ at: number }>("select at from line where conversation = ? and seq = ?", id, middle)
    if ((line?.at ?? 0) >= at) high = middle
    else low = middle + 1
  }
  return low
}

interface WaitingRow extends KeyRow {
  readonly conversation: ConversationId
  readonly since: number
  readonly first: number
  readonly seq: number | null
  readonly last: number | null
}

/** `StoreLines.waiting`. In one query, because guests can begin tens of thousands of conversations with an account. */
export function* waiting(account: AccountId, device: string): Sql<ReadonlyArray<Waiting>> {
  const found: Array<Waiting> = []
  for (const { conversation, first, last: lastKept, seq, since, ...key } of yield* rows<WaitingRow>(
    `select m.conversation, m.since, c.kind, c.one, c.other, c.likeness, c.first, r.seq,
            (select max(l.seq) from line l where l.conversation = m.conversation) as last
     from member m join conversation c on c.id = m.conversation
     left join cursor r on r.account = m.account and r.device = ? and r.conversation = m.conversation
     where m.account = ? order by m.conversation`,
    device,
    account
  )) {
    const last = lastKept ?? first - 1
    const cursor = Math.max(seq ?? 0, since - 1)
    if (last <= cursor) continue
    const isRoom = key.kind === roomKind
    found.push({
      conversation,
      key: keyOf(key, conversation),
      cursor,
      first: isRoom ? first : Math.max(first, since),
      last
    })
  }
  return found
}

/** `StoreLines.conversations`. */
export function* conversations(
  state: SqlState,
  account: AccountId,
  limit: number
): Sql<ReadonlyArray<ConversationSummary>> {
  const heads = (yield* state.headsOf(account))
    .map((head) => ({ head, at: head.next > head.first ? head.at : 0 }))
    .toSorted((one, other) => other.at - one.at || other.head.id - one.head.id)
  const found: Array<ConversationSummary> = []
  for (const { at, head } of heads.slice(0, limit)) {
    const member = yield* state.member(head, account)
    const first = yield* firstFor(state, head, account)
    if (member === undefined || first === undefined) continue
    const name = yield* nameOf(head, account)
    found.push({ conversation: head.id, key: head.key, name, first, last: head.next - 1, read: member.read, at })
  }
  return found
}

function* nameOf({ id, key }: Head, account: AccountId): Sql<string> {
  if (key.kind === "guest") {
    const line = yield* row<{ author: string }>(
      "select author from line where conversation = ? and account = 0 order by seq desc limit 1",
      id
    )
    return Wire.encode(line?.author ?? key.likeness)
  }
  if (key.kind === "room") {
    const room = yield* row<{ name: string }>("select name from room where conversation = ?", id)
    return Wire.encode(room?.name ?? "")
  }
  const other = key.accounts[0] === account ? key.accounts[1] : key.accounts[0]
  const found = yield* row<{ name: string }>("select name from account where id = ?", other)
  return Wire.encode(found?.name ?? "")
}

/** `StoreLines.markRead`. */
export function* markRead(
  state: SqlState,
  account: AccountId,
  conversation: ConversationId,
  seq: number
): Sql<number | undefined> {
  const head = yield* state.head(conversation)
  const member = head && (yield* state.member(head, account))
  if (head === undefined || member === undefined) return undefined
  const read = Math.min(seq, head.next - 1)
  if (read <= member.read) return member.read
  member.read = read
  yield* run("update member set read = ? where conversation = ? and account = ?", read, conversation, account)
  return read
}

/** The account that a line of this author is for. */
export const recipientOf = (key: DirectKey, author: AccountId | undefined): AccountId =>
  key.kind === "guest" ? key.account : key.accounts[0] === author ? key.accounts[1] : key.accounts[0]

/** Whether a line of this author is for this member, and otherwise returns: in no room. */
export const isOwed = (key: ConversationKey, author: number, account: AccountId): boolean =>
  key.kind !== "room" && author !== ownAuthor(key, account)

const labelOf = (conversation: number, account: number, { device, label }: NonNullable<NewLine["once"]>) =>
  `${conversation} ${account} ${device} ${label}`

const equal = (one: Uint8Array, other: Uint8Array) => Buffer.compare(one, other) === 0

export const shown = ({ account, at, author, body, flags, recipients, seq }: LineRow): StoredLineBytes => ({
  seq,
  at,
  account: account === 0 ? undefined : (account as AccountId), // the column holds ids of accounts
  author: Wire.encode(author),
  body,
  isAuto: (flags & 1) === 1,
  to: Wire.encode(recipients)
})
