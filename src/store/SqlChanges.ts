import { changesPage, keptChanges, returnsInChange, type ChangesPage, type StoreChange } from "../ports/StoreSharing.js"
import type { UndeliveredRange } from "../ports/StoreUpkeep.js"
import * as ChangeText from "./ChangeText.js"
import { row, rows, run, type Sql } from "./SqlQuery.js"
import type { SqlState } from "./SqlState.js"

/** The log of changes, for the other servers of a store. */

/** How many changes are removed at once. */
const removedChanges = 100

/** Adds a change to the log, in the transaction that makes it. Without other servers, there is no log. */
export function* add(state: SqlState, change: StoreChange): Sql<void> {
  const { sharing } = state
  if (sharing === undefined) return
  const id = yield* state.nextId("change")
  yield* run("insert into change values (?, ?, ?)", id, sharing.server, ChangeText.encode(change))
  if (id % removedChanges === 0) yield* run("delete from change where id <= ?", id - keptChanges)
}

/** Adds returned lines to the log, in the transaction that removes them. */
export function* addReturns(state: SqlState, returns: ReadonlyArray<UndeliveredRange>): Sql<void> {
  for (let from = 0; from < returns.length; from += returnsInChange) {
    yield* add(state, { _tag: "LinesReturned", returns: returns.slice(from, from + returnsInChange) })
  }
}

/** `StoreSharing.changes`. */
export function* after(id: number): Sql<ChangesPage> {
  const kept = yield* row<{ first: number | null; last: number | null }>(
    "select min(id) as first, max(id) as last from change"
  )
  const [first, last] = [kept?.first ?? 1, kept?.last ?? 0]
  if (id < first - 1 || id > last) return { changes: [], last, isComplete: false }
  const found = yield* rows<{ id: number; server: string; what: string }>(
    "select id, server, what from change where id > ? order by id limit ?",
    id,
    changesPage
  )
  const changes = found.map(({ id, server, what }) => ({ id, by: server, change: ChangeText.decode(what) }))
  return { changes, last, isComplete: true }
}

const wentOnText = ChangeText.encode({ _tag: "WentOn" })

/** `StoreSharing.goOn`. */
export function* goOn(state: SqlState): Sql<void> {
  state.touching() // nothing is derived from it
  yield* add(state, { _tag: "WentOn" })
}

/** Whether a server has called `goOn` after a change. True as well if the log no longer reaches back that far. */
export function* wentOn(since: number): Sql<boolean> {
  const { first } = (yield* row<{ first: number | null }>("select min(id) as first from change")) ?? { first: null }
  if (first !== null && since < first - 1) return true
  return (yield* row("select id from change where id > ? and what = ? limit 1", since, wentOnText)) !== undefined
}

/** `StoreSharing.latest`. */
export function* latest(): Sql<number> {
  return (yield* row<{ last: number | null }>("select max(id) as last from change"))?.last ?? 0
}
