import * as Effect from "effect/Effect"
import type { JoinNodes, NodesHost } from "../../src/cluster/ClusterChat.js"
import { headerBytes, type Nodes } from "../../src/cluster/Nodes.js"
import type { OtherNode } from "../../src/cluster/OtherNode.js"
import { ClusterUnavailable } from "../../src/ports/Cluster.js"

interface Entry {
  readonly node: FakeNode
  readonly name: string
}

/**
 * Nodes of one cluster in one process, without the protocol between them: contents arrive in order, or wait while the
 * test holds them, and the test says which nodes are lost and suspended.
 */
export class FakeCluster {
  readonly members = new Map<string, FakeNode>()
  /** By likeness. */
  readonly entries = new Map<string, Entry>()
  isUnavailable = false
  /** While closed, claims are carried out and not answered. */
  readonly answers = Effect.unsafeMakeLatch(true)
  incarnations = 0

  /** Bytes on the way to one node, beyond which `send` refuses. */
  window = Infinity

  join(name: string): JoinNodes {
    return (host) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const node = new FakeNode(this, name, host)
          this.introduce(node)
          for (const entry of this.entries.values()) node.learns(entry.name, entry.node.as)
          return node
        }),
        (node) => Effect.sync(() => this.lose(node))
      )
  }

  /**
   * The node and the others get to know each other.
   *
   * @param inTurn how the node is told of the others; default: in later turns
   */
  introduce(node: FakeNode, inTurn = node.host.inTurn) {
    const { as } = node
    this.tellAll(node, (other) => other.host.events.appeared(as))
    for (const other of this.members.values()) {
      const known = other.as
      if (other !== node) inTurn(() => node.host.events.appeared(known))
    }
    this.members.set(node.self, node)
  }

  tellAll(from: FakeNode, tell: (other: FakeNode) => void) {
    for (const other of this.members.values()) if (other !== from) other.host.inTurn(() => tell(other))
  }

  /** The others take the node for lost. */
  lose(node: FakeNode) {
    this.members.delete(node.self)
    for (const [likeness, entry] of this.entries) if (entry.node === node) this.entries.delete(likeness)
    const { as } = node // it may be reborn before the others are told
    this.tellAll(node, (other) => {
      other.forgets(as)
      other.host.events.lost(as)
    })
  }

  node(name: string): FakeNode {
    const node = this.members.get(name)
    if (node === undefined) throw new Error(`no node ${name}`)
    return node
  }
}

export class FakeNode implements Nodes {
  as: OtherNode
  readonly maxContentBytes = 1_048_576
  readonly frame = (bytes: number) => new Uint8Array(bytes)
  private suspended = false
  /** The contents that other nodes have sent and that this node has not got. */
  private readonly inbox: Array<{ readonly from: FakeNode; readonly content: Uint8Array }> = []
  /** The contents that this node has sent. */
  readonly sent: Array<Uint8Array> = []
  private waiting = new Set<FakeNode>()
  private isHeld = false
  private readonly known = new Map<string, OtherNode>()

  constructor(
    private readonly cluster: FakeCluster,
    readonly self: string,
    readonly host: NodesHost
  ) {
    this.as = { name: self, incarnation: `${++cluster.incarnations}` }
  }

  get others() {
    return [...this.cluster.members.values()].filter((node) => node !== this).map(({ as }) => as)
  }

  get incarnation() {
    return this.as.incarnation
  }

  isSuspended() {
    return this.suspended
  }

  learns(name: string, node: OtherNode | undefined) {
    if (node === undefined) this.known.delete(name)
    else this.known.set(name, node)
    this.host.events.nameMoved(name, node)
  }

  forgets(node: OtherNode) {
    for (const [name, at] of this.known) if (at === node) this.learns(name, undefined)
  }

