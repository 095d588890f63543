import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { AccountId } from "./StoreAccounts.js"
import type { StoreError } from "./StoreError.js"
import type { ConversationId, ConversationKey } from "./StoreLines.js"

/** How much is kept (protocol, section 7 of accounts). */
export interface StoreLimits {
  /** Lines are kept for this much running time, and devices that stay away too. The wall clock does not matter. */
  readonly keep: Duration.DurationInput
  /**
   * The `StoreLines.sizeOf` of all kept lines, and `guestConversationOverhead` for each conversation with a guest. The
   * largest conversation gives first; unread direct lines go last. An eighth above it, lines from guests are `Full`.
   */
  readonly keepBytes: number
  /** Lines of one conversation. */
  readonly keepLines: number
  /** Lines of one direct conversation that no device of the recipient was given. Further ones are `Full`. */
  readonly unreadLines: number
  /** The `StoreLines.sizeOf` of lines that no device of an account was given; a quarter of it for lines from guests. */
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
  /** The number of lines; less than `last - first + 1` if others of the conversation are between them. */
  readonly count: number
}

/** What other servers have to know of undelivered lines. */
export type UndeliveredRange = Omit<Undelivered, "key">

/** Undelivered lines whose sender, an account, has not been notified yet. */
export interface PendingReturn extends Undelivered {
  /** For `returns.told`. */
  readonly id: number
  readonly account: AccountId
}

/** As much of a pending return as its sender was notified of. */
export type ToldReturn = Pick<PendingReturn, "id" | "last" | "count">

/** What a step of retention did. */
export interface Retained {
  readonly removed: number
  /** What was removed unread, sent by guests; the rest is in `returns`. */
  readonly undelivered: ReadonlyArray<Undelivered>
  /** Accounts that have new entries in `returns`. */
  readonly senders: ReadonlyArray<AccountId>
  /** Whether another step has something to do. */
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
  /**
   * Expired lines whose sender was not notified: an account that stayed away or was removed, or a guest that had left.
   */
  readonly dead: number
  readonly accounts: number
  /** Rooms included. */
  readonly conversations: number
  readonly rooms: number
  /** Kept lines, with those of ended rooms that are not deleted yet. */
  readonly lines: number
  /** The `StoreLines.sizeOf` of the kept lines. */
  readonly bytes: number
  /** Bytes that the store takes on disk; 0 in memory. */
  readonly diskBytes: number
  /** Running time since the oldest kept line was stored, in milliseconds; 0 if there is none. */
  readonly oldestMillis: number
}

/** A fault that `check` found, in one line for people; it contains no text of a message. */
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
      /** What makes it a room; null for a direct conversation. */
      readonly room: ExportedRoom | null
      /** The first line that is kept, or the number of the next line if none is. */
      readonly first: number
      /** The highest number that a line has had, unless the line with it is in this export. It is not used again. */
      readonly last?: number | undefined
      /** The lowest `at` that its next line may have. */
      readonly at: number
      /** Of a room, in the order in which they joined. */
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
  /**
   * Something that is damaged, and so is not in this export, or not as it was. Lines are counted in the totals instead.
   */
  | {
      readonly type: "lost"
      /**
       * - `account`: its conversations are there; in its place is a freed account named `lost-ID`.
       * - `devices`: all devices of the account.
       * - `conversation`: with all its lines.
       * - `members`: some members of the conversation; of a direct one, how far they were given it.
       * - `invitations`: who is invited to the room, and not yet in it.
       * - `places`: where devices of the account are in its conversations; they are given again what is kept.
       * - `returns`: lines that had expired, and whose senders were to be notified.
       */
      readonly what: "account" | "devices" | "conversation" | "members" | "invitations" | "places" | "returns"
      /** Of the account or the conversation; 0 for returns. */
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
      /** The highest id that a conversation has had. It is not used again. */
      readonly lastConversation: number
      /** Lines that are damaged, and so are left out of this export. Default: 0. */
      readonly lost?: number | undefined
      /**
       * Lines that an earlier export left out, and whose numbers are missing in their conversations since. Default: 0.
       */
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

/** What keeps a store in order, and what operators do with it. */
export interface StoreUpkeep {
  /** Changes the limits from now on. `retain` applies them to what is there. */
  readonly configure: (limits: StoreLimits) => Effect.Effect<void, StoreError>
  /**
   * One step of retention, in one transaction: removes at most `retainedLines` lines from the fronts of conversations,
   * turns direct ones that no device was given into returns, and ends at most as many conversations with guests. The
   * lines of rooms that have ended go first.
   *
   * @param held lines after `after` of these conversations stay for now, because they are in a device's outbox
   * @param since if another server went on after this change (`StoreSharing.goOn`), nothing is done; by default it does
   *   not matter
   */
  readonly retain: (
    held: ReadonlyArray<{ readonly conversation: ConversationId; readonly after: number }>,
    since?: number
  ) => Effect.Effect<Retained, StoreError>
  /** Returns that wait for their sender. Those of senders who stay away for `keep` are dropped, and count as dead. */
  readonly returns: {
    readonly pending: (account: AccountId) => Effect.Effect<ReadonlyArray<PendingReturn>, StoreError>
    /**
     * The sender has been notified of these, as they were pending. Lines that have been added to them since stay.
     *
     * @param dead the number of lines of guests that had left when these lines were undelivered; default 0
     */
    readonly told: (returns: ReadonlyArray<ToldReturn>, dead?: number) => Effect.Effect<void, StoreError>
  }
  readonly statistics: Effect.Effect<StoreStatistics, StoreError>
  /** Reads everything, and returns what is wrong: an empty list for an intact store. */
  readonly check: Effect.Effect<ReadonlyArray<StoreFault>, StoreError>
  /**
   * Writes a consistent copy to a new file, which is complete and flushed once this succeeds. Its log has a new id when
   * it is opened, since lines that were stored after the backup are not in it. Fails as `unavailable` if the file
   * exists or the store has no files.
   */
  readonly backup: (file: string) => Effect.Effect<void, StoreError>
  /** Everything that is stored; of a damaged store what can be read, and what that lacks. */
  readonly exported: Stream.Stream<StoreRecord, StoreError>
  /**
   * Adds a complete export to a store that is empty; otherwise fails as `unavailable`. Lost lines that were waiting
   * count as expired and dead. The store in memory takes nothing of an export that lacks lines (`lost` or `missing`).
   */
  readonly imported: <E, R>(records: Stream.Stream<StoreRecord, E, R>) => Effect.Effect<void, StoreError | E, R>
}

/** The most lines that a step of retention removes. */
export const retainedLines = 200
