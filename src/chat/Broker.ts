import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as HashMap from "effect/HashMap"
import * as Ref from "effect/Ref"
import type * as Scope from "effect/Scope"
import type { ReachabilityProbe } from "../ports/Reachability.js"
import * as Time from "../ports/Time.js"
import type { Socket } from "../ports/Transport.js"
import * as CloseReason from "../protocol/CloseReason.js"
import type { Delivered } from "../protocol/Fate.js"
import * as FatalReply from "../protocol/FatalReply.js"
import * as LogEvent from "../telemetry/LogEvent.js"
import type * as Metrics from "../telemetry/Metrics.js"
import type { Bans } from "./Bans.js"
import type { Batch } from "./Batch.js"
import * as BrokerState from "./BrokerState.js"
import { connectionBytes, type Budget } from "./Budget.js"
import { Events, type WriterEnd, type Event } from "./Events.js"
import type { HostLimits } from "./HostLimits.js"
import { costOf, type Inspection } from "./Inspection.js"
import type { Ledger } from "./Ledger.js"
import type { Live } from "./Live.js"
import type { Moderation } from "./Moderation.js"
import type { Members } from "./Names.js"
import type { Options } from "./Options.js"
import type { Outbox } from "./Outbox.js"
import type { Peer } from "./Peer.js"
import type { Question } from "./Question.js"
import { work } from "./Turn.js"

/**
 * Routes lines between the peers. One fiber drains one `Queue` of events and is the only one that changes the peers. It
 * never waits for a peer.
 */
export interface Broker {
  /** Registers a new connection. */
  readonly open: (socket: Socket) => Peer
  /** Called by the reader: there is new input in the peer's inbox. */
  readonly read: (peer: Peer) => void
  /** Called by a writer: the batch has met this fate. For a socket: the kernel has taken the whole batch. */
  readonly settled: (outbox: Outbox<Peer>, batch: Batch<Peer>, fate: Delivered) => void
  /** Called by the socket writer before it writes a batch. */
  readonly writing: (peer: Peer) => void
  /** Called by the socket writer: the kernel accepts no more bytes for now. */
  readonly blocked: (peer: Peer) => void
  /** Called by the socket writer: the kernel accepts bytes again. */
  readonly unblocked: (peer: Peer) => void
  /** Called once when the socket writer has ended. The name is free once the broker has handled this. */
  readonly leave: (peer: Peer, departure: WriterEnd) => void
  /** Starts the drain: accept nothing more, settle what was accepted, end every outbox. Returns immediately. */
  readonly drain: Effect.Effect<void>
  /** Whether the drain has begun. */
  readonly isDraining: Effect.Effect<boolean>
  /** Gives up on what the drain has not settled: breaks the connections whose outboxes still hold lines. */
  readonly cutOff: Effect.Effect<void>
  /** Number of pairs that were returned or are dead since `cutOff`, or have no fate yet. */
  readonly pairsCutOff: () => number
  /** Succeeds once the broker has completely handled everything that was reported to it. */
  readonly idle: Effect.Effect<void>
  /** The connections at this moment, and those that ended most recently. */
  readonly inspect: Effect.Effect<Inspection>
  /** Runs a function in the broker's turn, the only place where clients may be kicked and banned. */
  readonly moderate: <A>(act: (moderation: Moderation) => A) => Effect.Effect<A>
  /** Updates the metrics, and returns the gauges. */
  readonly measure: Effect.Effect<Metrics.Gauges>
  /** The server's clocks. */
  readonly time: Time.Time
  readonly ledger: Ledger
  readonly bans: Bans
  readonly hostLimits: HostLimits
  readonly budget: Budget
  /** The clients that can be addressed. Only the broker sets it. */
  readonly members: Ref.Ref<Members>
}

