import type { AccountId } from "../ports/StoreAccounts.js"
import type { Appended, ConversationId, ConversationKey, Cursor, DirectKey, NewLine } from "../ports/StoreLines.js"
import { keyText, sizeOf } from "../ports/StoreLines.js"
import * as Wire from "../protocol/Wire.js"
import * as Checksum from "./Checksum.js"
import { share } from "./SharedTexts.js"
import { recipientOf } from "./LineRecipient.js"
import { keyColumns } from "./SqlKeys.js"
import { type LineRow, linesWithText, row, run, type Sql, text } from "./SqlQuery.js"
import type { Head, SqlMember } from "./SqlHead.js"
import type { Moment, SqlState } from "./SqlState.js"
import * as SqlUnread from "./SqlUnread.js"

/** A new line whose text is in bytes, as in requests and in the table. */
export interface NewLineBytes extends Omit<NewLine, "text"> {
  readonly body: Uint8Array
}

/** `StoreLines.append`. */
export function* append(
  state: SqlState,
  lines: ReadonlyArray<NewLineBytes>,
  cursors: ReadonlyArray<Cursor>,
  moment: Moment
): Sql<ReadonlyArray<Appended>> {
  state.touching()
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
  /** The lines with several recipients. */
  private readonly toSeveral: Array<LineRow> = []
  /** The labelled lines of this batch, by `labelOf`. They are not in the table yet. */
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
    // Created only here, so that a line that is not stored leaves no conversation behind.
    const head = known ?? (yield* createConversation(state, key))
    const member = head.members.get(recipient)
    if (member === undefined) return { _tag: "Removed" }
    const meta = yield* state.meta()
    const stored = this.store(head, line, size, meta, yield* state.nextId("line"))
    meta.stored += 1
    state.addUnread(head, recipient, member, 1, size)
    return stored
  }

  /** Delivery to members is not tracked, so their number does not matter. */
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

  /** The outcome of a line whose label the device has used before; undefined for a new label. */
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

  /** The labels of a forgotten device are gone, so it is unknown whether a later line was stored before. */
  private *hasDevice(account: AccountId, { device }: NonNullable<NewLine["once"]>): Sql<boolean> {
    const { state } = this
    return (state.devices.get(account) ?? (yield* state.devicesOf(account))).has(device)
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
    // One object literal without spreads, because this runs for every line.
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
    this.state.touched?.conversations.add(head.id)
    this.state.retention.add(head.id, 1, size)
    this.state.retention.empty.delete(head.id)
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
  yield* run("insert into conversation values (?, ?, ?, ?, ?, ?, 0, '')", id, ...keyColumns(key), first)
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
  const unread = state.unread.get(recipient) ?? (yield* state.unread.of(recipient))
  return unread.all + size > unreadBytes || (key.kind === "guest" && unread.guests + size > unreadBytes / 4)
}

function* moveCursor(state: SqlState, { account, conversation, device, seq }: Cursor): Sql<void> {
  const head = yield* state.head(conversation)
  const member = head && (yield* state.member(head, account))
  if (head === undefined || member === undefined) return
  const owner = (yield* state.devicesOf(account)).get(device)
  // If another server has taken the device, it has continued from the position at that time.
  if (owner === undefined || (state.sharing !== undefined && owner !== state.sharing.server)) return
  const last = Math.min(seq, head.next - 1)
  yield* run(
    `insert into cursor values (?, ?, ?, ?) on conflict (account, device, conversation)
     do update set seq = excluded.seq where excluded.seq > cursor.seq`,
    account,
    device,
    conversation,
    last
  )
  // In a room, `given` is not used, and there may be thousands of members.
  if (last <= member.given || head.key.kind === "room") return
  // At the last line, nothing is left to count.
  const owed =
    last === head.next - 1
      ? { lines: member.waiting, bytes: member.waitingBytes }
      : yield* SqlUnread.owed(head.key, conversation, account, member.given, last)
  yield* run("update member set given = ? where conversation = ? and account = ?", last, conversation, account)
  member.given = last
  state.addUnread(head, account, member, -owed.lines, -owed.bytes)
  const meta = yield* state.meta()
  meta.given += owed.lines
}

const labelOf = (conversation: number, account: number, { device, label }: NonNullable<NewLine["once"]>) =>
  `${conversation} ${account} ${device} ${label}`

const equal = (one: Uint8Array, other: Uint8Array) => Buffer.compare(one, other) === 0
