import type { AccountId } from "../ports/StoreAccounts.js"
import { ofRoom, withGuest, type ConversationId, type ConversationKey } from "../ports/StoreLines.js"

/** Whether an account writes to itself. All of its devices then get its lines, the one that sent them included. */
export const isSelf = (key: ConversationKey): boolean => key.kind === "accounts" && key.accounts[0] === key.accounts[1]

/**
 * The other account, which is the same one if it writes to itself; undefined if the other party is a guest or a room.
 */
export const otherAccount = (key: ConversationKey, account: AccountId): AccountId | undefined => {
  if (key.kind !== "accounts") return undefined
  const [one, other] = key.accounts
  return one === account ? other : one
}

/**
 * A conversation's key in messages between servers: two accounts, an account and the likeness of a guest, or nothing
 * for a room.
 */
export type Parties = [] | [account: AccountId, other: AccountId | string]

export const partiesOf = (key: ConversationKey): Parties => {
  switch (key.kind) {
    case "accounts":
      return [...key.accounts]
    case "guest":
      return [key.account, key.likeness]
    case "room":
      return []
  }
}

export const keyOfParties = (conversation: ConversationId, [account, other]: Parties): ConversationKey => {
  if (account === undefined || other === undefined) return ofRoom(conversation)
  return typeof other === "string" ? withGuest(account, other) : { kind: "accounts", accounts: [account, other] }
}
