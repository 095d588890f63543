import type { ConversationId } from "../ports/StoreLines.js"
import { retainedLines, type Retained, type StoreStatistics } from "../ports/StoreUpkeep.js"
import * as SqlChanges from "./SqlChanges.js"
import * as SqlGaps from "./SqlGaps.js"
import { LargestFirst } from "./LargestFirst.js"
import { isOwed } from "./LineRecipient.js"
import * as SharedTexts from "./SharedTexts.js"
import { row, rows, run, type Sql } from "./SqlQuery.js"
import { dropOutdated, keepReturnRows, type OwedLine } from "./SqlReturns.js"
import { endedKind, guestKind, roomKind } from "./SqlKeys.js"
import type { Head, Size } from "./SqlHead.js"
import type { Moment, SqlState } from "./SqlState.js"

interface OldLine {
  readonly id: number
  readonly conversation: ConversationId
  readonly seq: number
  readonly at: number
  readonly account: number
  readonly author: string
  readonly size: number
  readonly shared: number | null
}

const oldLine = "id, conversation, seq, at, account, author, size, shared"

/** One step of `StoreUpkeep.retain`. */
export function* retain(
  state: SqlState,
  held: ReadonlyMap<ConversationId, number>,
  since: number | undefined,
  moment: Moment
): Sql<Retained> {
  // With two servers at once, each would count on lines that the other has removed.
  const isOff = state.sharing?.keepsOrder === false || (since !== undefined && (yield* SqlChanges.wentOn(since)))
  if (isOff) return { removed: 0, undelivered: [], senders: [], hasMore: false }
  state.touching()
  const step = new Step(state, held)
  const oldest = (yield* state.running(moment)) - state.limits.keepMillis
  yield* step.removeEnded()
  const isOver = yield* step.removeOutdated(oldest)
  const isMeasured = yield* measure(state)
  if (isMeasured) yield* step.removeExcess()
  yield* step.endConversations()
  yield* dropOutdated(state, oldest)
  const { senders, toGuests } = yield* keepReturnRows(state, step.undelivered, "expired", moment)
  const hasMore = step.removed >= retainedLines || step.ended >= retainedLines || !isOver || !isMeasured
  return { removed: step.removed, undelivered: toGuests, senders, hasMore }
}

/** One step of retention. Removes lines, always the oldest of a conversation, and conversations without lines. */
class Step {
  removed = 0
  ended = 0
  readonly undelivered: Array<OwedLine> = []

  constructor(
    private readonly state: SqlState,
    private readonly held: ReadonlyMap<ConversationId, number>
  ) {}

  /** Removes the lines of ended rooms, and then the remains of the rooms. */
  *removeEnded(): Sql<void> {
    const { state } = this
    for (const { id } of yield* rows<{ id: ConversationId }>(
      "select id from conversation where kind = ? order by id limit ?",
      endedKind,
      retainedLines
    )) {
      const found = yield* rows<OldLine>(
        `select ${oldLine} from line where conversation = ? order by seq limit ?`,
        id,
        retainedLines - this.removed
      )
      for (const line of found) yield* this.remove(line)
      if (this.removed >= retainedLines) return
      const head = yield* state.head(id)
      if (head !== undefined) yield* this.delete(head)
    }
  }

  /**
   * Removes lines that were stored before this running time, which are the first rows of the table. Held lines stay,
   * and may be thousands before the next line to remove. So a step examines only some rows, and the next one continues
   * after them.
   *
   * @returns whether all of these lines have been examined, so that the next step starts over
   */
  *removeOutdated(oldest: number): Sql<boolean> {
    const { state } = this
    for (let pages = 0; pages < outdatedPages; pages++) {
      const found = yield* rows<OldLine & { readonly ran: number }>(
        `select ${oldLine}, ran from line where id > ? order by id limit ?`,
        state.retention.passed,
        retainedLines
      )
      for (const line of found) {
        if (this.removed >= retainedLines) return false
        if (line.ran >= oldest) {
          state.retention.passed = 0
          return true
        }
        if (line.seq <= (this.held.get(line.conversation) ?? Infinity)) yield* this.remove(line)
        state.retention.passed = line.id
      }
      if (found.length < retainedLines) {
        state.retention.passed = 0
        return true
      }
    }
    return false
  }

