import * as Effect from "effect/Effect"
import { Peer } from "../chat/Peer.js"
import type { AccountId } from "../ports/StoreAccounts.js"
import type { StoreError } from "../ports/StoreError.js"
import type { RoomPatch as StoredChange, StoredRoom } from "../ports/StoreRooms.js"
import type { StoreChange } from "../ports/StoreSharing.js"
import * as RoomReply from "../protocol/RoomReply.js"
import type { Room } from "./Room.js"
import type { Actor } from "./RoomMembership.js"
import type { RoomsContext } from "./RoomsContext.js"

/**
 * Applies changes that the store has made to rooms in memory, both for clients here and for other servers. Runs in the
 * broker's turn.
 */

/** A new room. Its first member enters it like anybody else. */
export const created = ({ host, index }: Pick<RoomsContext, "host" | "index">, stored: StoredRoom): Room => {
  host.broker.changed(stored.name)
  return index.add({ ...stored, members: [] })
}

/** Changes a room, and notifies its members. Returns the line that shows it. */
export const changed = (
  rooms: Pick<RoomsContext, "accounts" | "host" | "membership" | "notices">,
  room: Room,
  changes: StoredChange,
  actor: Actor
): ((label?: string) => string) => {
  const line = apply(rooms, room, changes, actor)
  rooms.notices.tell(room, line(), actor.peer)
  return line
}

const apply = (
  { accounts, host, membership }: Pick<RoomsContext, "accounts" | "host" | "membership">,
  room: Room,
  { isLocked, owner, slowMillis, topic }: StoredChange,
  actor: Actor
): ((label?: string) => string) => {
  if (topic !== undefined) {
    room.topic = topic.text
    room.topicBy = topic.by
    return (label) => RoomReply.topic(room.name, topic.by, topic.text, label)
  }
  if (owner !== undefined) {
    room.owner = owner
    return (label) => RoomReply.owner(room.name, accounts.nameOf(owner), label)
  }
  if (isLocked !== undefined) {
    room.isLocked = isLocked
    // Whether the room is listed among a line's other recipients is part of cached routes.
    host.broker.changed(room.name)
    if (isLocked) {
      for (const member of room.members) {
        if (member instanceof Peer) membership.exit(room, member, undefined, actor)
      }
    }
    return (label) => RoomReply.locked(room.name, actor.name, isLocked, label)
  }
  const millis = slowMillis ?? room.slowMillis
  room.slowMillis = millis
  if (millis === 0) room.manners.forgetWriters()
  return (label) => RoomReply.slow(room.name, actor.name, millis, label)
}

/** An account was invited to a locked room; notifies its devices. */
export const invited = ({ host }: Pick<RoomsContext, "host">, room: Room, account: AccountId, by: string): void => {
  room.invited.add(account)
  for (const { peer } of host.feedsOf(account)) {
    if (peer.hasGreeted && !peer.outbox.isQueueFull) host.broker.put(peer, RoomReply.invited(room.name, by))
  }
}

/** Applies another server's change. Ignores changes of other kinds and those already in memory. */
export const take = (rooms: RoomsContext, change: StoreChange): void => {
  if (change._tag === "RoomCreated") return found(rooms, change.room)
  const room = "room" in change ? rooms.index.withId(change.room) : undefined
  if (room === undefined) return
  switch (change._tag) {
    case "RoomEnded": {
      rooms.membership.close(room, operator)
      return rooms.changes.endedElsewhere(room)
    }
    case "RoomChanged":
      return void changed(rooms, room, change.changes, actorOf(change.by) ?? operator)
    case "RoomJoined": {
      rooms.membership.enter(room, change.account, change.last)
      return rooms.changes.keep(room)
    }
    case "RoomLeft":
      return rooms.membership.exit(room, change.account, undefined, actorOf(change.by))
    case "Invited":
      return invited(rooms, room, change.account, change.by ?? operator.name)
    case "Uninvited":
      return void room.invited.delete(change.account)
  }
}

const found = (rooms: RoomsContext, stored: StoredRoom) => {
  if (rooms.index.withId(stored.id) !== undefined) return
  const room = created(rooms, stored)
  for (const member of stored.members) rooms.membership.enter(room, member, stored.last)
  for (const account of stored.invited) room.invited.add(account)
  rooms.elsewhere.found(room)
}

const operator: Actor = { name: RoomReply.operator, peer: undefined }

const actorOf = (name: string | undefined): Actor | undefined =>
  name === undefined ? undefined : { name, peer: undefined }

/** Brings memory up to date with the store, without the changes that led there. */
export const reload = (rooms: RoomsContext): Effect.Effect<void, StoreError> =>
  Effect.flatMap(rooms.store.rooms.all, (all) =>
    rooms.host.broker.inTurn(() => {
      const stored = new Map(all.map((room) => [room.id, room]))
      for (const { id } of rooms.index.all) if (!stored.has(id)) take(rooms, { _tag: "RoomEnded", room: id })
      for (const room of all) {
        found(rooms, room)
        hold(rooms, room)
      }
    })
  )

/** Brings a room in memory up to date with the store. */
const hold = (rooms: RoomsContext, stored: StoredRoom) => {
  const room = rooms.index.withId(stored.id)
  if (room === undefined) return
  const members = new Set(stored.members)
  for (const account of room.accounts) if (!members.has(account)) rooms.membership.exit(room, account)
  for (const account of members) rooms.membership.enter(room, account, stored.last)
  room.invited.clear()
  for (const account of stored.invited) room.invited.add(account)
  const { isLocked, owner, slowMillis, topic: text, topicBy: by } = stored
  if (room.topic !== text) changed(rooms, room, { topic: { text, by } }, operator)
  if (room.owner !== owner) room.owner = owner
  if (room.isLocked !== isLocked) changed(rooms, room, { isLocked }, operator)
  if (room.slowMillis !== slowMillis) changed(rooms, room, { slowMillis }, operator)
  room.last = Math.max(room.last, stored.last)
}
