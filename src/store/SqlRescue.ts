import type { AccountId } from "../ports/StoreAccounts.js"
import type { ConversationId, ConversationKey } from "../ports/StoreLines.js"
import type { StoreRecord } from "../ports/StoreUpkeep.js"
import * as Name from "../protocol/Name.js"
import { roomKind } from "./SqlKeys.js"
import { damage, row, rows, type Sql, unlessDamaged } from "./SqlQuery.js"

/** The replacements in an export for unreadable rows other than lines. */

/** The highest number in any of these columns that can be read; 0 if none can. */
function* highest(columns: ReadonlyArray<readonly [column: string, table: string]>): Sql<number> {
  let most = 0
  for (const [column, table] of columns) {
    const found = yield* unlessDamaged(row<{ most: number | null }>(`select max(${column}) as most from ${table}`))
    if (found !== damage) most = Math.max(most, found?.most ?? 0)
  }
  return most
}

/**
 * The highest id of an account that exists or is referred to. An account without devices and conversations may still be
 * invited to a room, or be the author of lines. Reads an index of all lines, so it should be called only once.
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
    // In ended rooms, this column holds ids of conversations.
    ["one", `conversation where kind < ${roomKind}`],
    ["other", `conversation where kind < ${roomKind}`]
  ])

/** The highest id of a conversation that exists or is referred to. */
export const lastConversation = (): Sql<number> =>
  highest([
    ["id", "conversation"],
    ["conversation", "line"],
    ["conversation", "member"],
    ["conversation", "room"],
    ["conversation", "invitation"]
  ])

/** The ids of accounts that are referred to but missing in the table. */
export function* missingAccounts(): Sql<ReadonlyArray<number>> {
  const known = new Set((yield* rows<{ id: number }>("select id from account")).map(({ id }) => id))
  const all = Array.from({ length: yield* lastAccount() }, (_, index) => index + 1)
  return all.filter((id) => !known.has(id))
}

/**
 * The replacement for an unreadable account: a freed account, as which no client can log in, keeps its conversations.
 * Otherwise a new account would get the id, and with it the conversations.
 */
export const withoutAccount = (id: number): ReadonlyArray<Exclude<StoreRecord, { type: "line" }>> => {
  const name = `lost-${id}`
  const account = { id: id as AccountId, name, likeness: Name.likeness(name), credential: null, created: 0 }
  return [
    { type: "account", ...account, state: "freed" },
    { type: "lost", what: "account", id }
  ]
}

/**
 * The replacement for an unreadable conversation, if there was one. Without its key, the owners of its lines are
 * unknown.
 */
export function* withoutConversation(id: number): Sql<ReadonlyArray<StoreRecord>> {
  for (const table of ["line", "member", "room"]) {
    const found = yield* unlessDamaged(row(`select conversation from ${table} where conversation = ? limit 1`, id))
    if (found !== undefined) return [{ type: "lost", what: "conversation", id }]
  }
  return []
}

/** The highest readable line number in these conversations. */
export function* lastLineOf(conversations: ReadonlyArray<number>): Sql<number> {
  let last = 0
  for (const id of conversations) last = Math.max(last, yield* highest([["seq", `line where conversation = ${id}`]]))
  return last
}

/**
 * The highest number that a line of a conversation has had; 0 if there was none. If the index of lines cannot be read,
 * the highest number that a member was given or has read.
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
 * The members of a conversation. The members of a direct one are in its key, so an unreadable one is replaced. It
 * counts as given all kept lines, so that none wait for it, but its devices still get the lines after their cursors.
 *
 * @param first the first line of the conversation that is kept
 * @param owner the owner of a room, who is made a member if necessary; null if there is none
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

/** The active accounts in the key of a direct conversation that are missing among its members. */
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

/** The import replaces it by the number of the last line. */
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

/** The cursors of these devices of an account. If some are unreadable, they are read device by device. */
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
