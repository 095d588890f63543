import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import { fileURLToPath } from "node:url"
import * as Admission from "../../chat/Admission.js"
import type { ServerOptions } from "../../chat/Server.js"
import type { NodesHost } from "../../cluster/ClusterChat.js"
import type { VisibleNodes } from "../../cluster/MakeNodes.js"
import type * as Nats from "../../cluster/Nats.js"
import { alone as noServers, type OtherServersService } from "../../ports/OtherServers.js"
import type { ReachabilityProbe } from "../../ports/Reachability.js"
import type { Listen } from "../../ports/Transport.js"
import type { ClusterState } from "../../telemetry/ClusterMetrics.js"
import * as ExitStatus from "../ExitStatus.js"
import * as ClusterFlags from "./ClusterFlags.js"
import type * as ServerSettings from "./ServerSettings.js"

/** This node's view of itself and the others; undefined in a standalone server. */
export class RunningCluster extends Context.Tag("a-chat/RunningCluster")<
  RunningCluster,
  Effect.Effect<ClusterState> | undefined
>() {}

/** The parts that make a server a node of a cluster. */
export interface ClusterParts {
  /** Turns the options of a standalone server into those of a node. Other features precede the cluster's. */
  readonly options: <A extends ServerOptions>(options: A) => A
  /**
   * The other servers, for one that shares its store with them.
   *
   * @param self the id of this server
   * @param log the id of the log of the store
   */
  readonly servers: (self: string, log: string) => OtherServersService
  readonly listen: (listen: Listen) => Listen
  readonly probe: (probe: ReachabilityProbe) => ReachabilityProbe
  readonly state: Effect.Effect<ClusterState> | undefined
}

/** A standalone server pays nothing: none of its parts is wrapped, and no cluster code is loaded. */
const alone: ClusterParts = {
  options: (options) => options,
  servers: () => noServers,
  listen: (listen) => listen,
  probe: (probe) => probe,
  state: undefined
}

/** The driver of NATS. The build puts it beside the program. */
const driver = () => fileURLToPath(new URL("nats.cjs", import.meta.url))

type Values = ServerSettings.GivenSettings["values"]

/** Connects to NATS, if this server is to be a node, until the scope closes. Fails if no server can be used in time. */
export const open = (values: Values): Effect.Effect<ClusterParts, ExitStatus.Failure, Scope.Scope> =>
  Effect.gen(function* () {
    const options = yield* natsOptions(values)
    if (options === undefined) return alone
    // Imported only here, because other servers need none of it.
    const [Nats, ClusterChat, OtherVersions] = yield* Effect.promise(() =>
      Promise.all([
        import("../../cluster/Nats.js"),
        import("../../cluster/ClusterChat.js"),
        import("../../cluster/OtherVersions.js")
      ])
    )
    const termMillis = Duration.toMillis(values.clusterTerm)
    const service = yield* Effect.mapError(
      Effect.tap(Nats.make(options), (service) => OtherVersions.refuse(service, termMillis)),
      ({ message }) => new ExitStatus.Failure({ status: ExitStatus.failed, message })
    )
    let nodes: VisibleNodes | undefined = undefined
    const join = ClusterChat.joining(service, {
      termMillis,
      windowBytes: values.clusterWindow
    })
    const chat = ClusterChat.make((host) =>
      Effect.flatMap(FiberSet.makeRuntime<never>(), (fork) =>
        Effect.tap(join({ ...host, events: logged(host.events, fork) }), (made) =>
          Effect.sync(() => void (nodes = made))
        )
      )
    )
    const state = Effect.sync((): ClusterState => {
      const { foreign, inDoubt, isOpen, queued, unreadable } = chat.counts()
      const known = nodes?.inspect() ?? { ...nobodyYet, node: options.node }
      // It is also suspended while it waits to learn of changes, or does not use the others' store.
      const isSuspended = known.isSuspended || !isOpen
      return { ...known, isSuspended, windowBytes: values.clusterWindow, foreign, inDoubt, queued, unreadable }
    })
    return {
      options: (given) => ({
        ...given,
        admission: chat.admission(given.admission ?? Admission.open),
        features: [...(given.features ?? []), chat.feature]
      }),
      servers: chat.servers,
      listen: chat.listen,
      probe: chat.probe,
      state
    }
  })

/** Before it has joined, a node writes nothing. */
const nobodyYet = {
  incarnation: "",
  isSuspended: true,
  grantMillis: 0,
  claims: { yours: 0, taken: 0, unavailable: 0 },
  names: 0,
  frames: { resent: 0, repeated: 0, gaps: 0 },
  others: []
}

const natsOptions = (values: Values): Effect.Effect<Nats.NatsOptions | undefined, ExitStatus.Failure> =>
  Effect.gen(function* () {
    const { cluster, clusterCa, clusterCert, clusterCredentials, clusterKey, node } = values
    if (cluster === undefined || node === undefined) return undefined
    const { user } = cluster
    const credentials =
      clusterCredentials === undefined
        ? user && ({ _tag: "User", user: user.name, password: user.password } as const)
        : yield* credentialsIn(clusterCredentials)
    const hasTls = [clusterCa, clusterCert, clusterKey].some((path) => path !== undefined)
    return {
      servers: cluster.urls,
      node,
      cluster: values.clusterName,
      driver: driver(),
      term: values.clusterTerm,
      startTimeout: values.clusterWait,
      credentials,
      tls: hasTls ? { ca: clusterCa, certificate: clusterCert, key: clusterKey } : undefined
    }
  })

const credentialsIn = (path: string) =>
  Effect.gen(function* () {
    const NatsCredentials = yield* Effect.promise(() => import("../../cluster/NatsCredentials.js"))
    const text = yield* Effect.try({
      try: () => ClusterFlags.readText(path),
      catch: (error) => ExitStatus.asMisuse(error as Error)
    })
    const found = NatsCredentials.parse(text)
    if (found !== undefined) return found
    return yield* ExitStatus.misused(
      `--cluster-credentials: ${path} is neither a .creds file nor one line with the seed of an nkey, USER:PASSWORD ` +
        `or a token`
    )
  })

/** The same events, reported to the operator as well. */
const logged = (events: NodesHost["events"], fork: (effect: Effect.Effect<void>) => unknown): NodesHost["events"] => ({
  ...events,
  appeared: (other) => {
    events.appeared(other)
    fork(Effect.annotateLogs(Effect.logInfo("node joined"), { node: other.name, incarnation: other.incarnation }))
  },
  lost: (other) => {
    events.lost(other)
    fork(Effect.annotateLogs(Effect.logWarning("node lost"), { node: other.name, incarnation: other.incarnation }))
  },
  suspended: () => {
    events.suspended()
    fork(Effect.logWarning("suspended: the other nodes may take this one for lost"))
  },
  resumed: () => {
    events.resumed()
    fork(Effect.logInfo("resumed"))
  },
  reborn: () => {
    events.reborn()
    fork(Effect.logWarning("the other nodes took this one for lost; it claims its names again"))
  }
})
