import type * as Brand from "effect/Brand"
import type * as Effect from "effect/Effect"
import type { AccountId } from "./StoreAccounts.js"
import type { StoreError } from "./StoreError.js"

/**
 * Identifies a conversation within one store, and is never used again. A conversation with a guest ends when retention
 * has removed all of its lines and no device is behind in it; above `keepBytes`, when it has removed all of its lines.
 * A room ends when the server ends it. A later conversation with the same guest, or a later room of the same name, is
 * another one, with higher numbers: nobody takes its lines for those before.
 */
export type ConversationId = number & Brand.Brand<"ConversationId">

/**
 * What a conversation belongs to: two accounts (or one that writes to itself), an account and a guest, or a room. Never
 * two names, because a client that registers a guest's name must not read the guest's conversations. The first two are
 * *direct*, and begin with their first line; a room exists before (`StoreRooms`).
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
  /** The line's other recipients, joined by `+`; empty if it has none, or the author did not say. */
  readonly to: string
  /** Stores the line at most once for each device, label and conversation (`once` in `/hello`). Not for guests. */
  readonly once?: { readonly device: string; readonly label: string } | undefined
  /**
   * A device of the recipient is given the lines of this conversation as they are stored. What it has not been given is
   * then bounded by its outbox, and `unreadLines` and `unreadBytes` do not apply. Nothing depends on it in a room.
   */
  readonly isLive: boolean
}

/** What became of a line in `append`. */
export type Appended =
  | {
      readonly _tag: "Stored"
      readonly conversation: ConversationId
      /**
       * The line's number in its conversation: without holes, and from 1 unless a room or one with a guest has ended.
       */
      readonly seq: number
      /** The wall clock in ms since 1970, raised to the `at` of the previous line of the conversation. */
      readonly at: number
      /** The device had already sent this label with this text; `seq` and `at` are those of the first time. */
      readonly again: boolean
      /** With `again`: the last line of the conversation that any device of the recipient was given; 0 in rooms. */
      readonly given?: number | undefined
    }
  /** The device has used the label for another text. The line is not stored. */
  | { readonly _tag: "LabelUsed" }
  /**
   * Too much is unread (`unreadLines`, `unreadBytes`); or it is from a guest or to a room, and an eighth more is kept
   * than `keepBytes`, because retention cannot keep up. The line is not stored.
   */
  | { readonly _tag: "Full" }
  /**
   * The recipient's account has been removed, or the author's, or the room has ended; or the device of `once` has been
   * forgotten, and with it whether it had sent the line before. The line is not stored.
   */
  | { readonly _tag: "Removed" }

/** A line as it is kept. Strings are in wire form. */
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
   * The device for which a page was read has sent the line itself, with `once`. Of other lines the store does not know
   * which device has sent them.
   */
  readonly isOwn?: boolean
}

/**
 * Which lines of a conversation to read: the first ones after `after` and `since` if either is given, otherwise the
 * last ones; in both cases only those before `before` and until `until` (protocol, section 4 of accounts).
 */
export interface PageRequest {
  /** A key without lines is an empty conversation, so a caller without an id need not ask for it first. */
  readonly conversation: ConversationId | ConversationKey
  /**
   * Who reads. The page is empty unless this account is a member; for a guest, of whom the server knows that it is in
   * the room, unless the conversation is a room.
   */
  readonly reader: AccountId | "guest"
  /** The device of the reader that will be given the page, if one will: `isOwn` depends on it. */
  readonly device?: string | undefined
  readonly after?: number | undefined
  readonly before?: number | undefined
  /** Wall clock, ms since 1970: lines stored at this time or later. */
  readonly since?: number | undefined
  /** Wall clock, ms since 1970: lines stored at this time or earlier. */
  readonly until?: number | undefined
  /** The greatest number of lines, damaged ones included. */
  readonly limit: number
  /** The greatest number of bytes of their texts; a page has at least one line even so. By default unlimited. */
  readonly maxBytes?: number | undefined
}

