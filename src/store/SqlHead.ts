import type { AccountId } from "../ports/StoreAccounts.js"
import type { ConversationId, ConversationKey } from "../ports/StoreLines.js"

/** The state in memory of a conversation and its members. */

export interface SqlMember {
  readonly since: number
  read: number
  /** `read` has changed in this transaction. */
  isReadDirty: boolean
  given: number
  /** How many lines it has yet to get: those above `given` that are not its own. Always 0 in a room. */
  waiting: number
  waitingBytes: number
}

export interface Head {
  readonly id: ConversationId
  readonly key: ConversationKey
  /** Whether it is a room that has ended, of which only lines are left. */
  readonly isEnded: boolean
  first: number
  next: number
  at: number
  /** All members of a direct conversation; of a room, those that `SqlState.member` has loaded. */
  readonly members: Map<AccountId, SqlMember>
}

/** The size of a conversation. */
export interface Size {
  lines: number
  bytes: number
}
