import type { AccountId } from "../ports/StoreAccounts.js"
import type { ConversationId } from "../ports/StoreLines.js"

/**
 * The derived state that the latest transactions have changed, so that other servers of the store need not drop
 * everything after each of them. Stored as a text in the row of totals, which each transaction writes anyway.
 */

/** The changes of one or more transactions. */
export interface Touched {
  /** Conversations with changed lines, members, or positions of members. */
  readonly conversations: Set<ConversationId>
  /** Accounts with changed devices or unread lines. */
  readonly accounts: Set<AccountId>
  /** How many conversations with guests have begun. */
  guests: number
}

export const nothing = (): Touched => ({ conversations: new Set(), accounts: new Set(), guests: 0 })

/** One transaction: its `Meta.commits` and its changes. */
type Entry = readonly [
  commits: number,
  conversations: ReadonlyArray<ConversationId>,
  accounts: ReadonlyArray<AccountId>,
  guests: number
]

/** The longest text. Postgres stores rows of up to 2 kB inline. */
const maxLength = 1_500

const separator = ";"

const parse = (text: string): ReadonlyArray<Entry> =>
  text === "" ? [] : text.split(separator).map((entry) => JSON.parse(entry) as Entry) // written below

/**
 * Adds a transaction to the text. Drops the oldest ones if it becomes too long.
 *
 * @param touched undefined if the transaction may have changed anything. Other servers then drop all derived state
 */
export const after = (text: string, commits: number, touched: Touched | undefined): string => {
  if (touched === undefined) return ""
  const { accounts, conversations, guests } = touched
  const added = JSON.stringify([commits, [...conversations], [...accounts], guests] satisfies Entry)
  if (added.length > maxLength) return ""
  const whole = text === "" ? added : `${text}${separator}${added}`
  if (whole.length <= maxLength) return whole
  return whole.slice(whole.indexOf(separator, whole.length - maxLength - 1) + 1)
}

/** The changes of a range of transactions; undefined if the text does not have all of them. */
export const between = (text: string, before: number, last: number): Touched | undefined => {
  const found = nothing()
  let next = last
  for (const [commits, conversations, accounts, guests] of parse(text).toReversed()) {
    if (commits <= before) break
    if (commits !== next) return undefined
    next -= 1
    for (const conversation of conversations) found.conversations.add(conversation)
    for (const account of accounts) found.accounts.add(account)
    found.guests += guests
  }
  return next === before ? found : undefined
}
