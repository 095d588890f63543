import type * as Effect from "effect/Effect"
import type { AccountIndex } from "../accounts/AccountIndex.js"
import type { Live } from "../chat/Live.js"
import type { RoomsHost } from "../conversations/RoomsFeature.js"
import type { StoreService } from "../ports/Store.js"
import type { RoomFacts } from "../protocol/RoomReply.js"
import type { Room, Member } from "./Room.js"
import type { RoomChanges } from "./RoomChanges.js"
import type { RoomIndex } from "./RoomIndex.js"
import type { RoomMembership } from "./RoomMembership.js"
import type { RoomNotices } from "./RoomNotices.js"
import type { RoomsElsewhere } from "./RoomsElsewhere.js"
import type { RoomsSettings } from "./RoomsSettings.js"

/** The state that the parts of the rooms share. */
export interface RoomsContext {
  readonly host: RoomsHost
  readonly store: StoreService
  readonly settings: Live<RoomsSettings>
  readonly accounts: AccountIndex
  readonly index: RoomIndex
  readonly notices: RoomNotices
  readonly membership: RoomMembership
  readonly changes: RoomChanges
  readonly elsewhere: RoomsElsewhere
  /** How many lines to this room have no fate yet. */
  readonly waiting: (room: Room) => number
  /** Waits until the fates of all lines sent so far to the room of this name are decided. */
  readonly flushed: (name: string) => Effect.Effect<void>
}

/** The name of a member, in wire form. */
export const memberName = ({ accounts }: Pick<RoomsContext, "accounts">, member: Member): string =>
  typeof member === "number" ? accounts.nameOf(member) : member.name

export const factsOf = ({ accounts }: Pick<RoomsContext, "accounts">, room: Room): RoomFacts => ({
  name: room.name,
  members: room.size,
  last: room.last,
  isLocked: room.isLocked,
  owner: room.owner === undefined ? undefined : accounts.nameOf(room.owner),
  topic: room.topic
})
