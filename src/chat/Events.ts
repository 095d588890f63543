import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberRef from "effect/FiberRef"
import * as Queue from "effect/Queue"
import type { CloseReason } from "../protocol/CloseReason.js"
import type { Delivered } from "../protocol/Fate.js"
import type { Batch } from "./Batch.js"
import type { Outbox } from "./Outbox.js"
import type { Peer } from "./Peer.js"
import type { Question } from "./Question.js"
import type { Runs } from "./Runs.js"
import { runNow } from "./Scheduler.js"

/** How a writer ended. */
export interface WriterEnd {
  readonly reason: CloseReason
  /** The batch being written, and how many of its bytes the kernel took. */
  readonly unfinished: { readonly batch: Batch<Peer>; readonly taken: number } | undefined
  /** The batches not yet started. */
  readonly queued: ReadonlyArray<Batch<Peer>>
  /** Called once the broker has freed the name. */
  readonly handled: (() => void) | undefined
}

/** What readers, writers, questions, timers and the server report to the broker. */
export type Event =
  /** There is new input in the peer's inbox. */
  | { readonly _tag: "Read"; readonly peer: Peer }
  /** A peer that had used its share is served again. Reported by the broker itself. */
  | { readonly _tag: "Continue"; readonly peer: Peer }
  /** The outbox has room again, and senders wait for it. */
  | { readonly _tag: "Room"; readonly outbox: Outbox<Peer> }
  /** The fate of the last in-flight line of a leaving peer is decided. */
  | { readonly _tag: "Settled"; readonly peer: Peer }
  /** A batch that contains labelled lines has been delivered. */
  | {
      readonly _tag: "Labelled"
      readonly outbox: Outbox<Peer>
      readonly runs: Runs<Peer>
      readonly fate: Delivered
    }
  /**
   * A batch has been written to a client that acknowledges what it processes, and that has already acknowledged these
   * lines, or is leaving.
   */
  | { readonly _tag: "Written"; readonly peer: Peer }
  /** The answer to a question asked on behalf of the peer. */
  | {
      readonly _tag: "Answered"
      readonly peer: Peer
      readonly question: Question
      readonly exit: Exit.Exit<unknown, unknown>
    }
  /** The peer's writer has ended. */
  | { readonly _tag: "Left"; readonly peer: Peer; readonly departure: WriterEnd }
  | { readonly _tag: "Tick" }
  /** Time to probe the peers that are not being read. Reported by the broker itself. */
  | { readonly _tag: "Probe" }
  /** Collected notices are due. */
  | { readonly _tag: "Notices" }
  | { readonly _tag: "Drain" }
  | { readonly _tag: "CutOff" }
  /** A function to run in the broker's turn, after everything reported before. */
  | { readonly _tag: "Look"; readonly look: () => void }

/**
 * These turns take less than a millisecond together. The gain is half as large with 4, and also with 32, where clients
 * wait too long.
 */
const maxAcceptTurns = 16

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
  private queued = 0
  private isScheduled = false
  private hasAccepted = false
  /** Consecutive turns of the event loop in which a connection was accepted. */
  private acceptTurns = 0
  private idle: ((events: Effect.Effect<ReadonlyArray<Event>>) => void) | undefined = undefined
  /** The broker continues at the end of the turn, whether there are events or not. */
  private goesOn = false

  private constructor(
    private readonly queue: Queue.Queue<ReadonlyArray<Event>>,
    /** Wakes fibers, and runs them at once. */
    private readonly runNow: (wake: () => void) => void
  ) {}

  static readonly make: Effect.Effect<Events> = Effect.zipWith(
    Queue.unbounded<ReadonlyArray<Event>>(),
    Effect.map(FiberRef.get(FiberRef.currentScheduler), runNow),
    (queue, run) => new Events(queue, run)
  )

  /** Events reported but not yet taken by the broker. */
  get waiting(): number {
    return this.queued + this.brought.length
  }

  report(event: Event) {
    this.brought.push(event)
    this.schedule()
  }

  /** A connection was accepted: another one may be waiting. */
  accepted() {
    this.hasAccepted = true
    this.schedule()
  }

  private schedule() {
    if (this.isScheduled) return
    this.isScheduled = true
    setImmediate(this.runEndOfTurn)
  }

  private readonly runEndOfTurn = () => {
    this.isScheduled = false
    const waits = this.waitsForAccepts()
    if (waits) this.schedule()
    if (!waits && this.brought.length > 0) this.runNow(this.endOfTurn)
    else if (this.goesOn) this.runNow(this.goOn)
  }

  /**
   * Whether a crowd of clients is arriving. libuv accepts one connection in each turn of the event loop, so the events
   * of up to `maxAcceptTurns` turns are handled together: with one wake-up of the broker, and with writes that follow
   * each other, of which only the first wakes the clients' processor (benchmarks: churn, a sixth; rush, a fifth).
   */
  private waitsForAccepts(): boolean {
    this.acceptTurns = this.hasAccepted ? this.acceptTurns + 1 : 0
    this.hasAccepted = false
    // A single accept is no crowd.
    if (this.acceptTurns < 2 || this.brought.length === 0) return false
    if (this.acceptTurns <= maxAcceptTurns) return true
    this.acceptTurns = 1
    return false
  }

  private readonly endOfTurn = () => {
    const events = this.brought
    this.brought = []
    if (this.idle !== undefined && this.queued === 0) return this.resume(Effect.succeed(events))
    this.queued += events.length
    this.queue.unsafeOffer(events)
    this.goOn()
  }

  private readonly goOn = () => this.resume(this.queued === 0 ? noEvents : this.takeQueued)

  private resume(events: Effect.Effect<ReadonlyArray<Event>>) {
    const { idle } = this
    this.idle = undefined
    this.goesOn = false
    idle?.(events)
  }

  /** Waits for the events of the next turn that has any. For a single consumer. */
  readonly take: Effect.Effect<ReadonlyArray<Event>> = Effect.suspend(() =>
    this.queued === 0 ? this.park : this.takeQueued
  )

  /**
   * Lets the event loop have a turn, and takes the events that there are at its end, if any. They include what is read
   * in this turn: one turn later, it would wait for the writes of another turn (benchmarks: names-1000, room-1000).
   */
  readonly takeIfAny: Effect.Effect<ReadonlyArray<Event>> = Effect.async((resume) => {
    this.idle = resume
    this.goesOn = true
    this.schedule()
  })

  private readonly takeQueued = Effect.suspend(() =>
    Effect.map(Queue.takeAll(this.queue), (turns) => {
      this.queued = 0
      const [first = [], ...others] = turns
      return others.length === 0 ? first : first.concat(...others)
    })
  )

  private readonly park = Effect.async<ReadonlyArray<Event>>((resume) => {
    this.idle = resume
  })

  /** Runs `look` in the broker's turn, after everything that was reported before. */
  inTurn<A>(look: () => A): Effect.Effect<A> {
    return Effect.async((resume) => this.report({ _tag: "Look", look: () => resume(attempt(look)) }))
  }
}

const noEvents: Effect.Effect<ReadonlyArray<Event>> = Effect.succeed([])

const attempt = <A>(look: () => A): Exit.Exit<A> => {
  try {
    return Exit.succeed(look())
  } catch (defect) {
    return Exit.die(defect)
  }
}
