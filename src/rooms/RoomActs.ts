import * as Effect from "effect/Effect"
import { likenessOf } from "../chat/Names.js"
import type { StoreError } from "../ports/StoreError.js"
import type { RoomPatch as StoredChange } from "../ports/StoreRooms.js"
import * as Name from "../protocol/Name.js"
import type { RefusedReason } from "../protocol/Reply.js"
import * as RoomReply from "../protocol/RoomReply.js"
import * as Wire from "../protocol/Wire.js"
import type { Peer } from "../chat/Peer.js"
import { maxSilenced } from "./Manners.js"
import { GuestElsewhere, isVisible, type Room } from "./Room.js"
import { afterChange, type RoomDecision } from "./RoomChanges.js"
import type { Actor } from "./RoomMembership.js"
import type { RoomsContext } from "./RoomsContext.js"
import { maxTopicLength } from "./RoomsSettings.js"
import * as StoredChanges from "./StoredChanges.js"

/**
 * What owners and the operator can do to rooms and their members. Each act is logged, and shown in the room. Names and
 * texts are in wire form.
 */
export type RoomAct =
  | { readonly _tag: "Topic"; readonly text: string }
  /** To an account. */
  | { readonly _tag: "Invite" | "Owner"; readonly name: string }
  /** To an account or a guest. */
  | { readonly _tag: "Remove" | "Unsilence"; readonly name: string }
  | { readonly _tag: "Silence"; readonly name: string; readonly millis: number }
  | { readonly _tag: "Lock" | "Unlock" }
  /** 0 ends slow mode. */
  | { readonly _tag: "Slow"; readonly millis: number }

/** The verbs of the acts, in the owners' commands and for the operator. */
export const verbs = ["topic", "invite", "remove", "owner", "lock", "unlock", "silence", "unsilence", "slow"] as const

export type Verb = (typeof verbs)[number]

/** Parses a verb and the text after the room's name; undefined if they describe no act. */
export const parse = (verb: Verb, rest: string): RoomAct | undefined => {
  switch (verb) {
    case "topic":
      return rest === "" ? undefined : { _tag: "Topic", text: rest }
    case "lock":
      return rest === "" ? { _tag: "Lock" } : undefined
    case "unlock":
      return rest === "" ? { _tag: "Unlock" } : undefined
    case "invite":
      return withName("Invite", rest)
    case "remove":
      return withName("Remove", rest)
    case "owner":
      return withName("Owner", rest)
    case "unsilence":
      return withName("Unsilence", rest)
    case "silence": {
      const [, who = "", time = ""] = /^(\S+)[ \t]+(\S+)$/u.exec(rest) ?? []
      const millis = millisIn(time)
      const name = Name.parse(who)
      return name === undefined || millis === undefined ? undefined : { _tag: "Silence", name: Wire.copy(name), millis }
    }
    case "slow": {
      const millis = rest === "off" ? 0 : millisIn(rest)
      return millis === undefined ? undefined : { _tag: "Slow", millis }
    }
  }
}

const withName = (tag: "Invite" | "Owner" | "Remove" | "Unsilence", rest: string): RoomAct | undefined => {
  const name = Name.parse(rest)
  return name === undefined ? undefined : { _tag: tag, name: Wire.copy(name) }
}

const units: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * Parses a time such as `10m`, from a second to a year, into milliseconds; undefined if it is malformed or out of
 * range.
 */
const millisIn = (text: string): number | undefined => {
  const [, count, unit = ""] = /^(\d{1,8})([smhd])$/u.exec(text) ?? []
  const millis = Number(count) * (units[unit] ?? NaN)
  return millis >= 1_000 && millis <= 366 * 86_400_000 ? millis : undefined
}

/** The line that shows the act, or the reason why it was not done. */
export type ActResult = ((label?: string) => string) | NotDone

export interface NotDone {
  readonly reason: RefusedReason
  /** The text for people; by default that of the reason. */
  readonly text?: string
}

export const isDone = (result: ActResult): result is (label?: string) => string => typeof result === "function"

/**
 * Performs an act on a room.
 *
 * @param find in the broker's turn: the room, or the reason why the actor may not do this
 * @param done in the broker's turn in which the act takes effect: makes the result
 */
export const perform = <A>(
  rooms: RoomsContext,
  actor: Actor,
  act: RoomAct,
  find: () => Room | NotDone,
  done: (result: ActResult) => A
): Effect.Effect<A, StoreError> => {
  let log: Effect.Effect<void> = Effect.void
  const decide = (): RoomDecision<A> => {
    const room = find()
    if ("reason" in room) return done(room)
    const finish = (result: ActResult): A => {
      if (isDone(result)) log = logged(room, actor, act)
      return done(result)
    }
    const decision = decideIn(rooms, room, actor, act)
    return Effect.isEffect(decision)
      ? Effect.map(decision as Effect.Effect<() => ActResult, StoreError>, (answer) => () => finish(answer()))
      : finish(decision)
  }
  return Effect.tap(rooms.changes.make(decide), () => log)
}

const logged = (room: Room, { name: by }: Actor, act: RoomAct) =>
  Effect.annotateLogs(Effect.logInfo("room moderated"), {
    room: Wire.decode(room.name),
    act: [
      act._tag.toLowerCase(),
      ...("name" in act ? [Wire.decode(act.name)] : []),
      ...("millis" in act ? [`${act.millis}ms`] : [])
    ].join(" "),
    by: Wire.decode(by)
  })

