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
import * as Metrics from "../telemetry/Metrics.js"
import type { Socket } from "../ports/Transport.js"
import { Budget } from "./Budget.js"
import { Deadlines } from "./Deadlines.js"
import { HostLimits } from "./HostLimits.js"
import { Ledger } from "./Ledger.js"
import { Inspector, type Inspection } from "./Inspection.js"
import type { Options } from "./Options.js"
import { Outbox, type Batch, type Bounds } from "./Outbox.js"
import { Peer } from "./Peer.js"
import { Roster, type Members } from "./Roster.js"
import { Sessions, settle, type Departure } from "./Sessions.js"
import { TokenBucket } from "./TokenBucket.js"

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
  /** Somebody outside wants to know something. */
  | { readonly _tag: "Asked"; readonly answer: () => void }

/**
 * Routes lines between the peers. One fiber drains one `Queue` of events and is the only one that changes the peers; it
 * never waits for any of them.
 */
export interface Broker {
  /** Takes a new connection on. */
  readonly open: (socket: Socket) => Peer
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
  /** The options have changed: takes over what it has derived from them. */
  readonly configure: Effect.Effect<void>
  /** What there is at this moment. */
  readonly inspect: Effect.Effect<Inspection>
  /** Brings the metrics up to date, and answers those that are sums over all peers. */
  readonly measure: Effect.Effect<Metrics.Gauges>
  /** The time by the server's clock, in milliseconds. */
  readonly now: () => number
  readonly ledger: Ledger
  readonly addresses: HostLimits
  readonly budget: Budget
  /** Who is present. The broker is the only one that sets it. */
  readonly members: Ref.Ref<Members>
}

/** How much is put into outboxes before the event loop gets its turn, so that nobody waits long behind a flood. */
const turnBytes = 2_097_152

/** How often a drain looks whether it is over. */
const drainTick = Duration.millis(10)

/**
 * A drain that has delivered everything goes on answering `! closing` until nobody has said anything for so many ticks,
 * but no longer than `lastCall`: lines that are under way are refused by word, not by silence. Ticks, and not a time,
 * since between two of them everything that has arrived is read, however busy the machine is.
 */
const quietTicks = 5
const lastCall = Duration.millis(500)

