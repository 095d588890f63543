import type { AccountId } from "../ports/StoreAccounts.js"
import type { ConversationId, ConversationKey } from "../ports/StoreLines.js"

/** What is in memory of a conversation, and of those who are in it. */

export interface SqlMember {
  readonly since: number
  read: number
  /** `read` has changed in this transaction. */
  isReadDirty: boolean
  given: number
  /** Lines that are owed to it: above `given`, and not its own; none in a room. */
  waiting: number
  waitingBytes: number
}

export interface Head {
  readonly id: ConversationId
  readonly key: ConversationKey
  /** It was a room, and only its lines are left. */
  readonly isEnded: boolean
  first: number
  next: number
  at: number
  /** All of a direct conversation; of a room, those that have been asked for (`SqlState.member`). */
  readonly members: Map<AccountId, SqlMember>
}

/** How much a conversation holds. */
export interface Size {
  lines: number
  bytes: number
}
