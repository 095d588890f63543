import type { Peer } from "../chat/Peer.js"
import type { AccountId } from "../ports/StoreAccounts.js"
import type { ConversationId } from "../ports/StoreLines.js"
import { ownerAfter, type StoredRoom } from "../ports/StoreRooms.js"
import { isVisible, memberOf, Room, type Member } from "./Room.js"

/** Why a client has no access to a room. For a client that was not invited, a locked room does not exist. */
export type NoAccess = "no-room" | "not-member"

const none: ReadonlySet<Room> = new Set()

/**
 * All rooms, in memory, because permission to write to a room is checked without waiting. Changes only in the broker's
 * turn.
 */
export class RoomIndex {
  private readonly byId = new Map<ConversationId, Room>()
  private readonly byName = new Map<string, Room>()
  private readonly byLikeness = new Map<string, Room>()
  private readonly byMember = new Map<Member, Set<Room>>()

  constructor(
    all: Iterable<StoredRoom>,
    /** The monotonic clock. */
    private readonly now: () => number
  ) {
    for (const stored of all) this.add(stored)
  }

  get size(): number {
    return this.byId.size
  }

  get all(): Iterable<Room> {
    return this.byId.values()
  }

  add(stored: StoredRoom): Room {
    const room = new Room(stored, this.now)
    this.byId.set(room.id, room)
    this.byName.set(room.name, room)
    this.byLikeness.set(room.likeness, room)
    for (const member of room.members) this.remember(member, room)
    return room
  }

  delete(room: Room) {
    this.byId.delete(room.id)
    // After another server has ended the room, there may already be a new room of this name.
    if (this.byName.get(room.name) === room) this.byName.delete(room.name)
    if (this.byLikeness.get(room.likeness) === room) this.byLikeness.delete(room.likeness)
    for (const member of room.members) this.forget(member, room)
  }

  withId(id: ConversationId): Room | undefined {
    return this.byId.get(id)
  }

  /** The room of exactly this name, in wire form and with its `#`. */
  named(name: string): Room | undefined {
    return this.byName.get(name)
  }

  /** The room whose name has this likeness. */
  alike(likeness: string): Room | undefined {
    return this.byLikeness.get(likeness)
  }

  /** The rooms that a member is in. */
  of(member: Member): ReadonlySet<Room> {
    return this.byMember.get(member) ?? none
  }

  /** The room of this name, if the client is in it. Every command about a room and every line to one checks this. */
  find(client: Peer, name: string): Room | NoAccess {
    const room = this.visible(client, name)
    if (room === undefined) return "no-room"
    return room.members.has(memberOf(client)) || room.departed.has(client) ? room : "not-member"
  }

  /** The room of this name, unless it is ending, or locked and the client is neither a member nor invited. */
  visible(client: Peer, name: string): Room | undefined {
    const room = this.named(name)
    return room === undefined || room.isEnding || !this.isVisible(client, room) ? undefined : room
  }

  /** Whether lists show the room to this client. */
  isVisible(client: Peer, room: Room): boolean {
    if (!room.isLocked || room.members.has(memberOf(client))) return true
    const { device } = client
    return device !== undefined && room.invited.has(device.account.id)
  }

  /** Makes a client or account a member, which uses up its invitation. */
  enter(room: Room, member: Member) {
    if (room.members.has(member)) return
    room.members.add(member)
    if (!isVisible(member)) room.hidden += 1
    if (typeof member === "number") room.invited.delete(member)
    this.remember(member, room)
  }

  /** Ends a membership. If the owner leaves, the account that has been a member longest becomes the owner. */
  leave(room: Room, member: Member) {
    if (!room.members.delete(member)) return
    if (!isVisible(member)) room.hidden -= 1
    this.forget(member, room)
    if (typeof member === "number" && member === room.owner) room.owner = ownerAfter(member, member, room.accounts)
  }

  /** The account no longer exists. */
  forgetInvitations(account: AccountId) {
    for (const room of this.all) room.invited.delete(account)
  }

  private remember(member: Member, room: Room) {
    const rooms = this.byMember.get(member)
    if (rooms === undefined) this.byMember.set(member, new Set([room]))
    else rooms.add(room)
  }

  private forget(member: Member, room: Room) {
    const rooms = this.byMember.get(member)
    rooms?.delete(room)
    if (rooms?.size === 0) this.byMember.delete(member)
  }
}
