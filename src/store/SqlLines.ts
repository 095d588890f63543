import type { AccountId } from "../ports/StoreAccounts.js"
import type {
  ConversationId,
  ConversationSummary,
  LineRange,
  StoredPage,
  PageRequest,
  StoredLine,
  Waiting
} from "../ports/StoreLines.js"
import * as Wire from "../protocol/Wire.js"
import * as Checksum from "./Checksum.js"
import * as SqlGaps from "./SqlGaps.js"
import { countWithin } from "./PageSize.js"
import { keyOfRow, type KeyRow, roomKind } from "./SqlKeys.js"
import { damage, type LineRow, linesWithText, row, rows, run, type Sql, text, unlessDamaged } from "./SqlQuery.js"
import type { Head } from "./SqlHead.js"
import type { SqlState } from "./SqlState.js"

/** A stored line whose text is in bytes. */
export interface StoredLineBytes extends Omit<StoredLine, "text"> {
  readonly body: Uint8Array
}

export interface PageBytes extends Omit<StoredPage, "lines"> {
  readonly lines: ReadonlyArray<StoredLineBytes>
}

/** `StoreLines.page`. */
export function* page(state: SqlState, request: PageRequest): Sql<PageBytes> {
  const { conversation } = request
  const id = typeof conversation === "object" ? yield* state.idOf(conversation) : conversation
  const head = id && (yield* state.head(id))
  const first = head && (yield* firstFor(state, head, request.reader))
  if (head === undefined || first === undefined) return { lines: [], first: 1, last: 0, hasMore: false }
  const last = head.next - 1
  const { after, before, limit, maxBytes = Infinity, since, until } = request
  const from = Math.max(first, (after ?? 0) + 1, since === undefined ? 0 : yield* firstAt(head, since))
  const to = Math.min(
    last,
    (before ?? Infinity) - 1,
    until === undefined ? last : (yield* firstAt(head, until + 1)) - 1
  )
  const isForward = after !== undefined || since !== undefined
  const found = yield* linesBetween(head.id, from, to, isForward, limit)
  const taken = found.lines.slice(
    0,
    countWithin(found.lines, ({ body }) => body.length, maxBytes)
  )
  const end = taken.length < found.lines.length ? taken.at(-1)?.seq : found.end
  const inOrder = isForward ? taken : taken.toReversed()
  const intact = inOrder.filter((line): line is LineRow => isIntact(line, head.id))
  const damaged = rangesOf(inOrder.filter((line) => !isIntact(line, head.id)))
  return {
    lines: intact.map((line) => {
      const isOwn = line.account === request.reader && line.device !== null && line.device === request.device
      return isOwn ? { ...shown(line), isOwn } : shown(line)
    }),
    ...(damaged.length === 0 ? {} : { damaged }),
    first,
    last: Math.max(last, first - 1),
    hasMore: end !== undefined && (isForward ? end < to : end > from)
  }
}

/** A line whose row is unreadable or missing. */
interface Unreadable {
  readonly seq: number
  readonly body: Uint8Array
  readonly crc: undefined
}

const nothing = new Uint8Array(0)

/** Lines of a conversation, and the number up to which it was read; undefined if there are no further lines. */
interface FoundLines {
  readonly lines: ReadonlyArray<LineRow | Unreadable>
  readonly end: number | undefined
}

/**
 * The first `limit` lines of a range, or the last ones backwards. If they cannot be read together, they are read one by
 * one.
 */
function* linesBetween(
  conversation: ConversationId,
  from: number,
  to: number,
  isForward: boolean,
  limit: number
): Sql<FoundLines> {
  if (from > to) return { lines: [], end: undefined }
  const together = yield* unlessDamaged(
    rows<LineRow>(
      `${selectLine} where l.conversation = ? and l.seq >= ? and l.seq <= ? order by l.seq ${isForward ? "" : "desc"}
       limit ?`,
      conversation,
      from,
      to,
      limit
    )
  )
  if (together !== damage) {
    return { lines: together, end: together.length < limit ? undefined : together.at(-1)?.seq }
  }
  // Numbers that an export has omitted do not count as damaged here.
  const known = yield* unlessDamaged(SqlGaps.of(conversation))
  const gaps = known === damage ? [] : known
  const lines: Array<LineRow | Unreadable> = []
  const [start, step] = isForward ? [from, 1] : [to, -1]
  for (let seq = start; seq >= from && seq <= to && lines.length < limit; seq += step) {
    if (SqlGaps.has(gaps, seq)) continue
    const line = yield* unlessDamaged(
      row<LineRow>(`${selectLine} where l.conversation = ? and l.seq = ?`, conversation, seq)
    )
    lines.push(line === damage || line === undefined ? { seq, body: nothing, crc: undefined } : line)
  }
  return { lines, end: lines.length < limit ? undefined : lines.at(-1)?.seq }
}

