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
  Page,
  PageRequest,
  StoredLine,
  StoreLines,
  Waiting
} from "../ports/StoreLines.js"
import * as Keys from "../ports/StoreLines.js"
import type { StoreLimits } from "../ports/StoreUpkeep.js"
import * as Wire from "../protocol/Wire.js"
import { type Conversation, labelKey, type MemoryLine, type MemoryState, recipientOf } from "./MemoryState.js"
import { countWithin } from "./PageSize.js"

/** The conversations of the store in memory. */
export const make = (state: MemoryState, limits: () => StoreLimits, time: Time): StoreLines => {
  const append = (line: NewLine): Appended => {
    const { account, author, conversation: key, isAuto, once, text, to } = line
    const recipient = recipientOf(key, account)
    if (state.active(recipient) === undefined) return { _tag: "Removed" }
    const known = state.known(key)
    const earlier = known && once && state.labels.get(labelKey(known, { account, once }))
    if (known !== undefined && earlier !== undefined) {
      if (earlier.text !== text) return { _tag: "LabelUsed" }
      const given = known.members.get(recipient)?.given ?? 0
      return { _tag: "Stored", conversation: known.id, seq: earlier.seq, at: earlier.at, again: true, given }
    }
    const { keepBytes } = limits()
    if (key.kind === "guest" && state.excess(keepBytes) > keepBytes / 8) return { _tag: "Full" }
    const waiting = known?.members.get(recipient)?.waiting ?? 0
    if (!line.isLive && isFull(key, recipient, waiting, Keys.sizeOf(text.length, line))) return { _tag: "Full" }
    const conversation = known ?? state.begin(key)
    const seq = nextOf(conversation)
    const at = Math.max(time.wall(), conversation.at)
    state.addLine(conversation, { seq, at, ran: time.now(), account, author, text, isAuto, to, once })
    state.totals.stored += 1
    const member = account === undefined ? undefined : conversation.members.get(account)
    if (member !== undefined) member.read = seq
    return { _tag: "Stored", conversation: conversation.id, seq, at, again: false }
  }

  const isFull = (key: ConversationKey, recipient: AccountId, waiting: number, size: number): boolean => {
    const { unreadBytes, unreadLines } = limits()
    if (waiting >= unreadLines) return true
    const unread = state.unread(recipient)
    return unread.all + size > unreadBytes || (key.kind === "guest" && unread.guests + size > unreadBytes / 4)
  }

  const moveCursor = ({ account, conversation: id, device, seq }: Cursor) => {
    const cursors = state.active(account)?.devices.get(device)?.cursors
    const conversation = state.conversations.get(id)
    if (cursors === undefined || conversation === undefined || !conversation.members.has(account)) return
    const last = Math.min(seq, nextOf(conversation) - 1)
    if (last <= (cursors.get(id) ?? 0)) return
    cursors.set(id, last)
    state.give(conversation, account, last)
  }

  const page = (request: PageRequest): Page => {
    const conversation = state.conversations.get(request.conversation)
    const member = conversation?.members.get(request.reader)
    if (conversation === undefined || member === undefined) return { lines: [], first: 1, last: 0, hasMore: false }
    const { after = 0, before = Infinity, since = -Infinity, until = Infinity } = request
    const first = Math.max(conversation.first, member.since)
    const last = nextOf(conversation) - 1
    const visible = conversation.lines.filter(
      ({ at, seq }) => seq >= first && seq > after && seq < before && at >= since && at <= until
    )
    const isForward = request.after !== undefined || request.since !== undefined
    const ordered = isForward ? visible : visible.toReversed()
    const allowed = ordered.slice(0, request.limit)
    const taken = allowed.slice(
      0,
      countWithin(allowed, ({ text }) => text.length, request.maxBytes ?? Infinity)
    )
    return {
      lines: (isForward ? taken : taken.toReversed()).map(shown),
      first,
      last: Math.max(last, first - 1),
      hasMore: taken.length < visible.length
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
      const first = Math.max(conversation.first, member.since)
      const last = nextOf(conversation) - 1
      return last > cursor ? [{ conversation: conversation.id, key: conversation.key, cursor, first, last }] : []
    })
  }

  const summary = (conversation: Conversation, account: AccountId): ConversationSummary | undefined => {
    const member = conversation.members.get(account)
    if (member === undefined) return undefined
    const { id, key, lines } = conversation
    const last = nextOf(conversation) - 1
    const first = Math.max(conversation.first, member.since)
    return {
      conversation: id,
      key,
      name: nameOf(conversation, account),
      first,
      last,
      read: member.read,
      at: lines.at(-1)?.at ?? 0
    }
  }

  const nameOf = ({ key, lines }: Conversation, account: AccountId): string => {
    if (key.kind === "guest")
      return lines.findLast((line) => line.account === undefined)?.author ?? Wire.encode(key.likeness)
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
    find: (key: ConversationKey) => Effect.sync(() => state.keys.get(Keys.keyText(key))),
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

const nextOf = ({ first, lines }: Conversation) => first + lines.length

const shown = ({ account, at, author, isAuto, seq, text, to }: MemoryLine): StoredLine => ({
  seq,
  at,
  account,
  author,
  text,
  isAuto,
  to
})
