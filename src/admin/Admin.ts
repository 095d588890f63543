import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Http from "node:http"
import * as Net from "node:net"
import type { ServerHandle } from "../chat/Server.js"
import * as CloseReason from "../protocol/CloseReason.js"
import * as Reply from "../protocol/Reply.js"
import * as Metrics from "../telemetry/Metrics.js"
import * as Tcp from "../transport/Tcp.js"
import { isLoopback, type TransportError } from "../ports/Transport.js"
import * as Listing from "./Listing.js"
import * as Page from "./Page.js"
import * as Process from "./Process.js"
import * as Prometheus from "./Prometheus.js"

/**
 * What whoever runs a server looks at, over HTTP: `/metrics` for Prometheus, `/healthz` and `/readyz` for a supervisor,
 * `/connections` as JSON, and `/` for people. All of it is read only.
 */

export interface Options {
  readonly host: string
  /** 0 takes any free one. */
  readonly port: number
  readonly server: ServerHandle
  readonly version: string
  /** The limit of file descriptors, for the metrics. */
  readonly descriptorLimit: number
}

/** Serves until the scope ends. Returns where it listens. */
export const serve = (options: Options): Effect.Effect<Tcp.TcpAddress, TransportError, Scope.Scope> =>
  Effect.gen(function* () {
    Metrics.showAll({
      closed: CloseReason.all,
      refused: Reply.refusals.filter((code) => code !== "undelivered"), // these are counted in pairs
      undelivered: Reply.undeliveredReasons
    })
    const process = yield* Process.make(options.descriptorLimit)
    const handler = yield* NodeHttpServer.makeHandler(guarded(routes(options, process), isLoopback(options.host)))
    const http = Http.createServer(
      { requestTimeout, headersTimeout: requestTimeout, connectionsCheckingInterval, keepAliveTimeout },
      handler
    )
    http.timeout = readTimeout
    http.maxConnections = maxConnections
    // Who comes next time finds room: those who ask nothing are not worth more than somebody who wants to.
    http.on("drop", () => http.closeIdleConnections())
    // A request that is none of HTTP, a client that breaks off: theirs alone.
    http.on("clientError", (_, socket) => socket.destroy())
    return yield* listening(http, options)
  })

const requestTimeout = 10_000

/** How often it is looked for them; Node's 30 s would let a slow request take four times as long. */
const connectionsCheckingInterval = 1_000

/** For a client that does not read its answer. */
const readTimeout = 30_000

const keepAliveTimeout = 60_000

/** Supervisors, a Prometheus or two, and some people's browsers. */
const maxConnections = 64

const listening = (http: Http.Server, { host, port }: Options) =>
  Effect.acquireRelease(
    Effect.async<Tcp.TcpAddress, TransportError>((resume) => {
      const failed = (cause: Error) => resume(Effect.fail(Tcp.listenError(host, port, cause)))
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
        http.closeAllConnections() // a scrape that is under way is worth less than an end in time
      })
  )

const routes = ({ server, version }: Options, process: Process.Process) =>
  HttpRouter.fromIterable([
    HttpRouter.makeRoute(
      "GET",
      "/metrics",
      Effect.map(server.measure, () =>
        HttpServerResponse.text(
          Prometheus.render([
            buildInfo(version),
            ...Prometheus.registered("achat_"),
            Prometheus.histogram(deliveryName, deliveryHelp, Metrics.delivery),
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
      Effect.map(server.isDraining, (isDraining) =>
        isDraining ? HttpServerResponse.text("draining\n", { status: 503 }) : HttpServerResponse.text("ready\n")
      )
    ),
    HttpRouter.makeRoute(
      "GET",
      "/connections",
      Effect.gen(function* () {
        const query = Listing.parse(yield* HttpServerRequest.ParsedSearchParams)
        if (Either.isLeft(query)) return HttpServerResponse.unsafeJson({ error: query.left }, { status: 400 })
        const listing = Listing.of(yield* server.inspect, query.right)
        return HttpServerResponse.stream(Stream.encodeText(Listing.json(listing)), { contentType: "application/json" })
      })
    ),
    ...Page.files().map(({ path, text, type }) =>
      HttpRouter.makeRoute("GET", path, Effect.succeed(HttpServerResponse.text(text, { contentType: type })))
    )
  ])

/** What every answer has: nothing is kept, nothing comes from elsewhere, and nobody may frame it. */
const headers = {
  "cache-control": "no-store",
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff"
}

/**
 * On a loopback address only those are answered who call it by an address or as `localhost`: a name that somebody else
 * resolves to 127.0.0.1 would let their page read this one in a browser (DNS rebinding).
 */
const guarded = <E, R>(router: HttpRouter.HttpRouter<E, R>, isLocal: boolean) =>
  Effect.gen(function* () {
    const { headers: request, method } = yield* HttpServerRequest.HttpServerRequest
    if (isLocal && !isOwnName(request["host"])) return HttpServerResponse.text("no such host here\n", { status: 421 })
    if (method !== "GET" && method !== "HEAD") {
      return HttpServerResponse.text("read only\n", { status: 405, headers: { allow: "GET, HEAD" } })
    }
    return yield* router
  }).pipe(
    Effect.catchTag("RouteNotFound", () =>
      Effect.succeed(HttpServerResponse.text(`there is ${paths}\n`, { status: 404 }))
    ),
    Effect.map(HttpServerResponse.setHeaders(headers))
  )

const paths = "/, /metrics, /healthz, /readyz, /connections"

/** Every browser says whom it calls; HTTP/1.0, which a health check may speak, need not. */
const isOwnName = (host: string | undefined) => {
  if (host === undefined) return true
  const name = host.replace(/:\d+$/u, "").replace(/^\[(.*)\]$/u, "$1")
  return /^localhost\.?$/iu.test(name) || Net.isIP(name) !== 0
}

const deliveryName = "achat_delivery_seconds"

const deliveryHelp = "From the broker's taking a line to the kernel's taking it for the recipient, in seconds"

const buildInfo = (version: string): Prometheus.Family => ({
  name: "achat_build_info",
  help: "What is running; always 1",
  type: "gauge",
  samples: [{ labels: { version, node: process.versions.node }, value: 1 }]
})
