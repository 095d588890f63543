import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import * as Scheduler from "effect/Scheduler"
import type * as Scope from "effect/Scope"
import * as Block from "../protocol/Block.js"
import * as Wire from "../protocol/Wire.js"
import type { Standing } from "../telemetry/Metrics.js"
import {
  isLoopback,
  showAddress,
  type Address,
  type Listen,
  type Listener,
  type TransportError
} from "../transport/Transport.js"
import * as AcceptLoop from "./AcceptLoop.js"
import * as Broker from "./Broker.js"
import * as Connection from "./Connection.js"
import * as Fibers from "./Fibers.js"
import type { Inspection } from "./Inspection.js"
import type { Snapshot } from "./Ledger.js"
import { defaults, type Options } from "./Options.js"
import { FiberScheduler } from "./Scheduler.js"

export interface ServerOptions extends Partial<Options> {
  /** Where it listens: `Tcp.listen(host, port)`, `Unix.listen(path)`, a `Memory` network; at least one. */
  readonly listen: NonEmptyReadonlyArray<Listen>
  /** What it asks whether file descriptors run out; without it, it does not look. */
  readonly descriptors?: AcceptLoop.DescriptorProbe | undefined
}

/** How a drain went. */
export interface Drained {
  /** Accepted (line, recipient) pairs that the grace time cut off: they were returned, or are dead. */
  readonly cutOff: number
  readonly ledger: Snapshot
}

/** A running chat server. */
export interface ServerHandle {
  /** Where it listens, in the order of `listen`; a port that was 0 is the real one here. */
  readonly addresses: NonEmptyReadonlyArray<Address>
  /** The first of them. */
  readonly address: Address
  /** The names of those who are here, in code point order. */
  readonly names: Effect.Effect<ReadonlyArray<string>>
  /** The account of every accepted line (protocol, section 4). */
  readonly ledger: Effect.Effect<Snapshot>
  /** The memory budget, and how much of it queues, unfinished lines, routes and connections take. Bytes. */
  readonly memory: Effect.Effect<{ readonly used: number; readonly limit: number }>
  /** The connections at this moment, and those that ended last. */
  readonly inspect: Effect.Effect<Inspection>
  /** Brings all metrics in Effect's registry up to date, and answers those that are sums over the connections. */
  readonly measure: Effect.Effect<Standing>
  /**
   * Changes options while it runs. `maxLineBytes` counts for connections from now on, and more connections than it had
   * room for at its start are still refused, without a word by the system.
   */
  readonly configure: (changes: Partial<Options>) => Effect.Effect<void>
  /** Whether the drain has begun. */
  readonly isDraining: Effect.Effect<boolean>
  /**
   * Stops listening, accepts no more lines, delivers what was accepted, and closes every connection in order, within
   * the grace time. The end of the scope does the same; however often it is asked for, it happens once.
   */
  readonly drain: Effect.Effect<Drained>
}

export class Server extends Context.Tag("a-chat/Server")<Server, ServerHandle>() {}

/** A server that lives as long as the layer. */
export const layer = (options: ServerOptions): Layer.Layer<Server, TransportError> =>
  Layer.scoped(Server, make(options))

