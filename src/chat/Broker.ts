import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Ref from "effect/Ref"
import type * as Scope from "effect/Scope"
import type { CloseReason } from "../protocol/CloseReason.js"
import * as Reply from "../protocol/Reply.js"
import type { Socket } from "../transport/Transport.js"
import { Deadlines } from "./Deadlines.js"
import { Ledger } from "./Ledger.js"
import type { Options } from "./Options.js"
import { Outbox, type Batch, type Bounds } from "./Outbox.js"
import { Peer } from "./Peer.js"
import { Roster, type Members } from "./Roster.js"
import { Sessions, settle, type Departure } from "./Sessions.js"

/** What the readers, the writers, the clock and the server tell the broker. */
type Event =
  /** Its inlet has something. */
  | { readonly _tag: "Read"; readonly peer: Peer }
  /** Its outbox has room again, and senders wait for it. */
  | { readonly _tag: "Room"; readonly peer: Peer }
  /** It is leaving, and the last of its own lines was written. */
  | { readonly _tag: "Settled"; readonly peer: Peer }
  /** A batch with labelled lines was written to it. */
  | { readonly _tag: "Labelled"; readonly peer: Peer; readonly batch: Batch<Peer> }
  | { readonly _tag: "Left"; readonly peer: Peer; readonly departure: Departure }
  | { readonly _tag: "Tick"; readonly now: number }
  | { readonly _tag: "Drain" }
  | { readonly _tag: "CutOff" }
  | { readonly _tag: "Asked"; readonly answer: Deferred.Deferred<void> }

/**
 * Routes lines between the peers. One fiber drains one `Queue` of events and is the only one that changes the peers; it
 * never waits for any of them.
 */
export interface Broker {
  /** Takes a new connection on; `queue` is that of its outbox. */
  readonly open: (socket: Socket, queue: Queue.Queue<Batch<Peer>>) => Peer
  /** The reader's side: the peer's inlet has something new. */
  readonly read: (peer: Peer) => void
  /** The writer's side: the kernel took the whole batch. */
  readonly wrote: (peer: Peer, batch: Batch<Peer>) => void
  /** The writer's side: the kernel does not take more at present. */
  readonly blocked: (peer: Peer) => void
  /** The writer's side: it takes again. */
  readonly unblocked: (peer: Peer) => void
  /** The writer's side, once a connection: it has ended. The name is free when the broker has seen this. */
  readonly leave: (peer: Peer, departure: Departure) => void
  /** Accepts nothing more, settles what was accepted, and ends every outbox. Returns at once. */
  readonly drain: Effect.Effect<void>
  /** Gives up what the drain has not settled: breaks the connections that still have something to take. */
  readonly cutOff: Effect.Effect<void>
  /** How many pairs went back to their senders since `cutOff`. */
  readonly pairsCutOff: () => number
  /** Succeeds when the broker has seen everything that it was told until now. */
  readonly idle: Effect.Effect<void>
  readonly ledger: Ledger
  /** Who is present. The broker is the only one that sets it. */
  readonly members: Ref.Ref<Members>
}

/**
 * Waits until everything that is readable in this turn of the event loop was read: each recipient then gets one write
 * for all of it (benchmark: mesh, five times).
 */
const endOfTurn = Effect.async<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** How much is put into outboxes before the event loop gets its turn, so that nobody waits long behind a flood. */
const turnBytes = 2_097_152

/**
 * A drain that has delivered everything goes on answering `! closing` until nobody has said anything for `quiet`, but
 * no longer than `lastCall`: lines that are under way are refused by word, not by silence.
 */
const quiet = Duration.millis(50)
const lastCall = Duration.millis(500)

/** How often a drain looks whether it is over. */
const drainTick = Duration.millis(10)

