import { Peer } from "../chat/Peer.js"
import type { ServerMessage, OtherServer, OtherServersService, OtherServersPart } from "../ports/OtherServers.js"
import type { ConversationId } from "../ports/StoreLines.js"
import { GuestElsewhere, isVisible, type Room } from "./Room.js"
import type { RoomIndex } from "./RoomIndex.js"
import type { RoomMembership } from "./RoomMembership.js"
import type { RoomNotices } from "./RoomNotices.js"

interface Collaborators {
  readonly others: OtherServersService
  readonly index: RoomIndex
  readonly membership: () => Pick<RoomMembership, "enter" | "exit">
  readonly notices: Pick<RoomNotices, "tell">
}

/** The guests of one server, by their numbers, in one room. */
type GuestsInRoom = Map<number, GuestElsewhere>

/**
 * Exchanges between the servers of a store what the store does not know about rooms: their guests and silenced writers.
 * Runs in the broker's turn.
 */
export class RoomsElsewhere {
  private readonly part: OtherServersPart
  /** Includes rooms that this server does not know yet and will read from the store later. */
  private readonly guests = new Map<OtherServer["id"], Map<ConversationId, GuestsInRoom>>()
  /** Rooms whose guests here are all reported to a server once it accepts messages again. */
  private readonly behind = new Map<OtherServer, Set<ConversationId>>()
  /** Whether guests are leaving because their server is lost. They may come back with it. */
  isLosing = false
  private readonly numbers = new WeakMap<Peer, number>()
  private lastNumber = 0

  constructor(private readonly rooms: Collaborators) {
    this.part = rooms.others.part("rooms", {
      appeared: (server) => this.appeared(server),
      received: (server, message) => this.received(server, message),
      lost: (server) => this.lost(server),
      hasRoom: (server) => this.catchUp(server)
    })
  }

  /** A guest of this server has entered a room. */
  entered(room: Room, guest: Peer) {
    if (!this.isAlone) this.tell(room, { entered: room.id, guests: [this.toMessage(guest)] })
  }

  /** A guest of this server has left a room, or was removed by another member. */
  left(room: Room, guest: Peer, by?: string) {
    if (!this.isAlone) this.tell(room, { left: room.id, guest: this.numberOf(guest), by: by ?? null })
  }

  /** Has the other server remove a guest that is connected to it. */
  remove(room: Room, guest: GuestElsewhere, by: string) {
    this.part.send({ remove: room.id, guest: guest.number, by }, guest.server, `remove ${room.id} ${guest.number}`)
  }

  /**
   * A writer was silenced in a room, or with 0 may write again.
   *
   * @param notice the line that shows it
   */
  silenced(room: Room, writer: string, millis: number, notice: string) {
    if (this.isAlone) return
    this.part.send(
      { silenced: room.id, writers: [[writer, millis]], notice },
      undefined,
      `silenced ${room.id} ${writer}`
    )
  }

  /** An account is in a room, where it replaces its guest at another server. Returns whether that guest was visible. */
  registered(room: Room, name: string): boolean {
    let wasVisible = false
    for (const rooms of this.guests.values()) {
      const guests = rooms.get(room.id)
      for (const [number, guest] of guests ?? []) {
        if (guest.name !== name) continue
        wasVisible ||= isVisible(guest)
        guests?.delete(number)
        this.rooms.index.leave(room, guest)
      }
    }
    return wasVisible
  }

  /** The store has a room that is new to this server. */
  found(room: Room) {
    for (const rooms of this.guests.values()) {
      for (const guest of rooms.get(room.id)?.values() ?? []) this.rooms.membership().enter(room, guest, room.last)
    }
  }

  private get isAlone(): boolean {
    return this.rooms.others.all.length === 0
  }

  /** While a server accepts no messages, only the room is remembered for it, however many guests come and go. */
  private tell({ id }: Room, message: ServerMessage) {
    for (const server of this.rooms.others.all) {
      const isBehind = this.part.mustWait(server)
      if (isBehind) this.behind.set(server, (this.behind.get(server) ?? new Set()).add(id))
      else this.part.send(message, server)
    }
  }

  private catchUp(server: OtherServer) {
    const rooms = this.behind.get(server) ?? []
    this.behind.delete(server)
    for (const id of rooms) this.part.send({ here: id, guests: this.guestsIn(this.rooms.index.withId(id)) }, server)
  }

  private guestsIn(room: Room | undefined): ReadonlyArray<ServerMessage> {
    const guests = [...(room?.members ?? [])].filter((member) => member instanceof Peer)
    return guests.map((guest) => this.toMessage(guest))
  }

  private numberOf(guest: Peer): number {
    const known = this.numbers.get(guest)
    if (known !== undefined) return known
    this.numbers.set(guest, ++this.lastNumber)
    return this.lastNumber
  }

