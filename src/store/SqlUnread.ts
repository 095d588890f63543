import type { AccountId } from "../ports/StoreAccounts.js"
import type { ConversationId, ConversationKey } from "../ports/StoreLines.js"
import { ownAuthor } from "./LineRecipient.js"
import type { Size } from "./SqlHead.js"
import { guestKind, roomKind } from "./SqlKeys.js"
import { row, rows, type Sql } from "./SqlQuery.js"

/** The total size of the lines that no device of an account was given. */
interface Unread {
  all: number
  guests: number
}

/** The unread sizes of accounts, loaded when first needed. Rooms do not count. */
export class SqlUnread {
  private readonly known = new Map<AccountId, Unread>()

  get(account: AccountId): Unread | undefined {
    return this.known.get(account)
  }

  /** In one query, because guests can begin tens of thousands of conversations with an account. */
  *of(account: AccountId): Sql<Unread> {
    const known = this.known.get(account)
    if (known !== undefined) return known
    const unread = { all: 0, guests: 0 }
    for (const { kind, ...found } of yield* rows<{ readonly kind: number; readonly bytes: number }>(
      `select c.kind, sum(l.size) as bytes from member m join conversation c on c.id = m.conversation
       join line l on l.conversation = m.conversation and l.seq > m.given
       where m.account = ? and c.kind < ${roomKind} and (l.account <> m.account or c.one = c.other) group by c.kind`,
      account
    )) {
      const bytes = Number(found.bytes) // Postgres' sum has another type
      unread.all += bytes
      if (kind === guestKind) unread.guests += bytes
    }
    this.known.set(account, unread)
    return unread
  }

  /** Counts lines of a conversation as unread, or with a negative size as no longer unread. */
  add(account: AccountId, { kind }: ConversationKey, bytes: number) {
    const unread = this.known.get(account)
    if (unread === undefined) return
    unread.all += bytes
    if (kind === "guest") unread.guests += bytes
  }

  forget(account: AccountId) {
    this.known.delete(account)
  }

  clear() {
    this.known.clear()
  }
}

/** The number and size of the lines in a range of a conversation that are for a member. */
export function* owed(
  key: ConversationKey,
  id: ConversationId,
  account: AccountId,
  above: number,
  upTo: number
): Sql<Size> {
  if (above >= upTo) return { lines: 0, bytes: 0 }
  const found = yield* row<Size>(
    `select count(*) as lines, coalesce(sum(size), 0) as bytes from line
       where conversation = ? and seq > ? and seq <= ? and account <> ?`,
    id,
    above,
    upTo,
    ownAuthor(key, account)
  )
  return { lines: Number(found?.lines ?? 0), bytes: Number(found?.bytes ?? 0) } // Postgres' sum has another type
}
