import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { StoreError } from "../ports/StoreError.js"
import {
  retainedLines,
  type Retained,
  type StoreLimits,
  type StoreStatistics,
  type StoreUpkeep,
  type Undelivered
} from "../ports/StoreUpkeep.js"
import type { Time } from "../ports/Time.js"
import type { MemorySharing } from "./MemorySharing.js"
import { LargestFirst } from "./LargestFirst.js"
import * as MemoryAccounts from "./MemoryAccounts.js"
import * as MemoryExport from "./MemoryExport.js"
import { isOwed } from "./LineRecipient.js"
import { type MemoryConversation, isRoomConversation, type MemoryState } from "./MemoryState.js"

/** Retention, statistics and exports of the store in memory. */
export const make = (
  state: MemoryState,
  limits: () => StoreLimits,
  configure: (limits: StoreLimits) => void,
  time: Time,
  sharing?: MemorySharing
): StoreUpkeep => {
  const retain = (held: ReadonlyMap<number, number>, since: number | undefined): Retained => {
    const isOff = sharing?.isKeeper === false || (since !== undefined && sharing?.wentOn(since) === true)
    if (isOff) return { removed: 0, undelivered: [], senders: [], hasMore: false }
    const done = { removed: 0, undelivered: [] as Array<Undelivered> }
    const isDone = () => done.removed >= retainedLines
    // Above `keepBytes`, a conversation ends even if devices have not been notified that its lines are gone.
    const endIfEmpty = (conversation: MemoryConversation) => {
      if (!state.isEmpty(conversation)) return
      if (state.excess(limits().keepBytes) > 0 || state.hasBeenGiven(conversation)) state.end(conversation)
    }
    for (const conversation of state.conversations.values()) endIfEmpty(conversation)
    const remove = (conversation: MemoryConversation) => {
      const returned = state.removeFirst(conversation)
      if (returned !== undefined) done.undelivered.push(returned)
      done.removed += 1
      endIfEmpty(conversation)
    }
    const { keep, keepBytes, keepLines } = limits()
    const oldest = time.now() - Duration.toMillis(keep)
    const isRemovable = ({ first, id, lines }: MemoryConversation) =>
      lines.length > 0 && first <= (held.get(id) ?? Infinity)
    const isOutdated = ({ lines }: MemoryConversation) => lines.length > keepLines || (lines[0]?.ran ?? oldest) < oldest
    for (const conversation of state.conversations.values()) {
      while (!isDone() && isRemovable(conversation) && isOutdated(conversation)) remove(conversation)
    }
    // Lines of the largest conversation are removed first, and unread lines only if there are no others.
    for (const isSparing of [true, false]) {
      if (isDone() || state.excess(keepBytes) <= 0) break
      const largestFirst = new LargestFirst(state.conversations)
      while (!isDone() && state.excess(keepBytes) > 0) {
        const { largest } = largestFirst
        const conversation = largest === undefined ? undefined : state.conversations.get(largest)
        if (conversation === undefined) break
        if (!isRemovable(conversation) || (isSparing && isUnread(conversation))) largestFirst.pop()
        else {
          remove(conversation)
          largestFirst.shrink(conversation.bytes)
        }
      }
    }
    state.drop(({ ran }) => ran < oldest)
    const { senders, toGuests } = MemoryAccounts.keepReturns(state, done.undelivered, time.now(), sharing)
    return { removed: done.removed, undelivered: toGuests, senders, hasMore: isDone() }
  }

  const statistics = (): StoreStatistics => {
    const conversations = [...state.conversations.values()]
    const oldest = Math.min(...conversations.map(({ lines }) => lines[0]?.ran ?? Infinity))
    return {
      ...state.totals,
      waiting: sum(
        conversations.flatMap((one) =>
          isRoomConversation(one) ? [] : [...one.members.values()].map(({ waiting }) => waiting)
        )
      ),
      accounts: [...state.accounts.values()].filter((account) => account.state === "active").length,
      conversations: conversations.length,
      rooms: conversations.filter(isRoomConversation).length,
      lines: sum(conversations.map(({ lines }) => lines.length)),
      bytes: state.bytes,
      diskBytes: 0,
      oldestMillis: oldest === Infinity ? 0 : time.now() - oldest
    }
  }

  const noFile = new StoreError({ reason: "unavailable", description: "a store in memory has no file to copy" })

  return {
    configure: (limits) => Effect.sync(() => configure(limits)),
    retain: (held, since) =>
      Effect.sync(() => retain(new Map(held.map(({ after, conversation }) => [conversation, after])), since)),
    returns: {
      pending: (account) => Effect.sync(() => [...state.returns.values()].filter((kept) => kept.account === account)),
      told: (returns, dead = 0) =>
        Effect.sync(() => {
          state.totals.dead += dead
          for (const told of returns) state.told(told)
        })
    },
    statistics: Effect.sync(statistics),
    check: Effect.succeed([]),
    backup: () => Effect.fail(noFile),
    exported: Stream.suspend(() => Stream.fromIterable(MemoryExport.records(state, time))),
    imported: (records) => MemoryExport.imported(state, records, time)
  }
}

/** Whether no device of the recipient was given the first line. */
const isUnread = ({ key, lines, members }: MemoryConversation): boolean =>
  key.kind !== "room" &&
  [...members].some(([account, { given }]) => (lines[0]?.seq ?? 0) > given && isOwed(key, lines[0]?.account, account))

const sum = (numbers: ReadonlyArray<number>) => numbers.reduce((total, number) => total + number, 0)
