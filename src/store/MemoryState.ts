import type { AccountId } from "../ports/StoreAccounts.js"
import type { ConversationId, ConversationKey, DirectKey } from "../ports/StoreLines.js"
import type { PendingReturn, ToldReturn, Undelivered } from "../ports/StoreUpkeep.js"
import * as StoreLines from "../ports/StoreLines.js"
import type { StoredRoom } from "../ports/StoreRooms.js"
import { isOwed } from "./LineRecipient.js"

/** The content of the store in memory. Everything here is synchronous, so each request is atomic. */

export interface MemoryLine {
  /** Numbers all lines of the store, in the order in which they were stored. */
  readonly id: number
  readonly seq: number
  readonly at: number
  /** Running time when it was stored. */
  readonly ran: number
  readonly account: AccountId | undefined
  readonly author: string
  readonly text: string
  readonly isAuto: boolean
  readonly to: string
  /** `StoreLines.sizeOf` when it was stored. */
  readonly size: number
  /** Undefined once the device has been forgotten. */
  once: { readonly device: string; readonly label: string } | undefined
}

export interface MemoryMember {
  /** The first line that the account may read; in a room, the first after its join. */
  readonly since: number
  read: number
  /** The last line that any of its devices was given. */
  given: number
  /** How many lines it has yet to get: those above `given` that are not its own. Always 0 in a room. */
  waiting: number
  waitingBytes: number
}

export interface MemoryConversation {
  readonly id: ConversationId
  readonly key: ConversationKey
  readonly lines: Array<MemoryLine>
  /** The first kept line, or the number of the next line if none is kept. */
  first: number
  /** The `at` of the last line. */
  at: number
  bytes: number
  /** The name of the guest, in wire form, once none of its lines is kept. */
  guest?: string
  /** Members of a room are in the order in which they joined. */
  readonly members: Map<AccountId, MemoryMember>
  readonly room: MemoryRoom | undefined
}

export interface MemoryRoom extends Pick<StoredRoom, "name" | "likeness"> {
  topic: string
  topicBy: string
  owner: AccountId | undefined
  isLocked: boolean
  slowMillis: number
  readonly invited: Set<AccountId>
}

export interface RoomConversation extends MemoryConversation {
  readonly room: MemoryRoom
}

/** The total size of the lines that no device of an account was given, and of those that guests sent. */
interface Unread {
  all: number
  guests: number
}

export interface MemoryDevice {
  token: string | undefined
  seen: number
  /** Running time when it was last seen. */
  ran: number
  /** The server that it belongs to, if several share the store. */
  owner: string | undefined
  readonly cursors: Map<ConversationId, number>
}

export interface MemoryAccount {
  readonly id: AccountId
  readonly name: string
  readonly likeness: string
  readonly created: number
  credential: string | undefined
  state: "active" | "removed" | "freed"
  readonly devices: Map<string, MemoryDevice>
}

export interface KeptReturn extends PendingReturn {
  readonly ran: number
}

export class MemoryState {
  readonly accounts = new Map<AccountId, MemoryAccount>()
  readonly conversations = new Map<ConversationId, MemoryConversation>()
  readonly keys = new Map<string, ConversationId>()
  /** Labelled lines by account, device, label and conversation. */
  readonly labels = new Map<string, MemoryLine>()
  readonly returns = new Map<number, KeptReturn>()
  readonly totals = { stored: 0, given: 0, expired: 0, dead: 0 }
  /** The total size of all lines. */
  bytes = 0
  /** The highest number of a line in a conversation that has ended. */
  ended = 0
  private guests = 0
  /** By their likeness. */
  private readonly roomsLike = new Map<string, RoomConversation>()
  private readonly unreadOf = new Map<AccountId, Unread>()
  private lastAccount = 0
  /** The highest id that a conversation has had. */
  lastConversation = 0
  private lastReturn = 0
  /** The `id` of the line that was added last. */
  lastLine = 0

  active(id: AccountId): MemoryAccount | undefined {
    const account = this.accounts.get(id)
    return account?.state === "active" ? account : undefined
  }

  addAccount(account: Omit<MemoryAccount, "id">, id = (this.lastAccount + 1) as AccountId): MemoryAccount {
    const added = { ...account, id }
    this.lastAccount = Math.max(this.lastAccount, id)
    this.accounts.set(id, added)
    return added
  }

