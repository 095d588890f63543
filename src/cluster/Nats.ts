import type { ConnectionOptions } from "@nats-io/transport-node"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as ClusterPort from "../ports/Cluster.js"
import * as Time from "../ports/Time.js"
import * as NatsConnection from "./NatsConnection.js"
import type { NatsCredentials } from "./NatsCredentials.js"
import * as NatsLosses from "./NatsLosses.js"
import { NatsJetStream } from "./NatsJetStream.js"
import type { LeaderRequest } from "./NatsStuckLeader.js"
import { NatsTable } from "./NatsTable.js"
import * as NatsVersion from "./NatsVersion.js"
import { NatsWatch } from "./NatsWatch.js"

export interface NatsOptions {
  /** `nats://HOST:PORT` or `tls://HOST:PORT` of each server. Others that these know are not used. */
  readonly servers: ReadonlyArray<string>
  /** See `ClusterService.node`. */
  readonly node: string
  /** What distinguishes several clusters on the same servers: letters, digits, `-` and `_`. By default `achat`. */
  readonly cluster?: string | undefined
  /** The file of the driver: `nats.cjs`, which the build makes of the package `@nats-io/transport-node`. */
  readonly driver: string
  /**
   * The term after which other nodes take a silent one for lost. Everything here is a fraction of it: a connection that
   * is silent is given up after a third, and a request to the directory after a sixth, but at most a second.
   */
  readonly term: Duration.DurationInput
  readonly credentials?: NatsCredentials | undefined
  readonly tls?: NatsTls | undefined
  /** How long the first connection is tried. By default 30 s. */
  readonly startTimeout?: Duration.DurationInput | undefined
  /**
   * How many bytes may be on their way to a server that does not confirm them; further ones are dropped. By default 64
   * MiB.
   */
  readonly maxUnconfirmedBytes?: number | undefined
}

/** Files in PEM. */
export interface NatsTls {
  readonly ca?: string | undefined
  readonly certificate?: string | undefined
  readonly key?: string | undefined
}

/** The longest wait for an answer of the directory. */
const maxRequestMillis = 1_000

/** How often markers of removed entries are deleted. */
const deletionMillis = 10_000

/** How often in a row a server may refuse the node before the node gives up: waiting does not correct credentials. */
const maxRefusals = 3

/** How often the first connection is tried. */
const startRetry = Duration.millis(500)

/** A frame leaves room for the line of the protocol in front of it. The servers' limit is 1 MiB by default. */
const maxFrameBytes = 1024 * 1024

const tables: ReadonlyArray<ClusterPort.Table> = ["names", "nodes"]

/**
 * Connects to NATS until the scope closes. Frames go over its core, and the entries of the directory are in JetStream:
 * on the disks of three servers, or on that of one that is alone. Fails if no server can be used within
 * `startTimeout`.
 */
