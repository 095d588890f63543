import * as Effect from "effect/Effect"
import type { AccountIndex } from "../accounts/AccountIndex.js"
import type { LineOutcome } from "../chat/LineOutcome.js"
import type { Live } from "../chat/Live.js"
import { likenessOf } from "../chat/Names.js"
import type { Peer } from "../chat/Peer.js"
import type { MakeRooms, RoomsFeature, RoomsHost } from "../conversations/RoomsFeature.js"
import type { StoreService } from "../ports/Store.js"
import type { StoreError } from "../ports/StoreError.js"
import type { ConversationId } from "../ports/StoreLines.js"
import type { StoredRoom } from "../ports/StoreRooms.js"
import * as RoomName from "../protocol/RoomName.js"
import { AbandonedRooms } from "./AbandonedRooms.js"
import { memberOf, type Room } from "./Room.js"
import { RoomChanges } from "./RoomChanges.js"
import * as RoomOperations from "./RoomOperations.js"
import * as RoomCommands from "./RoomCommands.js"
import { RoomIndex } from "./RoomIndex.js"
import { RoomInlet } from "./RoomInlet.js"
import { RoomMembership } from "./RoomMembership.js"
import { RoomNotices } from "./RoomNotices.js"
import { RoomsElsewhere } from "./RoomsElsewhere.js"
import { memberName, type RoomsContext } from "./RoomsContext.js"
import { maxTopicLength, type RoomsSettings } from "./RoomsSettings.js"
import * as StoredChanges from "./StoredChanges.js"

export interface RoomsOptions {
  readonly store: StoreService
  readonly accounts: AccountIndex
  readonly settings: Live<RoomsSettings>
}

/** Rooms for a server, as an extension of its conversations (`feature`). */
export interface Rooms {
  readonly feature: MakeRooms
  /** The operator's actions on rooms while the server runs. */
  readonly operations: RoomOperations.RoomOperations
}

/**
 * After its start or the loss of another server, a server that shares its store waits at least this long before it ends
 * empty rooms. Their guests may be at a server that is cut off for a moment, or this server may be.
 */
const emptyDelay = "1 minute"

/** Loads all rooms. Fails if the store does not answer. */
export const make = (options: RoomsOptions): Effect.Effect<Rooms, StoreError> =>
  Effect.map(options.store.rooms.all, (all) => {
    let running: RoomsContext | undefined = undefined
    return {
      feature: (host) => {
        const { context, feature } = started(options, all, host)
        running = context
        return feature
      },
      operations: RoomOperations.make(() => {
        if (running === undefined) throw new Error("the server of these rooms has not started")
        return running
      })
    }
  })