  claim(likeness: string, name: string): ReturnType<Nodes["claim"]> {
    return Effect.suspend((): ReturnType<Nodes["claim"]> => {
      const { entries, isUnavailable } = this.cluster
      if (isUnavailable) return Effect.fail(new ClusterUnavailable({ reason: "the test has stopped the engine" }))
      const entry = entries.get(likeness)
      if (entry !== undefined && entry.node !== this) {
        return Effect.as(this.cluster.answers.await, { _tag: "Taken", by: entry.name } as const)
      }
      entries.set(likeness, { node: this, name })
      this.cluster.tellAll(this, (other) => other.learns(name, this.as))
      return Effect.as(this.cluster.answers.await, { _tag: "Yours" } as const)
    })
  }

  release(likeness: string) {
    const entry = this.cluster.entries.get(likeness)
    if (entry?.node !== this) return
    this.cluster.entries.delete(likeness)
    this.cluster.tellAll(this, (other) => other.learns(entry.name, undefined))
  }

  where(name: string) {
    return this.known.get(name)
  }

  find(name: string) {
    return Effect.suspend(() => {
      if (this.cluster.isUnavailable) return Effect.fail(new ClusterUnavailable({ reason: "stopped" }))
      for (const entry of this.cluster.entries.values())
        if (entry.name === name && entry.node !== this) return Effect.succeed(entry.node.as)
      return Effect.succeed(undefined)
    })
  }

  alike(likeness: string) {
    const entry = this.cluster.entries.get(likeness)
    return entry === undefined || entry.node === this ? undefined : entry.name
  }

  send({ name }: OtherNode, content: Uint8Array) {
    const to = this.cluster.members.get(name)
    if (to === undefined) return true
    if (to.bytesFrom(this) >= this.cluster.window) {
      to.waiting.add(this)
      return false
    }
    this.sent.push(content)
    to.inbox.push({ from: this, content })
    if (!to.isHeld) to.takeSoon()
    return true
  }

  private bytesFrom(from: FakeNode) {
    return this.inbox.reduce((sum, one) => sum + (one.from === from ? one.content.length : 0), 0)
  }

  private takeSoon() {
    this.host.inTurn(() => {
      const next = this.isHeld ? undefined : this.inbox.shift()
      if (next === undefined || !this.cluster.members.has(next.from.self)) return
      const { events } = this.host
      events.received(next.from.as, events.read(next.content.subarray(headerBytes)))
      for (const node of this.waiting) node.host.inTurn(() => node.host.events.hasRoom(this.as))
      this.waiting = new Set()
    })
  }

  // What the test does.

  /** Contents for this node wait. */
  hold() {
    this.isHeld = true
  }

  letGo() {
    this.isHeld = false
    for (let left = this.inbox.length; left > 0; left--) this.takeSoon()
  }

  suspend() {
    this.suspended = true
    this.host.inTurn(() => this.host.events.suspended())
  }

  resume() {
    this.suspended = false
    this.host.inTurn(() => this.host.events.resumed())
  }

  /** The others have taken this node for lost; it finds out, and is a new one. */
  rebear(lostNames: ReadonlyArray<readonly [likeness: string, name: string]> = []) {
    const { cluster, host } = this
    const mine = [...cluster.entries].filter(([, entry]) => entry.node === this)
    cluster.lose(this)
    this.inbox.length = 0
    host.inTurn(() => {
      for (const node of this.others) {
        this.forgets(node)
        host.events.lost(node)
      }
      host.events.reborn()
      this.as = { name: this.self, incarnation: `${++cluster.incarnations}` }
      cluster.introduce(this, (tell) => tell()) // before it can resume
      for (const [likeness, entry] of mine) {
        if (lostNames.some(([lost]) => lost === likeness)) host.events.nameTaken(likeness, entry.name)
        else {
          cluster.entries.set(likeness, entry)
          cluster.tellAll(this, (other) => other.learns(entry.name, this.as))
        }
      }
      for (const entry of cluster.entries.values()) if (entry.node !== this) this.learns(entry.name, entry.node.as)
    })
  }
}