export const make = (
  options: NatsOptions
): Effect.Effect<ClusterPort.ClusterService, ClusterPort.ClusterUnavailable, Scope.Scope> =>
  Effect.gen(function* () {
    const time = yield* Effect.clockWith((clock) => Effect.succeed(Time.of(clock)))
    const { cluster = "achat", maxUnconfirmedBytes = 64 * 1024 * 1024, node, startTimeout = "30 seconds" } = options
    const term = Duration.toMillis(options.term)
    const driver = yield* Effect.sync(() => NatsConnection.natsDriver(options.driver))
    const connection = new NatsConnection.NatsConnection(driver, {
      connect: connectOptions(driver, options, term),
      pingMillis: term / 12,
      maxUnconfirmedBytes,
      minPayload: maxFrameBytes
    })
    const jetStream = new NatsJetStream(connection, Math.min(maxRequestMillis, term / 6))
    const watches = new Map<ClusterPort.Table, Set<NatsWatch>>()
    const fork = yield* FiberSet.makeRuntime<never>()
    const make = (table: ClusterPort.Table) =>
      new NatsTable(
        connection,
        jetStream,
        cluster,
        table,
        () => time.now(),
        () => {
          for (const watch of watches.get(table) ?? []) watch.begin()
        },
        (request) => void fork(logLeaderRequest(request))
      )
    const byName = { names: make("names"), nodes: make("nodes") }
    for (const table of tables) watches.set(table, new Set())

    yield* Effect.addFinalizer(() => Effect.promise(() => connection.close()))
    // Before the connection is closed, which is no loss.
    yield* NatsLosses.report(connection)
    yield* starting(connection, byName, startTimeout, options.servers)
    yield* NatsVersion.warn(connection)
    yield* Effect.acquireRelease(
      Effect.sync(() =>
        setInterval(() => tables.forEach((table) => void byName[table].deleteMarkers()), deletionMillis)
      ),
      (timer) => Effect.sync(() => clearInterval(timer))
    )

    const directory: ClusterPort.ClusterDirectory = {
      get: (table, key) => attempt(() => byName[table].get(key)),
      swap: (table, key, revision, value) => attempt(() => byName[table].swap(key, revision, value)),
      watch: (table, events) =>
        Effect.acquireRelease(
          Effect.sync(() => {
            const watch = new NatsWatch(connection, byName[table], events, Math.max(100, term / 6))
            watches.get(table)?.add(watch)
            return watch
          }),
          (watch) =>
            Effect.sync(() => {
              watches.get(table)?.delete(watch)
              watch.close()
            })
        )
    }
    return { node, directory, link: link(connection, cluster, node) }
  })

/** `make` as a layer. */
export const layer = (options: NatsOptions): Layer.Layer<ClusterPort.Cluster, ClusterPort.ClusterUnavailable> =>
  Layer.scoped(ClusterPort.Cluster, make(options))

const logLeaderRequest = (request: LeaderRequest) => {
  const { leader, stream } = request
  if (request._tag === "Asked")
    return Effect.annotateLogs(Effect.logWarning("no write to a NATS stream succeeds; asked for another leader"), {
      stream,
      leader,
      failingMillis: Math.round(request.failingMillis)
    })
  const { reason } = request
  const message = "no write to a NATS stream succeeds, and its leader does not stand down"
  return Effect.annotateLogs(Effect.logWarning(message), { stream, leader, reason })
}

/** Connects, and has the tables of the directory made. */
const starting = (
  connection: NatsConnection.NatsConnection,
  tables: Readonly<Record<ClusterPort.Table, NatsTable>>,
  timeout: Duration.DurationInput,
  servers: ReadonlyArray<string>
) => {
  let isSaid = false
  const once = attempt(async () => {
    await connection.open()
    for (const table of Object.values(tables)) await table.get("start") // oxlint-disable-line no-await-in-loop
  }).pipe(
    Effect.tapError(({ reason }) => {
      if (isSaid) return Effect.void
      isSaid = true
      return Effect.annotateLogs(Effect.logWarning("cannot reach the other nodes yet"), {
        reason,
        servers: servers.join(","),
        trying: Duration.format(timeout)
      })
    })
  )
  return Effect.gen(function* () {
    const end = performance.now() + Duration.toMillis(timeout)
    let refusals = 0
    while (true) {
      const result = yield* Effect.either(once)
      if (result._tag === "Right") return
      const { cause, reason } = result.left
      const advice = adviceOn(reason, servers)
      refusals = advice === undefined ? 0 : refusals + 1
      if (refusals === maxRefusals || performance.now() >= end) {
        const whole = `no NATS server of ${servers.join(", ")} can be used: ${reason}${advice ?? ""}`
        return yield* new ClusterPort.ClusterUnavailable({ reason: whole, cause })
      }
      yield* Effect.sleep(startRetry)
    }
  })
}

/** What to do about an error that does not pass by itself; undefined if it may. */
const adviceOn = (reason: string, [server = ""]: ReadonlyArray<string>): string | undefined => {
  if (/authorization|authentication|nonce/iu.test(reason))
    return "; check --cluster-credentials, or the user in --cluster"
  // A server that refuses the certificate of a node may close the connection before Node has read why.
  if (/certificate|\bssl\b|\btls\b/iu.test(reason) || (server.startsWith("tls:") && /ECONNRESET|EPIPE/u.test(reason)))
    return "; check --cluster-ca, --cluster-cert and --cluster-key, and whether the servers want nats:// or tls://"
  return undefined
}

