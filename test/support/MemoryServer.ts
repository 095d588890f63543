import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import { assert } from "vitest"
import { LineCutter } from "../../scripts/line-client.mjs"
import * as Broker from "../../src/chat/Broker.js"
import type { Extensions } from "../../src/chat/BrokerState.js"
import * as Connection from "../../src/chat/Connection.js"
import { LiveSource } from "../../src/chat/Live.js"
import { defaults, type Options } from "../../src/chat/Options.js"
import * as Server from "../../src/chat/Server.js"
import * as Descriptors from "../../src/ports/Descriptors.js"
import { Endpoints } from "../../src/ports/Endpoints.js"
import * as Reachability from "../../src/ports/Reachability.js"
import type { CloseReason } from "../../src/protocol/CloseReason.js"
import * as Fate from "../../src/protocol/Fate.js"
import * as Wire from "../../src/protocol/Wire.js"
import * as Memory from "../../src/ports/Memory.js"
import type { Listen, ListenerEvents, MemoryUse, Socket, TransportError } from "../../src/ports/Transport.js"
import * as LogEvent from "../../src/telemetry/LogEvent.js"
import { settle, turns, turnsUntil } from "./Turns.js"

/** A client on the in-memory network. It reads immediately unless its socket is paused. */
export interface MemoryClient {
  readonly socket: Memory.MemorySocket
  /** Every whole line received so far, without its LF. */
  readonly received: ReadonlyArray<string>
  /** The bytes after the last LF. */
  readonly rest: () => string
  /** How far the connection has ended: `inOrder` by the server's end, `closed` completely. */
  readonly end: () => {
    readonly inOrder: boolean
    readonly closed: boolean
    readonly error: TransportError | undefined
  }
  /** Sends lines. */
  readonly say: (...lines: ReadonlyArray<string>) => void
  /** Waits for the next line that was not taken yet. */
  readonly next: Effect.Effect<string>
  /** Waits until the server has handled everything sent before. */
  readonly barrier: Effect.Effect<void>
  /** Waits until the server has ended the connection. */
  readonly ended: Effect.Effect<void>
}

const makeMemoryClient = (socket: Memory.MemorySocket): MemoryClient => {
  const received = new Array<string>()
  const state = { inOrder: false, closed: false, error: undefined as TransportError | undefined }
  const cutter = new LineCutter((line) => received.push(Wire.decode(line)))
  let taken = 0
  let pings = 0
  socket.attach({
    data: (bytes) => cutter.push(Buffer.from(bytes).toString("latin1")),
    end: () => {
      state.inOrder = true
    },
    closed: (error) => {
      state.closed = true
      state.error = error
    }
  })
  const say = (...lines: ReadonlyArray<string>) => {
    socket.write(Wire.encode(lines.map((line) => `${line}\n`).join("")))
  }
  const shown = () => JSON.stringify(received.slice(-3))
  return {
    socket,
    received,
    rest: () => cutter.rest,
    end: () => state,
    say,
    next: Effect.zipRight(
      turnsUntil(
        () => received.length > taken,
        () => `another line after ${shown()}`
      ),
      Effect.sync(() => received[taken++] ?? "")
    ),
    barrier: Effect.suspend(() => {
      const pong = `* pong: ${++pings}`
      say(`/ping ${pings}`)
      return turnsUntil(
        () => received.includes(pong),
        () => `the answer to a ping; the last lines are ${shown()}`
      )
    }),
    ended: turnsUntil(
      () => state.inOrder || state.closed,
      () => `the end of a connection; the last lines are ${shown()}`
    )
  }
}

export interface MemoryServer {
  readonly network: Memory.Network
  /** Gives the server a socket that comes from elsewhere, such as one of a pair. */
  readonly accept: (socket: Socket) => void
  /** What a listener of the server is given of its memory budget. */
  readonly memory: MemoryUse
  readonly connect: Effect.Effect<MemoryClient>
  /** Connects and logs in. */
  readonly join: (name: string) => Effect.Effect<MemoryClient>
}

export interface MemoryServerOptions extends Server.ServerOptions {
  readonly descriptors?: Descriptors.DescriptorProbe
  readonly reachability?: Reachability.ReachabilityProbe
  readonly memory?: Memory.NetworkOptions
  /** Pairs that are in the hands of a store which never answers when the scope ends. Default: 0. */
  readonly unanswered?: number
  /** Wraps each accepted socket before the server gets it. */
  readonly wrap?: (socket: Socket) => Socket
  /** Wraps the place to listen. */
  readonly gate?: (listen: Listen) => Listen
}

/** Gives each connection the next address of a list. */
export const from = (...hosts: ReadonlyArray<string>) => {
  const left = [...hosts]
  return (socket: Socket): Socket => {
    const host = left.shift() ?? ""
    return new Proxy(socket, {
      get: (target, key) => {
        const value: unknown = key === "host" ? host : Reflect.get(target, key, target)
        return typeof value === "function" ? value.bind(target) : value
      }
    })
  }
}

interface Clients extends MemoryServer {
  readonly listen: Listen
  readonly leave: Effect.Effect<void>
}