  addConversation(key: DirectKey, id = (this.lastConversation + 1) as ConversationId): MemoryConversation {
    const members = new Map<AccountId, MemoryMember>()
    const first = key.kind === "guest" ? this.ended + 1 : 1
    const conversation = { id, key, lines: [], first, at: 0, bytes: 0, members, room: undefined }
    this.keep(conversation)
    if (key.kind === "guest") this.guests += 1
    return conversation
  }

  addRoom(room: MemoryRoom, id = (this.lastConversation + 1) as ConversationId): RoomConversation {
    const key = StoreLines.ofRoom(id)
    const conversation = { id, key, lines: [], first: this.ended + 1, at: 0, bytes: 0, members: new Map(), room }
    this.keep(conversation)
    this.roomsLike.set(room.likeness, conversation)
    return conversation
  }

  private keep(conversation: MemoryConversation) {
    const { id, key } = conversation
    this.lastConversation = Math.max(this.lastConversation, id)
    this.conversations.set(id, conversation)
    this.keys.set(StoreLines.keyText(key), id)
  }

  /** All rooms, in order of creation. */
  rooms(): Iterable<RoomConversation> {
    return this.roomsLike.values()
  }

  room(id: ConversationId): RoomConversation | undefined {
    const conversation = this.conversations.get(id)
    return conversation !== undefined && isRoomConversation(conversation) ? conversation : undefined
  }

  hasRoomLike(likeness: string): boolean {
    return this.roomsLike.has(likeness)
  }

  /** The conversation of a key, if it has begun. */
  known(key: ConversationKey): MemoryConversation | undefined {
    const id = this.keys.get(StoreLines.keyText(key))
    return id === undefined ? undefined : this.conversations.get(id)
  }

  /** Begins a direct conversation, with its members. */
  begin(key: DirectKey): MemoryConversation {
    const conversation = this.addConversation(key)
    for (const account of accountsOf(key)) conversation.members.set(account, newMember(conversation.first))
    return conversation
  }

  /** Whether a conversation is with a guest, and all of its lines are gone. */
  isEmpty({ key, lines }: MemoryConversation): boolean {
    return key.kind === "guest" && lines.length === 0
  }

  /** Whether no device of the account still needs to be notified that lines are gone. */
  hasBeenGiven({ first, id, key, members }: MemoryConversation): boolean {
    if (key.kind !== "guest") return false
    const since = members.get(key.account)?.since ?? 1
    const devices = this.accounts.get(key.account)?.devices.values() ?? []
    return [...devices].every(({ cursors }) => (cursors.get(id) ?? since - 1) >= first - 1)
  }

  /** Ends a conversation with a guest that is empty, or a room that has no members. */
  end(conversation: MemoryConversation) {
    const { bytes, id, key, lines, room } = conversation
    this.ended = Math.max(this.ended, nextOf(conversation) - 1)
    this.conversations.delete(id)
    this.keys.delete(StoreLines.keyText(key))
    this.bytes -= bytes
    for (const line of lines) this.labels.delete(labelKey(conversation, line))
    if (room !== undefined) this.roomsLike.delete(room.likeness)
    if (key.kind !== "guest") return
    this.guests -= 1
    for (const { cursors } of this.accounts.get(key.account)?.devices.values() ?? []) cursors.delete(id)
  }

  /** Adds a line to the end of a conversation. */
  addLine(conversation: MemoryConversation, added: Omit<MemoryLine, "id" | "size">) {
    const line = { ...added, id: ++this.lastLine, size: StoreLines.sizeOf(added.text.length, added) }
    conversation.lines.push(line)
    conversation.at = line.at
    conversation.bytes += line.size
    this.bytes += line.size
    if (line.once !== undefined) this.labels.set(labelKey(conversation, line), line)
    if (isRoomConversation(conversation)) return
    for (const [account, member] of conversation.members) {
      if (line.seq <= member.given || !isOwed(conversation.key, line.account, account)) continue
      this.addWaiting(conversation, account, 1, line.size)
    }
  }

  /**
   * A device of the account was given every line up to this one. Returns how many of them no device was given before.
   */
  give(conversation: MemoryConversation, account: AccountId, seq: number) {
    const member = conversation.members.get(account)
    if (member === undefined || seq <= member.given) return
    const waiting = member.waiting
    const from = isRoomConversation(conversation) ? seq + 1 : Math.max(member.given + 1, conversation.first)
    for (let at = from; at <= seq; at++) {
      const line = conversation.lines[at - conversation.first]
      if (line === undefined || !isOwed(conversation.key, line.account, account)) continue
      this.addWaiting(conversation, account, -1, -line.size)
    }
    member.given = seq
    this.totals.given += waiting - member.waiting
  }

