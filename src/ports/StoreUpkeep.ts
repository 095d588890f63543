import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { AccountId } from "./StoreAccounts.js"
import type { StoreError } from "./StoreError.js"
import type { ConversationId, ConversationKey } from "./StoreLines.js"

/** How much is kept (protocol, section 7 of accounts). */
export interface StoreLimits {
  /** How long lines and absent devices are kept, in running time of the server. Independent of the wall clock. */
  readonly keep: Duration.DurationInput
  /**
   * The most bytes kept: the `StoreLines.sizeOf` of all lines, and `guestConversationOverhead` for each conversation
   * with a guest. Lines of the largest conversation are removed first, unread direct lines last. An eighth above the
   * limit, lines from guests are `Full`.
   */
  readonly keepBytes: number
  /** The most lines of one conversation. */
  readonly keepLines: number
  /** The most lines of one direct conversation that no device of the recipient was given. Further ones are `Full`. */
  readonly unreadLines: number
  /**
   * The most bytes (`StoreLines.sizeOf`) of lines that no device of an account was given, of which lines from guests
   * may take a quarter.
   */
  readonly unreadBytes: number
}

/** Lines of one sender in one conversation that no device of the recipient will ever be given. */
export interface Undelivered {
  readonly conversation: ConversationId
  readonly key: ConversationKey
  readonly reason: "expired" | "removed"
  /** The recipient's name in wire form. */
  readonly recipient: string
  /** The sender's account; undefined for a guest. */
  readonly account: AccountId | undefined
  readonly first: number
  readonly last: number
  /** The number of lines; less than `last - first + 1` if other lines of the conversation are in between. */
  readonly count: number
}

/** Undelivered lines, as other servers need to know them. */
export type UndeliveredRange = Omit<Undelivered, "key">

/** Undelivered lines whose sender, an account, has not been notified yet. */
export interface PendingReturn extends Undelivered {
  /** For `returns.told`. */
  readonly id: number
  readonly account: AccountId
}

/** The part of a pending return of which its sender was notified. */
export type ToldReturn = Pick<PendingReturn, "id" | "last" | "count">

/** The result of a step of retention. */
export interface Retained {
  readonly removed: number
  /** Guests' lines that were removed unread; those of accounts are in `returns`. */
  readonly undelivered: ReadonlyArray<Undelivered>
  /** Accounts that have new entries in `returns`. */
  readonly senders: ReadonlyArray<AccountId>
  /** Whether another step is needed. */
  readonly hasMore: boolean
}

export interface StoreStatistics {
  /** Direct lines ever stored. Always `given + waiting + expired`. */
  readonly stored: number
  /** Direct lines that were given to at least one device of the recipient. */
  readonly given: number
  /** Direct lines that no device of the recipient has been given yet. */
  readonly waiting: number
  /** Direct lines that were removed before any device was given them. */
  readonly expired: number
  /** Expired lines without a notified sender: an account that stayed away or was removed, or a guest that had left. */
  readonly dead: number
  readonly accounts: number
  /** Rooms included. */
  readonly conversations: number
  readonly rooms: number
  /** Kept lines, including those of ended rooms that are not deleted yet. */
  readonly lines: number
  /** The `StoreLines.sizeOf` of the kept lines. */
  readonly bytes: number
  /** Bytes that the store takes on disk; 0 in memory. */
  readonly diskBytes: number
  /** Running time since the oldest kept line was stored, in milliseconds; 0 if there is none. */
  readonly oldestMillis: number
}

/** A fault found by `check`, in one line for people, without any message text. */
export type StoreFault = string

/**
 * One element of an export. An export is the complete content of a store, in an order in which it can be imported: an
 * element refers only to earlier ones.
 */