export const make = (options: Options): Effect.Effect<Broker, never, Scope.Scope> =>
  Effect.gen(function* () {
    const clock = yield* Effect.clock
    const now = () => clock.unsafeCurrentTimeMillis()
    // What one turn brings goes into the queue together: each event by itself would cost as much as what it says does
    // (benchmark: mesh, window 1).
    const inbox = yield* Queue.unbounded<ReadonlyArray<Event>>()
    let brought: Array<Event> = []
    let waitingEvents = 0
    const endOfTurn = makeEndOfTurn(() => {
      if (brought.length === 0) return
      inbox.unsafeOffer(brought)
      brought = []
    })
    const tell = (event: Event) => {
      brought.push(event)
      waitingEvents += 1
      endOfTurn.ask()
    }
    /** What `look` sees in the broker's turn, when everything it was told until now has been done. */
    const inTurn = <A>(look: () => A): Effect.Effect<A> =>
      Effect.flatMap(Deferred.make<A>(), (answer) => {
        tell({ _tag: "Asked", answer: () => Deferred.unsafeDone(answer, Effect.succeed(look())) })
        return Deferred.await(answer)
      })
    const budget = new Budget(options.maxMemory)
    const bounds: Bounds = { lines: 0, bytes: 0, outcomes: 0, budget }
    const roster = new Roster()
    const members = yield* Ref.make<Members>(roster.members())
    let published = roster.version
    const ledger = new Ledger()
    const addresses = new HostLimits({ current: options, onChange: () => {} }, now)
    const deadlines = new Deadlines(options, budget)
    const defects: Array<unknown> = []
    /** A defect of ours ends the connection that it showed up at, not the chat. */
    const defective = (peer: Peer, defect: unknown) => {
      breakOff(peer, "internal-error")
      defects.push(defect)
    }
    const sessions = new Sessions(roster, ledger, deadlines, addresses, options, now, defective)
    const inspector = new Inspector(sessions.peers, ledger, budget)
    const limit = (peer: Peer) => {
      peer.rate = options.rate > 0 ? new TokenBucket(options.rate, options.rate, now()) : undefined
      peer.addressRate = addresses.linesOf(peer.socket.host)
    }
    const settled = (peer: Peer) => tell({ _tag: "Settled", peer })
    let isDraining = false
    let ticksSinceHeard = 0
    let settledAt: number | undefined = undefined // when the drain had delivered everything
    let pairsBefore: number | undefined = undefined

    const configure = () => {
      bounds.lines = options.outboxLines
      bounds.bytes = options.outboxBytes
      bounds.outcomes = options.maxOutcomes
      budget.limit = options.maxMemory
      deadlines.configure(options)
      addresses.reset()
      for (const peer of sessions.peers) limit(peer)
    }
    configure()

    const pairsSentBack = () => ledger.returned + ledger.dead

    const tick = (time: number) => {
      for (const peer of deadlines.loginsExpired(time)) sessions.refuse(peer, Reply.loginTimeout, undefined)
      for (const peer of deadlines.stalled(time)) breakOff(peer, "slow-consumer")
      for (const peer of deadlines.jammed(time)) sessions.release(peer.outbox)
      deadlines.probeHeld()
      deadlines.resumeShort()
      if (budget.isOverrun) relieve()
      sessions.notifyWaiting()
      deadlines.rest()
      if (isDraining) endIfSettled(time)
    }

    /** Closes the connections that hold most of the memory, until what is in use is below the limit. */
    const relieve = () => {
      const largest = [...sessions.peers].toSorted((one, other) => costOf(other) - costOf(one))
      let excess = budget.used - budget.limit
      for (const peer of largest) {
        if (excess <= 0) return
        excess -= costOf(peer)
        breakOff(peer, "memory")
      }
    }

    const drain = () => {
      isDraining = true
      sessions.announceClosing() // before the first line is refused
      for (const peer of sessions.peers) {
        peer.inlet.close()
        sessions.read(peer)
      }
    }

    /** Ends every outbox once nothing is in flight: returns travel to the senders' outboxes, so these end last. */
    const endIfSettled = (time: number) => {
      ticksSinceHeard += 1
      if (!isSettled()) {
        settledAt = undefined
        return
      }
      settledAt ??= time
      if (ticksSinceHeard < quietTicks && time - settledAt < Duration.toMillis(lastCall)) return
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
          event.peer.heardAt = now()
          return sessions.read(event.peer)
        case "Room":
          return sessions.release(event.peer.outbox)
        case "Settled":
          return sessions.finishIfSettled(event.peer)
        case "Labelled":
          return sessions.written(event.peer, event.batch)
        case "Left":
          sessions.left(event.peer, event.departure)
          return inspector.left(event.peer, event.departure.reason, now())
        case "Tick":
          return tick(event.now)
        case "Drain":
          return drain()
        case "CutOff":
          return cutOff()
        case "Asked":
          return event.answer()
      }
    }

    // One loop, and not `forever` around a turn, which would give way once more each time (benchmark: churn).
    const turns = Effect.gen(function* () {
      for (;;) {
        yield* endOfTurn.wait
        for (const events of yield* Queue.takeAll(inbox)) {
          waitingEvents -= events.length
          for (const event of events) {
            try {
              handle(event)
            } catch (defect) {
              if ("peer" in event) defective(event.peer, defect)
              else defects.push(defect)
            }
            if (sessions.routing.putBytes < turnBytes) continue
            sessions.routing.putBytes = 0
            sessions.routing.flush()
            endOfTurn.ask()
            yield* endOfTurn.wait
            // Who told something meanwhile asked for the same end of the turn, and nobody else will.
            endOfTurn.ask()
          }
        }
        sessions.routing.putBytes = 0
        sessions.routing.flush()
        if (budget.isExhausted) deadlines.memoryIsShort()
        for (const defect of defects.splice(0)) yield* Effect.logError("a defect in the broker", Cause.die(defect))
        ledger.publish()
        if (published === roster.version) continue
        published = roster.version
        yield* Ref.set(members, roster.members())
      }
    })

    const tickAfter = (due: Effect.Effect<void>) =>
      Effect.zipRight(
        due,
        Effect.map(Clock.currentTimeMillis, (time) => tell({ _tag: "Tick", now: time }))
      )

    const draining = Effect.unsafeMakeLatch(false)
    yield* Effect.forkScoped(turns)
    yield* Effect.forkScoped(Effect.forever(tickAfter(deadlines.due)))
    // Forked now, since a scope that is closing, which may be what drains, takes no new fibers.
    yield* Effect.forkScoped(Effect.zipRight(draining.await, Effect.forever(tickAfter(Effect.sleep(drainTick)))))

    return {
      open: (socket) => {
        const peer = new Peer(socket, new Outbox(bounds), now(), options.maxLineBytes, budget)
        limit(peer)
        sessions.open(peer)
        if (isDraining) {
          peer.inlet.close()
          tell({ _tag: "Read", peer })
        }
        return peer
      },
      read: (peer) => {
        ticksSinceHeard = 0
        if (peer.inlet.stopIfShort()) deadlines.short(peer)
        if (peer.inlet.announced) return
        peer.inlet.announced = true
        tell({ _tag: "Read", peer })
      },
      wrote: (peer, batch) => {
        peer.linesOut += batch.lines
        peer.bytesOut += batch.text.length
        // Counting can be done here and now. An outcome is a line for the sender, and only the broker puts lines.
        if (batch.labels === undefined) settle(ledger, peer, batch, settled)
        else tell({ _tag: "Labelled", peer, batch })
        Metrics.delivery.record((performance.now() - batch.since) / 1000, batch.lines)
        ledger.publish()
        if (peer.outbox.taken(batch)) tell({ _tag: "Room", peer })
      },
      blocked: (peer) => deadlines.blocked(peer, now()),
      unblocked: (peer) => deadlines.unblocked(peer),
      leave: (peer, departure) => tell({ _tag: "Left", peer, departure }),
      drain: Effect.sync(() => {
        tell({ _tag: "Drain" })
        draining.unsafeOpen()
      }),
      cutOff: Effect.sync(() => tell({ _tag: "CutOff" })),
      pairsCutOff: () => (pairsBefore === undefined ? 0 : pairsSentBack() - pairsBefore),
      idle: inTurn(() => {}),
      configure: Effect.sync(configure),
      inspect: inTurn(() => inspector.inspect(now(), isDraining)),
      measure: inTurn(() => inspector.measure(waitingEvents)),
      now,
      ledger,
      addresses,
      budget,
      members
    }
  })

/**
 * Wakes the broker when the turn of the event loop in which it was asked is over: everything that was readable has been
 * read by then, and each recipient gets one write for all of it (benchmark: mesh, five times).
 */
const makeEndOfTurn = (atEnd: () => void) => {
  let isAsked = false
  let isOver = false
  let waiting: ((over: Effect.Effect<void>) => void) | undefined = undefined
  const over = () => {
    isAsked = false
    atEnd()
    const resume = waiting
    waiting = undefined
    if (resume === undefined) isOver = true
    else resume(Effect.void)
  }
  return {
    ask: () => {
      if (isAsked) return
      isAsked = true
      setImmediate(over)
    },
    /** For one waiter. */
    wait: Effect.async<void>((resume) => {
      if (!isOver) waiting = resume
      else {
        isOver = false
        resume(Effect.void)
      }
    })
  }
}

const costOf = (peer: Peer) => peer.outbox.cost + peer.inlet.cost

const breakOff = (peer: Peer, reason: CloseReason) => {
  peer.outbox.break(reason)
  peer.socket.destroy()
}
