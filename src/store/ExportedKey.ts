import type { AccountId } from "../ports/StoreAccounts.js"
import type { ConversationKey, DirectKey } from "../ports/StoreLines.js"

/** The form of a key in an export. That of a room is the id of the conversation. */
export const exported = (
  key: ConversationKey
): { readonly accounts: ReadonlyArray<AccountId>; readonly guest: string | null } => {
  switch (key.kind) {
    case "accounts":
      return { accounts: key.accounts, guest: null }
    case "guest":
      return { accounts: [key.account], guest: key.likeness }
    case "room":
      return { accounts: [], guest: null }
  }
}

/** The key of a direct conversation from its form in an export. */
export const imported = (accounts: ReadonlyArray<AccountId>, guest: string | null): DirectKey => {
  const [one = 0 as AccountId, other = one] = accounts
  return guest === null
    ? { kind: "accounts", accounts: [one, other] }
    : { kind: "guest", account: one, likeness: guest }
}
