import type * as Effect from "effect/Effect"
import type { AccountId, StoredAccount } from "./StoreAccounts.js"
import type { StoreError } from "./StoreError.js"
import type { ConversationId } from "./StoreLines.js"
import type { RoomPatch, StoredRoom } from "./StoreRooms.js"
import type { UndeliveredRange } from "./StoreUpkeep.js"

/**
 * What a request has changed that other servers of the store have in memory. It is written in the transaction of the
 * request, and only if the request changed something. Names are in wire form.
 */
export type StoreChange =
  | { readonly _tag: "AccountCreated"; readonly account: StoredAccount }
  /** `AccountRemoved`: it has also left its rooms, which pass to `StoreRooms.ownerAfter`, and lost its invitations. */
  | { readonly _tag: "AccountRemoved" | "AccountFreed" | "PasswordChanged"; readonly account: AccountId }
  /** `DeviceTaken`: it was another server's, and now is the server's that wrote this (`StoreAccounts.openDevice`). */
  | { readonly _tag: "DeviceForgotten" | "DeviceTaken"; readonly account: AccountId; readonly device: string }
  | { readonly _tag: "RoomCreated"; readonly room: StoredRoom }
  | { readonly _tag: "RoomEnded"; readonly room: ConversationId }
  | {
      readonly _tag: "RoomChanged"
      readonly room: ConversationId
      readonly changes: RoomPatch
      readonly by?: string | undefined
    }
  /** With the last line of the room; a member that joins again is not written. */
  | {
      readonly _tag: "RoomJoined"
      readonly room: ConversationId
      readonly account: AccountId
      readonly last: number
    }
  /** With the owner from now on; null for nobody. */
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
  /** Lines return, at most `returnsInChange` pieces of them: also those whose sender is an account, or was removed. */
  | { readonly _tag: "LinesReturned"; readonly returns: ReadonlyArray<UndeliveredRange> }
  /** A server gives lines again, although another one may be about to remove some (`StoreSharing.goOn`). */
  | { readonly _tag: "WentOn" }

/** A change in the log. */
export interface LoggedChange {
  /** Higher than that of every earlier change; at least 1. Numbers may be missing. */
  readonly id: number
  /** The `server` that made it. */
  readonly by: string
  readonly change: StoreChange
}

/** A piece of the log of changes. */
export interface ChangesPage {
  /** The first changes after the requested one, also one's own, in order; at most `changesPage`. */
  readonly changes: ReadonlyArray<LoggedChange>
  /** The latest change of the log. If it is later than the last one of `changes`, there is another page. */
  readonly last: number
  /**
   * False if changes after the requested one are not kept any more: then `changes` is empty, and the server has to read
   * everything anew. What it reads has at least the changes up to `last`, and may have later ones, which it gets again.
   */
  readonly isComplete: boolean
}

/** The most changes in one page. */
export const changesPage = 100

/** The most pieces of returned lines in one change. */
export const returnsInChange = 200

/** How many changes are kept, at least. A server that was cut off for longer reads everything anew. */
export const keptChanges = 10_000

/** What the servers of one store know through it of each other. */
export interface StoreSharing {
  /** The id of this server: of this process, since it opened the store. No other server has or had it. */
  readonly server: string
  /** What has changed after a change; 0 is before the first one. */
  readonly changes: (after: number) => Effect.Effect<ChangesPage, StoreError>
  /** The latest change; 0 if there is none yet. */
  readonly latest: Effect.Effect<number, StoreError>
  /**
   * Whether this server is the one that keeps the store in order: on the others `retain` removes nothing, and `index`
   * has nothing to do. If nobody is, this server becomes it, until it closes the store or loses its connection to it.
   * False while the store does not answer.
   */
  readonly keepsOrder: Effect.Effect<boolean>
  /**
   * Has steps of retention that were begun before do nothing, if they have not been done (`since` of
   * `StoreUpkeep.retain`).
   */
  readonly goOn: Effect.Effect<void, StoreError>
  /**
   * For each of these pairs, the last line of the conversation that any device of the account was given, by whatever
   * server; 0 if none was, or there is no such conversation any more.
   */
  readonly given: (
    of: ReadonlyArray<{ readonly conversation: ConversationId; readonly account: AccountId }>
  ) => Effect.Effect<ReadonlyArray<number>, StoreError>
}
