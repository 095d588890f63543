import type { ConversationId } from "../ports/StoreLines.js"
import { endedKind } from "./SqlKeys.js"
import { row, rows, run, type Sql } from "./SqlQuery.js"

/**
 * Numbers that are missing in conversations, because an export has omitted damaged lines. The store records them: any
 * other missing number is a fault.
 */
export interface NumberGap {
  readonly conversation: ConversationId
  readonly first: number
  readonly last: number
}

/** How many numbers are known to be missing in exported conversations, without those that retention has passed. */
export function* missing(): Sql<number> {
  const found = yield* row<{ n: number }>(
    `select coalesce(sum(g.last - g.first + 1), 0) as n from gap g join conversation c on c.id = g.conversation
     where c.kind < ${endedKind} and g.last >= c.first`
  )
  return Number(found?.n ?? 0) // Postgres' sum has another type
}

/** Whether any numbers are missing. */
export function* areThere(): Sql<boolean> {
  return (yield* row("select conversation from gap limit 1")) !== undefined
}

/** The highest number that is missing in a conversation; 0 if none is. */
export function* lastOf(conversation: ConversationId): Sql<number> {
  const found = yield* row<{ last: number | null }>(
    "select max(last) as last from gap where conversation = ?",
    conversation
  )
  return found?.last ?? 0
}

/** The first number from this one on that is not missing. */
export function* passed(conversation: ConversationId, seq: number): Sql<number> {
  const found = yield* row<{ last: number }>(
    "select last from gap where conversation = ? and first <= ? and last >= ?",
    conversation,
    seq,
    seq
  )
  return found === undefined ? seq : found.last + 1
}

/**
 * Records that a conversation's last line is not in the export, so that its next line gets a higher number. The gap
 * begins at 0 until the end of the import, when `remember` knows the line before it.
 */
export const expect = (conversation: ConversationId, last: number): Sql<void> =>
  run("insert into gap values (?, 0, ?)", conversation, last)

/** Sets the beginnings of gaps at the ends of conversations. */
function* rememberEnds(): Sql<void> {
  const ends = yield* rows<NumberGap & { readonly before: number | null; readonly kept: number }>(
    `select g.conversation, g.first, g.last, c.first as kept,
            (select max(l.seq) from line l where l.conversation = g.conversation) as before
     from gap g join conversation c on c.id = g.conversation where g.first = 0`
  )
  yield* run("delete from gap where first = 0")
  for (const { before, conversation, kept, last } of ends) {
    const first = (before ?? kept - 1) + 1
    if (first <= last) yield* run("insert into gap values (?, ?, ?)", conversation, first, last)
    // In a conversation without lines, the first kept line is the next one.
    if (before === null) yield* run("update conversation set first = ? where id = ?", last + 1, conversation)
  }
}

/**
 * Remembers the gaps of a store that was just imported.
 *
 * @param announced how many lines are missing according to the export. If more are missing, none of the gaps are
 * recorded, except those at the ends of conversations, and `check` reports them.
 */
export function* remember(announced: number): Sql<void> {
  yield* rememberEnds()
  const gaps = yield* rows<NumberGap>(
    `select conversation, before + 1 as first, seq - 1 as last from (
       select l.conversation, l.seq,
         lag(l.seq, 1, c.first - 1) over (partition by l.conversation order by l.seq) as before
       from line l join conversation c on c.id = l.conversation
     ) as line_after where seq > before + 1`
  )
  const ends = yield* missing()
  if (gaps.reduce((sum, { first, last }) => sum + last - first + 1, ends) > announced) return
  for (const { conversation, first, last } of gaps) {
    yield* run("insert into gap values (?, ?, ?)", conversation, first, last)
  }
}

/** The gaps of a conversation. */
export const of = (conversation: ConversationId): Sql<ReadonlyArray<NumberGap>> =>
  rows<NumberGap>("select conversation, first, last from gap where conversation = ? order by first", conversation)

/** Whether a number is in one of these gaps. */
export const has = (gaps: ReadonlyArray<NumberGap>, seq: number): boolean =>
  gaps.some(({ first, last }) => first <= seq && seq <= last)

/** The conversation has been removed. */
export function* forget(conversation: ConversationId): Sql<void> {
  yield* run("delete from gap where conversation = ?", conversation)
}
