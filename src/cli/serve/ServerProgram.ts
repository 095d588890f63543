import * as Array from "effect/Array"
import * as Effect from "effect/Effect"
import { LiveSource } from "../../chat/Live.js"
import * as Server from "../../chat/Server.js"
import { Descriptors } from "../../ports/Descriptors.js"
import { Endpoints } from "../../ports/Endpoints.js"
import { Reachability } from "../../ports/Reachability.js"
import * as KernelReachability from "../../transport/KernelReachability.js"
import * as ProcessDescriptors from "../../transport/ProcessDescriptors.js"
import * as ExitStatus from "../ExitStatus.js"
import * as Signals from "../Signals.js"
import * as TransportAdvice from "../TransportAdvice.js"
import * as V8Compiler from "../V8Compiler.js"
import * as V8Heap from "../V8Heap.js"
import * as AccountFlags from "./AccountFlags.js"
import * as AdminEndpoint from "./AdminEndpoint.js"
import { RunningHooks } from "./HookAnswers.js"
import * as LimitFlags from "./LimitFlags.js"
import * as ListenFlags from "./ListenFlags.js"
import * as RoomFlags from "./RoomFlags.js"
import * as StoreFlags from "./StoreFlags.js"
import * as Reload from "./Reload.js"
import * as RunningCluster from "./RunningCluster.js"
import * as RunningServer from "./RunningServer.js"
import type * as ServerSettings from "./ServerSettings.js"

/** Work that would delay the start. */
const onceListening = Effect.zipRight(V8Compiler.optimiseSoon, V8Heap.restoreYoung)

type Parts = Pick<Reload.ReloadOptions, "given" | "path" | "flags" | "log">

/**
 * A server and everything around it, until the program is interrupted. Each part starts after those that it needs, and
 * ends before them. An effect rather than layers: combining two layers takes more than a hundred effects, and combining
 * these parts took a third of the start-up time (benchmark: start-up).
 */
export const run = (parts: Parts): Effect.Effect<never, ExitStatus.Failure> =>
  Effect.scoped(Effect.zipRight(start(parts), Effect.never))

const start = (parts: Parts) =>
  Effect.gen(function* () {
    const { values } = parts.given
    const started = yield* StoreFlags.startThread(values.store)
    yield* V8Heap.keepSmall({ isEncrypted: values.tlsCert !== undefined })
    const descriptors = ProcessDescriptors.read()
    const allowed = yield* connections(parts.given, descriptors)
    const { chat: maxConnections, http: webMaxConnections } = allowed
    const listeners = yield* ListenFlags.resolve(
      { ...parts.given, values: { ...values, webMaxConnections } },
      values.loginTimeout
    )
    const accounts = new LiveSource(AccountFlags.of(values))
    const rooms = new LiveSource(RoomFlags.of(values))
    const cluster = yield* RunningCluster.open(values)
    const store = { limits: StoreFlags.limitsOf(values), started, isShared: values.cluster !== undefined }
    const running = yield* RunningServer.start(
      values.store,
      store,
      { accounts, rooms },
      LimitFlags.limitsOf(values, maxConnections),
      cluster
    ).pipe(
      Effect.provideService(Endpoints, Array.map(listeners.listen, cluster.listen)),
      Effect.provideService(Descriptors, descriptors),
      Effect.provideService(Reachability, cluster.probe(KernelReachability.available())),
      Effect.mapError((error) =>
        error._tag === "Failure" ? error : ExitStatus.asMisuse(TransportAdvice.toListen(error))
      )
    )
    const reloading = { ...parts, accounts, rooms, maxConnections, certificates: listeners.reloadCertificates }
    yield* around(reloading, listeners, { allowed, descriptorLimit: descriptors.limit }).pipe(
      Effect.provideService(RunningCluster.RunningCluster, cluster.state),
      Effect.provide(running)
    )
  })

interface Room {
  readonly allowed: LimitFlags.ConnectionCounts
  readonly descriptorLimit: number
}

/** Supervisors, a Prometheus or two, and several browsers. */
const maxAdminConnections = 64

const maxControlConnections = 16

/** Everything around a server once it listens. A part that is off does nothing. */
const around = (
  reloading: Reload.ReloadOptions,
  listeners: ListenFlags.Listeners,
  { allowed, descriptorLimit }: Room
) =>
  Effect.gen(function* () {
    const { drain, addresses } = yield* Server.Server
    const { values } = reloading.given
    yield* listeners.checkCertificate(addresses)
    yield* AdminEndpoint.start(values.admin, { descriptorLimit, maxConnections: allowed.admin })
    yield* Signals.logUnused
    yield* Effect.forkScoped(onceListening)
    const reload = yield* Reload.make(reloading)
    yield* control(values.control, allowed.control).pipe(
      Effect.provideService(RunningHooks, listeners.hooks),
      Effect.provideService(Reload.Reload, reload)
    )
    yield* drainFirst(drain)
  })

/**
 * The control socket, unless it is off. Imported only if it is on: the client's side of its protocol takes time to
 * load.
 */
const control = (path: string | undefined, maxConnections: number) =>
  path === undefined
    ? Effect.void
    : Effect.flatMap(
        Effect.promise(() => import("./Control.js")),
        (Control) => Control.start(path, maxConnections)
      )

/**
 * Drains the server before anything else ends, so that SIGHUP is still handled and the admin page still shows the
 * drain. The exit status reports whether everything accepted was delivered. The server logs the counts.
 */
const drainFirst = (drain: Server.ServerHandle["drain"]) =>
  Effect.addFinalizer(() =>
    Effect.map(drain, ({ cutOff }) => {
      process.exitCode = cutOff === 0 ? 0 : 1
    })
  )

/** The requested numbers of connections, or fewer with a warning if there are not enough descriptors. */
const connections = (
  { origins, values }: ServerSettings.GivenSettings,
  descriptors: ProcessDescriptors.ProcessDescriptors
): Effect.Effect<LimitFlags.ConnectionCounts> => {
  const wantedHttp = values.web === undefined ? 0 : values.webMaxConnections
  const others = {
    http: wantedHttp,
    admin: values.admin === undefined ? 0 : maxAdminConnections,
    control: values.control === undefined ? 0 : maxControlConnections
  }
  const allowed = LimitFlags.connections(values.maxConnections, others, descriptors)
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
