import type { AccountId } from "../ports/StoreAccounts.js"
import type { PendingReturn, UndeliveredRange, ToldReturn, Undelivered } from "../ports/StoreUpkeep.js"
import * as Wire from "../protocol/Wire.js"
import * as SqlChanges from "./SqlChanges.js"
import { row, rows, run, type Sql } from "./SqlQuery.js"
import { keyOfRow, type KeyRow } from "./SqlKeys.js"
import type { Head } from "./SqlHead.js"
import type { Moment, SqlState } from "./SqlState.js"

/** A line that no device of its recipient will be given. */
export interface OwedLine {
  readonly head: Pick<Head, "id" | "key">
  readonly recipient: AccountId
  /** The author's account, 0 for a guest. */
  readonly author: number
  readonly seq: number
}

/**
 * Creates returns from lines in order: one for each conversation and sender. Returns to accounts are stored until the
 * sender has been notified. Nothing returns to a removed account.
 */
export function* keepReturnRows(
  state: SqlState,
  lines: ReadonlyArray<OwedLine>,
  reason: Undelivered["reason"],
  moment: Moment
): Sql<{ readonly toGuests: ReadonlyArray<Undelivered>; readonly senders: ReadonlyArray<AccountId> }> {
  const pieces = new Map<string, OwedLine & { last: number; count: number }>()
  for (const line of lines) {
    const name = `${line.head.id} ${line.author}`
    const piece = pieces.get(name)
    if (piece === undefined) pieces.set(name, { ...line, last: line.seq, count: 1 })
    else {
      piece.last = line.seq
      piece.count += 1
    }
  }
  const active = yield* state.activeAccounts()
  const toGuests: Array<Undelivered> = []
  const senders = new Set<AccountId>()
  const all: Array<UndeliveredRange> = []
  for (const { author, count, head, last, recipient, seq } of pieces.values()) {
    const name = (yield* row<{ name: string }>("select name from account where id = ?", recipient))?.name ?? ""
    const sender = author === 0 ? undefined : (author as AccountId)
    const returned = { conversation: head.id, reason, recipient: Wire.encode(name), first: seq, last, count }
    all.push({ ...returned, account: sender })
    if (sender === undefined) {
      toGuests.push({ ...returned, key: head.key, account: undefined })
      continue
    }
    if (!active.has(sender)) {
      ;(yield* state.meta()).dead += count
      continue
    }
    senders.add(sender)
    yield* run(
      `insert into undelivered values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (account, conversation, reason)
       do update set last = excluded.last, count = undelivered.count + excluded.count, ran = excluded.ran`,
      yield* state.nextId("undelivered"),
      sender,
      head.id,
      reason === "removed" ? 1 : 0,
      name,
      seq,
      last,
      count,
      yield* state.running(moment)
    )
  }
  yield* SqlChanges.addReturns(state, all)
  return { toGuests, senders: [...senders] }
}

interface ReturnRow extends KeyRow {
  readonly id: number
  readonly account: AccountId
  readonly conversation: PendingReturn["conversation"]
  readonly reason: number
  readonly recipient: string
  readonly first: number
  readonly last: number
  readonly count: number
}

/** `StoreUpkeep.returns.pending`. */
export function* pending(account: AccountId): Sql<ReadonlyArray<PendingReturn>> {
  const found = yield* rows<ReturnRow>(
    `select u.id, u.account, u.conversation, u.reason, u.recipient, u.first, u.last, u.count,
            c.kind, c.one, c.other, c.likeness
     from undelivered u join conversation c on c.id = u.conversation where u.account = ? order by u.id`,
    account
  )
  return found.map((kept) => ({
    id: kept.id,
    conversation: kept.conversation,
    key: keyOfRow(kept, kept.conversation),
    reason: kept.reason === 1 ? "removed" : "expired",
    recipient: Wire.encode(kept.recipient),
    account: kept.account,
    first: kept.first,
    last: kept.last,
    count: kept.count
  }))
}

/** Drops returns whose senders have stayed away since this running time. */
export function* dropOutdated(state: SqlState, oldest: number): Sql<void> {
  const found = yield* row<{ lines: number | null }>(
    "select sum(count) as lines from undelivered where ran < ?",
    oldest
  )
  if (found?.lines === null) return
  yield* run("delete from undelivered where ran < ?", oldest)
  const meta = yield* state.meta()
  meta.dead += Number(found?.lines) // Postgres' sum has another type
}

/** Drops the returns to a removed account. */
export function* dropAll(state: SqlState, account: AccountId): Sql<void> {
  const found = yield* row<{ lines: number | null }>(
    "select sum(count) as lines from undelivered where account = ?",
    account
  )
  yield* run("delete from undelivered where account = ?", account)
  const meta = yield* state.meta()
  meta.dead += Number(found?.lines ?? 0)
}

/** `StoreUpkeep.returns.told`. */
export function* told(state: SqlState, returns: ReadonlyArray<ToldReturn>, dead: number): Sql<void> {
  state.touching()
  const meta = yield* state.meta()
  meta.dead += dead
  for (const { count, id, last } of returns) {
    yield* run("delete from undelivered where id = ? and last = ?", id, last)
    yield* run("update undelivered set first = ?, count = count - ? where id = ?", last + 1, count, id)
  }
}