export const make = (
  options: Live<Options>,
  extensions: BrokerState.Extensions = {},
  reachability?: ReachabilityProbe
): Effect.Effect<Broker, never, Scope.Scope> =>
  Effect.gen(function* () {
    const time = Time.of(yield* Effect.clock)
    const events = yield* Events.make
    const members = yield* Ref.make<Members>(HashMap.empty())
    const log = yield* LogEvent.logger
    const state = BrokerState.make({ options, time, log, events, ask: yield* asker(events), reachability }, extensions)
    const { backlog, budget, drain, features, inspector, notices, settled, watch } = state

    const report = (event: Event) => Effect.sync(() => events.report(event))
    const reportTick = report({ _tag: "Tick" })
    yield* Effect.forkScoped(turns(state, members))
    yield* whenever(watch.due, reportTick)
    yield* whenever(notices.due, report({ _tag: "Notices" }))
    yield* Effect.forkScoped(Effect.forever(closeVanished(state)))
    // Forked now: closing the scope may be what starts the drain, and a closing scope takes no new fibers.
    yield* whenever(drain.due, reportTick)
    yield* Effect.forEach(features, ({ run = Effect.void }) => Effect.forkScoped(run), { discard: true })

    return {
      open: (socket) => state.arrivals.open(socket),
      read: (peer) => {
        drain.heard()
        if (peer.inbox.stopIfShort()) watch.shortOfMemory(peer)
        if (peer.inbox.announced) return
        peer.inbox.announced = true
        events.report({ _tag: "Read", peer })
      },
      settled,
      writing: (peer) => watch.vanished.writing(peer),
      blocked: (peer) => watch.blocked(peer),
      unblocked: (peer) => watch.unblocked(peer),
      leave: (peer, departure) => events.report({ _tag: "Left", peer, departure }),
      drain: report({ _tag: "Drain" }),
      isDraining: Effect.sync(() => drain.isDraining),
      cutOff: report({ _tag: "CutOff" }),
      pairsCutOff: () => drain.pairsCutOff,
      idle: Effect.repeat(
        events.inTurn(() => backlog.length === 0),
        { until: (isIdle: boolean) => isIdle }
      ),
      inspect: events.inTurn(() => inspector.inspect(time, drain.isDraining)),
      moderate: (act) => events.inTurn(() => act(state.moderation)),
      measure: events.inTurn(() => inspector.measure(events.waiting + backlog.length)),
      time,
      ledger: state.ledger,
      bans: state.bans,
      hostLimits: state.hostLimits,
      budget,
      members
    }
  })

/** The broker's fiber. A plain loop: `Effect.forever` would yield once more after each turn (benchmark: churn). */
const turns = (state: BrokerState.BrokerState, members: Ref.Ref<Members>): Effect.Effect<never> =>
  Effect.gen(function* () {
    const { backlog, budget, defects, directory, events, ledger, lifecycle, names, time, turn, watch } = state
    let published = names.members
    for (;;) {
      // A turn that left something to do is followed by another one even if nothing is reported.
      const isDone = backlog.length === 0 && !turn.hasUnflushed
      const reported = yield* isDone ? events.take : events.takeIfAny
      turn.begin(time.now())
      for (const event of reported) backlog.add(event)
      takeTurn(state)
      if (lifecycle.peers.size === 0) directory.clear()
      if (budget.isExhausted) watch.memoryIsUsedUp()
      for (const defect of defects.splice(0)) yield* Effect.logError("a defect in the broker", Cause.die(defect))
      ledger.publish()
      if (published === names.members) continue
      published = names.members
      yield* Ref.set(members, published)
    }
  })

/** Does the work of one turn: the input that comes first, then at least one event of the queue. */
const takeTurn = (state: BrokerState.BrokerState) => {
  const { backlog, turn } = state
  while (!(backlog.hasQueue ? turn.isHalfOver : turn.isOver)) {
    const event = backlog.nextPrompt()
    if (event === undefined) break
    attempt(state, event)
  }
  // Flushed now, so that these outboxes do not wait for those that the queued events touch.
  turn.flush()
  do {
    const event = backlog.nextQueued()
    if (event === undefined) break
    attempt(state, event)
  } while (!turn.isOver)
  turn.flushSome()
}

const attempt = (state: BrokerState.BrokerState, event: Event) => {
  try {
    handle(state, event)
  } catch (defect) {
    if ("peer" in event) state.defective(event.peer, defect)
    else state.defects.push(defect)
  }
}

