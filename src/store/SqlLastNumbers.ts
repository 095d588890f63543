import type { ConversationId } from "../ports/StoreLines.js"
import * as SqlGaps from "./SqlGaps.js"
import { damage, row, type Sql, unlessDamaged } from "./SqlQuery.js"

/** The last numbers of conversations with damaged or missing lines. */
export class SqlLastNumbers {
  /** Whether numbers are missing in any conversation. In most stores, none are, which saves further queries. */
  private hasGaps: boolean | undefined

  forget() {
    this.hasGaps = undefined
  }

  /**
   * The number of a conversation's unreadable last line, so that only this line counts as damaged. Found by bisection:
   * a query for the first line from a number on fails only if there is such a line.
   */
  *ofDamaged(id: ConversationId, first: number): Sql<number> {
    const readFrom = (seq: number) =>
      row("select seq, at from line where conversation = ? and seq >= ? order by seq limit 1", id, seq)
    const isAnyFrom = function* (seq: number): Sql<boolean> {
      return (yield* unlessDamaged(readFrom(seq))) !== undefined
    }
    let step = 1
    for (; yield* isAnyFrom(first + step); step *= 2) {
      if (step > mostLines) yield* readFrom(first + step) // fails, because the index cannot be read either
    }
    let last = first
    for (step /= 2; step >= 1; step /= 2) if (yield* isAnyFrom(last + step)) last += step
    return last
  }

  /** The highest number known to be missing in a conversation; 0 if none is. */
  *missing(id: ConversationId): Sql<number> {
    this.hasGaps ??= (yield* unlessDamaged(SqlGaps.areThere())) !== false
    if (!this.hasGaps) return 0
    const last = yield* unlessDamaged(SqlGaps.lastOf(id))
    return last === damage ? 0 : last
  }
}

/** More lines than any conversation has. */
const mostLines = 2 ** 40