  /** Removes lines of conversations with too many, then of the largest ones while there are too many bytes. */
  *removeExcess(): Sql<void> {
    const { limits, retention } = this.state
    const { sizes } = retention
    for (const [id, { lines }] of sizes) {
      if (lines > limits.keepLines) yield* this.removeFront(id, lines - limits.keepLines, 0)
    }
    if ((yield* this.state.excess()) <= 0) return
    yield* this.endEmpty()
    // Unread direct lines are removed only if there are no others.
    for (const isSparing of [true, false]) {
      const largestFirst = new LargestFirst(sizes)
      for (;;) {
        const excess = yield* this.state.excess()
        const { largest } = largestFirst
        if (excess <= 0 || this.removed >= retainedLines || largest === undefined) break
        const before = this.removed
        // A few at a time, because another conversation may be the largest afterwards.
        yield* this.removeFront(largest, 10, excess, isSparing)
        const size = sizes.get(largest)
        if (size === undefined || this.removed === before) largestFirst.pop()
        else largestFirst.shrink(size.bytes)
        yield* this.endEmpty()
      }
    }
  }

  /** Ends empty conversations above `keepBytes`, even if devices have not been notified that lines are gone. */
  private *endEmpty(): Sql<void> {
    for (const id of this.state.retention.empty) {
      if (this.ended >= retainedLines || (yield* this.state.excess()) <= 0) return
      yield* this.end(id)
    }
  }

  /** Ends empty conversations in which no device is behind. */
  *endConversations(): Sql<void> {
    const { empty } = this.state.retention
    let left = Math.min(empty.size, retainedLines - this.ended)
    for (const id of empty) {
      if (left-- <= 0) return
      // Conversations that cannot end yet go to the back, so that each gets its turn.
      if (yield* this.isBehind(id)) {
        empty.delete(id)
        empty.add(id)
      } else yield* this.end(id)
    }
  }

  private *isBehind(id: ConversationId): Sql<boolean> {
    const head = yield* this.state.head(id)
    if (head?.key.kind !== "guest") return false
    const { account } = head.key
    const behind = yield* row(
      `select 1 as found from device d
        left join cursor r on r.account = d.account and r.device = d.name and r.conversation = ?
       where d.account = ? and coalesce(r.seq, ?) < ? limit 1`,
      id,
      account,
      (head.members.get(account)?.since ?? 1) - 1,
      head.next - 1
    )
    return behind !== undefined
  }

  private *end(id: ConversationId): Sql<void> {
    const { state } = this
    state.retention.empty.delete(id)
    const head = yield* state.head(id)
    if (head?.key.kind !== "guest" || head.first < head.next) return
    const { account } = head.key
    // By the whole primary key: the account may have cursors in tens of thousands of conversations.
    for (const device of (yield* state.devicesOf(account)).keys()) {
      yield* run("delete from cursor where account = ? and device = ? and conversation = ?", account, device, id)
    }
    yield* run("delete from member where conversation = ?", id)
    yield* this.delete(head)
  }

  private *delete(head: Head): Sql<void> {
    const { state } = this
    yield* run("delete from conversation where id = ?", head.id)
    yield* SqlGaps.forget(head.id)
    const meta = yield* state.meta()
    meta.endedId = Math.max(meta.endedId, head.id)
    meta.endedSeq = Math.max(meta.endedSeq, head.next - 1)
    state.removed(head)
    this.ended += 1
  }

  /**
   * Removes the first lines of a conversation: at most `most`, and until `bytes` are removed unless that is 0. With
   * `isSparing`, stops at an unread line.
   */
  private *removeFront(id: ConversationId, most: number, bytes: number, isSparing = false): Sql<void> {
    const head = yield* this.state.head(id)
    if (head === undefined) return
    const found = yield* rows<OldLine>(
      `select ${oldLine} from line where conversation = ? and seq <= ? order by seq limit ?`,
      id,
      Math.min(this.held.get(id) ?? head.next, head.next),
      Math.min(most, retainedLines - this.removed)
    )
    let freed = 0
    for (const line of found) {
      if ((bytes > 0 && freed >= bytes) || (isSparing && isUnread(head, line))) return
      yield* this.remove(line)
      freed += line.size
    }
  }

