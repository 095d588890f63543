import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as FiberSet from "effect/FiberSet"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import * as Scheduler from "effect/Scheduler"
import type * as Scope from "effect/Scope"
import * as Descriptors from "../ports/Descriptors.js"
import { Endpoints } from "../ports/Endpoints.js"
import * as Reachability from "../ports/Reachability.js"
import * as Time from "../ports/Time.js"
import type { Address, Listen, Listener, TransportError } from "../ports/Transport.js"
import * as Block from "../protocol/Block.js"
import * as Wire from "../protocol/Wire.js"
import * as LogEvent from "../telemetry/LogEvent.js"
import type { Gauges } from "../telemetry/Metrics.js"
import * as AcceptLoop from "./AcceptLoop.js"
import * as Broker from "./Broker.js"
import type { BanSubject } from "./BanSubject.js"
import type { Extensions } from "./BrokerState.js"
import * as Connection from "./Connection.js"
import * as Fibers from "./Fibers.js"
import type { Inspection } from "./Inspection.js"
import type { LedgerSnapshot } from "./Ledger.js"
import { LiveSource, type Live } from "./Live.js"
import { defaults, type Options } from "./Options.js"
import { FiberScheduler } from "./Scheduler.js"

/** The ports that a server needs: where it listens, and those for which `standalone` has a default. */
export type Ports = Endpoints | Descriptors.Descriptors | Reachability.Reachability

/**
 * Layers that do nothing, for every port but `Endpoints`: a server on its own. Provide it last, after the ports for
 * which the program has real layers. It also covers ports that future versions add.
 */
export const standalone: Layer.Layer<Exclude<Ports, Endpoints>> = Layer.merge(Descriptors.none, Reachability.none)

/** The result of a drain. */
export interface Drained {
  /**
   * Accepted (line, recipient) pairs that were not delivered within the grace time: returned to their senders, dead, or
   * held by a store that has not answered.
   */
  readonly cutOff: number
  readonly ledger: LedgerSnapshot
}

/** A running chat server. */
export interface ServerHandle {
  /** Where it listens, in the order of its endpoints, with real ports in place of 0. */
  readonly addresses: NonEmptyReadonlyArray<Address>
  /** The first of `addresses`. */
  readonly address: Address
  /** The names of the clients that are logged in, in code point order. */
  readonly names: Effect.Effect<ReadonlyArray<string>>
  /** The fates of all accepted lines (protocol, section 4). */
  readonly ledger: Effect.Effect<LedgerSnapshot>
  /** The memory budget and the part of it that queues, unfinished lines, routes and connections use, in bytes. */
  readonly memory: Effect.Effect<{ readonly used: number; readonly limit: number }>
  /** The current connections, and those that ended most recently. */
  readonly inspect: Effect.Effect<Inspection>
  /** Updates all metrics in Effect's registry, and returns the gauges. */
  readonly measure: Effect.Effect<Gauges>
  /**
   * Changes options while the server runs. `maxLineBytes` applies to new connections only. The hard limit above which
   * the operating system drops connections is fixed at start, so raising `maxConnections` beyond it requires a restart.
   */
  readonly configure: (changes: Partial<Options>) => Effect.Effect<void>
  /**
   * Disconnects the client with this name, or with one that looks the same, and returns its queue to the senders
   * (protocol, section 5). Clients that only send may share a name: then it disconnects them all. False if there is
   * none.
   */
  readonly kick: (name: string) => Effect.Effect<boolean>
  /**
   * Refuses these clients from now on, disconnects those that are present, and returns their number. Without a duration
   * the ban lasts as long as the server. It replaces an earlier ban of the same subject.
   */
  readonly ban: (subject: BanSubject, duration?: Duration.DurationInput) => Effect.Effect<number>
  /** Lifts a ban; false if there is none of this subject. */
  readonly unban: (subject: BanSubject) => Effect.Effect<boolean>
  /** The bans, and the milliseconds until each ends; `Infinity` for one that has no end. */
  readonly bans: Effect.Effect<ReadonlyArray<{ readonly subject: BanSubject; readonly leftMillis: number }>>
  /** Whether the drain has begun. */
  readonly isDraining: Effect.Effect<boolean>
  /**
   * Stops listening, accepts no more lines, delivers those already accepted, and closes every connection in an orderly
   * way, within the grace time. Closing the scope does the same. Only the first run starts a drain; later ones wait for
   * it. If the scope closes in a test whose `TestClock` no longer moves, the grace time ends after a second of real
   * time.
   */
  readonly drain: Effect.Effect<Drained>
}

