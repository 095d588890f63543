import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Scope from "effect/Scope"
import type { Admission } from "../chat/Admission.js"
import type { Resolver } from "../chat/Directory.js"
import type { Feature, FeatureContext, MakeFeature } from "../chat/Feature.js"
import { likenessOf } from "../chat/Names.js"
import type { ReachabilityProbe } from "../ports/Reachability.js"
import type { Listen } from "../ports/Transport.js"
import type { OtherServersService } from "../ports/OtherServers.js"
import * as Name from "../protocol/Name.js"
import { Cluster, type ClusterService, type ClusterUnavailable } from "../ports/Cluster.js"
import * as Contents from "./Contents.js"
import type { ReadContent } from "./Contents.js"
import { ForeignLines, reportAfter, type ForeignLedger } from "./ForeignLines.js"
import { Gate } from "./Gate.js"
import { isHidden, LocalNames } from "./LocalNames.js"
import * as MakeNodes from "./MakeNodes.js"
import type { NodesOptions, VisibleNodes } from "./MakeNodes.js"
import { NodeTraffic } from "./NodeTraffic.js"
import type { Nodes, NodesEvents } from "./Nodes.js"
import type { OtherNode } from "./OtherNode.js"
import { RemoteRecipients } from "./RemoteRecipients.js"
import * as ServerMessages from "./ServerMessages.js"
import { ServersOfStore } from "./ServersOfStore.js"
import * as Unavailable from "./Unavailable.js"

/**
 * A content as it was read: lines with their reports, or messages of the servers; undefined if those cannot be read.
 */
export type ChatContent =
  { readonly lines: ReadContent } | { readonly messages: ReadonlyArray<ServerMessages.PartMessage> | undefined }

/** What joins this node to the others. */
export interface NodesHost {
  readonly events: NodesEvents<ChatContent>
  /** Runs a function in the broker's turn, and all of them in order. May be called anywhere. */
  readonly inTurn: (run: () => void) => void
}

/** Joins this node to the others, and leaves them when the scope closes. */
export type JoinNodes = (host: NodesHost) => Effect.Effect<Nodes, ClusterUnavailable, Scope.Scope>

export interface JoinOptions extends Pick<NodesOptions<ChatContent>, "termMillis" | "windowBytes"> {}

/** Joins the cluster of an engine. Its nodes show what they know. */
export const joining =
  (cluster: ClusterService, options: JoinOptions) =>
  ({ events, inTurn }: NodesHost): Effect.Effect<VisibleNodes, ClusterUnavailable, Scope.Scope> =>
    MakeNodes.make({ ...options, events, likenessOf, report: inTurn }).pipe(Effect.provideService(Cluster, cluster))

/** What the chat over several nodes has done since the start. */
export interface ClusterCounts {
  /** Whether this node is one of the cluster, and may write. */
  readonly isOpen: boolean
  /** The lines that came from other nodes. */
  readonly foreign: Readonly<ForeignLedger>
  /** Lines of other nodes that have no fate yet. */
  readonly queued: number
  /** Pairs that returned although they may have been delivered, because a node was lost, or not understood. */
  readonly inDoubt: number
  /** Contents of other nodes that could not be read, or only in part. */
  readonly unreadable: number
}

/** One chat over several nodes: the parts that a server needs for it, all of them. */
export interface ClusterChat {
  readonly feature: MakeFeature
  /** Lets in whom the other one lets in, under names that no other node has. */
  readonly admission: (inner: Admission) => Admission
  /** Keeps messages from clients while this node must not write any. */
  readonly listen: (listen: Listen) => Listen
  readonly probe: (probe: ReachabilityProbe) => ReachabilityProbe
  readonly counts: () => ClusterCounts
  /**
   * The other servers that use the store of this one. To be called before the server is made, if it has a store.
   *
   * @param log the id of the log of the store
   * @param self the id of this server, unique among all servers
   */
  readonly servers: (self: string, log: string) => OtherServersService
}

export const make = (join: JoinNodes): ClusterChat => {
  let started: Chat | undefined = undefined
  let servers: ServersOfStore | undefined = undefined
  const gate = new Gate(() => started?.isOpen !== true)
  return {
    feature: (broker) => {
      const chat = new Chat(broker, gate, join, servers)
      started = chat
      return chat.feature
    },
    admission: (inner) => ({
      takesSecrets: inner.takesSecrets === true,
      // A server has its features before its first client.
      decide: (claim) => (started === undefined ? inner : started.names.admission(inner)).decide(claim)
    }),
    listen: (listen) => gate.listen(listen),
    probe: (probe) => gate.probe(probe),
    servers: (self, log) => (servers = new ServersOfStore(self, log)),
    counts: () => ({
      isOpen: started?.hasOpened === true,
      foreign: { received: 0, delivered: 0, returned: 0, ...started?.foreign.ledger },
      queued: started?.foreign.queued ?? 0,
      inDoubt: started?.recipients.inDoubt ?? 0,
      unreadable: started?.unreadable ?? 0
    })
  }
}

