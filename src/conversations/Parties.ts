import type { AccountId } from "../ports/StoreAccounts.js"
import type { ConversationKey } from "../ports/StoreLines.js"

/** Whether an account writes to itself. All of its devices then get its lines, the one that sent them included. */
export const isSelf = (key: ConversationKey): boolean => key.kind === "accounts" && key.accounts[0] === key.accounts[1]

/** The other account, which is the same one if it writes to itself; undefined if the other party is a guest or a room. */
export const otherAccount = (key: ConversationKey, account: AccountId): AccountId | undefined => {
  if (key.kind !== "accounts") return undefined
  const [one, other] = key.accounts
  return one === account ? other : one
}
