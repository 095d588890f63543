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
import * as MemoryAccounts from "./MemoryAccounts.js"
import * as MemoryExport from "./MemoryExport.js"
import { type Conversation, isOwed, type MemoryState } from "./MemoryState.js"

/** Retention, statistics and exports of the store in memory. */
export const make = (
  state: MemoryState,
  limits: () => StoreLimits,
  configure: (limits: StoreLimits) => void,
  time: Time
): StoreUpkeep => {
  const retain = (held: ReadonlyMap<number, number>): Retained => {
    const undelivered: Array<Undelivered> = []
    let removed = 0
    // Above `keepBytes`, a conversation ends whether or not a device has learned that its lines are gone.
    const endIfEmpty = (conversation: Conversation) => {
      if (!state.isEmpty(conversation)) return
      if (state.excess(limits().keepBytes) > 0 || state.hasBeenGiven(conversation)) state.end(conversation)
    }
    for (const conversation of state.conversations.values()) endIfEmpty(conversation)
    for (; removed < retainedLines; removed++) {
      const conversation = nextToGive(state, limits(), time.now(), held)
      if (conversation === undefined) break
      const returned = state.removeFirst(conversation)
      if (returned !== undefined) undelivered.push(returned)
      endIfEmpty(conversation)
    }
    state.drop(({ ran }) => ran < time.now() - Duration.toMillis(limits().keep))
    const { senders, toGuests } = MemoryAccounts.keepReturns(state, undelivered, time.now())
    return { removed, undelivered: toGuests, senders, hasMore: removed === retainedLines }
  }

  const statistics = (): StoreStatistics => {
    const conversations = [...state.conversations.values()]
    const oldest = Math.min(...conversations.map(({ lines }) => lines[0]?.ran ?? Infinity))
    return {
      ...state.totals,
      waiting: sum(conversations.flatMap(({ members }) => [...members.values()].map(({ waiting }) => waiting))),
      accounts: [...state.accounts.values()].filter((account) => account.state === "active").length,
      conversations: conversations.length,
      lines: sum(conversations.map(({ lines }) => lines.length)),
      bytes: state.bytes,
      diskBytes: 0,
      oldestMillis: oldest === Infinity ? 0 : time.now() - oldest
    }
  }

  const noFile = new StoreError({ reason: "unavailable", description: "a store in memory has no file to copy" })

  return {
    configure: (limits) => Effect.sync(() => configure(limits)),
    retain: (held) => Effect.sync(() => retain(new Map(held.map(({ after, conversation }) => [conversation, after])))),
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

/**
 * The conversation whose first line has to go next: too old, one of too many, or one of too many bytes. Of the last kind
 * the largest conversation gives, and an unread line only if there is no other.
 */
const nextToGive = (
  state: MemoryState,
  limits: StoreLimits,
  now: number,
  held: ReadonlyMap<number, number>
): Conversation | undefined => {
  const removable = [...state.conversations.values()].filter(
    ({ first, id, lines }) => lines.length > 0 && first <= (held.get(id) ?? Infinity)
  )
  const oldest = now - Duration.toMillis(limits.keep)
  const outdated = removable.find(({ lines }) => lines.length > limits.keepLines || (lines[0]?.ran ?? now) < oldest)
  if (outdated !== undefined || state.excess(limits.keepBytes) <= 0) return outdated
  const largestFirst = removable.toSorted((one, other) => other.bytes - one.bytes)
  return largestFirst.find((conversation) => !isUnread(conversation)) ?? largestFirst[0]
}

/** Whether the first line is one that no device of its recipient was given. */
const isUnread = ({ key, lines, members }: Conversation): boolean =>
  [...members].some(([account, { given }]) => (lines[0]?.seq ?? 0) > given && isOwed(key, lines[0]?.account, account))

const sum = (numbers: ReadonlyArray<number>) => numbers.reduce((total, number) => total + number, 0)