  /** Removes the first line of a conversation. If no device was given it, the result is the return to its author. */
  removeFirst(conversation: MemoryConversation): Undelivered | undefined {
    const line = conversation.lines.shift()
    if (line === undefined) return undefined
    conversation.first += 1
    conversation.bytes -= line.size
    this.bytes -= line.size
    if (line.once !== undefined) this.labels.delete(labelKey(conversation, line))
    if (isRoomConversation(conversation)) return undefined
    if (conversation.key.kind === "guest" && conversation.lines.length === 0) conversation.guest = line.author
    for (const [account, member] of conversation.members) {
      if (line.seq <= member.given || !isOwed(conversation.key, line.account, account)) continue
      this.addWaiting(conversation, account, -1, -line.size)
      this.totals.expired += 1
      return this.undelivered(conversation, line, account, "expired")
    }
    return undefined
  }

  undelivered(
    { id, key }: MemoryConversation,
    { account, seq }: MemoryLine,
    recipient: AccountId,
    reason: Undelivered["reason"]
  ): Undelivered {
    const name = this.accounts.get(recipient)?.name ?? ""
    return { conversation: id, key, reason, recipient: name, account, first: seq, last: seq, count: 1 }
  }

  /** Stores a return until its sender has been notified. There is one for each sender, conversation and reason. */
  addReturn(returned: Undelivered & { readonly account: AccountId }, ran: number) {
    for (const [id, known] of this.returns) {
      if (known.account !== returned.account || known.conversation !== returned.conversation) continue
      if (known.reason !== returned.reason) continue
      this.returns.set(id, { ...known, last: returned.last, count: known.count + returned.count, ran })
      return
    }
    const id = ++this.lastReturn
    this.returns.set(id, { ...returned, id, ran })
  }

  /** Drops returns whose senders will not be notified. */
  drop(isDropped: (kept: KeptReturn) => boolean) {
    for (const [id, kept] of this.returns) {
      if (!isDropped(kept)) continue
      this.returns.delete(id)
      this.totals.dead += kept.count
    }
  }

  /** The sender has been notified of a part of a return. Lines that were added since stay pending. */
  told({ count, id, last }: ToldReturn) {
    const known = this.returns.get(id)
    if (known === undefined) return
    if (known.last === last) this.returns.delete(id)
    else this.returns.set(id, { ...known, first: last + 1, count: known.count - count })
  }

  /** The total size of the lines that no device of an account was given, and of those sent by guests. */
  unread(account: AccountId): Readonly<Unread> {
    return this.unreadOf.get(account) ?? { all: 0, guests: 0 }
  }

  /** By how many bytes the kept lines exceed `keepBytes`; negative if there is room. */
  excess(keepBytes: number): number {
    return this.bytes + this.guests * StoreLines.guestConversationOverhead - keepBytes
  }

  private addWaiting({ key, members }: MemoryConversation, account: AccountId, lines: number, bytes: number) {
    const member = members.get(account)
    if (member === undefined) return
    member.waiting += lines
    member.waitingBytes += bytes
    const unread = this.unreadOf.get(account) ?? { all: 0, guests: 0 }
    unread.all += bytes
    if (key.kind === "guest") unread.guests += bytes
    this.unreadOf.set(account, unread)
  }

  forget(account: MemoryAccount, device: string): boolean {
    for (const [key, line] of this.labels) {
      if (line.account !== account.id || line.once?.device !== device) continue
      this.labels.delete(key)
      line.once = undefined
    }
    return account.devices.delete(device)
  }
}

export const newMember = (since: number): MemoryMember => ({ since, read: 0, given: 0, waiting: 0, waitingBytes: 0 })

export const isRoomConversation = (conversation: MemoryConversation): conversation is RoomConversation =>
  conversation.room !== undefined

/** The number of the next line. */
export const nextOf = ({ first, lines }: Pick<MemoryConversation, "first" | "lines">): number => first + lines.length

/** The accounts in a key, each once. */
export const accountsOf = (key: DirectKey): ReadonlyArray<AccountId> =>
  key.kind === "guest" ? [key.account] : [...new Set(key.accounts)]

export const labelKey = ({ id }: MemoryConversation, { account, once }: Pick<MemoryLine, "account" | "once">): string =>
  `${account} ${id} ${once?.device} ${once?.label}`