const makeClients = (network: Memory.Network, options: MemoryServerOptions): Clients => {
  const connected = new Set<MemoryClient>()
  const connect = Effect.map(Effect.orDie(network.connect), (socket) => {
    const client = makeMemoryClient(socket)
    connected.add(client)
    return client
  })
  const { wrap = (socket) => socket } = options
  let events: ListenerEvents | undefined = undefined
  let memory: MemoryUse = { share: Infinity, use: () => {} }
  const accept = (socket: Socket) => events?.accepted(socket)
  return {
    network,
    accept,
    get memory() {
      return memory
    },
    listen: (server) => {
      events = server.events
      memory = server.memory ?? memory
      return network.listen({ ...server, events: { ...events, accepted: (socket) => accept(wrap(socket)) } })
    },
    connect,
    leave: Effect.sync(() => connected.forEach(({ socket }) => socket.destroy())),
    join: (name) =>
      Effect.tap(connect, (client) => {
        client.say(name)
        return client.barrier
      })
  }
}

/**
 * Before each step, Effect's test clock waits for several timers, in which other fibers may come to rest. On the
 * in-memory network a few turns of the event loop are enough, in a hundredth of the time.
 */
const waitInTurns = TestClock.testClockWith((clock) =>
  Effect.sync(() => void Object.assign(clock, { yieldTimer: turns(10) }))
)

/** A whole server on the in-memory network. The end of the scope drains it, and requires its ledger to balance. */
export const startMemoryServer = (
  options: MemoryServerOptions = {}
): Effect.Effect<MemoryServer & { readonly server: Server.ServerHandle }, never, Scope.Scope> =>
  Effect.gen(function* () {
    yield* waitInTurns
    const network = yield* Memory.make(options.memory)
    const chat = makeClients(network, options)
    const server = yield* Server.make(options).pipe(
      Effect.provideService(Endpoints, [options.gate?.(chat.listen) ?? chat.listen]),
      Effect.provideService(Descriptors.Descriptors, options.descriptors ?? Descriptors.unlimited),
      Effect.provideService(Reachability.Reachability, options.reachability ?? Reachability.unknownProbe),
      Effect.orDie
    )
    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        // In any state: every pair in flight is in a queue.
        assert.strictEqual((yield* server.measure).pairsUnaccounted, 0, "every pair in flight is in a queue")
        yield* chat.leave
        yield* settle
        const drain = yield* Effect.fork(server.drain)
        while (drain.unsafePoll() === null) yield* TestClock.adjust(Duration.millis(50))
        const ledger = yield* server.ledger
        const settled = Fate.all.reduce((sum, fate) => sum + ledger[fate], 0)
        const { unanswered = 0 } = options
        assert.strictEqual(ledger.inFlight, unanswered, "pairs in flight at rest")
        assert.strictEqual(ledger.accepted, settled + unanswered, "the ledger does not balance")
        if (unanswered > 0) return
        assert.strictEqual((yield* server.memory).used, 0, "no memory is counted for anything that is gone")
      })
    )
    return { ...chat, server }
  })

/** The broker and connections without a server, to inspect their state. */
export const startMemoryBroker = (
  options: MemoryServerOptions = {},
  extensions: Extensions = {}
): Effect.Effect<
  MemoryServer & {
    readonly broker: Broker.Broker
    /** The close reasons, in the order in which connections ended. */
    readonly reasons: ReadonlyArray<CloseReason>
    /** The same by connection; the first accepted connection is 1. */
    readonly reasonOf: ReadonlyMap<number, CloseReason>
    /** Interrupts the fibers of all connections. */
    readonly interruptAll: Effect.Effect<void>
  },
  never,
  Scope.Scope
> =>
  Effect.gen(function* () {
    yield* waitInTurns
    const live = new LiveSource<Options>({ ...defaults, ...options })
    const network = yield* Memory.make(options.memory)
    const chat = makeClients(network, options)
    const broker = yield* Broker.make(live, extensions, options.reachability)
    const connections = yield* FiberSet.make<unknown>()
    const log = yield* LogEvent.logger
    const fork = yield* FiberSet.runtime(connections)<never>()
    const reasons = new Array<CloseReason>()
    const reasonOf = new Map<number, CloseReason>()
    let accepts = 0
    const accepted = (socket: Socket) => {
      const number = ++accepts
      fork(
        Effect.map(Connection.run({ broker, options: live, log })(socket), (reason) => {
          reasons.push(reason)
          reasonOf.set(number, reason)
        })
      )
    }
    yield* Effect.orDie(chat.listen({ hardLimit: Infinity, events: { accepted, dropped: () => {}, failed: () => {} } }))
    return { ...chat, broker, reasons, reasonOf, interruptAll: Effect.zipRight(FiberSet.clear(connections), settle) }
  })

/** Moves the test clock. Settles before and after, since the sockets need real turns of the event loop. */
export const pass = (millis: number): Effect.Effect<void> =>
  settle.pipe(Effect.zipRight(TestClock.adjust(Duration.millis(millis))), Effect.zipRight(settle))
