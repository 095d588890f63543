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
import type { Address, Listen, Listener, TransportError } from "../ports/Transport.js"
import * as Block from "../protocol/Block.js"
import * as Wire from "../protocol/Wire.js"
import type { Gauges } from "../telemetry/Metrics.js"
import * as AcceptLoop from "./AcceptLoop.js"
import * as Broker from "./Broker.js"
import type { Extensions } from "./BrokerState.js"
import * as Connection from "./Connection.js"
import * as Fibers from "./Fibers.js"
import type { Inspection } from "./Inspection.js"
import type { LedgerSnapshot } from "./Ledger.js"
import { LiveSource, type Live } from "./Live.js"
import { defaults, type Options } from "./Options.js"
import { FiberScheduler } from "./Scheduler.js"

/** What a server needs from outside: where it listens, and what `standalone` provides a simple one with. */
export type Ports = Endpoints | Descriptors.Descriptors

/**
 * Every port but `Endpoints`, each as a layer that does nothing: a server on its own. Provide it last, after the ports
 * that the program has real layers for. As servers learn to use more ports, this layer provides them, too.
 */
export const standalone: Layer.Layer<Exclude<Ports, Endpoints>> = Descriptors.none

/** How a drain went. */
export interface Drained {
  /** Accepted (line, recipient) pairs that the grace time cut off: returned to their senders, or dead. */
  readonly cutOff: number
  readonly ledger: LedgerSnapshot
}

/** A running chat server. */
export interface ServerHandle {
  /** Where it listens, in the order of its endpoints; a port that was 0 is the real one here. */
  readonly addresses: NonEmptyReadonlyArray<Address>
  /** The first of `addresses`. */
  readonly address: Address
  /** The names that are logged in, in code point order. */
  readonly names: Effect.Effect<ReadonlyArray<string>>
  /** What has become of every accepted line (protocol, section 4). */
  readonly ledger: Effect.Effect<LedgerSnapshot>
  /** The memory budget, and how much of it queues, unfinished lines, routes and connections take. Bytes. */
  readonly memory: Effect.Effect<{ readonly used: number; readonly limit: number }>
  /** The connections at this moment, and those that ended last. */
  readonly inspect: Effect.Effect<Inspection>
  /** Updates all metrics in Effect's registry, and returns those that are sums over the connections. */
  readonly measure: Effect.Effect<Gauges>
  /**
   * Changes options while the server runs. `maxLineBytes` applies to new connections only. The operating system goes on
   * dropping connections above the room that the server had at its start, so a larger `maxConnections` needs a restart.
   */
  readonly configure: (changes: Partial<Options>) => Effect.Effect<void>
  /** Whether the drain has begun. */
  readonly isDraining: Effect.Effect<boolean>
  /**
   * Stops listening, accepts no more lines, delivers those that it has accepted, and closes every connection in an
   * orderly way, within the grace time. The end of the scope does the same. It happens once, however often it is run.
   */
  readonly drain: Effect.Effect<Drained>
}

export class Server extends Context.Tag("a-chat/Server")<Server, ServerHandle>() {}

/** Limits that differ from the defaults, and what the server does besides the chat. */
export interface ServerOptions extends Partial<Options>, Extensions {}

/** A server that lives as long as the layer. */
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

/** Starts a server in the scope, whose end drains it. Fails if the server cannot listen. */
export const make = ({ admission, features, ...options }: ServerOptions = {}): Effect.Effect<
  ServerHandle,
  TransportError,
  Scope.Scope | Ports