const started = (
  { accounts, settings, store }: RoomsOptions,
  all: ReadonlyArray<StoredRoom>,
  host: RoomsHost
): { readonly context: RoomsContext; readonly feature: RoomsFeature } => {
  const { broker } = host
  const index = new RoomIndex(all, broker.time.now)
  const inlets = new Map<Room, RoomInlet>()
  const inletOf = (room: Room): RoomInlet => {
    const known = inlets.get(room)
    if (known !== undefined) return known
    const inlet = new RoomInlet(room, host, refusal)
    inlets.set(room, inlet)
    return inlet
  }
  const refusal = (sender: Peer, room: Room): LineOutcome | undefined => {
    const found = index.find(sender, room.name)
    if (typeof found === "string") return { _tag: "Returned", reason: found }
    const { manners, owner, slowMillis } = room
    if (slowMillis === 0 && !manners.hasSilenced) return undefined
    // The owner may have been silenced before becoming the owner.
    if (sender.device !== undefined && sender.device.account.id === owner) return undefined
    const writer = likenessOf(sender.name)
    const silencedMillis = manners.silencedFor(writer)
    if (silencedMillis > 0) return { _tag: "Returned", reason: "silenced", retryMillis: silencedMillis }
    if (slowMillis === 0) return undefined
    const waitMillis = manners.write(writer, slowMillis)
    return waitMillis > 0 ? { _tag: "Returned", reason: "slow-mode", retryMillis: waitMillis } : undefined
  }
  const abandoned = new AbandonedRooms()
  const notices = new RoomNotices(broker)
  const changes = new RoomChanges(
    broker,
    store,
    (room) => inlets.get(room),
    (room) => {
      index.delete(room)
      broker.changed(room.name)
      inlets.get(room)?.end()
      inlets.delete(room)
    },
    host.beforeOwn,
    store.sharing !== undefined
  )
  const elsewhere = new RoomsElsewhere({ others: host.others, index, membership: () => membership, notices })
  const membership: RoomMembership = new RoomMembership({
    host,
    index,
    notices,
    elsewhere,
    nameOf: (member) => memberName({ accounts }, member),
    isEmpty: (room) => {
      if (elsewhere.isLosing) abandoned.add(room)
      else changes.end(room)
    }
  })
  const context: RoomsContext = {
    host,
    store,
    settings,
    accounts,
    index,
    notices,
    membership,
    changes,
    elsewhere,
    waiting: (room) => inlets.get(room)?.outbox.lines ?? 0,
    flushed: (name) =>
      Effect.suspend(() => {
        const room = index.named(name)
        return (room && inlets.get(room)?.flushed) ?? Effect.void
      })
  }
  // Only guests were in these rooms when the server stopped.
  const endEmpty = (rooms: Iterable<Room> = index.all) => {
    for (const room of rooms) if (room.members.size === 0 && index.withId(room.id) === room) changes.end(room)
  }
  if (store.sharing === undefined) endEmpty()
  // Open once the other servers have reported the guests in their rooms.
  const hasResumed = Effect.unsafeMakeLatch(store.sharing === undefined)
  host.others.beforeResuming(hasResumed.open)
  const announced = (id: ConversationId, last: number) => {
    const room = index.withId(id)
    if (room === undefined || room.last >= last) return
    room.last = last
    for (const feed of room.feeds) host.announced(feed, room.id, last)
  }
  // Lines stored while this server was cut off were not announced to it.
  const readTails: Effect.Effect<void> = store.rooms.all.pipe(
    Effect.flatMap((all) => broker.inTurn(() => all.forEach(({ id, last }) => announced(id, last)))),
    Effect.catchAll((error) =>
      Effect.zipRight(
        host.failed(error, () => {}),
        readTails
      )
    )
  )
  if (store.sharing !== undefined) host.others.beforeResuming(readTails)
  const endEmptyLater =
    store.sharing === undefined
      ? Effect.void
      : hasResumed.await.pipe(
          Effect.zipRight(Effect.sleep(emptyDelay)),
          Effect.zipRight(broker.inTurn(() => endEmpty()))
        )
  const endAbandoned = Effect.forever(
    abandoned.some.pipe(
      Effect.zipRight(broker.inTurn(() => abandoned.take())),
      Effect.tap(() => Effect.sleep(emptyDelay)),
      Effect.flatMap((rooms) => broker.inTurn(() => endEmpty(rooms)))
    )
  )
  const feature: RoomsFeature = {
    commands: RoomCommands.make(context),
    resolvers: [
      {
        resolve: (name) => {
          const room = RoomName.isOfRoom(name) ? index.named(name) : undefined
          return room && { outboxes: [inletOf(room).outbox], suffix: "", isUnlisted: room.isLocked }
        }
      }
    ],
    absence: (name) => (RoomName.isOfRoom(name) ? "no-room" : undefined),
    facts: () => {
      const { maxRoomsPerClient, mode } = settings.current
      return { rooms: mode, "max-rooms": `${maxRoomsPerClient}`, "max-topic": `${maxTopicLength}` }
    },
    run: Effect.all([changes.run(host.failed), notices.run, endEmptyLater, endAbandoned], {
      concurrency: "unbounded",
      discard: true
    }),
    left: (peer) => membership.left(peer),
    // A client that only sends cannot be addressed, so `left` was not called for it.
    ended: (peer) => membership.guestLeft(peer),
    nameOf: (room) => index.withId(room)?.name ?? "",
    mayRead: (reader, room) => index.withId(room)?.members.has(memberOf(reader)) === true,
    find: (reader, name) => {
      const found = index.find(reader, name)
      return typeof found === "string" ? found : found.id
    },
    of: (reader) => Array.from(index.of(memberOf(reader)), ({ id }) => id),
    isListed: (name) => index.named(name)?.isLocked !== true,
    connected: (feed) => membership.connected(feed),
    registering: (guest, account, take) => {
      const join = (room: Room) =>
        Effect.match(store.rooms.join(room.id, account), {
          onSuccess: (last) => (last === undefined ? [] : [room]),
          // The guest then leaves this room, and is notified.
          onFailure: () => []
        })
      return broker
        .inTurn(() => [...index.of(guest)])
        .pipe(
          Effect.flatMap((rooms) => Effect.forEach(rooms, join)),
          Effect.zipLeft(host.beforeOwn),
          Effect.flatMap((rooms) =>
            broker.inTurn(() => {
              const taken = membership.register(guest, account, rooms.flat(), take)
              for (const room of rooms.flat()) changes.keep(room)
              return taken
            })
          ),
          (registration) => changes.alone(registration)
        )
    },
    accountRemoved: (account) => membership.accountRemoved(account),
    announced,
    take: (change) => StoredChanges.take(context, change),
    reload: StoredChanges.reload(context),
    alone: (step) => changes.alone(step)
  }
  return { context, feature }
}
