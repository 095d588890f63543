import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import { Cluster, type ClusterService, type ClusterUnavailable, type Link } from "../ports/Cluster.js"
import * as Time from "../ports/Time.js"
import type { NodesState } from "../telemetry/ClusterMetrics.js"
import * as Claim from "./Claim.js"
import { Claims } from "./Claims.js"
import * as Frame from "./Frame.js"
import * as Incarnation from "./Incarnation.js"
import type { Ask } from "./Leases.js"
import { Membership } from "./Membership.js"
import { NamesElsewhere } from "./NamesElsewhere.js"
import { probeAfter, type ReceivedFrame } from "./NodeLink.js"
import { NodeLinks } from "./NodeLinks.js"
import type { Nodes, NodesEvents } from "./Nodes.js"
import type { OtherNode } from "./OtherNode.js"
import type { PeerNode } from "./PeerNode.js"
import { protocolVersion } from "./ProtocolVersion.js"
import { Sweep } from "./Sweep.js"
import { takeLease } from "./TakeLease.js"
import * as Term from "./Term.js"

export interface NodesOptions<Content> {
  /** A node is taken for lost after this silence, in milliseconds; it stops writing after two thirds of it. */
  readonly termMillis: number
  /** Bytes to one other node without an acknowledgement. */
  readonly windowBytes: number
  /** The key of a name for look-alikes (`Names.likenessOf`). */
  readonly likenessOf: (name: string) => string
  /** Runs a function in the broker's turn, after everything reported before. */
  readonly report: (run: () => void) => void
  readonly events: NodesEvents<Content>
  /** At least 0 and less than 1; by default `Math.random`. */
  readonly random?: () => number
}

/** Nodes that show what they know. */
export interface VisibleNodes extends Nodes {
  /** For operators. */
  readonly inspect: () => NodesState
}

/** Joins the cluster, and leaves it when the scope closes. */
export const make = <Content>(
  options: NodesOptions<Content>
): Effect.Effect<VisibleNodes, ClusterUnavailable, Cluster | Scope.Scope> =>
  Effect.gen(function* () {
    const cluster = yield* Cluster
    const time = Time.of(yield* Clock.clockWith(Effect.succeed))
    const fork = yield* FiberSet.makeRuntime<never>()
    const nodes = new ConnectedNodes(cluster, time, options, (effect) => void fork(effect))
    yield* nodes.join
    return nodes
  })

class ConnectedNodes<Content> implements VisibleNodes {
  readonly self: string
  private readonly term: Term.Term
  private readonly membership: Membership
  private readonly claims: Claims
  private readonly elsewhere: NamesElsewhere
  private readonly sweep: Sweep
  private readonly links: NodeLinks<Content>
  private link: Link = { maxFrameBytes: 0, isUp: () => false, send: () => {}, broadcast: () => {} }
  private isClosed = false
  /** What `isSuspended` last returned. Asking it again may find a suspension, and report it. */
  private isShut = false

  constructor(
    private readonly cluster: ClusterService,
    private readonly time: Time.Time,
    private readonly options: NodesOptions<Content>,
    private readonly fork: (effect: Effect.Effect<unknown>) => void
  ) {
    const { directory, node } = cluster
    const { now, wall } = time
    this.self = node
    this.term = Term.of(options.termMillis)
    this.links = new NodeLinks({
      self: () => this.membership.incarnation,
      windowBytes: options.windowBytes,
      now,
      transmit: (to, frame) => this.link.send(to, frame),
      events: options.events,
      report: (run) => this.report(run),
      fork
    })
    const ask: Ask = (effect, then) =>
      fork(
        Effect.map(Effect.either(effect), (answer) =>
          this.report(() => {
            then(answer)
          })
        )
      )
    this.membership = new Membership(
      {
        self: node,
        term: this.term,
        directory,
        ask,
        broadcast: (frame) => this.link.broadcast(frame),
        isUp: () => this.link.isUp(),
        now,
        wall,
        random: options.random ?? Math.random
      },
      {
        appeared: this.appeared,
        lost: this.lost,
        suspended: this.suspended,
        resumed: this.resumed,
        otherVersion: (name, version) => fork(logOtherVersion(name, version)),
        bearing: (run) => this.elsewhere.atOnce(run),
        reborn: this.reborn,
        replaced: () => fork(anotherProcess)
      }
    )
    this.claims = new Claims({
      self: node,
      directory,
      incarnation: () => this.membership.incarnation,
      canClaim: () => this.membership.canClaim,
      isAlive: (name, incarnation) => this.isAlive(name, incarnation),
      elsewhere: (likeness) => this.elsewhere.alike(likeness)
    })
    this.elsewhere = new NamesElsewhere({
      self: node,
      peerOf: (incarnation) => this.membership.peerOf(incarnation),
      moved: (name, peer) => options.events.nameMoved(name, peer),
      own: (entry) => this.claims.found(entry),
      foreign: (key, revision) => this.claims.foreign(key, revision),
      ownEntries: (revisions) => this.claims.current(revisions)
    })
    this.sweep = new Sweep({
      directory,
      names: this.elsewhere,
      now,
      restMillis: sweepTerms * this.term.bury,
      isDead: (name, incarnation) => this.membership.isAlive(name, incarnation) === false,
      mayWork: () => !this.membership.isSuspended && ![...this.membership.peers].some(({ name }) => name < node),
      fork
    })
  }

