import type { ConversationId } from "../ports/StoreLines.js"
import type { Size } from "./SqlHead.js"
import { rows, type Sql } from "./SqlQuery.js"

/** The state of retention: the sizes of conversations, and its progress. */
export class SqlRetention {
  /** Conversations up to this id have been measured and are in `sizes`. */
  measured = 0
  readonly sizes = new Map<ConversationId, Size>()
  /** Measured conversations with guests that have no lines. */
  readonly empty = new Set<ConversationId>()
  /** The last row of the table of lines that the current pass has examined; 0 before it begins. */
  passed = 0

  forget() {
    this.measured = 0
    this.passed = 0
    this.sizes.clear()
    this.empty.clear()
  }

  /** Adds to the size of a conversation, if it has been measured. */
  add(id: ConversationId, lines: number, bytes: number) {
    if (id > this.measured) return
    const size = this.sizes.get(id) ?? { lines: 0, bytes: 0 }
    if (size.lines + lines === 0) this.sizes.delete(id)
    else this.sizes.set(id, { lines: size.lines + lines, bytes: size.bytes + bytes })
  }

  /** A conversation has been removed. */
  removed(id: ConversationId) {
    this.sizes.delete(id)
    this.empty.delete(id)
  }

  /** Adds the lines that other servers have stored, by a range of ids. */
  *addLines(above: number, upTo: number): Sql<void> {
    if (this.measured === 0 || above >= upTo) return
    for (const { conversation, ...size } of yield* rows<Size & { readonly conversation: ConversationId }>(
      "select conversation, count(*) as lines, sum(size) as bytes from line where id > ? and id <= ? group by " +
        "conversation",
      above,
      upTo
    )) {
      this.add(conversation, Number(size.lines), Number(size.bytes)) // Postgres' sum has another type
      this.empty.delete(conversation)
    }
  }
}
