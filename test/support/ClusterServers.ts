import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Admission from "../../src/chat/Admission.js"
import type { ServerHandle } from "../../src/chat/Server.js"
import * as ClusterChat from "../../src/cluster/ClusterChat.js"
import * as Reachability from "../../src/ports/Reachability.js"
import { startMemoryServer, type MemoryServer, type MemoryServerOptions } from "./MemoryServer.js"
import { settle } from "./Turns.js"

export interface ClusterServer extends MemoryServer {
  readonly server: ServerHandle
  readonly counts: () => ClusterChat.ClusterCounts
}

/** A server that is a node of a cluster, on the in-memory network. */
export const startNode = (
  join: ClusterChat.JoinNodes,
  options: MemoryServerOptions = {}
): Effect.Effect<ClusterServer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const chat = ClusterChat.make(join)
    const server = yield* startMemoryServer({
      ...options,
      admission: chat.admission(options.admission ?? Admission.open),
      features: [...(options.features ?? []), chat.feature],
      gate: chat.listen,
      reachability: chat.probe(options.reachability ?? Reachability.unknownProbe)
    })
    yield* settle
    return { ...server, counts: chat.counts }
  })