/** Numbers of lines, the first and the last of them included. */
export interface LineRange {
  readonly first: number
  readonly last: number
}

export interface StoredPage {
  /** Oldest first. Numbers that they leave out are in `damaged`, or missing since the store was rescued from damage. */
  readonly lines: ReadonlyArray<StoredLine>
  /**
   * Lines of the page that are left out because they are damaged, in order. Left out if there are none. Those that are
   * missing since the store was rescued are not here. A page after which there are more is not empty.
   */
  readonly damaged?: ReadonlyArray<LineRange> | undefined
  /**
   * The first line that the reader could read. Those before it are gone or, in direct conversations, from before its
   * time. Members of a room can read everything that is kept.
   */
  readonly first: number
  /** The last line of the conversation; `first - 1` if nothing can be read. */
  readonly last: number
  /** Whether there are further lines in the direction of the request. */
  readonly hasMore: boolean
}

/** How far a device has been given a conversation. */
export interface Cursor {
  readonly account: AccountId
  readonly device: string
  readonly conversation: ConversationId
  /** The last line that it has been given. */
  readonly seq: number
}

/** A conversation of which a device has not been given everything. */
export interface Waiting {
  readonly conversation: ConversationId
  readonly key: ConversationKey
  /** The last line that the device has been given, or that is from before its account's time or join; 0 if none. */
  readonly cursor: number
  /** As in `StoredPage`. If `first` is above `cursor + 1`, the lines between are gone: the device gets a gap line. */
  readonly first: number
  readonly last: number
  /** The name of the guest in wire form, if none of its lines is kept. */
  readonly guest?: string
}

/** A conversation in a list of all that an account has. */
export interface ConversationSummary {
  readonly conversation: ConversationId
  readonly key: ConversationKey
  /**
   * The other party's name in wire form: an account's, one's own with oneself, that of a guest's latest line, `#ops`.
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
 * The kept conversations. Every request is answered in the order in which requests were made: a line whose `append` was
 * made before a `waiting` or a `page` is in its answer, and a later one is not.
 */
export interface StoreLines {
  /**
   * Stores lines in this order, and moves cursors. Everything is on disk and flushed once it succeeds; nothing is
   * stored if it fails. One transaction: at most `maxBatchLines` lines and `maxBatchBytes` of text. Cursors never move
   * back; those of unknown devices are ignored, and so are those of devices of other servers
   * (`StoreAccounts.openDevice`).
   *
   * @returns one result for each line, in the same order
   */
  readonly append: (
    lines: ReadonlyArray<NewLine>,
    cursors?: ReadonlyArray<Cursor>
  ) => Effect.Effect<ReadonlyArray<Appended>, StoreError>
  /** Moves cursors, like `append`. */
  readonly saveCursors: (cursors: ReadonlyArray<Cursor>) => Effect.Effect<void, StoreError>
  /** The only way to read lines: it enforces who may read which. Of a damaged store, it has what is intact. */
  readonly page: (request: PageRequest) => Effect.Effect<StoredPage, StoreError>
  /** The conversations that are ahead of a device's cursor, also by the account's own lines. In order of creation. */
  readonly waiting: (account: AccountId, device: string) => Effect.Effect<ReadonlyArray<Waiting>, StoreError>
  /** The id of a conversation; undefined if it has had no line yet, or is a room that has ended. */
  readonly find: (key: ConversationKey) => Effect.Effect<ConversationId | undefined, StoreError>
  /** The latest conversations of an account, newest first. */
  readonly conversations: (
    account: AccountId,
    limit: number
  ) => Effect.Effect<ReadonlyArray<ConversationSummary>, StoreError>
  /**
   * Moves an account's read mark forward (as sending a line does), at most to the last line. Returns where it is now;
   * undefined for an account that is no member.
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

/** What a line counts besides its strings, in bytes: about what its rows take. Otherwise empty lines would be free. */
export const lineOverhead = 100

/**
 * What a conversation with a guest counts for `keepBytes`, in bytes: about what its rows take, on disk and in memory.
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
