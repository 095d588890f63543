import type { ConversationId } from "../ports/StoreLines.js"
import { endedKind } from "./SqlKeys.js"
import { row, rows, run, type Sql } from "./SqlQuery.js"

/**
 * Numbers that are missing in conversations, because an export has left out damaged lines. The store knows which they are: any
 * other that is missing is a fault.
 */
export interface Gap {
  readonly conversation: ConversationId
  readonly first: number
  readonly last: number
}

/** How many numbers are known to be missing, of conversations that are exported, and after what retention has removed. */
export function* missing(): Sql<number> {
  const found = yield* row<{ n: number }>(
    `select coalesce(sum(g.last - g.first + 1), 0) as n from gap g join conversation c on c.id = g.conversation
     where c.kind < ${endedKind} and g.last >= c.first`
  )
  return Number(found?.n ?? 0) // Postgres' sum has another type
}

/**
 * Remembers the gaps of a store that was just imported.
 *
 * @param announced how many lines the export says are missing. If there are more, others are, and `check` reports all.
 */
export function* remember(announced: number): Sql<void> {
  const gaps = yield* rows<Gap>(
    `select conversation, before + 1 as first, seq - 1 as last from (
       select l.conversation, l.seq, lag(l.seq, 1, c.first - 1) over (partition by l.conversation order by l.seq) as before
       from line l join conversation c on c.id = l.conversation
     ) as line_after where seq > before + 1`
  )
  if (gaps.reduce((sum, { first, last }) => sum + last - first + 1, 0) > announced) return
  for (const { conversation, first, last } of gaps) {
    yield* run("insert into gap values (?, ?, ?)", conversation, first, last)
  }
}

/** The gaps of a conversation. */
export const of = (conversation: ConversationId): Sql<ReadonlyArray<Gap>> =>
  rows<Gap>("select conversation, first, last from gap where conversation = ? order by first", conversation)

/** Whether a number is in one of these gaps. */
export const has = (gaps: ReadonlyArray<Gap>, seq: number): boolean =>
  gaps.some(({ first, last }) => first <= seq && seq <= last)

/** The conversation has been removed. */
export function* forget(conversation: ConversationId): Sql<void> {
  yield* run("delete from gap where conversation = ?", conversation)
}