export class Server extends Context.Tag("a-chat/Server")<Server, ServerHandle>() {}

/** Limits that differ from the defaults, and extensions of the chat. */
export interface ServerOptions extends Partial<Options>, Extensions {}

/** A server that runs for the lifetime of the layer. */
export const layer = (options: ServerOptions = {}): Layer.Layer<Server, TransportError, Ports> =>
  Layer.scoped(Server, make(options))

export interface StandaloneOptions extends ServerOptions {
  /** Where it listens: `Tcp.listen(host, port)`, `Unix.listen(path)`, a `Memory` network. */
  readonly listen: NonEmptyReadonlyArray<Listen>
}

/** Starts a standalone server in the scope: `make` with the endpoints in `listen` and the ports of `standalone`. */
export const start = ({
  listen,
  ...options
}: StandaloneOptions): Effect.Effect<ServerHandle, TransportError, Scope.Scope> =>
  make(options).pipe(Effect.provideService(Endpoints, listen), Effect.provide(standalone))

/** Starts a server; closing the scope drains it. Fails if the server cannot listen. */
export const make = ({ admission, features, turnBounds, ...options }: ServerOptions = {}): Effect.Effect<
  ServerHandle,
  TransportError,
  Scope.Scope | Ports
> =>
  Effect.gen(function* () {
    const endpoints = yield* Endpoints
    const descriptors = yield* Descriptors.Descriptors
    const reachability = yield* Reachability.Reachability
    const live = new LiveSource<Options>({ ...defaults, ...options })
    // Finalisers run in reverse order: the drain waits for the connections, which need the broker until they end.
    const broker = yield* Broker.make(live, { admission, features, turnBounds }, reachability)
    const connections = yield* FiberSet.make<unknown>()
    const startFiber = yield* Fibers.start
    const acceptLoop = yield* AcceptLoop.make({
      limits: live,
      bans: broker.bans,
      hostLimits: broker.hostLimits,
      budget: broker.budget,
      descriptors,
      fork: (connection) => {
        const fiber = startFiber(connection)
        FiberSet.unsafeAdd(connections, fiber)
        return fiber
      },
      serve: Connection.run({ broker, options: live, log: yield* LogEvent.logger })
    })
    const isOutOfTime = yield* Effect.makeLatch()
    const drain = yield* onceInItsOwnFiber(drained({ live, broker, connections, acceptLoop, isOutOfTime }))
    // Registered before the server listens. If listening fails, there is nothing to drain and no stop to log.
    let hasStarted = false
    yield* Effect.addFinalizer(() => (hasStarted ? whileClockMoves(drain, isOutOfTime) : acceptLoop.stop))
    yield* loadRoutines
    const addresses = yield* Effect.forEach(endpoints, (endpoint) =>
      Effect.map(Effect.tap(acceptLoop.listen(endpoint), announce), ({ address }) => address)
    )
    hasStarted = true
    return {
      addresses,
      address: addresses[0],
      names: Effect.map(Ref.get(broker.members), (members) =>
        Array.from(HashMap.keys(members), Wire.decode).toSorted()
      ),
      ledger: Effect.sync(() => broker.ledger.snapshot()),
      memory: Effect.sync(() => ({ used: broker.budget.used, limit: broker.budget.limit })),
      configure: (changes: Partial<Options>) => Effect.sync(() => live.set(changes)),
      kick: (name: string) => broker.moderate((moderation) => moderation.kick(Wire.encode(name))),
      ban: (subject: BanSubject, duration?: Duration.DurationInput) =>
        broker.moderate((moderation) =>
          moderation.ban(subject, duration === undefined ? undefined : Duration.toMillis(duration))
        ),
      unban: (subject: BanSubject) => broker.moderate((moderation) => moderation.unban(subject)),
      bans: broker.moderate((moderation) => {
        const now = broker.time.now()
        return moderation.bans.map(({ subject, until }) => ({ subject, leftMillis: until - now }))
      }),
      inspect: broker.inspect,
      measure: broker.measure,
      isDraining: broker.isDraining,
      drain
    }
  }).pipe(withFiberScheduler)

