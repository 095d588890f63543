import type { AccountId } from "../ports/StoreAccounts.js"
import type {
  ConversationId,
  ConversationSummary,
  Page,
  PageRequest,
  StoredLine,
  Waiting
} from "../ports/StoreLines.js"
import * as Wire from "../protocol/Wire.js"
import * as Checksum from "./Checksum.js"
import { countWithin } from "./PageSize.js"
import { keyOf, type KeyRow, roomKind } from "./SqlKeys.js"
import { type LineRow, linesWithText, row, rows, run, type Sql, text } from "./SqlQuery.js"
import { type Head, type SqlState } from "./SqlState.js"

/** A stored line whose text is in bytes. */
export interface StoredLineBytes extends Omit<StoredLine, "text"> {
  readonly body: Uint8Array
}

export interface PageBytes extends Omit<Page, "lines"> {
  readonly lines: ReadonlyArray<StoredLineBytes>
  /** Lines that were left out because their checksum is wrong. */
  readonly damaged: number
}

/** `StoreLines.page`. */
export function* page(state: SqlState, request: PageRequest): Sql<PageBytes> {
  const { conversation } = request
  const id = typeof conversation === "object" ? yield* state.idOf(conversation) : conversation
  const head = id && (yield* state.head(id))
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
  readonly guest: string
}

/** `StoreLines.waiting`. In one query, because guests can begin tens of thousands of conversations with an account. */
export function* waiting(account: AccountId, device: string): Sql<ReadonlyArray<Waiting>> {
  const found: Array<Waiting> = []
  for (const { conversation, first, guest, last: lastKept, seq, since, ...key } of yield* rows<WaitingRow>(
    `select m.conversation, m.since, c.kind, c.one, c.other, c.likeness, c.first, c.guest, r.seq,
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
      last,
      ...(guest === "" ? {} : { guest: Wire.encode(guest) })
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
    if (line !== undefined) return Wire.encode(line.author)
    const gone = yield* row<{ guest: string }>("select guest from conversation where id = ?", id)
    return Wire.encode(gone?.guest || key.likeness)
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

export const shown = ({ account, at, author, body, flags, recipients, seq }: LineRow): StoredLineBytes => ({
  seq,
  at,
  account: account === 0 ? undefined : (account as AccountId), // the column holds ids of accounts
  author: Wire.encode(author),
  body,
  isAuto: (flags & 1) === 1,
  to: Wire.encode(recipients)
})