  get incarnation(): string {
    return this.membership.incarnation
  }

  get others(): Iterable<OtherNode> {
    return this.membership.peers
  }

  get maxContentBytes(): number {
    return this.link.maxFrameBytes
  }

  readonly isSuspended = () => this.membership.isSuspended
  readonly claim = (likeness: string, name: string) => this.claims.claim(likeness, name)
  readonly where = (name: string) => this.elsewhere.where(name)
  readonly alike = (likeness: string) => this.elsewhere.alike(likeness)

  readonly release = (likeness: string) => {
    this.claims.release(likeness)
    this.workOnClaims()
  }

  readonly find = (name: string): Effect.Effect<OtherNode | undefined, ClusterUnavailable> =>
    Effect.gen(this, function* () {
      const entry = yield* this.cluster.directory.get("names", Claim.keyOf(this.options.likenessOf(name)))
      const claim = entry === undefined ? undefined : Claim.parse(entry.value)
      if (entry === undefined || claim?.name !== name || claim.node === this.self) return undefined
      if (!(yield* this.isAlive(claim.node, claim.incarnation))) return undefined
      return yield* this.inTurn(() => {
        this.elsewhere.found(entry)
        return this.membership.peerOf(claim.incarnation)
      })
    })

  readonly frame = (bytes: number) => this.links.frame(bytes)

  readonly send = (node: OtherNode, content: Uint8Array): boolean => this.links.get(node)?.send(content) ?? true

  readonly inspect = (): NodesState => ({
    node: this.self,
    incarnation: this.membership.incarnation,
    isSuspended: this.isShut,
    grantMillis: this.membership.grantAge,
    claims: this.claims.counts,
    names: this.elsewhere.size,
    frames: this.links.counts,
    others: Array.from(this.membership.peers, (peer) => ({
      name: peer.name,
      incarnation: peer.incarnation,
      silentMillis: this.time.now() - peer.heardAt,
      unheardMillis: this.time.now() - peer.grantedAt,
      ...this.links.stateOf(peer)
    }))
  })

  private report(run: () => void) {
    this.options.report(() => {
      if (!this.isClosed) run()
    })
  }

  /** Reads the lease of a node that this one does not know. Its claim counts unless the lease says that it is dead. */
  private isAlive(node: string, incarnation: string): Effect.Effect<boolean, ClusterUnavailable> {
    return Effect.gen(this, function* () {
      const known = this.membership.isAlive(node, incarnation)
      if (known !== undefined) return known
      const entry = yield* this.cluster.directory.get("nodes", node)
      return yield* this.inTurn(() => {
        if (entry !== undefined) this.membership.learnt(entry)
        return this.membership.isAlive(node, incarnation) ?? true
      })
    })
  }

  /** Runs something in the broker's turn, and waits for it. */
  private inTurn<A>(run: () => A): Effect.Effect<A> {
    return Effect.async((resume) => this.report(() => resume(Effect.succeed(run()))))
  }

  /** Takes the lease, watches both tables and starts the heartbeats. */
  readonly join: Effect.Effect<void, ClusterUnavailable, Scope.Scope> = Effect.gen(this, function* () {
    const { directory } = this.cluster
    yield* Effect.addFinalizer(() => Effect.sync(() => (this.isClosed = true)))
    this.link = yield* this.cluster.link({
      frame: this.took,
      up: () => this.report(this.up)
    })
    yield* this.takeLease
    yield* Effect.addFinalizer(() => this.leave)
    yield* directory.watch("nodes", {
      restarted: () => {},
      put: (entry) => this.report(() => this.membership.learnt(entry)),
      removed: () => {}, // nobody removes a lease: the engine has lost it, and its node writes it again
      current: () => {}
    })
    yield* directory.watch("names", {
      restarted: (isEmptied) => this.report(() => this.elsewhere.restarted(isEmptied)),
      put: (entry) => this.report(() => this.elsewhere.put(entry)),
      removed: (key, revision) => this.report(() => this.elsewhere.removed(key, revision)),
      current: () => this.report(() => this.elsewhere.current())
    })
    yield* Effect.forkScoped(this.every(this.term.beat, this.tick))
    // Frames are lost whatever the term is.
    yield* Effect.forkScoped(this.every(Math.min(this.term.beat, probeAfter), this.tickLinks))
  })

