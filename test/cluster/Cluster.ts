import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as MakeNodes from "../../src/cluster/MakeNodes.js"
import type * as MemoryCluster from "../../src/cluster/MemoryCluster.js"
import { headerBytes } from "../../src/cluster/Nodes.js"
import type { OtherNode } from "../../src/cluster/OtherNode.js"
import { Cluster, type ClusterUnavailable } from "../../src/ports/Cluster.js"

/** A content with this text: a `Buffer`, as those of the chat are. */
export const content = (text: string): Uint8Array => Buffer.concat([Buffer.alloc(headerBytes), Buffer.from(text)])

/** A node, and what its chat was told. */
export interface TestNode {
  readonly nodes: MakeNodes.VisibleNodes
  /** Such as `received b hello`. */
  readonly told: ReadonlyArray<string>
  readonly other: (name: string) => OtherNode
}

export const term = 1_200

/** A node that runs what is reported at once. */
export const join = (
  memory: Pick<MemoryCluster.MemoryCluster, "service">,
  name: string,
  options: Partial<MakeNodes.NodesOptions<string>> = {},
  process = name
): Effect.Effect<TestNode, ClusterUnavailable, Scope.Scope> =>
  Effect.gen(function* () {
    const told: Array<string> = []
    const tell =
      (event: string) =>
      (...words: ReadonlyArray<OtherNode | string | undefined>) =>
        void told.push(
          [event, ...words.map((word) => (typeof word === "object" ? word.name : (word ?? "nowhere")))].join(" ")
        )
    const nodes = yield* MakeNodes.make({
      termMillis: term,
      windowBytes: 100_000,
      likenessOf: (name) => name.toLowerCase(),
      report: (run) => void setImmediate(run),
      events: {
        appeared: tell("appeared"),
        read: (content) => Buffer.from(content).toString("utf8"),
        received: tell("received"),
        hasRoom: tell("hasRoom"),
        lost: tell("lost"),
        nameMoved: tell("nameMoved"),
        suspended: tell("suspended"),
        resumed: tell("resumed"),
        reborn: tell("reborn"),
        nameTaken: (_likeness, name) => tell("nameTaken")(name)
      },
      ...options
    }).pipe(Effect.provideService(Cluster, memory.service(name, process)))
    return {
      nodes,
      told,
      other: (name) => {
        for (const node of nodes.others) if (node.name === name) return node
        throw new Error(`${name} is not known`)
      }
    }
  })

/** Waits until something is so. */
export const until = (is: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (is() ? Effect.void : Effect.delay(until(is), "5 millis")))