const handle = (state: BrokerState.BrokerState, event: Event) => {
  const { drain, input, lifecycle, notices, turn } = state
  turn.spend(work.event)
  switch (event._tag) {
    case "Read":
      event.peer.inbox.announced = false
      event.peer.heardAt = turn.startedAt
      state.watch.vanished.heard(event.peer)
      return input.read(event.peer)
    case "Continue":
      return input.resume(event.peer)
    case "Room":
      return input.release(event.outbox)
    case "Settled":
      return lifecycle.finishIfSettled(event.peer)
    case "Labelled":
      return lifecycle.settledLabelled(event.outbox, event.runs, event.fate)
    case "Written":
      return lifecycle.written(event.peer)
    case "Answered":
      return input.answered(event.peer, event.question, event.exit)
    case "Left":
      return left(state, event.peer, event.departure)
    case "Tick":
      return tick(state)
    case "Probe":
      return probe(state)
    case "Notices":
      return notices.send()
    case "Drain":
      return drain.begin()
    case "CutOff":
      return drain.cutOff()
    case "Look":
      return event.look()
  }
}

const left = (
  { input, inspector, lifecycle, time, turn }: BrokerState.BrokerState,
  peer: Peer,
  departure: WriterEnd
) => {
  turn.spend(work.membership)
  lifecycle.left(peer, departure)
  input.release(peer.outbox)
  if (peer.hold !== undefined) input.routeRest(peer)
  lifecycle.rememberOrphan(peer)
  inspector.left(peer, departure.reason, time.wall())
  departure.handled?.()
}

/** Runs each question in a separate fiber; these fibers end with the scope. */
const asker = (events: Events) =>
  Effect.map(
    FiberSet.makeRuntime<never>(),
    (run) => (peer: Peer, question: Question) =>
      void run(
        Effect.map(Effect.exit(question.ask), (exit) => events.report({ _tag: "Answered", peer, question, exit }))
      )
  )

/** Runs `then` each time `due` succeeds, until the scope closes. */
const whenever = (due: Effect.Effect<void>, then: Effect.Effect<void>) =>
  Effect.forkScoped(Effect.forever(Effect.zipRight(due, then)))

/** Waits until peers that may have vanished have been checked, and closes those that have. */
const closeVanished = ({ breakOff, events, watch }: BrokerState.BrokerState) =>
  Effect.flatMap(watch.vanished.check, (found) =>
    events.inTurn(() => {
      for (const { peer, unacknowledged } of watch.vanished.conclude(found)) {
        peer.unacknowledgedBytes = unacknowledged
        breakOff(peer, "unreachable")
      }
    })
  )

/** Acts on what only a timer can notice. */
const tick = (state: BrokerState.BrokerState) => {
  const { backlog, breakOff, budget, drain, lifecycle, watch } = state
  const { jammed, loginsExpired, stalled, starved, unresponsive } = watch.tick()
  for (const peer of loginsExpired) lifecycle.refuse(peer, FatalReply.loginTimeout, undefined)
  for (const peer of unresponsive.leaving) lifecycle.acknowledgesNoMore(peer)
  for (const peer of unresponsive.unreachable) breakOff(peer, "unreachable") // before `stalled`: it may be in both
  for (const peer of stalled) breakOff(peer, expulsion(peer) ?? "slow-consumer")
  for (const peer of starved) breakOff(peer, "memory")
  for (const outbox of jammed) backlog.add({ _tag: "Room", outbox })
  if (budget.isOverrun) relieve(state)
  drain.tick()
  watch.rest()
  if (watch.isProbeDue) backlog.add({ _tag: "Probe" }) // last: the drain would count it as unfinished work
}

/** Probes some of the peers that are not read from, and leaves the rest to later turns. */
const probe = ({ backlog, turn, watch }: BrokerState.BrokerState) => {
  const end = turn.afterOneShare
  const isOver = () => {
    turn.spend(work.probe)
    return turn.hasReached(end)
  }
  if (!watch.probe(isOver)) backlog.add({ _tag: "Probe" })
}

/** Why the operator ended the connection, if the operator did. A stalled socket is not the reason then. */
const expulsion = ({ outbox: { ended } }: Peer) => (CloseReason.isExpulsion(ended) ? ended : undefined)

/** Closes the connections that hold the most memory, until usage is below the limit. */
const relieve = ({ breakOff, budget, directory, lifecycle }: BrokerState.BrokerState) => {
  directory.clear() // routes can be found again
  let excess = budget.used - budget.limit
  for (const peer of [...lifecycle.peers].toSorted((one, other) => costOf(other) - costOf(one))) {
    // Closing idle connections would free next to nothing.
    if (excess <= 0 || costOf(peer) === 0) return
    excess -= costOf(peer) + connectionBytes
    breakOff(peer, "memory")
  }
}
