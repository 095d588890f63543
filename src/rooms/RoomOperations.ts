import * as Effect from "effect/Effect"
import { likenessOf } from "../chat/Names.js"
import { refusedText } from "../protocol/Reply.js"
import type { Impossible } from "../accounts/AccountOperations.js"
import type { StoreError } from "../ports/StoreError.js"
import * as Name from "../protocol/Name.js"
import * as RoomName from "../protocol/RoomName.js"
import * as RoomReply from "../protocol/RoomReply.js"
import * as Wire from "../protocol/Wire.js"
import type { Actor } from "./RoomMembership.js"
import * as RoomActs from "./RoomActs.js"
import type { Room } from "./Room.js"
import { afterChange, type RoomDecision } from "./RoomChanges.js"
import { factsOf, type RoomsContext } from "./RoomsContext.js"
import * as StoredChanges from "./StoredChanges.js"

/** A room as listed for the operator. Strings are ordinary text. */
export interface ListedRoom {
  readonly name: string
  readonly members: number
  /** How many connected clients are in it. */
  readonly here: number
  /** The number of its last line. */
  readonly last: number
  /** How many lines to it are not stored yet. */
  readonly waiting: number
  readonly isLocked: boolean
  readonly slowMillis: number
  readonly owner: string | undefined
  readonly topic: string
}

/** The operator's actions on rooms. Names are ordinary text. */
export interface RoomOperations {
  readonly list: Effect.Effect<ReadonlyArray<ListedRoom>>
  /**
   * Creates a room. The owner is its first member. Without an owner, the room ends when its last member leaves or the
   * server stops.
   */
  readonly create: (name: string, owner: string | undefined) => Effect.Effect<void, Impossible | StoreError>
  /** Ends a room and removes its lines, even if members are in it. */
  readonly end: (name: string) => Effect.Effect<void, Impossible | StoreError>
  /** Performs an owner's act. `text` is the text after the room's name in the owner's command. */
  readonly act: (verb: RoomActs.Verb, name: string, text: string) => Effect.Effect<void, Impossible | StoreError>
}

const operator: Actor = { name: RoomReply.operator, peer: undefined }

const found = (rooms: RoomsContext, text: string): Room | Impossible => {
  const name = RoomName.parse(Wire.encode(text))
  const room = name === undefined ? undefined : rooms.index.named(name)
  return room === undefined || room.isEnding ? { impossible: `there is no room ${text}` } : room
}

/** @param context the rooms of the running server */
export const make = (context: () => RoomsContext): RoomOperations => {
  return {
    list: Effect.suspend(() => {
      const rooms = context()
      return rooms.host.broker.inTurn(() =>
        Array.from(rooms.index.all, (room) => {
          const { name, owner, topic, ...facts } = factsOf(rooms, room)
          return {
            ...facts,
            name: Wire.decode(name),
            here: room.feeds.size,
            waiting: rooms.waiting(room),
            slowMillis: room.slowMillis,
            owner: owner === undefined ? undefined : Wire.decode(owner),
            topic: Wire.decode(topic)
          }
        })
      )
    }),
    create: (text, owner) => changing(context, (rooms) => decideCreate(rooms, text, owner)),
    end: (text) =>
      changing(context, (rooms): RoomDecision<Impossible | undefined> => {
        const room = found(rooms, text)
        if ("impossible" in room) return room
        return afterChange(rooms.store.rooms.end(room.id), () => {
          rooms.membership.close(room, operator)
          rooms.changes.ended(room)
          return undefined
        })
      }),
    act: (verb, text, rest) =>
      Effect.suspend(() => {
        const rooms = context()
        const act = RoomActs.parse(verb, Wire.encode(rest))
        if (act === undefined) return impossible(`${JSON.stringify(rest)} is not what ${verb} takes`)
        const find = (): Room | RoomActs.NotDone => {
          const room = found(rooms, text)
          return "impossible" in room ? { reason: "no-room", text: room.impossible } : room
        }
        return Effect.flatMap(
          RoomActs.perform(rooms, operator, act, find, (result) => result),
          (result) => (RoomActs.isDone(result) ? Effect.void : impossible(result.text ?? refusedText(result.reason)))
        )
      })
  }
}

const decideCreate = (
  { accounts, changes, host, index, membership, settings, store }: RoomsContext,
  text: string,
  owner: string | undefined
): RoomDecision<Impossible | undefined> => {
  const name = RoomName.parse(Wire.encode(text))
  if (name === undefined) return { impossible: `${JSON.stringify(text)} is not a room's name: # and a name` }
  const likeness = likenessOf(name.slice(1))
  const like = index.alike(likeness)
  if (like?.isEnding === true) return { impossible: `the store could not end the room ${Wire.decode(like.name)} yet` }
  if (like !== undefined) return { impossible: `there is the room ${Wire.decode(like.name)}` }
  if (index.size >= settings.current.maxRooms) return { impossible: "there are too many rooms (--max-rooms)" }
  const wire = owner === undefined ? undefined : Name.parse(Wire.encode(owner))
  const account = wire === undefined ? undefined : accounts.named(wire)
  if (owner !== undefined && (account === undefined || account.isRemoved)) {
    return { impossible: `there is no account ${owner}` }
  }
  return afterChange(store.rooms.create({ name, likeness, owner: account?.id }), (stored) => {
    if (stored === undefined) {
      const isGone = account?.isRemoved === true
      return { impossible: isGone ? `there is no account ${owner}` : "another server has just created this room" }
    }
    const room = StoredChanges.created({ host, index }, stored)
    if (account !== undefined && !account.isRemoved) {
      membership.enter(room, account.id, stored.last)
      changes.keep(room)
    }
    return undefined
  })
}

const changing = (
  context: () => RoomsContext,
  decide: (rooms: RoomsContext) => RoomDecision<Impossible | undefined>
): Effect.Effect<void, Impossible | StoreError> =>
  Effect.suspend(() => {
    const rooms = context()
    return Effect.flatMap(
      rooms.changes.make(() => decide(rooms)),
      (why) => (why === undefined ? Effect.void : Effect.fail(why))
    )
  })

const impossible = (why: string): Effect.Effect<never, Impossible> => Effect.fail({ impossible: why })
