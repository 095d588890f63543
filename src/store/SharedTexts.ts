import type { StoreFault } from "../ports/StoreUpkeep.js"
import { type LineRow, rows, run, type Sql } from "./SqlQuery.js"
import type { SqlState } from "./SqlState.js"

/** Stores the text of a line to several recipients only once. */

/** Stores each text that several of these new lines have in common. All of them have several recipients. */
export function* share(state: SqlState, lines: ReadonlyArray<LineRow>): Sql<void> {
  const byText = new Map<string, Array<LineRow>>()
  for (const line of lines) {
    if (line.body.length === 0) continue
    const text = Buffer.from(line.body.buffer, line.body.byteOffset, line.body.length).toString("latin1")
    const same = byText.get(text)
    if (same === undefined) byText.set(text, [line])
    else same.push(line)
  }
  for (const same of byText.values()) {
    const [first] = same
    if (first === undefined || same.length === 1) continue
    const id = yield* state.nextId("shared_text")
    yield* run("insert into shared_text values (?, ?, ?)", id, first.body, same.length)
    for (const line of same) line.shared = id
  }
}

/** A line that shared its text has been deleted. */
export function* release(text: number): Sql<void> {
  yield* run("update shared_text set uses = uses - 1 where id = ?", text)
  yield* run("delete from shared_text where id = ? and uses = 0", text)
}

/** Texts whose count of lines is wrong. */
export function* check(): Sql<ReadonlyArray<StoreFault>> {
  const found = yield* rows<{ id: number; uses: number; lines: number }>(
    `select t.id, t.uses, count(l.id) as lines from shared_text t left join line l on l.shared = t.id
     group by t.id, t.uses having count(l.id) <> t.uses or t.uses = 0 order by t.id limit ?`,
    reportedFaults
  )
  return found.map(({ id, lines, uses }) => `text ${id} belongs to ${lines} lines, and ${uses} should share it`)
}

const reportedFaults = 20