export const make = (options: Options): Effect.Effect<Broker, never, Scope.Scope> =>
  Effect.gen(function* () {
    const clock = yield* Effect.clock
    const now = () => clock.unsafeCurrentTimeMillis()
    const inbox = yield* Queue.unbounded<Event>()
    const tell = (event: Event) => {
      inbox.unsafeOffer(event)
    }
    const bounds: Bounds = {
      lines: options.outboxLines,
      bytes: options.outboxBytes,
      outcomes: options.maxOutcomes
    }
    const roster = new Roster()
    const members = yield* Ref.make<Members>(roster.members())
    const ledger = new Ledger()
    const deadlines = new Deadlines(options)
    /** A defect of ours ends the connection that it showed up at, not the chat. */
    const defective = (peer: Peer, defect: unknown) => {
      breakOff(peer, "internal-error")
      defects.push(defect)
    }
    const defects: Array<unknown> = []
    const sessions = new Sessions(roster, ledger, deadlines, options, now, defective)
    const settled = (peer: Peer) => tell({ _tag: "Settled", peer })
    let heardAt: number | undefined = undefined // when somebody last said something, once the drain has begun
    let settledAt: number | undefined = undefined // when the drain had delivered everything
    let pairsBefore: number | undefined = undefined

    const pairsSentBack = () => ledger.returned + ledger.dead

    const tick = (time: number) => {
      for (const peer of deadlines.loginsExpired(time)) sessions.refuse(peer, Reply.loginTimeout, undefined)
      for (const peer of deadlines.stalled(time)) breakOff(peer, "slow-consumer")
      for (const peer of deadlines.jammed(time)) sessions.release(peer.outbox)
      deadlines.probeHeld()
      sessions.notifyWaiting()
      deadlines.rest()
      if (heardAt !== undefined) endIfSettled(time, heardAt)
    }

    const drain = () => {
      heardAt = now()
      sessions.notify(Reply.serverClosing(Duration.toMillis(options.grace)), undefined)
      sessions.notifyWaiting() // before the first line is refused
      for (const peer of sessions.peers) {
        peer.inlet.close()
        sessions.read(peer)
      }
    }

    /** Ends every outbox once nothing is in flight: returns travel to the senders' outboxes, so these end last. */
    const endIfSettled = (time: number, heard: number) => {
      if (!isSettled()) {
        settledAt = undefined
        return
      }
      settledAt ??= time
      if (time - heard < Duration.toMillis(quiet) && time - settledAt < Duration.toMillis(lastCall)) return
      for (const peer of sessions.peers) sessions.leave(peer, "shutdown")
    }

    const isSettled = () => {
      if (ledger.snapshot().inFlight > 0) return false
      for (const peer of sessions.peers) {
        if (peer.outbox.waiting.length > 0 || (!peer.closing && peer.leaving === undefined)) return false
      }
      return true
    }

    const cutOff = () => {
      pairsBefore = pairsSentBack()
      for (const peer of sessions.peers) if (peer.outbox.lines > 0) breakOff(peer, "cut-off")
    }

    const handle = (event: Event) => {
      switch (event._tag) {
        case "Read":
          event.peer.inlet.announced = false
          return sessions.read(event.peer)
        case "Room":
          return sessions.release(event.peer.outbox)
        case "Settled":
          return sessions.finishIfSettled(event.peer)
        case "Labelled":
          return sessions.written(event.peer, event.batch)
        case "Left":
          return sessions.left(event.peer, event.departure)
        case "Tick":
          return tick(event.now)
        case "Drain":
          return drain()
        case "CutOff":
          return cutOff()
        case "Asked":
          return Deferred.unsafeDone(event.answer, Effect.void)
      }
    }

    const turn = Effect.gen(function* () {
      const first = yield* Queue.take(inbox)
      yield* endOfTurn
      const rest = yield* Queue.takeAll(inbox)
      for (const event of [first, ...rest]) {
        try {
          handle(event)
        } catch (defect) {
          if ("peer" in event) defective(event.peer, defect)
          else defects.push(defect)
        }
        if (sessions.routing.putBytes < turnBytes) continue
        sessions.routing.putBytes = 0
        sessions.routing.flush()
        yield* endOfTurn
      }
      sessions.routing.putBytes = 0
      sessions.routing.flush()
      for (const defect of defects.splice(0)) yield* Effect.logError("a defect in the broker", Cause.die(defect))
      if ((yield* Ref.get(members)).version !== roster.version) yield* Ref.set(members, roster.members())
    })

    const tickAfter = (due: Effect.Effect<void>) =>
      Effect.zipRight(
        due,
        Effect.map(Clock.currentTimeMillis, (time) => tell({ _tag: "Tick", now: time }))
      )

    const scope = yield* Effect.scope
    yield* Effect.forkScoped(Effect.forever(turn))
    yield* Effect.forkScoped(Effect.forever(tickAfter(deadlines.due)))

    return {
      open: (socket, queue) => {
        const peer = new Peer(socket, new Outbox(queue, bounds), now(), options.maxLineBytes)
        sessions.open(peer)
        if (heardAt !== undefined) peer.inlet.close()
        return peer
      },
      read: (peer) => {
        if (heardAt !== undefined) heardAt = now()
        if (peer.inlet.announced) return
        peer.inlet.announced = true
        tell({ _tag: "Read", peer })
      },
      wrote: (peer, batch) => {
        peer.linesOut += batch.lines
        peer.bytesOut += batch.text.length
        // Counting can be done here and now. An outcome is a line for the sender, and only the broker puts lines.
        if (batch.labels === undefined) settle(ledger, batch, settled)
        else tell({ _tag: "Labelled", peer, batch })
        if (peer.outbox.taken(batch)) tell({ _tag: "Room", peer })
      },
      blocked: (peer) => deadlines.blocked(peer, now()),
      unblocked: (peer) => deadlines.unblocked(peer),
      leave: (peer, departure) => tell({ _tag: "Left", peer, departure }),
      drain: Effect.suspend(() => {
        tell({ _tag: "Drain" })
        return Effect.asVoid(Effect.forkIn(Effect.forever(tickAfter(Effect.sleep(drainTick))), scope))
      }),
      cutOff: Effect.sync(() => tell({ _tag: "CutOff" })),
      pairsCutOff: () => (pairsBefore === undefined ? 0 : pairsSentBack() - pairsBefore),
      idle: Effect.flatMap(Deferred.make<void>(), (answer) => {
        tell({ _tag: "Asked", answer })
        return Deferred.await(answer)
      }),
      ledger,
      members
    }
  })

const breakOff = (peer: Peer, reason: CloseReason) => {
  peer.outbox.break(reason)
  peer.socket.destroy()
}
