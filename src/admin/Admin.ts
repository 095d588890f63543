import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Http from "node:http"
import type { ServerHandle } from "../chat/Server.js"
import * as CloseReason from "../protocol/CloseReason.js"
import * as ClusterMetrics from "../telemetry/ClusterMetrics.js"
import * as OutcomeReply from "../protocol/OutcomeReply.js"
import * as Reply from "../protocol/Reply.js"
import * as Metrics from "../telemetry/Metrics.js"
import * as StoreMetrics from "../telemetry/StoreMetrics.js"
import * as Tcp from "../transport/Tcp.js"
import { isLoopback, type TransportError } from "../ports/Transport.js"
import * as ConnectionList from "./ConnectionList.js"
import * as WebOrigin from "../transport/WebOrigin.js"
import * as SecurityHeaders from "../http/SecurityHeaders.js"
import * as HttpLimits from "../transport/HttpLimits.js"
import * as ProcessMetrics from "./ProcessMetrics.js"
import * as Prometheus from "./Prometheus.js"
import * as RoomList from "./RoomList.js"
import * as WebPage from "./WebPage.js"

/**
 * The state of a running server over HTTP, for its operator: `/metrics` for Prometheus, `/healthz` and `/readyz` for a
 * supervisor, `/connections` and `/rooms` as JSON, and a web page at `/`. Nothing can be changed here.
 */

export interface AdminOptions {
  readonly host: string
  /** 0 lets the system choose. */
  readonly port: number
  readonly server: ServerHandle
  /** All rooms; undefined if the server has none. */
  readonly rooms?: Effect.Effect<ReadonlyArray<RoomList.RoomInfo>> | undefined
  /** The cluster's state as this node knows it; undefined in a server without a cluster. */
  readonly cluster?: Effect.Effect<ClusterMetrics.ClusterState> | undefined
  readonly version: string
  /** The limit on open file descriptors, which the metrics show. */
  readonly descriptorLimit: number
  /** The most concurrent connections. A further one closes the longest idle one. */
  readonly maxConnections: number
}

/** Serves until the scope ends. Returns the address it listens on. */
export const serve = (options: AdminOptions): Effect.Effect<Tcp.TcpAddress, TransportError, Scope.Scope> =>
  Effect.gen(function* () {
    Metrics.createAll({
      closed: CloseReason.closeReasons,
      refused: Reply.refusals.filter((code) => code !== "undelivered"), // counted in pairs, as `undelivered`
      undelivered: OutcomeReply.undeliveredReasons
    })
    const process = yield* ProcessMetrics.make(options.descriptorLimit)
    const handler = yield* NodeHttpServer.makeHandler(guarded(routes(options, process), isLoopback(options.host)))
    const http = Http.createServer(
      HttpLimits.options(timeout),
      HttpLimits.oneAtATime(handler, { from: "request", millis: timeout })
    )
    HttpLimits.makeRoom(http, options.maxConnections)
    // Malformed requests and broken connections are the client's problem; without a listener, Node answers with 400.
    http.on("clientError", (_, socket) => socket.destroy())
    return yield* listening(http, options)
  })

/** The time limit for receiving a request, for writing a response, and for the wait for the next request. */
const timeout = 10_000

const listening = (http: Http.Server, { host, port }: AdminOptions) =>
  Effect.acquireRelease(
    Effect.async<Tcp.TcpAddress, TransportError>((resume) => {
      const failed = (cause: Error) => resume(Effect.fail(Tcp.failedToListen(host, port, cause)))
      http.once("error", failed)
      http.listen({ host, port }, () => {
        http.off("error", failed)
        const bound = http.address()
        const real = bound !== null && typeof bound === "object" ? bound : { address: host, port }
        resume(Effect.succeed(Tcp.address(real.address, real.port)))
      })
    }),
    () =>
      Effect.async<void>((resume) => {
        http.close(() => resume(Effect.void))
        http.closeAllConnections() // a prompt stop matters more than a scrape in progress
      })
  )