const noStore =
  "another node uses a store, and this one does not; all nodes have to use the same one, " +
  "and the later of the two stays suspended"

/** Between two attempts to join the cluster. Until then, lines return and logins are refused. */
const joinDelay = "1 second"

class Chat {
  readonly names: LocalNames
  readonly recipients: RemoteRecipients
  readonly foreign: ForeignLines
  private readonly traffic = new Map<OtherNode, NodeTraffic>()
  /** Nodes that sent what this one cannot read. */
  private readonly misunderstood = new WeakSet<OtherNode>()
  /** Nodes that use a store, if this one uses none. */
  private readonly withStore = new Set<OtherNode>()
  unreadable = 0
  private nodes: Nodes | undefined = undefined
  private isSuspended = false
  /**
   * Since this node has joined, or was taken for lost: whether everything was done that must be done before it resumes.
   */
  private isSettled = false
  private isSettling = false
  private fork: (effect: Effect.Effect<void>) => unknown = () => {}

  constructor(
    private readonly broker: FeatureContext,
    private readonly gate: Gate,
    private readonly join: JoinNodes,
    private readonly servers: ServersOfStore | undefined
  ) {
    const isOpen = () => this.isOpen
    const trafficTo = (node: OtherNode) => this.trafficTo(node)
    this.names = new LocalNames({ broker, nodes: () => this.nodes, isOpen })
    this.foreign = new ForeignLines({
      broker,
      isOpen,
      later: (run) =>
        void this.fork(
          Effect.delay(
            Effect.sync(() => broker.soon(run)),
            reportAfter
          )
        ),
      report: (node, name, fates) => trafficTo(node).report(name, fates)
    })
    this.recipients = new RemoteRecipients({
      broker,
      trafficTo,
      isHere: (node) => [...(this.nodes?.others ?? [])].includes(node),
      where: (name) => this.nodes?.where(name),
      find: (name) => (this.nodes === undefined ? Effect.succeed(undefined) : this.nodes.find(name)),
      fork: (effect) => void this.fork(effect)
    })
    this.servers?.start({
      atEnd: (run) => broker.atEnd(run),
      inTurn: (run) => broker.inTurn(run),
      fork: (effect) => void this.fork(effect),
      nodes: () => this.nodes,
      report: (node, message) => this.reportOnce(node, message),
      cannotRead: (node) => this.cannotRead(node)
    })
    // Later, since the broker is not complete yet.
    broker.soon(() => this.close())
  }

  /** Whether this node is one of the cluster, and may write. */
  get isOpen(): boolean {
    return this.nodes !== undefined && !this.isSuspended && !this.nodes.isSuspended()
  }

  /** The same as far as it is known. It may be asked at any time, because it does not read the clock. */
  get hasOpened(): boolean {
    return this.nodes !== undefined && !this.isSuspended
  }

  get feature(): Feature {
    return {
      resolvers: [this.recipients],
      lookAlike: (name) => this.lookAlike(name),
      ended: (peer) => {
        this.names.ended(peer)
        this.foreign.reportSoon() // it may be the last one of a server that stops
      },
      cutOff: () => this.recipients.cutOff(),
      run: this.run
    }
  }

  private get run(): Effect.Effect<void> {
    return Effect.scoped(
      Effect.gen(this, function* () {
        this.fork = yield* FiberSet.makeRuntime<never>()
        const nodes = yield* this.joined
        yield* this.broker.inTurn(() => {
          this.nodes = nodes
          this.servers?.flush()
          if (!nodes.isSuspended()) this.resume()
        })
        yield* Effect.never
      })
    )
  }

