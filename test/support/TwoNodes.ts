import * as Effect from "effect/Effect"
import { startNode } from "./ClusterServers.js"
import { FakeCluster } from "./FakeNodes.js"
import type { MemoryClient, MemoryServerOptions } from "./MemoryServer.js"
import { settle } from "./Turns.js"

/** Two servers that are nodes of one cluster, `a` and `b`. */
export const twoNodes = (options: MemoryServerOptions = {}, others: MemoryServerOptions = options) =>
  Effect.gen(function* () {
    const cluster = new FakeCluster()
    const a = yield* startNode(cluster.join("a"), options)
    const b = yield* startNode(cluster.join("b"), others)
    yield* settle
    return { a, b, cluster }
  })

/** The messages that a client has received. */
export const messages = ({ received }: MemoryClient): Array<string> =>
  received.filter((line) => line.startsWith("from "))

/** What else it has received, but for replies that every client gets. */
export const replies = ({ received }: MemoryClient): Array<string> =>
  received.filter((line) => !/^(?:from |\* pong|\* hello|\* joined|\* left)/u.test(line))
