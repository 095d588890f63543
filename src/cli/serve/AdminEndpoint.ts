import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Server } from "../../chat/Server.js"
import { isLoopback } from "../../ports/Transport.js"
import * as ExitStatus from "../ExitStatus.js"
import * as TransportAdvice from "../TransportAdvice.js"
import { RunningRooms } from "./AccountsLayer.js"
import type * as AdminFlag from "./AdminFlag.js"
import { RunningCluster } from "./ClusterLayer.js"

/** The admin server, or nothing where it is off. */
export const layer = (
  at: AdminFlag.HostPort | undefined,
  descriptorLimit: number
): Layer.Layer<never, ExitStatus.Failure, Server | RunningRooms | RunningCluster> =>
  at === undefined ? Layer.empty : serving(at, descriptorLimit)

const serving = (at: AdminFlag.HostPort, descriptorLimit: number) =>
  Layer.scopedDiscard(
    Effect.gen(function* () {
      const server = yield* Server
      const rooms = yield* RunningRooms
      const cluster = yield* RunningCluster
      // Imported only here: loading HTTP takes as long as the rest of the program's start.
      const Admin = yield* Effect.promise(() => import("../../admin/Admin.js"))
      const address = yield* Effect.mapError(
        Admin.serve({ ...at, server, rooms: rooms?.list, cluster, version: ACHAT_VERSION, descriptorLimit }),
        (error) => ExitStatus.asMisuse(TransportAdvice.toListenForAdmin(error))
      )
      yield* Effect.annotateLogs(Effect.logInfo("admin listening"), { address: address.text })
      if (!isLoopback(at.host)) {
        yield* Effect.logWarning("anyone who can reach the admin port sees who is connected, and from where")
      }
    })
  )

/** The version in package.json. The build replaces this constant. */
declare const ACHAT_VERSION: string