const link =
  (connection: NatsConnection.NatsConnection, cluster: string, node: string) =>
  (events: ClusterPort.LinkEvents): Effect.Effect<ClusterPort.Link, ClusterPort.ClusterUnavailable, Scope.Scope> =>
    Effect.gen(function* () {
      const subject = (name: string) => `${cluster}.node.${name}`
      const all = `${cluster}.all`
      let isFirst = true
      let isUp = false
      let isClosed = false
      const subscribe = async () => {
        const take = (frame: Uint8Array) => isClosed || events.frame(frame)
        connection.subscribePayloads(subject(node), take)
        connection.subscribePayloads(all, take)
        await connection.flush()
        if (isClosed) return
        isUp = true
        if (!isFirst) events.up()
        isFirst = false
      }
      let subscribed: Promise<void> = Promise.reject(new NatsConnection.NotConnected())
      subscribed.catch(() => {})
      yield* Effect.acquireRelease(
        Effect.sync(() =>
          connection.use({
            up: () => {
              subscribed = subscribe()
              subscribed.catch(() => {}) // the connection is lost
            },
            down: () => {
              isUp = false
            }
          })
        ),
        (end) =>
          Effect.sync(() => {
            isClosed = true
            end()
          })
      )
      yield* attempt(() => subscribed)
      const result: ClusterPort.Link = {
        get maxFrameBytes() {
          return Math.min(maxFrameBytes, connection.maxPayload)
        },
        isUp: () => isUp,
        send: (to, frame) => {
          if (isUp) connection.publish(subject(to), frame)
        },
        broadcast: (frame) => {
          if (isUp) connection.publish(all, frame)
        }
      }
      return result
    })

const connectOptions = (
  driver: NatsConnection.NatsDriver,
  { credentials, node, servers, tls }: NatsOptions,
  term: number
): ConnectionOptions => ({
  servers: [...servers],
  name: `a-chat ${node}`,
  reconnect: false, // see NatsConnection
  noEcho: true,
  noAsyncTraces: true,
  ignoreClusterUpdates: true,
  timeout: Math.min(2_000, term / 3),
  pingInterval: 2 ** 30, // NatsConnection asks
  ...authentication(driver, credentials),
  ...((tls !== undefined || servers.some((server) => server.startsWith("tls://"))) && {
    tls: {
      ...(tls?.ca !== undefined && { caFile: tls.ca }),
      ...(tls?.certificate !== undefined && { certFile: tls.certificate }),
      ...(tls?.key !== undefined && { keyFile: tls.key })
    }
  })
})

const authentication = (
  driver: NatsConnection.NatsDriver,
  credentials: NatsCredentials | undefined
): ConnectionOptions => {
  switch (credentials?._tag) {
    case undefined:
      return {}
    case "User":
      return { user: credentials.user, pass: credentials.password }
    case "Token":
      return { token: credentials.token }
    case "Key":
      return { authenticator: driver.nkeyAuthenticator(Buffer.from(credentials.seed)) }
    case "Creds":
      return { authenticator: driver.credsAuthenticator(Buffer.from(credentials.text)) }
  }
}

const attempt = <A>(run: () => Promise<A>): Effect.Effect<A, ClusterPort.ClusterUnavailable> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => new ClusterPort.ClusterUnavailable({ reason: describe(cause), cause })
  })

const describe = (error: unknown): string => {
  const message = (error instanceof Error ? error.message : String(error)).trim()
  // 80…:error:0A000412:SSL routines:ssl3_read_bytes:sslv3 alert bad certificate:../deps/openssl/….c:1601:SSL alert
  // number 42
  const [, openssl] = /:SSL routines:[^:]*:([^:]+):/u.exec(message) ?? []
  return openssl === undefined ? message : `TLS: ${openssl}`
}
