import * as Effect from "effect/Effect"
import type { FeatureContext } from "../chat/Feature.js"
import { FifoSemaphore } from "../concurrency/FifoSemaphore.js"
import type { RoomsHost } from "../conversations/RoomsFeature.js"
import type { StoreService } from "../ports/Store.js"
import { StoreError } from "../ports/StoreError.js"
import * as Wire from "../protocol/Wire.js"
import * as StoreMetrics from "../telemetry/StoreMetrics.js"
import type { Room } from "./Room.js"
import type { RoomInlet } from "./RoomInlet.js"

/**
 * A decision made in the broker's turn: a result, or a request to the store whose answer is applied in a later turn.
 */
export type RoomDecision<A> = A | Effect.Effect<() => A, StoreError>

/** A change that needs the store. `done` runs in the broker's turn after the store has made the change. */
export const afterChange = <A, B>(
  ask: Effect.Effect<A, StoreError>,
  done: (answer: A) => B
): Effect.Effect<() => B, StoreError> => Effect.map(ask, (answer) => () => done(answer))

/**
 * Makes the changes of rooms, one at a time: each is decided in the broker's turn, then made in the store, then in
 * memory. So each decision sees the result of all earlier changes, and memory changes in the same order as the store.
 */
export class RoomChanges {
  private readonly oneByOne = new FifoSemaphore(1)
  /** Empty rooms, to be ended before the next change. */
  private readonly ending = new Set<Room>()
  /** Empty rooms that the store could not end. Nobody can enter them, and other changes do not wait for them. */
  private readonly stuck = new Set<Room>()
  /** The store's last failure to end a room, until the caller takes it. */
  private trouble: StoreError | undefined = undefined
  /** Rooms that were logged as stuck. */
  private readonly reported = new WeakSet<Room>()
  private readonly hasWork = Effect.unsafeMakeLatch(false)

  constructor(
    private readonly broker: Pick<FeatureContext, "inTurn">,
    private readonly store: Pick<StoreService, "rooms">,
    private readonly inletOf: (room: Room) => RoomInlet | undefined,
    /** In the broker's turn: the store has ended a room. */
    readonly ended: (room: Room) => void,
    /** Run between a change in the store and in memory. */
    private readonly beforeOwn: Effect.Effect<void>,
    /** Whether other servers change the store as well. */
    private readonly isShared: boolean
  ) {}

  make<A>(decide: () => RoomDecision<A>): Effect.Effect<A, StoreError> {
    return this.oneByOne.withPermit(this.attempt(decide))
  }

  /** Runs several requests of the store as one change. */
  alone<A, E>(change: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return this.oneByOne.withPermit(change)
  }

  private attempt<A>(decide: () => RoomDecision<A>): Effect.Effect<A, StoreError> {
    const { inTurn } = this.broker
    // A guest may have left after the empty rooms were ended, and so emptied another room.
    const decided = inTurn((): RoomDecision<A> => (this.ending.size > 0 ? again : decide()))
    const again = Effect.suspend(() => Effect.map(this.attempt(decide), (result) => () => result))
    return Effect.zipRight(this.endEmpty, decided).pipe(
      Effect.flatMap((decision) =>
        Effect.isEffect(decision)
          ? Effect.flatMap(Effect.zipLeft(decision as Effect.Effect<() => A, StoreError>, this.beforeOwn), inTurn)
          : Effect.succeed(decision)
      )
    )
  }

  /** In the broker's turn, within a change: a member has entered a room, which may have been empty for a moment. */
  keep(room: Room) {
    room.isEnding = false
    this.ending.delete(room)
  }

  /** In the broker's turn: the store has ended a room, also for another server. */
  endedElsewhere(room: Room) {
    this.ending.delete(room)
    this.stuck.delete(room)
    this.ended(room)
  }

  /** In the broker's turn: a room is empty. It ends before any other change, and nobody can enter it before. */
  end(room: Room) {
    room.isEnding = true
    this.ending.add(room)
    this.hasWork.unsafeOpen()
  }

  /** Ends empty rooms until interrupted. Retries later if the store could not end one. */
  run(failed: RoomsHost["failed"]): Effect.Effect<never> {
    const retryLater = Effect.suspend(() => {
      const { trouble } = this
      this.trouble = undefined
      return trouble === undefined ? Effect.void : failed(trouble, () => this.retryStuck())
    })
    return this.hasWork.await.pipe(
      Effect.zipRight(Effect.sync(() => this.hasWork.unsafeClose())),
      Effect.zipRight(this.oneByOne.withPermit(this.endEmpty)),
      Effect.zipRight(retryLater),
      Effect.forever
    )
  }

  private retryStuck() {
    for (const room of this.stuck) this.ending.add(room)
    this.stuck.clear()
    this.hasWork.unsafeOpen()
  }

  private readonly endEmpty: Effect.Effect<void> = Effect.suspend(() => {
    for (const room of this.ending) return Effect.zipRight(this.endOrSetAside(room), this.endEmpty)
    return Effect.void
  })

  private endOrSetAside(room: Room): Effect.Effect<void> {
    return this.endOne(room).pipe(
      Effect.catchAllDefect((cause) =>
        Effect.fail(new StoreError({ reason: "unavailable", description: "a defect in the store", cause }))
      ),
      Effect.catchAll((error) =>
        Effect.suspend(() => {
          this.ending.delete(room)
          this.stuck.add(room)
          this.trouble = error
          this.hasWork.unsafeOpen()
          StoreMetrics.roomEndFailed()
          return this.report(room, error)
        })
      )
    )
  }

  private report(room: Room, { message: cause, reason }: StoreError): Effect.Effect<void> {
    if (this.reported.has(room)) return Effect.void
    this.reported.add(room)
    const text = "the store cannot end an empty room, which no client can enter until it is ended"
    return Effect.annotateLogs(Effect.logWarning(text), { room: Wire.decode(room.name), reason, cause })
  }

  /** First waits for the lines that members wrote before they left, which must not be lost with the room. */
  private endOne(room: Room): Effect.Effect<void, StoreError> {
    const flushed = Effect.suspend(() => this.inletOf(room)?.flushed ?? Effect.void)
    return flushed.pipe(
      Effect.zipRight(this.store.rooms.end(room.id, this.isShared)),
      Effect.flatMap((isEnded) =>
        this.broker.inTurn(() => {
          // At another server, an account has entered the room or the room has ended. The log of changes tells which.
          if (isEnded || !this.isShared) return this.endedElsewhere(room)
          return this.keep(room)
        })
      )
    )
  }
}