> =>
  Effect.gen(function* () {
    const endpoints = yield* Endpoints
    const descriptors = yield* Descriptors.Descriptors
    const live = new LiveSource<Options>({ ...defaults, ...options })
    // The scope releases in reverse: the drain awaits the connections, and these need the broker to the end.
    const broker = yield* Broker.make(live, { admission, features })
    const connections = yield* FiberSet.make<unknown>()
    const startFiber = yield* Fibers.start
    const acceptLoop = yield* AcceptLoop.make({
      limits: live,
      hostLimits: broker.hostLimits,
      budget: broker.budget,
      descriptors,
      fork: (connection) => {
        const fiber = startFiber(connection)
        FiberSet.unsafeAdd(connections, fiber)
        return fiber
      },
      serve: (socket) => Connection.run(socket, { broker, options: live, start: startFiber })
    })
    let isDraining = false
    const begin = Effect.sync(() => {
      isDraining = true
    })
    const drain = yield* onceInItsOwnFiber(Effect.zipRight(begin, drained({ live, broker, connections, acceptLoop })))
    // Registered before the server listens. If it cannot, there is nothing to drain, and no end to log.
    let hasStarted = false
    yield* Effect.addFinalizer(() => (hasStarted ? drain : acceptLoop.stop))
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
      inspect: broker.inspect,
      measure: broker.measure,
      isDraining: Effect.sync(() => isDraining),
      drain
    }
  }).pipe(withFiberScheduler)

/** Loads them before a client can send a line. A process that cannot run WebAssembly serves all the same. */
const loadRoutines = Effect.suspend(() => {
  const error = Block.prepare()
  if (error === undefined) return Effect.void
  const warning = Effect.logWarning("WebAssembly does not run here; lines are checked in JavaScript, which is slower")
  return Effect.annotateLogs(warning, { cause: String(error) })
})

/** An application that has a scheduler of its own keeps it. */
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

/** How long returned lines may take to reach their senders, after the grace time has cut off the rest. */
const returnTime = Duration.seconds(1)

interface Draining {
  readonly live: Live<Options>
  readonly broker: Broker.Broker
  readonly connections: FiberSet.FiberSet<unknown>
  readonly acceptLoop: AcceptLoop.AcceptLoop
}

/**
 * A walk down the pipeline: stop, end, await. One deadline covers all of it; what is left then is returned or cut off.
 */
const drained = ({ acceptLoop, broker, connections, live }: Draining): Effect.Effect<Drained> =>
  Effect.gen(function* () {
    const { grace } = live.current
    yield* acceptLoop.stop
    const open = yield* FiberSet.size(connections)
    yield* Effect.annotateLogs(Effect.logInfo("draining"), { connections: open, grace: Duration.format(grace) })
    yield* broker.drain
    const empty = FiberSet.awaitEmpty(connections)
    const inTime = yield* Effect.timeoutOption(empty, grace)
    if (inTime._tag === "None") {
      yield* broker.cutOff
      yield* Effect.timeoutOption(empty, returnTime)
      // Only connections that linger, or that did not take their returned lines, are left. This interrupts them.
      yield* FiberSet.clear(connections)
    }
    // The last connections have ended, but the broker may not have handled their events yet.
    yield* broker.idle
    const ledger = broker.ledger.snapshot()
    const cutOff = broker.pairsCutOff()
    const report = cutOff > 0 ? Effect.logWarning("stopped; the grace time cut lines off") : Effect.logInfo("stopped")
    yield* Effect.annotateLogs(report, { ...ledger, ...(cutOff > 0 ? { cutOff } : {}) })
    return { cutOff, ledger }
  })

/**
 * Runs the effect once, however often the result is run. Each run waits for the result; interrupting one does not stop
 * the effect. The effect has a fiber of its own, which is interruptible and not a child of the first run: in a
 * finaliser, or in a fiber that was interrupted, no deadline would work.
 */
const onceInItsOwnFiber = <A>(effect: Effect.Effect<A>): Effect.Effect<Effect.Effect<A>> =>
  Effect.gen(function* () {
    const done = yield* Deferred.make<A>()
    const start = yield* Effect.once(Effect.forkDaemon(Effect.interruptible(Effect.intoDeferred(effect, done))))
    return Effect.zipRight(start, Deferred.await(done))
  })
