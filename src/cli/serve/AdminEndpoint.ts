import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { AdminOptions } from "../../admin/Admin.js"
import { Server } from "../../chat/Server.js"
import { isLoopback } from "../../ports/Transport.js"
import * as ExitStatus from "../ExitStatus.js"
import * as TransportAdvice from "../TransportAdvice.js"
import type * as AdminFlag from "./AdminFlag.js"
import { RunningCluster } from "./RunningCluster.js"
import { RunningRooms } from "./RunningServer.js"

type AdminLimits = Pick<AdminOptions, "descriptorLimit" | "maxConnections">

/** Starts the admin server, unless it is off. */
export const start = (
  at: AdminFlag.HostPort | undefined,
  limits: AdminLimits
): Effect.Effect<void, ExitStatus.Failure, Server | RunningRooms | RunningCluster | Scope.Scope> =>
  at === undefined ? Effect.void : serving(at, limits)

const serving = (at: AdminFlag.HostPort, limits: AdminLimits) =>
  Effect.gen(function* () {
    const server = yield* Server
    const rooms = yield* RunningRooms
    const cluster = yield* RunningCluster
    // Imported only here: loading HTTP takes as long as the rest of the program's start.
    const Admin = yield* Effect.promise(() => import("../../admin/Admin.js"))
    const address = yield* Effect.mapError(
      Admin.serve({ ...at, server, rooms: rooms?.list, cluster, version: ACHAT_VERSION, ...limits }),
      (error) => ExitStatus.asMisuse(TransportAdvice.toListenForAdmin(error))
    )
    yield* Effect.annotateLogs(Effect.logInfo("admin listening"), { address: address.text })
    if (!isLoopback(at.host)) {
      yield* Effect.logWarning("anyone who can reach the admin port sees who is connected, and from where")
    }
  })

/** The version in package.json. The build replaces this constant. */
declare const ACHAT_VERSION: string
