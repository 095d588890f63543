import * as Effect from "effect/Effect"
import type { Registering } from "../accounts/AccountsContext.js"
import type { DevicesElsewhere } from "../accounts/DevicesElsewhere.js"
import type { Batch } from "../chat/Batch.js"
import type { Feature, FeatureContext } from "../chat/Feature.js"
import type { Peer } from "../chat/Peer.js"
import type { OtherServer, OtherServersService } from "../ports/OtherServers.js"
import type { AccountId } from "../ports/StoreAccounts.js"
import type { ConversationId } from "../ports/StoreLines.js"
import type { StoreError } from "../ports/StoreError.js"
import type { StoreChange } from "../ports/StoreSharing.js"
import type { Feed } from "./Feed.js"
import type { RoomRun } from "./RoomRun.js"
import type { KeptRecipient } from "./KeptRecipient.js"

/** Rooms, as an extension of the conversations. They add members; everything else works as in other conversations. */
export interface RoomsFeature extends Omit<Feature, "cutOff" | "joined"> {
  /** The name of a room in wire form. */
  readonly nameOf: (room: ConversationId) => string
  /**
   * Whether a client is in a room. Everything that shows or mentions lines of a room checks this first: feeds, pages,
   * searches.
   */
  readonly mayRead: (reader: Peer, room: ConversationId) => boolean
  /** The room of this name, if the client is in it; otherwise why commands about it, and lines to it, are refused. */
  readonly find: (reader: Peer, name: string) => ConversationId | "no-room" | "not-member"
  /** The rooms that a client is in. */
  readonly of: (reader: Peer) => ReadonlyArray<ConversationId>
  /** Whether readers of a line may learn that it was sent to this room as well. */
  readonly isListed: (name: string) => boolean
  /** In the broker's turn: a device of an account is connected. */
  readonly connected: (feed: Feed) => void
  /**
   * In the broker's turn: another server has stored lines of this room, up to this one. Omitted if there is no other
   * server.
   */
  readonly announced?: (room: ConversationId, last: number) => void
  /** In the broker's turn: the store has removed an account, and with it its memberships. */
  readonly accountRemoved: (account: AccountId) => void
  /** In the broker's turn: applies another server's change in memory. */
  readonly take: (change: StoreChange) => void
  /** Brings memory up to date with the store. */
  readonly reload: Effect.Effect<void, StoreError>
  /** Runs a step while no room changes. */
  readonly alone: <A, E>(step: Effect.Effect<A, E>) => Effect.Effect<A, E>
  /** See `Registering`: the account becomes a member of the guest's rooms. */
  readonly registering: Registering
}

/** The parts of the conversations that rooms use. */
export interface RoomsHost {
  readonly broker: FeatureContext
  /** Stores a batch that was put into a room's inlet. */
  readonly take: (recipient: KeptRecipient, batch: Batch<Peer>) => void
  /** The feeds of an account's connected devices. */
  readonly feedsOf: (account: AccountId) => ReadonlyArray<Feed>
  /** The feed of a guest, created when it enters its first room. */
  readonly guestFeed: (guest: Peer) => Feed
  /** Gives lines of a room to a client that is in it. */
  readonly give: (feed: Feed, run: RoomRun) => void
  /** Another server has stored lines of a room, which this client in the room has yet to get. */
  readonly announced: (feed: Feed, room: ConversationId, last: number) => void
  /** The other servers that use the same store. */
  readonly others: OtherServersService
  /** The devices that are connected to them. */
  readonly devicesElsewhere: DevicesElsewhere
  /**
   * In the broker's turn: this server has stored lines of a room, up to this number. At the end of the turn, these
   * servers, by default all, are notified and read the lines from the log.
   */
  readonly announce: (room: ConversationId, last: number, to?: Iterable<OtherServer>) => void
  /** Must run after the store has changed and before memory does: applies other servers' earlier changes in memory. */
  readonly beforeOwn: Effect.Effect<void>
  /** Within a change of rooms: applies other servers' changes up to now in memory. */
  readonly catchUp: Effect.Effect<void>
  /** Reports a failed request, and calls `again` after a while (`StoreTrouble.failed`). */
  readonly failed: (error: StoreError, again: () => void) => Effect.Effect<void>
}

export type MakeRooms = (host: RoomsHost) => RoomsFeature

/** A server without rooms. */
export const noRooms: MakeRooms = ({ broker }) => ({
  nameOf: () => "",
  mayRead: () => false,
  find: () => "no-room",
  of: () => [],
  isListed: () => false,
  connected: () => {},
  accountRemoved: () => {},
  take: () => {},
  reload: Effect.void,
  alone: (step) => step,
  registering: (_guest, _account, take) => broker.inTurn(take)
})