  private toMessage(guest: Peer): ServerMessage {
    return [this.numberOf(guest), guest.name, guest.isSendOnly]
  }

  /** Reports guests and silences to a server that has appeared. */
  private appeared(server: OtherServer) {
    for (const room of this.rooms.index.all) {
      const guests = this.guestsIn(room)
      if (guests.length > 0) this.part.send({ entered: room.id, guests }, server)
      const writers = room.manners.silences
      if (writers.length > 0) this.part.send({ silenced: room.id, writers, notice: "" }, server)
    }
  }

  private received(server: OtherServer, message: ServerMessage) {
    const told = message as unknown as RoomMessage
    if ("entered" in told) this.guestsEntered(server, told)
    else if ("here" in told) this.guestsAre(server, told)
    else if ("left" in told) this.guestLeft(server, told)
    else if ("remove" in told) this.removeHere(told)
    else if ("silenced" in told) this.silencedElsewhere(told)
  }

  private guestsAre(server: OtherServer, { guests, here }: Here) {
    this.guestsEntered(server, { entered: here, guests }) // first, because empty rooms end
    const present = new Set(guests.map(([number]) => number))
    for (const number of this.guests.get(server.id)?.get(here)?.keys() ?? []) {
      if (!present.has(number)) this.guestLeft(server, { left: here, guest: number, by: null })
    }
  }

  private guestsEntered(server: OtherServer, { entered, guests }: Entered) {
    const rooms = this.guests.get(server.id) ?? new Map<ConversationId, GuestsInRoom>()
    this.guests.set(server.id, rooms)
    const known = rooms.get(entered) ?? new Map<number, GuestElsewhere>()
    rooms.set(entered, known)
    const room = this.rooms.index.withId(entered)
    for (const [number, name, isSendOnly] of guests) {
      if (known.has(number)) continue
      const guest = new GuestElsewhere(name, isSendOnly, server, number)
      known.set(number, guest)
      if (room !== undefined) this.rooms.membership().enter(room, guest, room.last)
    }
  }

  private guestLeft(server: OtherServer, { by, guest: number, left }: Left) {
    const guests = this.guests.get(server.id)?.get(left)
    const guest = guests?.get(number)
    if (guest === undefined) return
    guests?.delete(number)
    if (guests?.size === 0) this.guests.get(server.id)?.delete(left)
    this.exit(left, guest, by)
  }

  private exit(id: ConversationId, guest: GuestElsewhere, by: string | null) {
    const room = this.rooms.index.withId(id)
    if (room === undefined) return
    this.rooms.membership().exit(room, guest, undefined, by === null ? undefined : { name: by, peer: undefined })
  }

  private removeHere({ by, guest: number, remove }: Remove) {
    const room = this.rooms.index.withId(remove)
    if (room === undefined) return
    for (const member of room.members) {
      if (!(member instanceof Peer) || this.numbers.get(member) !== number) continue
      this.rooms.membership().exit(room, member, undefined, { name: by, peer: undefined })
    }
  }

  private silencedElsewhere({ notice, silenced, writers }: Silenced) {
    const room = this.rooms.index.withId(silenced)
    if (room === undefined) return
    for (const [writer, millis] of writers) {
      if (millis > 0) room.manners.silence(writer, millis)
      else room.manners.unsilence(writer)
    }
    if (notice !== "") this.rooms.notices.tell(room, notice)
  }

  /** The guests of a lost server are gone. */
  private lost(server: OtherServer) {
    this.behind.delete(server)
    const rooms = this.guests.get(server.id)
    this.guests.delete(server.id)
    this.isLosing = true
    for (const [room, guests] of rooms ?? []) for (const guest of guests.values()) this.exit(room, guest, null)
    this.isLosing = false
  }
}

interface Entered {
  readonly entered: ConversationId
  readonly guests: ReadonlyArray<readonly [number: number, name: string, isSendOnly: boolean]>
}

/** Reports all guests of a server in a room. */
interface Here extends Pick<Entered, "guests"> {
  readonly here: ConversationId
}

interface Left {
  readonly left: ConversationId
  readonly guest: number
  readonly by: string | null
}

interface Remove {
  readonly remove: ConversationId
  readonly guest: number
  readonly by: string
}

interface Silenced {
  readonly silenced: ConversationId
  /** The likeness of each writer and its milliseconds; 0 ends a silence. */
  readonly writers: ReadonlyArray<readonly [writer: string, millis: number]>
  /** The line for the members; empty if it was reported before. */
  readonly notice: string
}

/** All nodes run the same version. */
type RoomMessage = Entered | Here | Left | Remove | Silenced
