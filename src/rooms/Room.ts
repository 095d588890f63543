import type { Peer } from "../chat/Peer.js"
import type { Feed } from "../conversations/Feed.js"
import type { OtherServer } from "../ports/OtherServers.js"
import type { AccountId } from "../ports/StoreAccounts.js"
import type { ConversationId } from "../ports/StoreLines.js"
import type { StoredRoom } from "../ports/StoreRooms.js"
import { Manners } from "./Manners.js"

/** The connection of a guest at another server. */
export class GuestElsewhere {
  constructor(
    /** In wire form. */
    readonly name: string,
    readonly isSendOnly: boolean,
    readonly server: OtherServer,
    /** Its number among the guests of that server. */
    readonly number: number
  ) {}
}

/** A member of a room: an account, even while it is away, or the connection of a guest. */
export type Member = AccountId | Peer | GuestElsewhere

/** The member that a client is, or would be. */
export const memberOf = (peer: Peer): Member => peer.device?.account.id ?? peer

/** Whether a member is shown to others. Guests that only send are not. */
export const isVisible = (member: Member): boolean => typeof member === "number" || !member.isSendOnly

/** A room as stored, with its members. Changes only in the broker's turn. */
export class Room {
  readonly id: ConversationId
  /** In wire form, with its `#`. */
  readonly name: string
  readonly likeness: string
  topic: string
  /** The name of the author of the topic; empty if nobody has set one. */
  topicBy: string
  owner: AccountId | undefined
  isLocked: boolean
  slowMillis: number
  /** The number of the last line that is known to be stored. */
  last: number
  /** In the order in which they joined. Only `RoomIndex` changes this. */
  readonly members: Set<Member>
  /** How many members are not shown to others. */
  hidden = 0
  /** The writers that may not write for now. */
  readonly manners: Manners
  /**
   * Guests that have left because their connection ended. Lines that were already read from them are still accepted.
   */
  readonly departed = new WeakSet<Peer>()
  readonly invited: Set<AccountId>
  /** The feeds of the members that are present. */
  readonly feeds = new Set<Feed>()
  /** The room is empty: it ends in the next step, and nobody can enter it before. */
  isEnding = false

  /** @param now the monotonic clock */
  constructor(stored: StoredRoom, now: () => number) {
    this.manners = new Manners(now)
    this.id = stored.id
    this.name = stored.name
    this.likeness = stored.likeness
    this.topic = stored.topic
    this.topicBy = stored.topicBy
    this.owner = stored.owner
    this.isLocked = stored.isLocked
    this.slowMillis = stored.slowMillis
    this.last = stored.last
    this.members = new Set(stored.members)
    this.invited = new Set(stored.invited)
  }

  /** The number of members that are shown to clients. */
  get size(): number {
    return this.members.size - this.hidden
  }

  get accounts(): ReadonlyArray<AccountId> {
    return [...this.members].filter((member) => typeof member === "number")
  }
}
