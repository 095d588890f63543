import type { AccountId } from "../ports/StoreAccounts.js"
import type { ConversationId, ConversationKey } from "../ports/StoreLines.js"
import type { StoreRecord } from "../ports/StoreUpkeep.js"
import * as Name from "../protocol/Name.js"
import { roomKind } from "./SqlKeys.js"
import { damage, row, rows, type Sql, unlessDamaged } from "./SqlQuery.js"

/** What an export has in the place of rows that cannot be read, other than lines. */

/** The highest number that any of these columns has, of those that can be read; 0 if none can. */
function* highest(columns: ReadonlyArray<readonly [column: string, table: string]>): Sql<number> {
  let most = 0
  for (const [column, table] of columns) {
    const found = yield* unlessDamaged(row<{ most: number | null }>(`select max(${column}) as most from ${table}`))
    if (found !== damage) most = Math.max(most, found?.most ?? 0)
  }
  return most
}

/**
 * The last account, or the last that anything refers to: an account that has no devices and is in no conversation may
 * still be invited to a room, or be the author of lines. Reads an index of all lines: call it once.
 */
export const lastAccount = (): Sql<number> =>
  highest([
    ["id", "account"],
    ["account", "device"],
    ["account", "member"],
    ["account", "cursor"],
    ["account", "invitation"],
    ["account", "undelivered"],
    ["account", "line"],
    ["owner", "room"],
    // Of rooms that have ended, the column holds ids of conversations.
    ["one", `conversation where kind < ${roomKind}`],
    ["other", `conversation where kind < ${roomKind}`]
  ])

/** The last conversation, or the last that anything refers to. */
export const lastConversation = (): Sql<number> =>
  highest([
    ["id", "conversation"],
    ["conversation", "line"],
    ["conversation", "member"],
    ["conversation", "room"],
    ["conversation", "invitation"]
  ])

/** The numbers of accounts that something refers to and that the table does not have. */
export function* missingAccounts(): Sql<ReadonlyArray<number>> {
  const known = new Set((yield* rows<{ id: number }>("select id from account")).map(({ id }) => id))
  const all = Array.from({ length: yield* lastAccount() }, (_, index) => index + 1)
  return all.filter((id) => !known.has(id))
}

/**
 * An account that cannot be read. Its conversations then belong to a freed account, under whose name no client can log
 * in: otherwise a new account would get the number, and with it the conversations.
 */
export const withoutAccount = (id: number): ReadonlyArray<Exclude<StoreRecord, { type: "line" }>> => {
  const name = `lost-${id}`
  const account = { id: id as AccountId, name, likeness: Name.likeness(name), credential: null, created: 0 }
  return [
    { type: "account", ...account, state: "freed" },
    { type: "lost", what: "account", id }
  ]
}

/** A conversation that cannot be read, if there was one: without its key, it is unknown whose its lines are. */
export function* withoutConversation(id: number): Sql<ReadonlyArray<StoreRecord>> {
  for (const table of ["line", "member", "room"]) {
    const found = yield* unlessDamaged(row(`select conversation from ${table} where conversation = ? limit 1`, id))
    if (found !== undefined) return [{ type: "lost", what: "conversation", id }]
  }
  return []
}

/** The highest number of a line in these conversations, as far as it can be read. */
export function* lastLineOf(conversations: ReadonlyArray<number>): Sql<number> {
  let last = 0
  for (const id of conversations) last = Math.max(last, yield* highest([["seq", `line where conversation = ${id}`]]))
  return last
}

/**
 * The highest number that a line of a conversation has had; 0 if it has had none. Where the index of lines cannot be
 * read, the highest that a member was given or has read.
 */
export function* lastNumberOf(id: ConversationId): Sql<number> {
  const missing = yield* highest([["last", `gap where conversation = ${id}`]])
  const stored = yield* unlessDamaged(
    row<{ last: number | null }>("select max(seq) as last from line where conversation = ?", id)
  )
  if (stored !== damage) return Math.max(missing, stored?.last ?? 0)
  const known = yield* highest([
    ["given", `member where conversation = ${id}`],
    ["read", `member where conversation = ${id}`],
    ["seq", `cursor where conversation = ${id}`]
  ])
  return Math.max(missing, known)
}