  /** Tries until it succeeds. */
  private get joined(): Effect.Effect<Nodes, never, Scope.Scope> {
    const { broker, events } = this
    const join = this.join({ events, inTurn: (run) => broker.soon(run) })
    return Effect.gen(function* () {
      for (;;) {
        const scope = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.sequential)
        const joined = yield* Effect.either(Scope.extend(join, scope))
        if (Either.isRight(joined)) return joined.right
        yield* Scope.close(scope, Exit.void)
        const { reason } = joined.left
        yield* Effect.annotateLogs(Effect.logWarning("the cluster cannot be joined"), { reason })
        yield* Effect.sleep(joinDelay)
      }
    })
  }

  private lookAlike(name: string): string | undefined {
    if (name.length > Name.maxWireLength) return undefined
    const alike = this.nodes?.alike(likenessOf(name))
    return alike === undefined || alike === name || isHidden(alike) ? undefined : alike
  }

  private trafficTo(node: OtherNode): NodeTraffic {
    const known = this.traffic.get(node)
    if (known !== undefined) return known
    const traffic = new NodeTraffic(node, {
      flushSoon: () => this.broker.atEnd(this.flush),
      maxContentBytes: () => this.nodes?.maxContentBytes ?? 0,
      frame: (bytes) => this.nodes?.frame(bytes) ?? Buffer.allocUnsafe(bytes),
      send: (content) => this.nodes?.send(node, content) === true
    })
    this.traffic.set(node, traffic)
    return traffic
  }

  private readonly flush = () => {
    if (!this.isOpen) return
    for (const traffic of this.traffic.values()) traffic.flush()
  }

  private readonly events: NodesEvents<ChatContent> = {
    read: (content) =>
      ServerMessages.isOfMessages(content)
        ? { messages: ServerMessages.decode(content) }
        : { lines: Contents.decode(content) },
    appeared: (node) => this.servers?.appeared(node),
    received: (node, content) => {
      if ("messages" in content) return this.receivedMessages(node, content.messages)
      const { isWhole, mayHaveLines, pieces, reports, unread } = content.lines
      if (!isWhole) this.cannotRead(node)
      if (mayHaveLines) this.trafficTo(node).reportLoss()
      this.recipients.report(node, reports)
      this.recipients.doubt(node, unread)
      this.foreign.receive(node, pieces)
    },
    hasRoom: (node) => {
      this.traffic.get(node)?.hasRoom()
      this.servers?.hasRoom(node)
    },
    lost: (node) => {
      this.foreign.lost(node)
      this.recipients.lost(node)
      this.traffic.delete(node)
      this.servers?.lost(node)
      if (this.withStore.delete(node) && !this.isAtOdds && this.nodes?.isSuspended() === false) this.resume()
    },
    nameMoved: (name, node) => {
      if (isHidden(name)) return
      this.broker.elsewhere(name, node !== undefined)
      this.recipients.moved(name, node)
    },
    suspended: () => this.close(),
    resumed: () => this.resume(),
    // Other nodes have already returned these lines, which must not be written any more.
    reborn: () => {
      this.isSettled = false
      for (const peer of this.foreign.unwritten) this.broker.breakOff(peer, "connection-lost")
    },
    nameTaken: (likeness, name) => this.names.taken(likeness, name)
  }

  private receivedMessages(node: OtherNode, messages: ReadonlyArray<ServerMessages.PartMessage> | undefined) {
    if (this.servers !== undefined) return this.servers.received(node, messages)
    this.reportOnce(node, noStore)
    this.withStore.add(node)
    if (this.isAtOdds) this.close()
  }

  /** A node with a store was there before this one, which has none: names that seem free here may be accounts. */
  private get isAtOdds(): boolean {
    const own = this.nodes?.incarnation ?? ""
    return [...this.withStore].some(({ incarnation }) => incarnation < own)
  }

  private cannotRead(node: OtherNode) {
    this.unreadable += 1
    this.reportOnce(node, "another node sends what this one cannot read; all nodes have to run the same version")
  }

  /** Such a node may send many. */
  private reportOnce(node: OtherNode, message: string) {
    if (this.misunderstood.has(node)) return
    this.misunderstood.add(node)
    const { incarnation, name } = node
    this.fork(Effect.annotateLogs(Effect.logError(message), { node: name, incarnation }))
  }

  private close() {
    this.isSuspended = true
    this.broker.divert(this.nobody)
  }

  /** This node may write: as soon as what changed at the others while it was no part of the cluster is known. */
  private resume() {
    if (this.isSettling || this.isAtOdds) return
    if (this.isSettled || this.servers?.mustSettle !== true) return this.open()
    this.isSettling = true
    this.isSettled = true // unless it is taken for lost once more
    this.fork(
      Effect.zipRight(
        this.servers.settle,
        this.broker.inTurn(() => {
          this.isSettling = false
          if (this.nodes?.isSuspended() === false) this.resume()
        })
      )
    )
  }

  private open() {
    this.isSuspended = false
    this.broker.divert(undefined)
    this.gate.open()
    this.broker.atEnd(this.flush)
  }

  /** Returns all lines as `unavailable`. */
  private readonly nobody: Resolver = { resolve: (name) => Unavailable.destination(this.broker, name) }
}