export type StoreRecord =
  | {
      readonly type: "account"
      readonly id: AccountId
      /** Ordinary text, like all strings of an export. */
      readonly name: string
      readonly likeness: string
      readonly credential: string | null
      readonly created: number
      readonly state: "active" | "removed" | "freed"
    }
  | {
      readonly type: "device"
      readonly account: AccountId
      readonly name: string
      /** SHA-256 of its token, in hexadecimal digits. */
      readonly token: string | null
      readonly seen: number
      /** Running time since it was seen, in milliseconds. */
      readonly awayMillis: number
    }
  | {
      readonly type: "conversation"
      readonly id: ConversationId
      readonly accounts: ReadonlyArray<AccountId>
      /** The guest's likeness; null between accounts, and for a room. */
      readonly guest: string | null
      /** The name of the guest, once none of its lines is kept. */
      readonly guestName?: string | undefined
      /** The properties of a room; null for a direct conversation. */
      readonly room: ExportedRoom | null
      /** The first line that is kept, or the number of the next line if none is. */
      readonly first: number
      /** The highest number that a line has had, unless the line with it is in this export. It is not used again. */
      readonly last?: number | undefined
      /** The lowest `at` that its next line may have. */
      readonly at: number
      /** Members of a room are in the order in which they joined. */
      readonly members: ReadonlyArray<{
        readonly account: AccountId
        readonly since: number
        readonly read: number
        /** The last line that any device was given. */
        readonly given: number
      }>
    }
  | {
      readonly type: "line"
      readonly conversation: ConversationId
      readonly seq: number
      readonly at: number
      /** Running time since it was stored, in milliseconds. */
      readonly ageMillis: number
      readonly account: AccountId | null
      readonly author: string
      readonly text: string
      readonly auto: boolean
      readonly to: string
      readonly device: string | null
      readonly label: string | null
    }
  | {
      readonly type: "cursor"
      readonly account: AccountId
      readonly device: string
      readonly conversation: ConversationId
      readonly seq: number
    }
  | ({ readonly type: "return"; readonly awayMillis: number } & {
      readonly conversation: ConversationId
      readonly reason: "expired" | "removed"
      readonly recipient: string
      readonly account: AccountId
      readonly first: number
      readonly last: number
      readonly count: number
    })
  /** Damaged data that this export omits or contains only in part. Damaged lines are counted in the totals instead. */
  | {
      readonly type: "lost"
      /**
       * - `account`: replaced by a freed account named `lost-ID`; its conversations are in the export.
       * - `devices`: all devices of the account.
       * - `conversation`: with all its lines.
       * - `members`: some members of a room, or the positions of the members of a direct conversation.
       * - `invitations`: the pending invitations to the room.
       * - `places`: the cursors of the account's devices, which get all kept lines again.
       * - `returns`: expired lines whose senders were still to be notified.
       */
      readonly what: "account" | "devices" | "conversation" | "members" | "invitations" | "places" | "returns"
      /** The id of the account or the conversation; 0 for returns. */
      readonly id: number
    }
  | {
      readonly type: "totals"
      readonly stored: number
      readonly given: number
      readonly expired: number
      readonly dead: number
      /** The highest number of a line in a conversation that has ended. */
      readonly ended: number
      /** The highest id that a conversation has had, which is not used again. */
      readonly lastConversation: number
      /** Damaged lines that this export omits. Default: 0. */
      readonly lost?: number | undefined
      /** Lines that an earlier export omitted, and whose numbers have been missing since. Default: 0. */
      readonly missing?: number | undefined
      /** Present if there are `lost` elements. */
      readonly partial?: true | undefined
    }

/** A room in an export. Strings are ordinary text. */
export interface ExportedRoom {
  readonly name: string
  readonly likeness: string
  readonly topic: string
  readonly topicBy: string
  readonly owner: AccountId | null
  readonly locked: boolean
  readonly slowMillis: number
  readonly invited: ReadonlyArray<AccountId>
}

/** Upkeep of a store, and the operations of operators. */
export interface StoreUpkeep {
  /** Changes the limits. `retain` applies them to existing lines. */
  readonly configure: (limits: StoreLimits) => Effect.Effect<void, StoreError>
  /**
   * One step of retention, in one transaction: removes at most `retainedLines` of the oldest lines of conversations,
   * turns direct ones that no device was given into returns, and ends at most as many conversations with guests. Lines
   * of ended rooms are removed first.
   *
   * @param held lines of these conversations after `after` are kept for now, because they are in a device's outbox
   * @param since nothing is done if another server has called `StoreSharing.goOn` after this change; by default, not
   * checked
   */
  readonly retain: (
    held: ReadonlyArray<{ readonly conversation: ConversationId; readonly after: number }>,
    since?: number
  ) => Effect.Effect<Retained, StoreError>
  /** Returns that wait for their senders. If a sender stays away for `keep`, they are dropped and count as dead. */
  readonly returns: {
    readonly pending: (account: AccountId) => Effect.Effect<ReadonlyArray<PendingReturn>, StoreError>
    /**
     * The senders have been notified of these parts of pending returns. Lines that were added since stay pending.
     *
     * @param dead the number of returned lines whose senders were guests that had left; default 0
     */
    readonly told: (returns: ReadonlyArray<ToldReturn>, dead?: number) => Effect.Effect<void, StoreError>
  }
  readonly statistics: Effect.Effect<StoreStatistics, StoreError>
  /** Reads everything and returns all faults: none for an intact store. */
  readonly check: Effect.Effect<ReadonlyArray<StoreFault>, StoreError>
  /**
   * Writes a consistent copy to a new file, which is complete and flushed once this succeeds. Its log gets a new id
   * when the copy is opened, because it lacks the lines that were stored after the backup. Fails as `unavailable` if
   * the file exists or the store has no files.
   */
  readonly backup: (file: string) => Effect.Effect<void, StoreError>
  /** Everything that is stored. For a damaged store: everything that can be read, and what is missing. */
  readonly exported: Stream.Stream<StoreRecord, StoreError>
  /**
   * Adds a complete export to an empty store; fails as `unavailable` if the store is not empty. Lost lines that were
   * waiting count as expired and dead. The store in memory refuses an export that lacks lines (`lost` or `missing`).
   */
  readonly imported: <E, R>(records: Stream.Stream<StoreRecord, E, R>) => Effect.Effect<void, StoreError | E, R>
}

/** The most lines that a step of retention removes. */
export const retainedLines = 200
