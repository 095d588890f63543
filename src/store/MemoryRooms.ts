import * as Effect from "effect/Effect"
import type { AccountId } from "../ports/StoreAccounts.js"
import type { ConversationId } from "../ports/StoreLines.js"
import {
  type RoomDeparture,
  ownerAfter,
  type RoomPatch,
  type StoredRoom,
  type StoreRooms
} from "../ports/StoreRooms.js"
import type { MemorySharing } from "./MemorySharing.js"
import { type MemoryState, newMember, nextOf, type RoomConversation } from "./MemoryState.js"

/** The rooms of the store in memory. */
export const make = (state: MemoryState, sharing?: MemorySharing): StoreRooms => {
  const create: (room: {
    readonly name: string
    readonly likeness: string
    readonly owner: AccountId | undefined
  }) => StoredRoom | undefined = ({ likeness, name, owner }) => {
    if (state.hasRoomLike(likeness) || (owner !== undefined && state.active(owner) === undefined)) return undefined
    const room = { name, likeness, topic: "", topicBy: "", owner, isLocked: false, slowMillis: 0, invited: new Set([]) }
    const conversation = state.addRoom(room)
    if (owner !== undefined) addMember(conversation, owner)
    const created = shown(conversation)
    sharing?.add({ _tag: "RoomCreated", room: created })
    return created
  }

  const change = (id: ConversationId, changes: RoomPatch, by: string | undefined): boolean => {
    const { isLocked, owner, slowMillis, topic } = changes
    const conversation = state.room(id)
    if (conversation === undefined || (owner !== undefined && !conversation.members.has(owner))) return false
    const { room } = conversation
    if (topic !== undefined) Object.assign(room, { topic: topic.text, topicBy: topic.by })
    room.owner = owner ?? room.owner
    room.isLocked = isLocked ?? room.isLocked
    room.slowMillis = slowMillis ?? room.slowMillis
    sharing?.add({ _tag: "RoomChanged", room: id, changes, by })
    return true
  }

  const join = (id: ConversationId, account: AccountId): number | undefined => {
    const conversation = state.room(id)
    if (conversation === undefined || state.active(account) === undefined) return undefined
    const { members, room } = conversation
    if (!members.has(account)) {
      if (!room.invited.delete(account) && room.isLocked) return undefined
      addMember(conversation, account)
      sharing?.add({ _tag: "RoomJoined", room: id, account, last: nextOf(conversation) - 1 })
    }
    return nextOf(conversation) - 1
  }

  const leave = (id: ConversationId, account: AccountId, by: string | undefined): RoomDeparture | undefined => {
    const conversation = state.room(id)
    if (conversation?.members.has(account) !== true) return undefined
    const departure = remove(state, conversation, account)
    sharing?.add({ _tag: "RoomLeft", room: id, account, owner: departure.owner ?? null, by })
    return departure
  }

  const invite = (id: ConversationId, account: AccountId, by: string | undefined): boolean => {
    const conversation = state.room(id)
    if (conversation === undefined || state.active(account) === undefined) return false
    if (conversation.members.has(account)) return false
    conversation.room.invited.add(account)
    sharing?.add({ _tag: "Invited", room: id, account, by })
    return true
  }

  const uninvite = (id: ConversationId, account: AccountId): boolean => {
    if (state.room(id)?.room.invited.delete(account) !== true) return false
    sharing?.add({ _tag: "Uninvited", room: id, account })
    return true
  }

  const end = (id: ConversationId, ifEmpty = false): boolean => {
    const conversation = state.room(id)
    if (conversation === undefined || (ifEmpty && conversation.members.size > 0)) return false
    for (const account of conversation.members.keys()) remove(state, conversation, account)
    state.end(conversation)
    sharing?.add({ _tag: "RoomEnded", room: id })
    return true
  }

  return {
    all: Effect.sync(() => [...state.rooms()].map(shown)),
    create: (room) => Effect.sync(() => create(room)),
    change: (room, changes, by) => Effect.sync(() => change(room, changes, by)),
    join: (room, account) => Effect.sync(() => join(room, account)),
    leave: (room, account, by) => Effect.sync(() => leave(room, account, by)),
    invite: (room, account, by) => Effect.sync(() => invite(room, account, by)),
    uninvite: (room, account) => Effect.sync(() => uninvite(room, account)),
    end: (room, ifEmpty) => Effect.sync(() => end(room, ifEmpty))
  }
}

/** Ends a membership. If the owner leaves, determines the new one. */
const remove = (state: MemoryState, { id, members, room }: RoomConversation, account: AccountId): RoomDeparture => {
  members.delete(account)
  room.owner = ownerAfter(room.owner, account, members.keys())
  for (const { cursors } of state.accounts.get(account)?.devices.values() ?? []) cursors.delete(id)
  return { owner: room.owner }
}

/** Ends all memberships of a removed account, and withdraws its invitations. */
export const removeAccount = (state: MemoryState, account: AccountId) => {
  for (const conversation of state.rooms()) {
    conversation.room.invited.delete(account)
    if (conversation.members.has(account)) remove(state, conversation, account)
  }
}

/** The read mark and devices without a cursor start at the last line. */
const addMember = (conversation: RoomConversation, account: AccountId) => {
  const next = nextOf(conversation)
  conversation.members.set(account, { ...newMember(next), read: next - 1 })
}

const shown = (conversation: RoomConversation): StoredRoom => {
  const { id, members, room } = conversation
  const last = nextOf(conversation) - 1
  return { ...room, id, last, members: [...members.keys()], invited: [...room.invited] }
}
