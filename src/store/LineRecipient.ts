import type { AccountId } from "../ports/StoreAccounts.js"
import type { ConversationKey, DirectKey } from "../ports/StoreLines.js"

/** The recipients of the lines of a conversation, for all stores. */

/** The author whose lines are not for a member: the member itself, or none in a conversation with itself. */
export const ownAuthor = (key: ConversationKey, account: AccountId): number =>
  key.kind === "accounts" && key.accounts[0] === key.accounts[1] ? -1 : account

/** The account that a line of this author is for. */
export const recipientOf = (key: DirectKey, author: AccountId | undefined): AccountId =>
  key.kind === "guest" ? key.account : key.accounts[0] === author ? key.accounts[1] : key.accounts[0]

/**
 * Whether a line of this author is for this member, and returns if it is not delivered. Never in a room.
 *
 * @param author the account of a line; 0 or undefined for a guest
 */
export const isOwed = (key: ConversationKey, author: number | undefined, account: AccountId): boolean =>
  key.kind !== "room" && author !== ownAuthor(key, account)