/** Loads the block routines before a client can send a line. A process that cannot run WebAssembly can still serve. */
const loadRoutines = Effect.suspend(() => {
  const error = Block.prepare()
  if (error === undefined) return Effect.void
  const warning = Effect.logWarning(
    "WebAssembly does not run here; lines are checked in JavaScript instead, which is slower"
  )
  return Effect.annotateLogs(warning, { cause: String(error) })
})

/** Installs the server's scheduler, unless the application has set one. */
const withFiberScheduler = <A, E, R>(server: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(FiberRef.get(FiberRef.currentScheduler), (scheduler) =>
    scheduler === Scheduler.defaultScheduler ? Effect.withScheduler(server, new FiberScheduler()) : server
  )

const announce = ({ address, identifies = false }: Listener) =>
  Effect.logInfo("listening").pipe(
    Effect.zipRight(
      address.isLocal || identifies
        ? Effect.void
        : Effect.logWarning("anyone who can reach this port can log in under any free name")
    ),
    Effect.annotateLogs({ address: address.text })
  )

/** Time for returned lines to reach their senders after the grace time has run out. */
const returnTime = Duration.seconds(1)

/** Runs a drain at the end of the scope. If the clock stands still, the drain is out of time. */
const whileClockMoves = (drain: Effect.Effect<Drained>, isOutOfTime: Effect.Latch): Effect.Effect<Drained> =>
  Effect.clockWith((clock) =>
    Effect.suspend(() => {
      const stop = Time.onStandstill(clock, () => isOutOfTime.unsafeOpen())
      return Effect.ensuring(drain, Effect.sync(stop))
    })
  )

interface Draining {
  readonly live: Live<Options>
  readonly broker: Broker.Broker
  readonly connections: FiberSet.FiberSet<unknown>
  readonly acceptLoop: AcceptLoop.AcceptLoop
  /** Opened when no deadline can be waited for. */
  readonly isOutOfTime: Effect.Latch
}

/**
 * Stops accepting, ends the outboxes and awaits the connections. One deadline covers all three; the rest is returned.
 */
const drained = ({ acceptLoop, broker, connections, isOutOfTime, live }: Draining): Effect.Effect<Drained> =>
  Effect.gen(function* () {
    const { grace } = live.current
    yield* acceptLoop.stop
    const open = yield* FiberSet.size(connections)
    yield* Effect.annotateLogs(Effect.logInfo("draining"), { connections: open, grace: Duration.format(grace) })
    yield* broker.drain
    const emptyWithin = (time: Duration.Duration) =>
      Effect.as(FiberSet.awaitEmpty(connections), true).pipe(
        Effect.raceFirst(Effect.as(Effect.raceFirst(Effect.sleep(time), isOutOfTime.await), false))
      )
    if (!(yield* emptyWithin(grace))) {
      yield* broker.cutOff
      yield* emptyWithin(returnTime)
      // Only connections that linger, or whose clients did not read their returned lines, are left. This interrupts
      // them.
      yield* FiberSet.clear(connections)
    }
    // The last connections have ended, but the broker may not have handled their events yet.
    yield* broker.idle
    const ledger = broker.ledger.snapshot()
    const cutOff = broker.pairsCutOff()
    const report =
      cutOff > 0
        ? Effect.logWarning("stopped; some accepted lines were not delivered within the grace time")
        : Effect.logInfo("stopped")
    yield* Effect.annotateLogs(report, { ...ledger, ...(cutOff > 0 ? { cutOff } : {}) })
    return { cutOff, ledger }
  })

/**
 * Memoises the effect: the first run starts it, and every run waits for its result. Interrupting a run does not stop
 * the effect. It runs in a separate, interruptible fiber, because its deadlines would not work in a finaliser or in a
 * fiber that is being interrupted.
 */
const onceInItsOwnFiber = <A>(effect: Effect.Effect<A>): Effect.Effect<Effect.Effect<A>> =>
  Effect.gen(function* () {
    const done = yield* Deferred.make<A>()
    const start = yield* Effect.once(Effect.forkDaemon(Effect.interruptible(Effect.intoDeferred(effect, done))))
    return Effect.zipRight(start, Deferred.await(done))
  })
