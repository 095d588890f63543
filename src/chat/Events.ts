import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import type { Delivered } from "../protocol/Fate.js"
import type { Batch } from "./Batch.js"
import type { Departure } from "./Lifecycle.js"
import type { Outbox } from "./Outbox.js"
import type { Peer } from "./Peer.js"
import type { Question } from "./Question.js"

/** What readers, writers, questions, timers and the server report to the broker. */
export type Event =
  /** Its inbox has something. */
  | { readonly _tag: "Read"; readonly peer: Peer }
  /** It has room again, and senders wait for it. */
  | { readonly _tag: "Room"; readonly outbox: Outbox<Peer> }
  /** It is leaving, and the last of its own lines has met its fate. */
  | { readonly _tag: "Settled"; readonly peer: Peer }
  /** A recipient has got a batch with labelled lines. */
  | {
      readonly _tag: "Labelled"
      readonly outbox: Outbox<Peer>
      readonly batch: Batch<Peer>
      readonly fate: Delivered
    }
  /** The answer to a question that was asked for it. */
  | {
      readonly _tag: "Answered"
      readonly peer: Peer
      readonly question: Question
      readonly exit: Exit.Exit<unknown, unknown>
    }
  /** Its writer has ended. */
  | { readonly _tag: "Left"; readonly peer: Peer; readonly departure: Departure }
  | { readonly _tag: "Tick"; readonly now: number }
  /** Notices were collected for long enough. */
  | { readonly _tag: "Notices" }
  | { readonly _tag: "Drain" }
  | { readonly _tag: "CutOff" }
  /** Runs in the broker's turn, after everything that was reported before. */
  | { readonly _tag: "Look"; readonly look: () => void }

/**
 * The broker's queue. What one turn of Node's event loop brings goes in together, at its end: everything that was readable
 * has been read by then, and each recipient gets one write for all of it (benchmark: mesh, five times).
 *
 * An idle broker is woken directly, and the `Queue` holds what comes while it is busy: waking a fiber from an empty `Queue`
 * costs five times as much (src/chat/README.md).
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

  /** Events that were reported, and that the broker has not taken yet. */
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

  /** The events of the next turn that brings some. For one taker. */
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

/** Lets the event loop have a turn. */
export const turnEnds: Effect.Effect<void> = Effect.async((resume) => {
  setImmediate(() => resume(Effect.void))
})
