import * as Effect from "effect/Effect"
import type { Room } from "./Room.js"

/** Rooms whose only members were guests of lost servers. They end later, unless a member enters them first. */
export class AbandonedRooms {
  private rooms = new Set<Room>()
  private readonly hasSome = Effect.unsafeMakeLatch(false)

  /** Waits until there are any. */
  get some(): Effect.Effect<void> {
    return this.hasSome.await
  }

  /** In the broker's turn. */
  add(room: Room) {
    this.rooms.add(room)
    this.hasSome.unsafeOpen()
  }

  /** In the broker's turn: removes and returns all rooms. */
  take(): ReadonlySet<Room> {
    const { rooms } = this
    this.rooms = new Set()
    this.hasSome.unsafeClose()
    return rooms
  }
}