interface MemberRow {
  readonly account: AccountId
  readonly since: number
  readonly read: number
  readonly given: number
}

/**
 * The members of a conversation. Those of a direct one are in its key: one that cannot be read counts as given
 * everything that is kept, so that nothing waits for it, but its devices still get what is after their places.
 *
 * @param first the first line of the conversation that is kept
 * @param owner of a room, which is a member in any case, from now on if not before; null if there is none
 * @param lastAccount the last account that is exported
 */
export function* membersOf(
  id: ConversationId,
  key: ConversationKey,
  first: number,
  owner: AccountId | null,
  lastAccount: number
): Sql<{ readonly members: ReadonlyArray<MemberRow>; readonly isPartial: boolean }> {
  const together = yield* unlessDamaged(
    rows<MemberRow>(
      "select account, since, read, given from member where conversation = ? order by joined, account",
      id
    )
  )
  if (together !== damage) {
    const missing = yield* missingMembers(
      key,
      together.map(({ account }) => account)
    )
    const lost = missing.map((account) => ({ account, since: first, read: 0, given: afterAll }))
    // Copies: Postgres' rows have a class of their own.
    return { members: [...together.map((member) => ({ ...member })), ...lost], isPartial: lost.length > 0 }
  }
  const members: Array<MemberRow> = []
  for (const account of possibleMembers(key, lastAccount)) {
    const found = yield* unlessDamaged(
      row<MemberRow>(
        "select account, since, read, given from member where conversation = ? and account = ?",
        id,
        account
      )
    )
    if (found !== damage && found !== undefined) members.push({ ...found })
    else if (key.kind !== "room") members.push({ account, since: first, read: 0, given: afterAll })
    else if (account === owner) members.push({ account, since: afterAll, read: 0, given: afterAll })
  }
  return { members, isPartial: true }
}

/** The accounts in the key of a direct conversation that are not among its members, although they can log in. */
export function* missingMembers(
  key: ConversationKey,
  members: ReadonlyArray<AccountId>
): Sql<ReadonlyArray<AccountId>> {
  if (key.kind === "room") return []
  const missing: Array<AccountId> = []
  for (const account of possibleMembers(key, 0)) {
    if (members.includes(account)) continue
    const found = yield* unlessDamaged(row<{ state: number }>("select state from account where id = ?", account))
    if (found !== damage && found?.state === 0) missing.push(account)
  }
  return missing
}

/** The import puts the number of the last line in its place. */
const afterAll = Number.MAX_SAFE_INTEGER

const possibleMembers = (key: ConversationKey, lastAccount: number): ReadonlyArray<AccountId> => {
  switch (key.kind) {
    case "accounts":
      return [...new Set(key.accounts)]
    case "guest":
      return [key.account]
    case "room":
      return Array.from({ length: lastAccount }, (_, index) => (index + 1) as AccountId)
  }
}

interface CursorRow {
  readonly device: string
  readonly conversation: ConversationId
  readonly seq: number
}

/** Where these devices of an account are. If some of that cannot be read, device by device. */
export function* cursorsOf(
  account: number,
  devices: ReadonlyArray<string>
): Sql<{ readonly found: ReadonlyArray<CursorRow>; readonly isPartial: boolean }> {
  const together = yield* unlessDamaged(
    rows<CursorRow>(
      "select device, conversation, seq from cursor where account = ? order by device, conversation",
      account
    )
  )
  if (together !== damage) return { found: together, isPartial: false }
  const found: Array<CursorRow> = []
  for (const device of devices) {
    const some = yield* unlessDamaged(
      rows<CursorRow>(
        "select device, conversation, seq from cursor where account = ? and device = ? order by conversation",
        account,
        device
      )
    )
    if (some !== damage) found.push(...some)
  }
  return { found, isPartial: true }
}