const selectLine = `select l.seq, l.at, l.account, l.author, l.flags, l.recipients, ${text}, l.crc, l.device
  from ${linesWithText}`

const isIntact = (line: LineRow | Unreadable, conversation: ConversationId): boolean =>
  line.crc !== undefined && Checksum.ofLine({ ...line, conversation }) === line.crc

/** The ranges of the numbers of these lines, which are in order. */
const rangesOf = (lines: ReadonlyArray<{ readonly seq: number }>): ReadonlyArray<LineRange> => {
  const ranges: Array<{ first: number; last: number }> = []
  for (const { seq } of lines) {
    const range = ranges.at(-1)
    if (range?.last === seq - 1) range.last = seq
    else ranges.push({ first: seq, last: seq })
  }
  return ranges
}

/** The first line that a reader may read; undefined if it may read none. Every request that reads lines calls this. */
export function* firstFor(state: SqlState, head: Head, reader: PageRequest["reader"]): Sql<number | undefined> {
  const isRoom = head.key.kind === "room" && !head.isEnded
  if (reader === "guest") return isRoom ? head.first : undefined
  const member = yield* state.member(head, reader)
  if (member === undefined) return undefined
  return isRoom ? head.first : Math.max(head.first, member.since)
}

/**
 * The first line stored at this time or later, or the number of the next line. A binary search, because times never
 * decrease. An unreadable line counts as stored with the next readable one.
 */
function* firstAt({ first, id, next }: Head, at: number): Sql<number> {
  let low = first
  let high = next
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const line = yield* readable(id, middle, high)
    if (line === undefined || line.at >= at) high = middle
    else low = line.seq + 1
  }
  return low
}

type Dated = Pick<LineRow, "at" | "seq">

/**
 * The first readable line of a range; exact if the unreadable lines before it are contiguous. Undefined if none was
 * found.
 */
function* readable(conversation: ConversationId, from: number, end: number): Sql<Dated | undefined> {
  const read = (seq: number) =>
    unlessDamaged(row<Dated>("select seq, at from line where conversation = ? and seq = ?", conversation, seq))
  let bad = from - 1
  let found: Dated | undefined
  for (let ahead = 0; found === undefined && bad < end - 1; ahead = ahead * 2 || 1) {
    const seq = Math.min(from + ahead, end - 1)
    const line = yield* read(seq)
    if (line === damage || line === undefined) bad = seq
    else found = line
  }
  while (found !== undefined && bad + 1 < found.seq) {
    const middle = Math.floor((bad + found.seq) / 2)
    const line = yield* read(middle)
    if (line === damage || line === undefined) bad = middle
    else found = line
  }
  return found
}

interface WaitingRow extends KeyRow {
  readonly conversation: ConversationId
  readonly since: number
  readonly first: number
  readonly seq: number | null
  readonly last: number | null
  readonly missing: number | null
  readonly guest: string
}

/** `StoreSharing.given`. */
export function* given(
  of: ReadonlyArray<{ readonly conversation: ConversationId; readonly account: AccountId }>
): Sql<ReadonlyArray<number>> {
  const all: Array<number> = []
  for (const { account, conversation } of of) {
    const member = yield* row<{ given: number }>(
      "select given from member where conversation = ? and account = ?",
      conversation,
      account
    )
    all.push(member?.given ?? 0)
  }
  return all
}

/** `StoreLines.waiting`. In one query, because guests can begin tens of thousands of conversations with an account. */
export function* waiting(account: AccountId, device: string): Sql<ReadonlyArray<Waiting>> {
  const found: Array<Waiting> = []
  for (const { conversation, first, guest, last: lastKept, missing, seq, since, ...key } of yield* rows<WaitingRow>(
    `select m.conversation, m.since, c.kind, c.one, c.other, c.likeness, c.first, c.guest, r.seq,
            (select max(l.seq) from line l where l.conversation = m.conversation) as last,
            (select max(g.last) from gap g where g.conversation = m.conversation) as missing
     from member m join conversation c on c.id = m.conversation
     left join cursor r on r.account = m.account and r.device = ? and r.conversation = m.conversation
     where m.account = ? order by m.conversation`,
    device,
    account
  )) {
    const last = Math.max(lastKept ?? first - 1, missing ?? 0)
    const cursor = Math.max(seq ?? 0, since - 1)
    if (last <= cursor) continue
    const isRoom = key.kind === roomKind
    found.push({
      conversation,
      key: keyOfRow(key, conversation),
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
  state.touching()
  const head = yield* state.head(conversation)
  const member = head && (yield* state.member(head, account))
  if (head === undefined || member === undefined) return undefined
  const read = Math.min(seq, head.next - 1)
  if (read <= member.read) return member.read
  state.touched?.conversations.add(conversation)
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
