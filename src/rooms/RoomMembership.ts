import { Peer } from "../chat/Peer.js"
import type { Feed } from "../conversations/Feed.js"
import type { RoomsHost } from "../conversations/RoomsFeature.js"
import type { AccountId } from "../ports/StoreAccounts.js"
import { ofRoom } from "../ports/StoreLines.js"
import * as RoomReply from "../protocol/RoomReply.js"
import { GuestElsewhere, isVisible, type Member, type Room } from "./Room.js"
import type { RoomIndex } from "./RoomIndex.js"
import type { RoomNotices } from "./RoomNotices.js"
import type { RoomsElsewhere } from "./RoomsElsewhere.js"

/** The user who did something to a room or to another member, as shown to the others. */
export interface Actor {
  /** In wire form. */
  readonly name: string
  /** The connection, which gets an answer and no notice; undefined for the operator. */
  readonly peer: Peer | undefined
}

interface Collaborators {
  readonly host: Pick<RoomsHost, "broker" | "feedsOf" | "guestFeed">
  readonly index: RoomIndex
  readonly notices: RoomNotices
  readonly nameOf: (member: Member) => string
  /** The room has become empty. */
  readonly isEmpty: (room: Room) => void
  readonly elsewhere: Pick<RoomsElsewhere, "entered" | "left" | "registered">
}

/** Applies joins and departures to the members' feeds, and notifies the other members. Runs in the broker's turn. */
export class RoomMembership {
  constructor(private readonly rooms: Collaborators) {}

  /**
   * A client or an account is in the room from now on.
   *
   * @param last the member gets the lines after this one
   * @param by the connection that asked for it
   */
  enter(room: Room, member: Member, last: number, by?: Peer) {
    const { elsewhere, index, nameOf, notices } = this.rooms
    if (room.members.has(member)) return
    index.enter(room, member)
    if (member instanceof Peer) elsewhere.entered(room, member)
    const isKnown = typeof member === "number" && elsewhere.registered(room, nameOf(member))
    for (const feed of this.feedsOf(member)) {
      feed.follow(room.id, ofRoom(room.id), last, room.last)
      this.present(room, feed)
    }
    if (isVisible(member) && !isKnown) {
      notices.tellPresence(room, RoomReply.joined(room.name, nameOf(member), typeof member !== "number"), by)
    }
  }

  /**
   * A client or an account is no longer in the room, and gets no more of its lines.
   *
   * @param by the connection that asked to leave
   * @param remover the user that removed the member
   */
  exit(room: Room, member: Member, by?: Peer, remover?: Actor) {
    const { elsewhere, index, isEmpty, nameOf, notices } = this.rooms
    if (!room.members.has(member)) return
    for (const feed of this.feedsOf(member)) {
      room.feeds.delete(feed)
      feed.forget(room.id, ofRoom(room.id))
    }
    const { owner } = room
    index.leave(room, member)
    if (member instanceof Peer) elsewhere.left(room, member, remover?.name)
    if (isVisible(member)) {
      const line = RoomReply.left(room.name, nameOf(member), remover?.name)
      this.tellOwn(member, line, by)
      notices.tellPresence(room, line, remover?.peer)
    }
    if (room.owner !== undefined && room.owner !== owner) {
      notices.tell(room, RoomReply.owner(room.name, nameOf(room.owner)))
    }
    if (room.members.size === 0) isEmpty(room)
  }

  /** A room ends, even if members are in it. */
  close(room: Room, by: Actor) {
    const { host, index, nameOf } = this.rooms
    for (const member of room.members) {
      for (const feed of this.feedsOf(member)) feed.forget(room.id, ofRoom(room.id))
      this.tellOwn(member, RoomReply.left(room.name, nameOf(member), by.name), undefined)
      index.leave(room, member)
    }
    room.feeds.clear()
    host.broker.changed(room.name)
  }

  /** Notifies the former member's own connections, which no longer get notices of the room. */
  private tellOwn(member: Member, line: string, by: Peer | undefined) {
    for (const { peer } of this.feedsOf(member)) {
      if (peer !== by && peer.hasGreeted && !peer.outbox.isQueueFull) this.rooms.host.broker.put(peer, line)
    }
  }

  /** A device of an account is connected. */
  connected(feed: Feed) {
    if (feed.device === undefined) return
    for (const room of this.rooms.index.of(feed.device.account)) this.present(room, feed)
  }

  private present(room: Room, feed: Feed) {
    room.feeds.add(feed)
    this.rooms.notices.present(room, feed.peer)
  }

  /**
   * A client can no longer be addressed. A guest leaves its rooms, but lines that were already read from it are still
   * accepted.
   */
  left(peer: Peer) {
    const { host, index } = this.rooms
    const { device } = peer
    if (device === undefined) return this.guestLeft(peer)
    const feed = host.feedsOf(device.account.id).find((one) => one.peer === peer)
    if (feed === undefined) return
    for (const room of index.of(device.account.id)) room.feeds.delete(feed)
  }

  /**
   * A guest leaves all of its rooms. If it is still present, because it has registered and its account could not become
   * a member, it is notified.
   */
  guestLeft(guest: Peer) {
    const isPresent = guest.phase._tag === "Present"
    for (const room of this.rooms.index.of(guest)) {
      if (!isPresent) room.departed.add(guest)
      this.exit(room, guest, isPresent ? undefined : guest)
    }
  }

  /**
   * A guest has registered: in these rooms, its account is the member from now on, as it already is in the store. The
   * client's lines continue where the guest's ended.
   *
   * @param take makes the guest a device of the account, unless it has left
   */
  register<A>(guest: Peer, account: AccountId, rooms: ReadonlyArray<Room>, take: () => A): A {
    const { host, index, nameOf, notices } = this.rooms
    const handovers = rooms.map((room) => {
      const isSeen = room.members.has(guest) && isVisible(guest)
      const [before] = room.members.has(guest) ? this.feedsOf(guest) : []
      index.enter(room, account)
      index.leave(room, guest)
      if (before !== undefined) room.feeds.delete(before)
      return { room, isSeen, place: before?.placeIn(room.id) }
    })
    const taken = take()
    const feed = host.feedsOf(account).find(({ peer }) => peer === guest)
    for (const { isSeen, place, room } of handovers) {
      if (place !== undefined) feed?.goOn(room.id, ofRoom(room.id), place, room.last)
      if (!isSeen) notices.tellPresence(room, RoomReply.joined(room.name, nameOf(account), false), guest)
    }
    return taken
  }

  /** The store has removed an account, and with it its memberships. */
  accountRemoved(account: AccountId) {
    const { index } = this.rooms
    for (const room of index.of(account)) this.exit(room, account)
    index.forgetInvitations(account)
  }

  private feedsOf(member: Member): ReadonlyArray<Feed> {
    const { host } = this.rooms
    if (typeof member === "number") return host.feedsOf(member)
    if (member instanceof GuestElsewhere) return []
    return member.isSendOnly || member.phase._tag === "Gone" ? [] : [host.guestFeed(member)]
  }
}