/** Starts a server in the scope, whose end drains it. Fails if it cannot listen. */
export const make = (options: ServerOptions): Effect.Effect<ServerHandle, TransportError, Scope.Scope> =>
  Effect.gen(function* () {
    const settings: Options = { ...defaults, ...options }
    // First in, last out: the broker outlives the connections, and these outlive the drain that awaits them.
    const broker = yield* Broker.make(settings)
    const connections = yield* FiberSet.make<unknown>()
    const start = yield* Fibers.start
    const fork = (connection: Effect.Effect<unknown>) => {
      const fiber = start(connection)
      FiberSet.unsafeAdd(connections, fiber)
      return fiber
    }
    const acceptLoop = yield* AcceptLoop.make({
      limits: settings,
      addresses: broker.addresses,
      budget: broker.budget,
      descriptors: options.descriptors,
      fork,
      serve: (socket) => Connection.run(socket, broker, settings, start)
    })
    let isDraining = false
    const drain = yield* onceInItsOwnFiber(
      Effect.zipRight(
        Effect.sync(() => {
          isDraining = true
        }),
        drained(settings, broker, connections, acceptLoop)
      )
    )
    // A server that could not start has nobody to deliver to, and nothing to tell of its end.
    let hasStarted = false
    yield* Effect.addFinalizer(() => (hasStarted ? drain : acceptLoop.stop))
    const listenAt = Effect.fnUntraced(function* (listen: Listen) {
      const listener = yield* acceptLoop.listen(listen)
      yield* announce(listener)
      return listener.address
    })
    yield* loadRoutines
    const addresses = yield* Effect.forEach(options.listen, listenAt)
    hasStarted = true
    return {
      addresses,
      address: addresses[0],
      names: Effect.map(Ref.get(broker.members), ({ byName }) =>
        [...byName.values()]
          .filter((peer) => peer.present)
          .map((peer) => Wire.decode(peer.name))
          .toSorted()
      ),
      ledger: Effect.sync(() => broker.ledger.snapshot()),
      memory: Effect.sync(() => ({ used: broker.budget.used, limit: broker.budget.limit })),
      configure: (changes: Partial<Options>) =>
        Effect.zipRight(
          Effect.sync(() => Object.assign(settings, changes)),
          broker.configure
        ),
      inspect: broker.inspect,
      measure: broker.measure,
      isDraining: Effect.sync(() => isDraining),
      drain
    }
  }).pipe(withFiberScheduler)

/** Before a client sends a line, since a process that cannot run WebAssembly can still serve. */
const loadRoutines = Effect.suspend(() => {
  const error = Block.load()
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
  Effect.zipRight(
    Effect.annotateLogs(Effect.logInfo("listening"), { address: showAddress(address) }),
    (address._tag === "Tcp" || address._tag === "Tls") && !identifies && !isLoopback(address.host)
      ? Effect.annotateLogs(Effect.logWarning("anybody who reaches this port can log in under any free name"), {
          address: showAddress(address)
        })
      : Effect.void
  )

/** How long the returns may take to reach their senders, once the grace time is over and the rest is cut off. */
const lastWords = Duration.seconds(1)

/** A walk down the pipeline: stop, end, await; one deadline over all, then what is left is returned and cut off. */
const drained = (
  options: Options,
  broker: Broker.Broker,
  connections: FiberSet.FiberSet<unknown>,
  acceptLoop: AcceptLoop.AcceptLoop
): Effect.Effect<Drained> =>
  Effect.gen(function* () {
    yield* acceptLoop.stop
    const open = yield* FiberSet.size(connections)
    yield* Effect.annotateLogs(Effect.logInfo("draining"), { connections: open, grace: Duration.format(options.grace) })
    yield* broker.drain
    const empty = FiberSet.awaitEmpty(connections)
    const inTime = yield* Effect.timeoutOption(empty, options.grace)
    if (inTime._tag === "None") {
      yield* broker.cutOff
      yield* Effect.timeoutOption(empty, lastWords)
      // Only connections that linger, or that did not take their returns, are left; their fibers are interrupted.
      yield* FiberSet.clear(connections)
    }
    // The last connections have ended; now the broker has seen it, too.
    yield* broker.idle
    const ledger = broker.ledger.snapshot()
    const cutOff = broker.pairsCutOff()
    const report = cutOff > 0 ? Effect.logWarning("stopped; the grace time cut lines off") : Effect.logInfo("stopped")
    yield* Effect.annotateLogs(report, { ...ledger, ...(cutOff > 0 ? { cutOff } : {}) })
    return { cutOff, ledger }
  })

/**
 * Runs once, however often and by whomever it is waited for; to give up waiting does not stop it. Its fiber is not a
 * child of who asks first, and interruptible: as a finaliser, in a fiber that was interrupted, no deadline would work.
 */
const onceInItsOwnFiber = <A>(effect: Effect.Effect<A>): Effect.Effect<Effect.Effect<A>> =>
  Effect.gen(function* () {
    const done = yield* Deferred.make<A>()
    const start = yield* Effect.once(Effect.forkDaemon(Effect.interruptible(Effect.intoDeferred(effect, done))))
    return Effect.zipRight(start, Deferred.await(done))
  })
