import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { LiveSource } from "../../chat/Live.js"
import * as Server from "../../chat/Server.js"
import { Descriptors } from "../../ports/Descriptors.js"
import * as Endpoints from "../../ports/Endpoints.js"
import * as KernelReachability from "../../transport/KernelReachability.js"
import * as ProcessDescriptors from "../../transport/ProcessDescriptors.js"
import * as ExitStatus from "../ExitStatus.js"
import * as Signals from "../Signals.js"
import * as TransportAdvice from "../TransportAdvice.js"
import * as V8Compiler from "../V8Compiler.js"
import * as V8Heap from "../V8Heap.js"
import * as AccountFlags from "./AccountFlags.js"
import * as AccountsLayer from "./AccountsLayer.js"
import * as AdminEndpoint from "./AdminEndpoint.js"
import * as ClusterLayer from "./ClusterLayer.js"
import { RunningHooks } from "./HookAnswers.js"
import * as LimitFlags from "./LimitFlags.js"
import * as ListenFlags from "./ListenFlags.js"
import * as RoomFlags from "./RoomFlags.js"
import * as StoreFlags from "./StoreFlags.js"
import * as Reload from "./Reload.js"
import type * as ServerSettings from "./ServerSettings.js"

/** What would delay the start. */
const onceListening = Effect.zipRight(V8Compiler.optimiseSoon, V8Heap.restoreYoung)

type Parts = Pick<Reload.ReloadOptions, "given" | "path" | "flags" | "log">

/** A server and everything around it, the outermost first. A part that is off is an empty layer. */
export const layer = (parts: Parts) =>
  Layer.unwrapScoped(
    Effect.gen(function* () {
      const { given } = parts
      const started = yield* StoreFlags.startThread(given.values.store)
      yield* V8Heap.keepSmall
      const descriptors = ProcessDescriptors.read()
      const { chat: maxConnections, http: webMaxConnections } = yield* connections(given, descriptors)
      const listeners = yield* ListenFlags.resolve(
        { ...given, values: { ...given.values, webMaxConnections } },
        given.values.loginTimeout
      )
      const accounts = new LiveSource(AccountFlags.of(given.values))
      const rooms = new LiveSource(RoomFlags.of(given.values))
      const cluster = yield* ClusterLayer.open(given.values)
      const limits = LimitFlags.limitsOf(given.values, maxConnections)
      const store = { limits: StoreFlags.limitsOf(given.values), started }
      const [first, ...others] = listeners.listen
      const endpoints = Endpoints.layer(cluster.listen(first), ...others.map(cluster.listen))
      const chat = AccountsLayer.serving(given.values.store, store, { accounts, rooms }, cluster.options(limits)).pipe(
        Layer.provide(endpoints),
        Layer.provide(Layer.succeed(Descriptors, descriptors)),
        Layer.provide(cluster.reachability(KernelReachability.layer)),
        Layer.provide(Server.standalone),
        Layer.mapError((error) =>
          error._tag === "Failure" ? error : ExitStatus.asMisuse(TransportAdvice.toListen(error))
        )
      )
      return drainAtTheEnd.pipe(
        Layer.provideMerge(Layer.provide(control(given.values.control), Layer.succeed(RunningHooks, listeners.hooks))),
        Layer.provideMerge(
          Reload.layer({ ...parts, accounts, rooms, maxConnections, certificates: listeners.reloadCertificates })
        ),
        Layer.provideMerge(Layer.scopedDiscard(Effect.forkScoped(onceListening))),
        Layer.provideMerge(Signals.logUnused),
        Layer.provideMerge(AdminEndpoint.layer(given.values.admin, descriptors.limit)),
        Layer.provideMerge(certificateCheck(listeners)),
        Layer.provide(chat),
        Layer.provide(Layer.succeed(ClusterLayer.RunningCluster, cluster.state))
      )
    })
  )

/** The control socket, or nothing where it is off. Imported only then: its client's side of the protocol takes time to load. */
const control = (path: string | undefined) =>
  path === undefined
    ? Layer.empty
    : Layer.unwrapEffect(
        Effect.map(
          Effect.promise(() => import("./Control.js")),
          (Control) => Control.layer(path)
        )
      )

/** Fails if a certificate is given that no listener uses. */
const certificateCheck = ({ checkCertificate }: ListenFlags.Listeners) =>
  Layer.effectDiscard(Effect.flatMap(Server.Server, ({ addresses }) => checkCertificate(addresses)))

/**
 * Drains the server before any other layer ends, so that SIGHUP is still handled and the admin page still shows the
 * drain. The exit status reports whether everything accepted was delivered. The server logs the counts.
 */
const drainAtTheEnd = Layer.scopedDiscard(
  Effect.flatMap(Server.Server, ({ drain }) =>
    Effect.addFinalizer(() =>
      Effect.map(drain, ({ cutOff }) => {
        process.exitCode = cutOff === 0 ? 0 : 1
      })
    )
  )
)

/** The requested numbers of connections, or fewer with a warning if there are not enough descriptors. */
const connections = (
  { origins, values }: ServerSettings.GivenSettings,
  descriptors: ProcessDescriptors.ProcessDescriptors
): Effect.Effect<LimitFlags.ConnectionCounts> => {
  const wantedHttp = values.web === undefined ? 0 : values.webMaxConnections
  const allowed = LimitFlags.connections(values.maxConnections, wantedHttp, descriptors)
  const isHttpReduced = allowed.http < wantedHttp && origins.webMaxConnections !== "default"
  const reduced = [
    ...(allowed.chat < (values.maxConnections ?? 0) ? [["max-connections", allowed.chat] as const] : []),
    ...(isHttpReduced ? [["web-max-connections", allowed.http] as const] : [])
  ]
  const warnings = Effect.forEach(
    reduced,
    ([flag, count]) =>
      Effect.annotateLogs(
        Effect.logWarning(`file descriptors allow fewer connections than --${flag}; raise \`ulimit -n\``),
        { [flag]: count, descriptors: descriptors.limit }
      ),
    { discard: true }
  )
  return Effect.as(warnings, allowed)
}