  private *remove(line: OldLine): Sql<void> {
    const { state } = this
    const head = yield* state.head(line.conversation)
    if (head === undefined) throw new Error(`line ${line.id} is in an unknown conversation`)
    const meta = yield* state.meta()
    yield* run("delete from line where id = ?", line.id)
    if (line.shared !== null) yield* SharedTexts.release(line.shared)
    state.touched?.conversations.add(head.id)
    const next = line.seq + 1
    head.first = (yield* state.lastNumbers.missing(head.id)) > line.seq ? yield* SqlGaps.passed(head.id, next) : next
    yield* run("update conversation set first = ?, at = ? where id = ?", head.first, line.at, head.id)
    meta.lines -= 1
    meta.bytes -= line.size
    state.retention.add(head.id, -1, -line.size)
    if (head.key.kind === "guest" && head.first === head.next) {
      yield* run("update conversation set guest = ? where id = ?", line.author, head.id)
      state.retention.empty.add(head.id)
    }
    this.removed += 1
    if (head.key.kind === "room") return
    for (const [account, member] of head.members) {
      if (line.seq <= member.given || !isOwed(head.key, line.account, account)) continue
      state.addUnread(head, account, member, -1, -line.size)
      meta.expired += 1
      this.undelivered.push({ head, recipient: account, author: line.account, seq: line.seq })
    }
  }
}

/** A step examines this many times as many rows as it may remove. */
const outdatedPages = 5

/** Measures some more conversations. Returns whether all are measured, which retention needs once after each start. */
function* measure(state: SqlState): Sql<boolean> {
  const found = yield* rows<{ readonly id: ConversationId; readonly kind: number }>(
    "select id, kind from conversation where id > ? order by id limit ?",
    state.retention.measured,
    measuredConversations
  )
  const last = found.at(-1)
  if (last === undefined) return true
  for (const { conversation, ...size } of yield* rows<Size & { readonly conversation: ConversationId }>(
    `select conversation, count(*) as lines, sum(size) as bytes from line
     where conversation > ? and conversation <= ? group by conversation`,
    state.retention.measured,
    last.id
  )) {
    // Postgres' sum has another type
    state.retention.sizes.set(conversation, { lines: Number(size.lines), bytes: Number(size.bytes) })
  }
  for (const { id, kind } of found)
    if (kind === guestKind && !state.retention.sizes.has(id)) state.retention.empty.add(id)
  state.retention.measured = last.id
  return found.length < measuredConversations
}

/** How many conversations a step measures. Takes a few milliseconds if each has a thousand lines. */
const measuredConversations = 50

const isUnread = ({ key, members }: Head, { account: author, seq }: OldLine): boolean =>
  key.kind !== "room" && [...members].some(([account, { given }]) => seq > given && isOwed(key, author, account))

/** `StoreUpkeep.statistics`, but for `diskBytes`. */
export function* statistics(state: SqlState, moment: Moment): Sql<Omit<StoreStatistics, "diskBytes">> {
  const { bytes, dead, expired, given, lines, stored } = yield* state.meta()
  const oldest = (yield* row<{ ran: number }>("select ran from line order by id limit 1"))?.ran
  return {
    stored,
    given,
    // Derived from the other totals. `check` compares it with the table.
    waiting: stored - given - expired,
    expired,
    dead,
    accounts: (yield* state.activeAccounts()).size,
    conversations: yield* count("conversation", `kind < ${endedKind}`),
    rooms: yield* count("conversation", `kind = ${roomKind}`),
    lines,
    bytes,
    oldestMillis: oldest === undefined ? 0 : (yield* state.running(moment)) - oldest
  }
}

function* count(table: string, condition: string): Sql<number> {
  const found = yield* row<{ n: number }>(`select count(*) as n from ${table} where ${condition}`)
  return Number(found?.n ?? 0) // Postgres' count has another type
}
