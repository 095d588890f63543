import type * as Brand from "effect/Brand"
import type * as Effect from "effect/Effect"
import type { AccountId } from "./StoreAccounts.js"
import type { StoreError } from "./StoreError.js"

/**
 * Identifies a conversation within one store, and is never used again. A conversation with a guest ends when retention
 * has removed all of its lines and no device is behind in it; above `keepBytes`, when it has removed all of its lines.
 * A room ends when the server ends it. A later conversation with the same guest, or a later room of the same name, is a
 * new one with higher numbers, so that its lines cannot be confused with earlier ones.
 */
export type ConversationId = number & Brand.Brand<"ConversationId">

/**
 * The owners of a conversation: two accounts (or one that writes to itself), an account and a guest, or a room. Never
 * two names, because a client that registers a guest's name must not read the guest's conversations. The first two are
 * *direct* and begin with their first line; a room is created before (`StoreRooms`).
 */
export type ConversationKey =
  | {
      readonly kind: "accounts"
      /** Both accounts, the lower id first; equal in a conversation of an account with itself. */
      readonly accounts: readonly [AccountId, AccountId]
    }
  | {
      readonly kind: "guest"
      readonly account: AccountId
      /** `Name.likeness` of the guest's name. */
      readonly likeness: string
    }
  | {
      readonly kind: "room"
      readonly room: ConversationId
    }

/** The key of the conversation of two accounts, in either order. */
export const keyBetween = (one: AccountId, other: AccountId): ConversationKey => ({
  kind: "accounts",
  accounts: one <= other ? [one, other] : [other, one]
})

/** The key of an account's conversation with a guest. */
export const withGuest = (account: AccountId, likeness: string): ConversationKey => ({
  kind: "guest",
  account,
  likeness
})

/** The key of a room's conversation. */
export const ofRoom = (room: ConversationId): ConversationKey => ({ kind: "room", room })

/** Whether all members of a conversation are in its key. */
export const isDirect = (key: ConversationKey): key is DirectKey => key.kind !== "room"

export type DirectKey = Exclude<ConversationKey, { readonly kind: "room" }>

/** A line to be stored. Strings are in wire form (`Wire`) and contain no LF. */
export interface NewLine {
  readonly conversation: ConversationKey
  /** The author's account; undefined for a guest. */
  readonly account: AccountId | undefined
  /** The author's name as readers will see it. */
  readonly author: string
  readonly text: string
  /** Sent by a program (`auto` in `/hello`). */
  readonly isAuto: boolean
  /** The line's other recipients, joined by `+`; empty if it has none, or the author did not state them. */
  readonly to: string
  /** Stores the line at most once for each device, label and conversation (`once` in `/hello`). Not for guests. */
  readonly once?: { readonly device: string; readonly label: string } | undefined
  /**
   * Whether a device of the recipient is given the lines of this conversation as they are stored. Its outbox then
   * bounds the undelivered lines, and `unreadLines` and `unreadBytes` do not apply. Has no effect in a room.
   */
  readonly isLive: boolean
}

/** The outcome of a line in `append`. */
export type Appended =
  | {
      readonly _tag: "Stored"
      readonly conversation: ConversationId
      /**
       * The line's number in its conversation. Numbers have no holes, and start at 1 unless a room or a conversation
       * with a guest has ended before.
       */
      readonly seq: number
      /** The wall clock in ms since 1970, raised to the `at` of the previous line of the conversation. */
      readonly at: number
      /**
       * Whether the device had already sent this label with this text. `seq` and `at` are then those of the first time.
       */
      readonly again: boolean
      /** With `again`: the last line of the conversation that any device of the recipient was given; 0 in rooms. */
      readonly given?: number | undefined
    }
  /** The device has used the label for another text. The line is not stored. */
  | { readonly _tag: "LabelUsed" }
  /**
   * Too much is unread (`unreadLines`, `unreadBytes`); or the line is from a guest or to a room, and the store has an
   * eighth more than `keepBytes`, because retention cannot keep up. The line is not stored.
   */
  | { readonly _tag: "Full" }
  /**
   * The recipient's or the author's account was removed, or the room has ended; or the device of `once` was forgotten,
   * and with it whether it had sent the line before. The line is not stored.
   */
  | { readonly _tag: "Removed" }

/** A stored line. Strings are in wire form. */
export interface StoredLine {
  readonly seq: number
  readonly at: number
  /** The author's account; undefined for a guest. */
  readonly account: AccountId | undefined
  readonly author: string
  readonly text: string
  readonly isAuto: boolean
  readonly to: string
  /**
   * Whether the device that the page is for has sent the line itself, with `once`. For lines without `once`, the store
   * does not know the sending device.
   */
  readonly isOwn?: boolean
}

/**
 * Which lines of a conversation to read: the first ones after `after` and `since` if either is given, otherwise the
 * last ones; in both cases only those before `before` and until `until` (protocol, section 4 of accounts).
 */
export interface PageRequest {
  /** A key without lines is an empty conversation, so a caller need not look up the id first. */
  readonly conversation: ConversationId | ConversationKey
  /**
   * The reader. The page is empty unless this account is a member. For a guest, it is empty unless the conversation is
   * a room: the caller has checked that the guest is in it.
   */
  readonly reader: AccountId | "guest"
  /** The reader's device that the page is for, if any. `isOwn` depends on it. */
  readonly device?: string | undefined
  readonly after?: number | undefined
  readonly before?: number | undefined
  /** Wall clock, ms since 1970: lines stored at this time or later. */
  readonly since?: number | undefined
  /** Wall clock, ms since 1970: lines stored at this time or earlier. */
  readonly until?: number | undefined
  /** The most lines, damaged ones included. */
  readonly limit: number
  /** The most bytes of their texts, but at least one line. By default unlimited. */
  readonly maxBytes?: number | undefined
}

