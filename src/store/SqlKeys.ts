import type { AccountId } from "../ports/StoreAccounts.js"
import { type ConversationId, type ConversationKey, type DirectKey, ofRoom } from "../ports/StoreLines.js"

/** The stored form of conversation keys. */

export interface KeyRow {
  readonly kind: number
  readonly one: AccountId
  readonly other: AccountId
  readonly likeness: string
}

/** The values of `kind` for a conversation with a guest, a room, and the remains of an ended room. */
export const guestKind = 2
export const roomKind = 3
export const endedKind = 4

export const keyColumns = (key: DirectKey): readonly [number, number, number, string] =>
  key.kind === "guest" ? [guestKind, key.account, 0, key.likeness] : [1, key.accounts[0], key.accounts[1], ""]

export const keyOfRow = ({ kind, likeness, one, other }: KeyRow, id: ConversationId): ConversationKey => {
  if (kind >= roomKind) return ofRoom(id)
  return kind === guestKind ? { kind: "guest", account: one, likeness } : { kind: "accounts", accounts: [one, other] }
}
