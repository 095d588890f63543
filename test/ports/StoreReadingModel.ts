import type { AccountId } from "../../src/ports/StoreAccounts.js"
import type { ConversationKey, PageRequest } from "../../src/ports/StoreLines.js"

/** Who may read which lines, as a model that the requests of a store are compared with. */

export interface KeptLine {
  /** Counts all lines, in the order in which they were stored. */
  readonly order: number
  readonly seq: number
  readonly at: number
  readonly text: string
}

/** What a room has besides its lines. */
export interface Room {
  readonly name: string
  owner: AccountId | undefined
  isLocked: boolean
  isEnded: boolean
  /** In the order of joining, with the last line that the device of each has been given. */
  readonly members: Map<AccountId, number>
  readonly invited: Set<AccountId>
}

/** A conversation as the model knows it. */
export interface Conversation {
  readonly key: ConversationKey
  readonly lines: Array<KeptLine>
  /** The first line that retention has left, or the number of the next one. */
  first: number
  last: number
  readonly room: Room | undefined
}

export type RoomConversation = Conversation & { readonly room: Room }

export const isRoom = (known: Conversation): known is RoomConversation => known.room !== undefined

/** Of guests, only the server knows where they are: to the store they are in every room. */
export const isMember = ({ key, room }: Conversation, reader: AccountId | "guest") => {
  if (room !== undefined) return !room.isEnded && (reader === "guest" || room.members.has(reader))
  if (reader === "guest") return false
  return key.kind === "accounts" ? key.accounts.includes(reader) : key.kind === "guest" && key.account === reader
}

/** The lines that a page of this conversation has for a member. */
export const expected = ({ lines }: Conversation, { after, before, limit, since, until }: PageRequest) => {
  const isForward = after !== undefined || since !== undefined
  const matching = lines.filter(
    ({ at, seq }) => seq > (after ?? 0) && seq < (before ?? Infinity) && at >= (since ?? 0) && at <= (until ?? Infinity)
  )
  return isForward ? matching.slice(0, limit) : matching.slice(-limit)
}

/** An account is removed from a room. Returns whether it was a member. */
export const leaves = (room: Room, account: AccountId): boolean => {
  if (!room.members.delete(account)) return false
  if (room.owner === account) room.owner = [...room.members.keys()][0]
  return true
}
