import type { AccountId } from "../ports/StoreAccounts.js"
import type { ConversationKey } from "../ports/StoreLines.js"

/** A key as an export has it. */
export const exported = (
  key: ConversationKey
): { readonly accounts: ReadonlyArray<AccountId>; readonly guest: string | null } =>
  key.kind === "guest" ? { accounts: [key.account], guest: key.likeness } : { accounts: key.accounts, guest: null }

/** The key that an export has so. */
export const imported = (accounts: ReadonlyArray<AccountId>, guest: string | null): ConversationKey => {
  const [one = 0 as AccountId, other = one] = accounts
  return guest === null
    ? { kind: "accounts", accounts: [one, other] }
    : { kind: "guest", account: one, likeness: guest }
}