const decideIn = (rooms: RoomsContext, room: Room, actor: Actor, act: RoomAct): RoomDecision<ActResult> => {
  switch (act._tag) {
    case "Topic":
      return setTopic(rooms, room, actor, act.text)
    case "Invite":
      return invite(rooms, room, actor, act.name)
    case "Remove":
      return remove(rooms, room, actor, act.name)
    case "Owner":
      return setOwner(rooms, room, actor, act.name)
    case "Lock":
    case "Unlock":
      return setLocked(rooms, room, actor, act._tag === "Lock")
    case "Silence":
      return silence(rooms, room, actor, act.name, act.millis)
    case "Unsilence":
      return unsilence(rooms, room, actor, act.name)
    case "Slow":
      return changed(rooms, room, actor, { slowMillis: act.millis })
  }
}

/** Changes the room in the store, then in memory, and notifies its members. */
const changed = (rooms: RoomsContext, room: Room, actor: Actor, change: StoredChange): RoomDecision<ActResult> =>
  afterChange(rooms.store.rooms.change(room.id, change, actor.name), (isChanged): ActResult =>
    isChanged ? StoredChanges.changed(rooms, room, change, actor) : { reason: "no-room" }
  )

const setTopic = (rooms: RoomsContext, room: Room, actor: Actor, given: string): RoomDecision<ActResult> => {
  if (given.length > maxTopicLength && [...Wire.decode(given)].length > maxTopicLength) {
    return { reason: "limit", text: `a topic has at most ${maxTopicLength} characters` }
  }
  return changed(rooms, room, actor, { topic: { text: Wire.copy(given), by: actor.name } })
}

const invite = (rooms: RoomsContext, room: Room, actor: Actor, name: string): RoomDecision<ActResult> => {
  const { accounts, store } = rooms
  const account = accounts.named(name)
  if (account === undefined || account.isRemoved) {
    return { reason: "policy", text: "only accounts can be invited, and there is none of that name" }
  }
  if (room.members.has(account.id)) return { reason: "policy", text: "that account is in the room" }
  return afterChange(store.rooms.invite(room.id, account.id, actor.name), (isInvited): ActResult => {
    if (!isInvited) return { reason: "no-room" }
    StoredChanges.invited(rooms, room, account.id, actor.name)
    return (label) => RoomReply.hasInvited(room.name, account.name, actor.name, label)
  })
}

const remove = (rooms: RoomsContext, room: Room, actor: Actor, name: string): RoomDecision<ActResult> => {
  const { accounts, elsewhere, membership, store } = rooms
  const line = (label?: string) => RoomReply.left(room.name, name, actor.name, label)
  const account = accounts.named(name)
  if (account !== undefined && room.members.has(account.id)) {
    if (actor.peer?.device?.account.id === account.id) return { reason: "policy", text: "use /leave" }
    return afterChange(store.rooms.leave(room.id, account.id, actor.name), (): ActResult => {
      membership.exit(room, account.id, undefined, actor)
      return line
    })
  }
  if (account !== undefined && room.invited.has(account.id)) {
    return afterChange(store.rooms.uninvite(room.id, account.id), (): ActResult => {
      room.invited.delete(account.id)
      return line
    })
  }
  const guests = guestsNamed(room, name)
  for (const guest of guests) {
    if (guest instanceof GuestElsewhere) elsewhere.remove(room, guest, actor.name)
    else membership.exit(room, guest, undefined, actor)
  }
  return guests.length === 0 ? notInRoom : line
}

const setOwner = (rooms: RoomsContext, room: Room, actor: Actor, name: string): RoomDecision<ActResult> => {
  const account = rooms.accounts.named(name)
  if (account === undefined || !room.members.has(account.id)) {
    return { reason: "not-member", text: "the owner must be an account that is in the room" }
  }
  return changed(rooms, room, actor, { owner: account.id })
}

/** A locked room has no guests, because the next client with a guest's name would be in the room too. */
const setLocked = (rooms: RoomsContext, room: Room, actor: Actor, isLocked: boolean): RoomDecision<ActResult> => {
  if (isLocked && room.owner === undefined) return { reason: "policy", text: "a room without an owner stays open" }
  return changed(rooms, room, actor, { isLocked })
}

/** Silences are kept only in memory, so they end when the server stops. */
const silence = (
  { accounts, elsewhere, host, notices }: RoomsContext,
  room: Room,
  actor: Actor,
  name: string,
  millis: number
): ActResult => {
  const account = accounts.named(name)
  const isHere = account === undefined ? guestsNamed(room, name).length > 0 : room.members.has(account.id)
  if (!isHere) return notInRoom
  if (account !== undefined && account.id === room.owner) {
    return { reason: "policy", text: "the owner of a room cannot be silenced" }
  }
  if (!room.manners.silence(likenessOf(name), millis)) {
    return { reason: "limit", text: `at most ${maxSilenced} can be silenced in a room at the same time` }
  }
  const until = Math.round(host.broker.time.wall() + millis)
  const line = (label?: string) => RoomReply.silenced(room.name, name, actor.name, until, label)
  notices.tell(room, line(), actor.peer)
  elsewhere.silenced(room, likenessOf(name), millis, line())
  return line
}

const unsilence = ({ elsewhere, notices }: RoomsContext, room: Room, actor: Actor, name: string): ActResult => {
  if (!room.manners.unsilence(likenessOf(name))) {
    return { reason: "policy", text: "no user of that name is silenced" }
  }
  const line = (label?: string) => RoomReply.unsilenced(room.name, name, actor.name, label)
  notices.tell(room, line(), actor.peer)
  elsewhere.silenced(room, likenessOf(name), 0, line())
  return line
}

const notInRoom: NotDone = { reason: "not-member", text: "no user of that name is in the room" }

const guestsNamed = (room: Room, name: string) =>
  [...room.members].filter(
    (member): member is Peer | GuestElsewhere => typeof member !== "number" && member.name === name && isVisible(member)
  )
