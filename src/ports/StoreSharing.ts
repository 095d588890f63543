import type * as Effect from "effect/Effect"
import type { AccountId, StoredAccount } from "./StoreAccounts.js"
import type { StoreError } from "./StoreError.js"
import type { ConversationId } from "./StoreLines.js"
import type { RoomPatch, StoredRoom } from "./StoreRooms.js"
import type { UndeliveredRange } from "./StoreUpkeep.js"

/**
 * A change of data that other servers of the store hold in memory. Logged in the transaction of the request, and only
 * if the request changed something. Names are in wire form.
 */
export type StoreChange =
  | { readonly _tag: "AccountCreated"; readonly account: StoredAccount }
  /**
   * `AccountRemoved`: the account has also left its rooms, whose ownership passes to `StoreRooms.ownerAfter`, and lost
   * its invitations.
   */
  | { readonly _tag: "AccountRemoved" | "AccountFreed" | "PasswordChanged"; readonly account: AccountId }
  /**
   * `DeviceTaken`: the device was another server's, and now belongs to the server that logged this change
   * (`StoreAccounts.openDevice`).
   */
  | { readonly _tag: "DeviceForgotten" | "DeviceTaken"; readonly account: AccountId; readonly device: string }
  | { readonly _tag: "RoomCreated"; readonly room: StoredRoom }
  | { readonly _tag: "RoomEnded"; readonly room: ConversationId }
  | {
      readonly _tag: "RoomChanged"
      readonly room: ConversationId
      readonly changes: RoomPatch
      readonly by?: string | undefined
    }
  /** With the last line of the room. Not logged for an account that is already a member. */
  | {
      readonly _tag: "RoomJoined"
      readonly room: ConversationId
      readonly account: AccountId
      readonly last: number
    }
  /** With the new owner; null for none. */
  | {
      readonly _tag: "RoomLeft"
      readonly room: ConversationId
      readonly account: AccountId
      readonly owner: AccountId | null
      readonly by?: string | undefined
    }
  | {
      readonly _tag: "Invited"
      readonly room: ConversationId
      readonly account: AccountId
      readonly by?: string | undefined
    }
  | { readonly _tag: "Uninvited"; readonly room: ConversationId; readonly account: AccountId }
  /**
   * Lines return, in at most `returnsInChange` ranges. Includes those whose sender is an account, even a removed one.
   */
  | { readonly _tag: "LinesReturned"; readonly returns: ReadonlyArray<UndeliveredRange> }
  /** A server gives lines again, even though another may be about to remove some (`StoreSharing.goOn`). */
  | { readonly _tag: "WentOn" }

/** A change in the log. */
export interface LoggedChange {
  /** Higher than that of every earlier change; at least 1. Numbers may be missing. */
  readonly id: number
  /** The `server` that made it. */
  readonly by: string
  readonly change: StoreChange
}

/** A page of the log of changes. */
export interface ChangesPage {
  /** The first changes after the requested one, in order, including this server's own; at most `changesPage`. */
  readonly changes: ReadonlyArray<LoggedChange>
  /** The latest change of the log. If it is later than the last one of `changes`, there is another page. */
  readonly last: number
  /**
   * False if changes after the requested one were dropped from the log. Then `changes` is empty, and the server has to
   * reload everything. The reloaded data includes all changes up to `last`, and perhaps later ones, which are then
   * reported once more.
   */
  readonly isComplete: boolean
}

/** The most changes in one page. */
export const changesPage = 100

/** The most ranges of returned lines in one change. */
export const returnsInChange = 200

/** The least number of changes that are kept. A server that has missed more has to reload everything. */
export const keptChanges = 10_000

/** What the servers of a store know of each other through the store. */
export interface StoreSharing {
  /** The unique id of this server, created when this process opened the store. */
  readonly server: string
  /** The changes after a change; 0 is before the first one. */
  readonly changes: (after: number) => Effect.Effect<ChangesPage, StoreError>
  /** The latest change; 0 if there is none yet. */
  readonly latest: Effect.Effect<number, StoreError>
  /**
   * Whether this server does the upkeep of the store. On other servers, `retain` removes nothing, and `index` has
   * nothing to do. If no server does, this one takes over until it closes the store or loses its connection to it.
   * False while the store does not answer.
   */
  readonly keepsOrder: Effect.Effect<boolean>
  /**
   * Makes steps of retention that were begun earlier and are not done yet do nothing (`since` of `StoreUpkeep.retain`).
   */
  readonly goOn: Effect.Effect<void, StoreError>
  /**
   * For each pair, the last line of the conversation that any device of the account was given, by any server; 0 if
   * there was none or the conversation no longer exists.
   */
  readonly given: (
    of: ReadonlyArray<{ readonly conversation: ConversationId; readonly account: AccountId }>
  ) => Effect.Effect<ReadonlyArray<number>, StoreError>
}
