import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import type * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import { strict as assert } from "node:assert"
import * as Server from "../../src/chat/Server.js"
import * as Descriptors from "../../src/ports/Descriptors.js"
import { Endpoints } from "../../src/ports/Endpoints.js"
import * as Reachability from "../../src/ports/Reachability.js"
import * as CloseReason from "../../src/protocol/CloseReason.js"
import * as Fate from "../../src/protocol/Fate.js"
import * as Tcp from "../../src/transport/Tcp.js"
import type { Address, TransportError } from "../../src/ports/Transport.js"
import { overTls, serverCredentials } from "./Certificates.js"
import { eventually } from "./Eventually.js"
import { overWebSocket } from "./WebSocketServer.js"
import * as WireClient from "./WireClient.js"

/** A log entry. */
export interface Entry {
  readonly level: string
  readonly message: string
  readonly facts: Readonly<Record<string, unknown>>
}

/** A server under test. */
export interface SocketServer extends Server.ServerHandle {
  readonly address: Address
  readonly connect: Effect.Effect<WireClient.WireClient, string, Scope.Scope>
  /** A client that has logged in. */
  readonly join: (name: string) => Effect.Effect<WireClient.WireClient, string, Scope.Scope>
  /** A client that has logged in and said `/hello`. */
  readonly greet: (name: string) => Effect.Effect<WireClient.WireClient, string, Scope.Scope>
  /** Everything logged so far. */
  readonly logs: ReadonlyArray<Entry>
  /** Waits for a log entry, also an earlier one. */
  readonly logged: (what: string, is: (entry: Entry) => boolean) => Effect.Effect<Entry>
  /** Waits until the first connection of that name was closed; returns the facts of its log entry. */
  readonly farewell: (name: string) => Effect.Effect<Entry["facts"]>
  /** Waits until the server has stopped reading from a client that floods it. */
  readonly held: (client: WireClient.WireClient) => Effect.Effect<void, string>
  /** The number of connections closed for a reason, from the metrics. */
  readonly closings: (reason: CloseReason.CloseReason) => number
}

export interface SocketServerOptions extends Partial<Server.StandaloneOptions> {
  readonly descriptors?: Descriptors.DescriptorProbe
  readonly reachability?: Reachability.ReachabilityProbe
}

/**
 * Starts a server with real sockets, by default on a free port of 127.0.0.1. With `ACHAT_TEST_OVER=tls` it serves TLS,
 * and with `websocket` WebSocket, so that all of test/server runs over each. After the test its drain must leave
 * nothing behind: no lines in flight, no names, no uncounted connections, no open sockets.
 */
export const startSocketServer = ({
  descriptors = Descriptors.unlimited,
  reachability = Reachability.unknownProbe,
  listen,
  ...options
}: SocketServerOptions = {}): Effect.Effect<SocketServer, TransportError, Scope.Scope> =>
  Effect.gen(function* () {
    const before = openHandles()
    const opened = metric("achat_connections_opened_total")
    const closedBefore = new Map(CloseReason.closeReasons.map((reason) => [reason, closedFor(reason)]))
    const closings = (reason: CloseReason.CloseReason) => closedFor(reason) - (closedBefore.get(reason) ?? 0)
    const journal = makeJournal()

    const free = yield* freePort
    const server = yield* Server.make({ grace: Duration.seconds(5), linger: Duration.seconds(1), ...options }).pipe(
      Effect.provideService(Endpoints, listen ?? [free]),
      Effect.provideService(Descriptors.Descriptors, descriptors),
      Effect.provideService(Reachability.Reachability, reachability),
      Effect.provide(journal.layer)
    )
    const drain = Effect.provide(server.drain, journal.layer)

    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        yield* drain
        const ledger = yield* server.ledger
        assert.equal(ledger.inFlight, 0, `lines in flight at the end: ${JSON.stringify(ledger)}`)
        assert.equal(
          ledger.accepted,
          Fate.all.reduce((sum, fate) => sum + ledger[fate], 0)
        )
        assert.deepEqual(yield* server.names, [], "names left at the end")
        const ended = CloseReason.closeReasons.reduce((sum, one) => sum + closings(one), 0)
        assert.equal(ended, metric("achat_connections_opened_total") - opened, "every opened connection was closed")
        yield* eventually(() => openHandles() <= before, "sockets left open at the end")
      })
    )

    const [address] = server.addresses
    if (address === undefined) throw new Error("a server under test listens somewhere")
    const connect = WireClient.connect(address)
    const join = (name: string) => WireClient.join(address, name)
    const greet = (name: string) => WireClient.greet(address, name)
    const farewell = (name: string) =>
      Effect.map(
        journal.logged(
          `the end of ${name}`,
          ({ facts, message }) => message === "connection closed" && facts["name"] === name
        ),
        ({ facts }) => facts
      )
    const held = (client: WireClient.WireClient) =>
      Effect.gen(function* () {
        const witness = yield* join("witness")
        let before = -1
        // The server reads whatever it may within one round trip: if ten bring nothing new, it has stopped reading.
        for (let rounds = 0, quiet = 0; quiet < 10; rounds++) {
          yield* witness.barrier
          const { accepted } = yield* server.ledger
          quiet = client.untaken > 0 && accepted - rounds === before ? quiet + 1 : 0
          before = accepted - rounds
        }
      }).pipe(Effect.scoped)
    return { ...server, drain, held, address, connect, join, greet, closings, farewell, ...journal }
  })

/** Listens on a free port, over what `ACHAT_TEST_OVER` says: tls, websocket, or both as wss. */
const freePort = Effect.gen(function* () {
  switch (process.env["ACHAT_TEST_OVER"]) {
    case "tls":
      return (yield* overTls).listen
    case "websocket":
      return overWebSocket(undefined)
    case "wss":
      return overWebSocket({ credentials: yield* serverCredentials })
    default:
      return Tcp.listen("127.0.0.1", 0)
  }
})

const makeJournal = () => {
  const logs: Array<Entry> = []
  const logger = Logger.make(({ annotations, logLevel, message }) => {
    const text = Array.isArray(message) ? message.map(String).join(" ") : String(message)
    logs.push({ level: logLevel.label, message: text, facts: Object.fromEntries(HashMap.toEntries(annotations)) })
  })
  const layer: Layer.Layer<never> = Logger.replace(Logger.defaultLogger, logger)
  const logged = (what: string, is: (entry: Entry) => boolean) =>
    Effect.suspend(() =>
      Effect.map(
        eventually(() => logs.some(is), `${what} was not logged`),
        () => logs.find(is) as Entry // found above
      )
    )
  return { logs, logged, layer }
}

const openHandles = () => process.getActiveResourcesInfo().filter((kind) => /^(TCP|Pipe)/.test(kind)).length

/** The sum of a counter over its tags, or the value for one reason. */
const metric = (name: string, reason?: string) =>
  Metric.unsafeSnapshot()
    .filter(({ metricKey }) => metricKey.name === name)
    .filter(({ metricKey }) => reason === undefined || metricKey.tags.some((tag) => tag.value === reason))
    .reduce((sum, { metricState }) => sum + ("count" in metricState ? Number(metricState.count) : 0), 0)

const closedFor = (reason: string) => metric("achat_connections_closed_total", reason)
