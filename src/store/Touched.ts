import type { AccountId } from "../ports/StoreAccounts.js"
import type { ConversationId } from "../ports/StoreLines.js"

/**
 * What the latest transactions have changed of what servers derive from the tables, so that another server of the same
 * store need not derive everything anew after each of them. It is a text in the row of totals, which each transaction
 * writes anyway.
 */

/** What one transaction, or some of them, have changed. */
export interface Touched {
  /** Lines, members, or how far they were given it. */
  readonly conversations: Set<ConversationId>
  /** Their devices, or what they have not been given. */
  readonly accounts: Set<AccountId>
  /** How many conversations with guests have begun. */
  guests: number
}

export const nothing = (): Touched => ({ conversations: new Set(), accounts: new Set(), guests: 0 })

/** One transaction: its `Meta.commits`, and what it has changed. */
type Entry = readonly [
  commits: number,
  conversations: ReadonlyArray<ConversationId>,
  accounts: ReadonlyArray<AccountId>,
  guests: number
]

/** How long the text may be. Postgres writes a row of up to 2 kB where the others of its table are. */
const maxLength = 1_500

const separator = ";"

const parse = (text: string): ReadonlyArray<Entry> =>
  text === "" ? [] : text.split(separator).map((entry) => JSON.parse(entry) as Entry) // written below

/**
 * The text after another transaction, without the oldest ones if it would be too long.
 *
 * @param touched undefined if the transaction may have changed anything: no server can continue from before it
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

/** What the transactions after one and up to another have changed; undefined if the text does not have all of them. */
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
