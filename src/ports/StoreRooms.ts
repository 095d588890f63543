import type * as Effect from "effect/Effect"
import type { AccountId } from "./StoreAccounts.js"
import type { StoreError } from "./StoreError.js"
import type { ConversationId } from "./StoreLines.js"

/** A room, without its lines. Its members are accounts. Only the server knows the guests in it. */
export interface StoredRoom {
  readonly id: ConversationId
  /** In wire form, with its `#`. */
  readonly name: string
  /** `Name.likeness` of the name without its `#`, in ordinary text. No two rooms have the same. */
  readonly likeness: string
  /** In wire form; empty if there is none. */
  readonly topic: string
  /** The name of the author of the topic, in wire form; empty if nobody has set one. */
  readonly topicBy: string
  /** One of the members; undefined if there is no owner. */
  readonly owner: AccountId | undefined
  readonly isLocked: boolean
  /** The shortest time between two lines of a member, in milliseconds; 0 in a room without slow mode. */
  readonly slowMillis: number
  /** The number of its last line. Numbers of a new room begin after those of every conversation that has ended. */
  readonly last: number
  /** In the order in which they joined. */
  readonly members: ReadonlyArray<AccountId>
  /** Contains no members. */
  readonly invited: ReadonlyArray<AccountId>
}

/** What changes about a room; the rest stays as it is. */
export interface RoomPatch {
  readonly topic?: { readonly text: string; readonly by: string } | undefined
  readonly owner?: AccountId | undefined
  readonly isLocked?: boolean | undefined
  readonly slowMillis?: number | undefined
}

/** A member has left. */
export interface RoomDeparture {
  /** The owner after the departure: a new one if the owner has left. */
  readonly owner: AccountId | undefined
}

/**
 * Rooms and their members. A room is a conversation, whose lines `StoreLines` stores and reads. Delivery to its members
 * is not tracked, so its lines are never unread, given or returned. The server decides what a client may do; these
 * methods enforce their own rules regardless.
 */
export interface StoreRooms {
  /** All rooms, in order of creation. */
  readonly all: Effect.Effect<ReadonlyArray<StoredRoom>, StoreError>
  /**
   * Creates a room, whose owner is its first member. Undefined if a room has its likeness, or the owner is unknown or
   * removed.
   */
  readonly create: (room: {
    readonly name: string
    readonly likeness: string
    /** Undefined for a room that a guest creates. */
    readonly owner: AccountId | undefined
  }) => Effect.Effect<StoredRoom | undefined, StoreError>
  /**
   * False if there is no such room, or the new owner is not a member: then nothing changes.
   *
   * @param by who does it, in wire form, for the other servers of the store (`StoreSharing`); as in `leave` and
   *   `invite`
   */
  readonly change: (room: ConversationId, changes: RoomPatch, by?: string) => Effect.Effect<boolean, StoreError>
  /**
   * Makes an account a member, and uses up its invitation. The cursors of all its devices and its read mark start at
   * the last line. Changes nothing for a member.
   *
   * @returns the number of the last line; undefined if there is no such room or account, or if the room is locked and
   * the account is neither a member nor invited
   */
  readonly join: (room: ConversationId, account: AccountId) => Effect.Effect<number | undefined, StoreError>
  /**
   * Ends a membership, with its cursors and its read mark. If the owner leaves, the account that has been a member
   * longest becomes the owner. Undefined if the account is not a member.
   */
  readonly leave: (
    room: ConversationId,
    account: AccountId,
    by?: string
  ) => Effect.Effect<RoomDeparture | undefined, StoreError>
  /** Invites an account. False if there is no such room or account, or if it is a member. */
  readonly invite: (room: ConversationId, account: AccountId, by?: string) => Effect.Effect<boolean, StoreError>
  /** Withdraws an invitation. False if there is none. */
  readonly uninvite: (room: ConversationId, account: AccountId) => Effect.Effect<boolean, StoreError>
  /**
   * Ends a room. Nobody can read its lines from now on; they are deleted by the next steps of `retain`. False if there
   * is no such room.
   *
   * @param ifEmpty whether to keep the room, and return false, if an account is a member. Another server may have added
   * one. Default: false
   */
  readonly end: (room: ConversationId, ifEmpty?: boolean) => Effect.Effect<boolean, StoreError>
}

/**
 * The owner of a room after a member has left.
 *
 * @param members the others, in the order in which they joined
 */
export const ownerAfter = (
  owner: AccountId | undefined,
  leaver: AccountId,
  members: Iterable<AccountId>
): AccountId | undefined => {
  if (owner !== leaver) return owner
  for (const member of members) if (member !== leaver) return member
  return undefined
}
