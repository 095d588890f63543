import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import type { CloseReason } from "../protocol/CloseReason.js"
import type { Delivered } from "../protocol/Fate.js"
import type { Batch } from "./Batch.js"
import type { Outbox } from "./Outbox.js"
import type { Peer } from "./Peer.js"
import type { Question } from "./Question.js"

/** How a writer ended. */
export interface Departure {
  readonly reason: CloseReason
  /** The batch being written, and how many of its bytes the kernel took. */
  readonly unfinished: { readonly batch: Batch<Peer>; readonly taken: number } | undefined
  /** The batches not yet started. */
  readonly queued: ReadonlyArray<Batch<Peer>>
}

/** What readers, writers, questions, timers and the server report to the broker. */
export type Event =
  /** There is new input in the peer's inbox. */
  | { readonly _tag: "Read"; readonly peer: Peer }
  /** The outbox has room again, and senders wait for it. */
  | { readonly _tag: "Room"; readonly outbox: Outbox<Peer> }
  /** The last in-flight line of a leaving peer has met its fate. */
  | { readonly _tag: "Settled"; readonly peer: Peer }
  /** A batch with labelled lines has been delivered. */
  | {
      readonly _tag: "Labelled"
      readonly outbox: Outbox<Peer>
      readonly batch: Batch<Peer>
      readonly fate: Delivered
    }
  /** The answer to a question asked on behalf of the peer. */
  | {
      readonly _tag: "Answered"
      readonly peer: Peer
      readonly question: Question
      readonly exit: Exit.Exit<unknown, unknown>
    }
  /** The peer's writer has ended. */
  | { readonly _tag: "Left"; readonly peer: Peer; readonly departure: Departure }
  | { readonly _tag: "Tick" }
  /** Collected notices are due. */
  | { readonly _tag: "Notices" }
  | { readonly _tag: "Drain" }
  | { readonly _tag: "CutOff" }
  /** A function to run in the broker's turn, after everything reported before. */
  | { readonly _tag: "Look"; readonly look: () => void }

/**
 * The broker's queue. The events of one turn of Node's event loop are queued together at the end of that turn.
 * Everything readable has then been read, and each recipient gets a single write for it (benchmark: mesh, a factor of
 * five).
 *
 * An idle broker is woken directly, and the `Queue` holds events only while it is busy: waking a fiber from an empty
 * `Queue` costs five times as much (src/chat/README.md).
 */
export class Events {
  private brought: Array<Event> = []
  private taken = 0
  private queued = 0
  private reported = 0
  private isScheduled = false
  private idle: ((events: Effect.Effect<ReadonlyArray<Event>>) => void) | undefined = undefined

  private constructor(private readonly queue: Queue.Queue<ReadonlyArray<Event>>) {}

  static readonly make: Effect.Effect<Events> = Effect.map(
    Queue.unbounded<ReadonlyArray<Event>>(),
    (queue) => new Events(queue)
  )

  /** Events reported but not yet taken by the broker. */
  get waiting(): number {
    return this.reported - this.taken
  }

  report(event: Event) {
    this.brought.push(event)
    this.reported += 1
    if (this.isScheduled) return
    this.isScheduled = true
    setImmediate(this.endOfTurn)
  }

  private readonly endOfTurn = () => {
    const events = this.brought
    this.isScheduled = false
    this.brought = []
    const { idle } = this
    if (idle === undefined) {
      this.queued += 1
      this.queue.unsafeOffer(events)
      return
    }
    this.idle = undefined
    this.taken += events.length
    idle(Effect.succeed(events))
  }

  /** Waits for the events of the next turn that has any. For a single consumer. */
  readonly take: Effect.Effect<ReadonlyArray<Event>> = Effect.suspend(() =>
    this.queued === 0 ? this.park : this.takeQueued
  )

  /** Runs `look` in the broker's turn, after everything that was reported before. */
  inTurn<A>(look: () => A): Effect.Effect<A> {
    return Effect.flatMap(Deferred.make<A>(), (answer) => {
      const answerWith = () => Deferred.unsafeDone(answer, attempt(look))
      this.report({ _tag: "Look", look: answerWith })
      return Deferred.await(answer)
    })
  }

  private readonly takeQueued = Effect.suspend(() =>
    Effect.map(Queue.take(this.queue), (events) => {
      this.queued -= 1
      this.taken += events.length
      return events
    })
  )

  private readonly park = Effect.async<ReadonlyArray<Event>>((resume) => {
    this.idle = resume
  })
}

const attempt = <A>(look: () => A): Exit.Exit<A> => {
  try {
    return Exit.succeed(look())
  } catch (defect) {
    return Exit.die(defect)
  }
}

/** Yields to the event loop for one turn. */
export const turnEnds: Effect.Effect<void> = Effect.async((resume) => {
  setImmediate(() => resume(Effect.void))
})