const routes = ({ cluster, rooms, server, version }: AdminOptions, process: ProcessMetrics.ProcessMetrics) =>
  HttpRouter.fromIterable([
    HttpRouter.makeRoute(
      "GET",
      "/metrics",
      Effect.map(Effect.all([server.measure, published(cluster), StoreMetrics.refresh], { discard: true }), () =>
        HttpServerResponse.text(
          Prometheus.render([
            buildInfo(version),
            ...Prometheus.registered("achat_"),
            Prometheus.histogram(deliveryName, deliveryHelp, Metrics.delivery),
            ...(StoreMetrics.hasStore() ? storeHistograms() : []),
            ...(cluster === undefined ? [] : [outcomeHistogram()]),
            ...process.families()
          ]),
          { contentType: Prometheus.contentType }
        )
      )
    ),
    HttpRouter.makeRoute("GET", "/healthz", Effect.succeed(HttpServerResponse.text("ok\n"))),
    HttpRouter.makeRoute(
      "GET",
      "/readyz",
      Effect.gen(function* () {
        if (yield* server.isDraining) return HttpServerResponse.text("draining\n", { status: 503 })
        const isSuspended = cluster !== undefined && (yield* cluster).isSuspended
        return isSuspended
          ? HttpServerResponse.text("suspended: cut off from the other nodes\n", { status: 503 })
          : HttpServerResponse.text("ready\n")
      })
    ),
    HttpRouter.makeRoute(
      "GET",
      "/connections",
      Effect.gen(function* () {
        const query = ConnectionList.parse(yield* HttpServerRequest.ParsedSearchParams)
        if (Either.isLeft(query)) return HttpServerResponse.unsafeJson({ error: query.left }, { status: 400 })
        const list = ConnectionList.make(yield* server.inspect, query.right)
        return HttpServerResponse.stream(Stream.encodeText(ConnectionList.json(list)), {
          contentType: "application/json"
        })
      })
    ),
    HttpRouter.makeRoute(
      "GET",
      "/nodes",
      Effect.map(cluster ?? Effect.succeed(undefined), (state) => HttpServerResponse.unsafeJson({ cluster: state }))
    ),
    HttpRouter.makeRoute(
      "GET",
      "/rooms",
      Effect.gen(function* () {
        const limit = RoomList.parse(yield* HttpServerRequest.ParsedSearchParams)
        if (Either.isLeft(limit)) return HttpServerResponse.unsafeJson({ error: limit.left }, { status: 400 })
        return HttpServerResponse.unsafeJson(RoomList.make(rooms && (yield* rooms), limit.right))
      })
    ),
    ...WebPage.files().map(({ contentType, path, text }) =>
      HttpRouter.makeRoute("GET", path, Effect.succeed(HttpServerResponse.text(text, { contentType })))
    )
  ])

const published = (cluster: AdminOptions["cluster"]) =>
  cluster === undefined ? Effect.void : Effect.map(cluster, ClusterMetrics.publish)

const headers = {
  ...SecurityHeaders.always,
  "cache-control": "no-store",
  "content-security-policy": SecurityHeaders.adminPolicy
}

const guarded = <E, R>(router: HttpRouter.HttpRouter<E, R>, isLocal: boolean) =>
  Effect.gen(function* () {
    const { headers: request, method } = yield* HttpServerRequest.HttpServerRequest
    const { host } = request
    // Browsers always send the host. A health check that speaks HTTP/1.0 may omit it.
    if (isLocal && host !== undefined && !WebOrigin.isOwnName(host))
      return HttpServerResponse.text("unknown host; use an IP address or localhost\n", { status: 421 })
    if (method !== "GET" && method !== "HEAD") {
      return HttpServerResponse.text("read only\n", { status: 405, headers: { allow: "GET, HEAD" } })
    }
    return yield* router
  }).pipe(
    Effect.catchTag("RouteNotFound", () =>
      Effect.succeed(HttpServerResponse.text(`not found; available: ${paths}\n`, { status: 404 }))
    ),
    Effect.map(HttpServerResponse.setHeaders(headers))
  )

const paths = "/, /metrics, /healthz, /readyz, /connections, /nodes"

const storeHistograms = () => [
  Prometheus.histogram(
    "achat_store_commit_seconds",
    "Time from handing lines to the store until they are stored, in seconds",
    StoreMetrics.commits
  ),
  Prometheus.histogram("achat_store_batch_lines", "Lines stored in one transaction", StoreMetrics.batches)
]

const outcomeHistogram = () =>
  Prometheus.histogram(
    "achat_cluster_outcome_seconds",
    "Time from sending lines to another node until it has reported their outcomes, in seconds",
    ClusterMetrics.outcomes
  )

const deliveryName = "achat_delivery_seconds"

const deliveryHelp = "Time from accepting a line until the kernel accepts it for the recipient, in seconds"

const buildInfo = (version: string): Prometheus.Family => ({
  name: "achat_build_info",
  help: "Version of the server and of Node; always 1",
  type: "gauge",
  samples: [{ labels: { version, node: process.versions.node }, value: 1 }]
})
