import * as Effect from "effect/Effect"
import type { Time } from "../ports/Time.js"
import type { AccountId } from "../ports/StoreAccounts.js"
import type {
  Appended,
  ConversationId,
  ConversationKey,
  ConversationSummary,
  Cursor,
  NewLine,
  StoredPage,
  PageRequest,
  StoredLine,
  StoreLines,
  Waiting
} from "../ports/StoreLines.js"
import * as Keys from "../ports/StoreLines.js"
import type { StoreSharing } from "../ports/StoreSharing.js"
import type { StoreLimits } from "../ports/StoreUpkeep.js"
import * as Wire from "../protocol/Wire.js"
import { type MemoryConversation, labelKey, type MemoryLine, type MemoryState, nextOf } from "./MemoryState.js"
import { recipientOf } from "./LineRecipient.js"
import { countWithin } from "./PageSize.js"

/** The conversations of the store in memory. */
export const make = (
  state: MemoryState,
  limits: () => StoreLimits,
  time: Time,
  sharing?: Pick<StoreSharing, "server">
): StoreLines => {
  const append = (line: NewLine): Appended => {
    const { account, author, conversation: key, isAuto, once, text, to } = line
    const known = state.known(key)
    const recipient = Keys.isDirect(key) ? recipientOf(key, account) : undefined
    if (recipient === undefined ? known === undefined : state.active(recipient) === undefined)
      return { _tag: "Removed" }
    const devices = account === undefined ? undefined : state.active(account)?.devices
    if (account !== undefined && devices === undefined) return { _tag: "Removed" }
    if (once !== undefined && devices?.has(once.device) !== true) return { _tag: "Removed" }
    const reader = recipient && known?.members.get(recipient)
    const earlier = known && once && state.labels.get(labelKey(known, { account, once }))
    if (known !== undefined && earlier !== undefined) {
      if (earlier.text !== text) return { _tag: "LabelUsed" }
      const { at, seq } = earlier
      return { _tag: "Stored", conversation: known.id, seq, at, again: true, given: reader?.given ?? 0 }
    }
    const { keepBytes, keepLines } = limits()
    if (key.kind !== "accounts" && state.excess(keepBytes) > keepBytes / 8) return { _tag: "Full" }
    const size = Keys.sizeOf(text.length, line)
    const isFull = !line.isLive && recipient !== undefined && isFullOf(key, recipient, reader?.waiting ?? 0, size)
    if (isFull) return { _tag: "Full" }
    const conversation = known ?? (Keys.isDirect(key) ? state.begin(key) : undefined)
    if (conversation === undefined) return { _tag: "Removed" }
    const seq = nextOf(conversation)
    const at = Math.max(time.wall(), conversation.at)
    state.addLine(conversation, { seq, at, ran: time.now(), account, author, text, isAuto, to, once })
    if (recipient !== undefined) state.totals.stored += 1
    // Lines to a room wait for no device. Retention would be too slow for clients that fill memory with them.
    else if (conversation.lines.length > keepLines) state.removeFirst(conversation)
    const member = account === undefined ? undefined : conversation.members.get(account)
    if (member !== undefined) member.read = seq
    return { _tag: "Stored", conversation: conversation.id, seq, at, again: false }
  }

  const isFullOf = (key: ConversationKey, recipient: AccountId, waiting: number, size: number): boolean => {
    const { unreadBytes, unreadLines } = limits()
    if (waiting >= unreadLines) return true
    const unread = state.unread(recipient)
    return unread.all + size > unreadBytes || (key.kind === "guest" && unread.guests + size > unreadBytes / 4)
  }

  const moveCursor = ({ account, conversation: id, device, seq }: Cursor) => {
    const known = state.active(account)?.devices.get(device)
    // If another server has taken the device, it has continued from the position at that time.
    const cursors = known !== undefined && known.owner === sharing?.server ? known.cursors : undefined
    const conversation = state.conversations.get(id)
    if (cursors === undefined || conversation === undefined || !conversation.members.has(account)) return
    const last = Math.min(seq, nextOf(conversation) - 1)
    if (last <= (cursors.get(id) ?? 0)) return
    cursors.set(id, last)
    state.give(conversation, account, last)
  }

  const idOf = (key: ConversationKey) => state.keys.get(Keys.keyText(key))

  const page = (request: PageRequest): StoredPage => {
    const id = typeof request.conversation === "object" ? idOf(request.conversation) : request.conversation
    const conversation = id && state.conversations.get(id)
    const first = conversation && firstFor(conversation, request.reader)
    if (conversation === undefined || first === undefined) return { lines: [], first: 1, last: 0, hasMore: false }
    const { after = 0, before = Infinity, limit, maxBytes = Infinity, since, until } = request
    const { lines } = conversation
    const isForward = request.after !== undefined || since !== undefined
    const from = Math.max(first, after + 1, since === undefined ? 0 : firstAt(conversation, since))
    const to = Math.min(nextOf(conversation), before, until === undefined ? Infinity : firstAt(conversation, until + 1))
    const visible = Math.max(0, to - from)
    const start = (isForward ? from : Math.max(from, to - limit)) - conversation.first
    const allowed = visible === 0 ? [] : lines.slice(start, start + Math.min(limit, visible))
    const ordered = isForward ? allowed : allowed.toReversed()
    const taken = ordered.slice(
      0,
      countWithin(ordered, ({ text }) => text.length, maxBytes)
    )
    return {
      lines: (isForward ? taken : taken.toReversed()).map((line) => {
        const isOwn = line.account === request.reader && line.once !== undefined && line.once.device === request.device
        return isOwn ? { ...shown(line), isOwn } : shown(line)
      }),
      first,
      last: Math.max(nextOf(conversation) - 1, first - 1),
      hasMore: taken.length < visible
    }
  }

  const memberships = (account: AccountId) =>
    [...state.conversations.values()].flatMap((conversation) => {
      const member = conversation.members.get(account)
      return member === undefined ? [] : [{ conversation, member }]
    })

  const waiting = (account: AccountId, device: string): ReadonlyArray<Waiting> => {
    const cursors = state.accounts.get(account)?.devices.get(device)?.cursors
    return memberships(account).flatMap(({ conversation, member }) => {
      const cursor = Math.max(cursors?.get(conversation.id) ?? 0, member.since - 1)
      const first = firstFor(conversation, account) ?? conversation.first
      const last = nextOf(conversation) - 1
      if (last <= cursor) return []
      const { guest, id, key } = conversation
      return [{ conversation: id, key, cursor, first, last, ...(guest === undefined ? {} : { guest }) }]
    })
  }

  const summary = (conversation: MemoryConversation, account: AccountId): ConversationSummary | undefined => {
    const member = conversation.members.get(account)
    if (member === undefined) return undefined
    const { id, key, lines } = conversation
    const last = nextOf(conversation) - 1
    return {
      conversation: id,
      key,
      name: nameOf(conversation, account),
      first: firstFor(conversation, account) ?? conversation.first,
      last,
      read: member.read,
      at: lines.at(-1)?.at ?? 0
    }
  }

  const nameOf = ({ guest, key, lines, room }: MemoryConversation, account: AccountId): string => {
    if (key.kind === "room") return room?.name ?? ""
    if (key.kind === "guest")
      return lines.findLast((line) => line.account === undefined)?.author ?? guest ?? Wire.encode(key.likeness)
    const other = key.accounts[0] === account ? key.accounts[1] : key.accounts[0]
    return state.accounts.get(other)?.name ?? ""
  }

  return {
    append: (lines, cursors = []) =>
      Effect.sync(() => {
        const results = lines.map(append)
        cursors.forEach(moveCursor)
        return results
      }),
    saveCursors: (cursors) => Effect.sync(() => cursors.forEach(moveCursor)),
    page: (request) => Effect.sync(() => page(request)),
    waiting: (account, device) => Effect.sync(() => waiting(account, device)),
    find: (key) => Effect.sync(() => idOf(key)),
    conversations: (account, limit) =>
      Effect.sync(() =>
        memberships(account)
          .flatMap(({ conversation }) => summary(conversation, account) ?? [])
          .toSorted((one, other) => other.at - one.at || other.conversation - one.conversation)
          .slice(0, limit)
      ),
    markRead: (account, id: ConversationId, seq) =>
      Effect.sync(() => {
        const conversation = state.conversations.get(id)
        const member = conversation?.members.get(account)
        if (conversation === undefined || member === undefined) return undefined
        member.read = Math.max(member.read, Math.min(seq, nextOf(conversation) - 1))
        return member.read
      })
  }
}

/** The first line that a reader can read; undefined if the reader is not in the conversation. */
export const firstFor = (
  { first, members, room }: MemoryConversation,
  reader: PageRequest["reader"]
): number | undefined => {
  if (reader === "guest") return room === undefined ? undefined : first
  const member = members.get(reader)
  return member === undefined ? undefined : room === undefined ? Math.max(first, member.since) : first
}

/**
 * The first line stored at this time or later, or the number of the next line. A binary search, because times never
 * decrease.
 */
const firstAt = ({ first, lines }: MemoryConversation, at: number): number => {
  let [low, high] = [0, lines.length]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if ((lines[middle]?.at ?? 0) >= at) high = middle
    else low = middle + 1
  }
  return first + low
}

export const shown = ({ account, at, author, isAuto, seq, text, to }: MemoryLine): StoredLine => ({
  seq,
  at,
  account,
  author,
  text,
  isAuto,
  to
})