  private readonly takeLease = Effect.suspend(() =>
    Effect.map(
      takeLease({
        self: this.self,
        term: this.term,
        directory: this.cluster.directory,
        now: this.time.now,
        wall: this.time.wall,
        random: this.options.random ?? Math.random
      }),
      ({ incarnation, revision, started }) => this.membership.joined(incarnation, revision, started)
    )
  )

  /** The others need not wait for the end of the lease. If the directory does not answer, they bury this node. */
  private readonly leave = Effect.suspend(() => {
    const last = this.membership.leave()
    return last === undefined
      ? Effect.void
      : this.dropLease(last).pipe(Effect.interruptible, Effect.timeoutOption("1 second"), Effect.ignore)
  })

  private dropLease(last: Incarnation.Lease): Effect.Effect<void, ClusterUnavailable> {
    const { directory } = this.cluster
    const dead = Incarnation.showLease(last)
    return Effect.gen(this, function* () {
      for (let attempt = 0; attempt < maxLeaveAttempts; attempt++) {
        // The last renewal may be on its way, or the engine may have forgotten it, which the first reading finds out.
        const read = yield* Effect.either(directory.get("nodes", this.self))
        if (Either.isLeft(read)) {
          yield* Effect.sleep(leaveRetryEvery)
          continue
        }
        const entry = read.right
        const lease = Incarnation.leaseIn(entry)
        const isForgotten = lease === undefined || lease.incarnation < last.incarnation
        if (!isForgotten && (lease.incarnation !== last.incarnation || !lease.isAlive)) return
        if ((yield* directory.swap("nodes", this.self, entry?.revision ?? 0, dead)) !== undefined) return
      }
    })
  }

  private every(millis: number, run: () => void): Effect.Effect<never> {
    return Effect.forever(
      Effect.delay(
        Effect.sync(() => this.report(run)),
        millis
      )
    )
  }

  private readonly tickLinks = () => {
    if (this.link.isUp()) this.links.tick()
  }

  private readonly tick = () => {
    this.membership.tick()
    if (!this.link.isUp()) return
    this.elsewhere.tick()
    this.sweep.tick()
    this.claims.tick()
    this.workOnClaims()
  }

  private workOnClaims() {
    if (this.claims.hasWork && this.link.isUp()) this.fork(this.claims.work(this.taken))
  }

  private readonly up = () => {
    if (!this.membership.isSuspended) this.links.recover()
  }

  /** Outside of the broker's turn. */
  private readonly took = (frame: Uint8Array) => {
    const header = Frame.read(frame)
    if (header === undefined) return
    if (header.kind === Frame.Kind.heartbeat) {
      const heartbeat = Frame.copy(frame)
      return this.report(() => this.membership.heard(header, heartbeat))
    }
    const isContent = header.kind === Frame.Kind.content
    const content = isContent ? this.options.events.read(frame.subarray(Frame.headerBytes)) : undefined
    const received = { header, content, bytes: frame.length }
    return this.report(() => this.received(received))
  }

  private received(received: ReceivedFrame<Content>) {
    const { from, to } = received.header
    if (to !== this.membership.incarnation || this.membership.isSuspended) return
    const peer = this.membership.peerOf(from)
    if (peer !== undefined) this.links.get(peer)?.take(received)
  }

  private readonly appeared = (peer: PeerNode) => {
    const link = this.links.add(peer)
    if (this.membership.isSuspended) link.silence()
    this.options.events.appeared(peer)
    this.elsewhere.appeared(peer)
    // This node has dropped what the other one sent before it was known here.
    if (!this.membership.isSuspended) link.recover()
  }

  private readonly lost = (peer: PeerNode) => {
    this.links.remove(peer)
    this.options.events.lost(peer)
    this.elsewhere.lost(peer)
  }

  private readonly suspended = () => {
    this.isShut = true
    this.links.silence()
    this.options.events.suspended()
  }

  private readonly resumed = () => {
    this.isShut = false
    this.links.recover()
    this.options.events.resumed()
  }

  private readonly taken = (likeness: string, name: string) =>
    this.report(() => this.options.events.nameTaken(likeness, name))

  private readonly reborn = () => {
    const { incarnation } = this.membership
    this.options.events.reborn()
    const done = Effect.sync(() => this.report(() => this.membership.reclaimed(incarnation)))
    this.fork(Effect.zipRight(this.claims.reclaim(this.taken), done))
  }
}

/** How many terms the names of a lost node wait for their clients, before their entries are removed. */
const sweepTerms = 2

const maxLeaveAttempts = 8
const leaveRetryEvery = "50 millis"

const logOtherVersion = (node: string, version: number) =>
  Effect.annotateLogs(
    Effect.logError("a node of another version has joined: its clients cannot be reached from here"),
    { node, version, own: protocolVersion }
  )

const anotherProcess = Effect.logError(
  "another process has taken the name of this node, which stays suspended: give each server a --node of its own"
)