/** Numbers of lines, the first and the last of them included. */
export interface LineRange {
  readonly first: number
  readonly last: number
}

export interface StoredPage {
  /** Oldest first. Omitted numbers are in `damaged`, or have been missing since the store was rescued from damage. */
  readonly lines: ReadonlyArray<StoredLine>
  /**
   * Lines of the page that are omitted because they are damaged, in order; undefined if there are none. Does not
   * include lines that have been missing since the store was rescued. A page with `hasMore` is never empty.
   */
  readonly damaged?: ReadonlyArray<LineRange> | undefined
  /**
   * The first line that the reader could read. Earlier lines are gone or, in direct conversations, older than its
   * account. Members of a room can read all kept lines.
   */
  readonly first: number
  /** The last line of the conversation; `first - 1` if nothing can be read. */
  readonly last: number
  /** Whether there are further lines in the direction of the request. */
  readonly hasMore: boolean
}

/** The position up to which a device has been given a conversation. */
export interface Cursor {
  readonly account: AccountId
  readonly device: string
  readonly conversation: ConversationId
  /** The last line that it has been given. */
  readonly seq: number
}

/** A conversation with lines that a device has not been given. */
export interface Waiting {
  readonly conversation: ConversationId
  readonly key: ConversationKey
  /** The last line that the device has been given, or that is older than its account or membership; 0 if none. */
  readonly cursor: number
  /**
   * As in `StoredPage`. If `first` is above `cursor + 1`, the lines in between are gone, and the device gets a gap
   * line.
   */
  readonly first: number
  readonly last: number
  /** The name of the guest in wire form, if none of its lines is kept. */
  readonly guest?: string
}

/** An entry in the list of an account's conversations. */
export interface ConversationSummary {
  readonly conversation: ConversationId
  readonly key: ConversationKey
  /**
   * The other party's name in wire form: that of an account (its own, if it writes to itself), the latest name of a
   * guest, or a room such as `#ops`.
   */
  readonly name: string
  readonly first: number
  readonly last: number
  /** The account's read mark, 0 if none. */
  readonly read: number
  /** When the last line was stored, ms since 1970; 0 if no line is kept. */
  readonly at: number
}

/**
 * The stored conversations. Requests take effect in the order in which they were made: the result of a `waiting` or a
 * `page` contains the lines of earlier `append`s, and none of later ones.
 */
export interface StoreLines {
  /**
   * Stores lines in this order and moves cursors, in one transaction of at most `maxBatchLines` lines and
   * `maxBatchBytes` of text. On success, everything is flushed to disk; on failure, nothing is stored. Cursors never
   * move back. Cursors of unknown devices and of other servers' devices (`StoreAccounts.openDevice`) are ignored.
   *
   * @returns one result for each line, in the same order
   */
  readonly append: (
    lines: ReadonlyArray<NewLine>,
    cursors?: ReadonlyArray<Cursor>
  ) => Effect.Effect<ReadonlyArray<Appended>, StoreError>
  /** Moves cursors, like `append`. */
  readonly saveCursors: (cursors: ReadonlyArray<Cursor>) => Effect.Effect<void, StoreError>
  /** The only way to read lines, which enforces who may read them. In a damaged store, it returns the intact lines. */
  readonly page: (request: PageRequest) => Effect.Effect<StoredPage, StoreError>
  /**
   * The conversations that are ahead of a device's cursor, even if only by the account's own lines. In order of
   * creation.
   */
  readonly waiting: (account: AccountId, device: string) => Effect.Effect<ReadonlyArray<Waiting>, StoreError>
  /** The id of a conversation; undefined if it has had no line yet, or is a room that has ended. */
  readonly find: (key: ConversationKey) => Effect.Effect<ConversationId | undefined, StoreError>
  /** The latest conversations of an account, newest first. */
  readonly conversations: (
    account: AccountId,
    limit: number
  ) => Effect.Effect<ReadonlyArray<ConversationSummary>, StoreError>
  /**
   * Moves an account's read mark forward (as sending a line does), at most to the last line. Returns its new position;
   * undefined for an account that is not a member.
   */
  readonly markRead: (
    account: AccountId,
    conversation: ConversationId,
    seq: number
  ) => Effect.Effect<number | undefined, StoreError>
}

/** The most lines in one `append`. Larger transactions delay those that follow: p99 375 ms instead of 11. */
export const maxBatchLines = 1000

/** The most bytes of text in one `append`; a single line may have more. */
export const maxBatchBytes = 1024 * 1024

/**
 * The bytes that a line counts besides its strings: about the size of its rows. Without this, empty lines would be
 * free.
 */
export const lineOverhead = 100

/**
 * The bytes that a conversation with a guest counts for `keepBytes`: about the size of its rows, on disk and in memory.
 */
export const guestConversationOverhead = 500

/**
 * The bytes that a line counts for `keepBytes` and `unreadBytes`. Strings in wire form have one character for each
 * byte.
 *
 * @param textBytes the length of its text
 */
export const sizeOf = (textBytes: number, { author, once, to }: Pick<NewLine, "author" | "once" | "to">): number =>
  lineOverhead +
  textBytes +
  author.length +
  to.length +
  (once === undefined ? 0 : once.device.length + once.label.length)

/** A key as a string, for maps. */
export const keyText = (key: ConversationKey): string => {
  switch (key.kind) {
    case "accounts":
      return key.accounts.join("+")
    case "guest":
      return `${key.account} ${key.likeness}`
    case "room":
      return `#${key.room}`
  }
}
