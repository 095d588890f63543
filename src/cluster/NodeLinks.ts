import * as Effect from "effect/Effect"
import type { FrameCounts, LinkNumbers } from "../telemetry/ClusterMetrics.js"
import { FramePool } from "./FramePool.js"
import { acknowledgeAfter, NodeLink } from "./NodeLink.js"
import type { NodesEvents } from "./Nodes.js"
import type { OtherNode } from "./OtherNode.js"
import type { PeerNode } from "./PeerNode.js"

interface NodeLinksOptions<Content> {
  /** The incarnation of this node. */
  readonly self: () => string
  readonly windowBytes: number
  readonly now: () => number
  readonly transmit: (node: string, frame: Uint8Array) => void
  readonly events: Pick<NodesEvents<Content>, "received" | "hasRoom">
  /** Runs a function in the broker's turn. */
  readonly report: (run: () => void) => void
  readonly fork: (effect: Effect.Effect<unknown>) => void
}

/** The links to the other nodes. */
export class NodeLinks<Content> {
  private readonly links = new Map<OtherNode, NodeLink<Content>>()
  private readonly frames = new FramePool()
  /** The counts of links that have ended. */
  private ended: FrameCounts = noFrames
  /** Links that owe an acknowledgement. */
  private readonly owing = new Set<NodeLink<Content>>()

  constructor(private readonly options: NodeLinksOptions<Content>) {}

  /** Memory for a frame. */
  frame(bytes: number): Uint8Array {
    return this.frames.take(bytes)
  }

  get(node: OtherNode): NodeLink<Content> | undefined {
    return this.links.get(node)
  }

  /** Makes the link to a node that has appeared. */
  add(peer: PeerNode): NodeLink<Content> {
    const { events, now, report, self, transmit, windowBytes } = this.options
    const link: NodeLink<Content> = new NodeLink(
      { self: self(), other: peer.incarnation, windowBytes, now },
      {
        transmit: (frame) => transmit(peer.name, frame),
        received: (content) => events.received(peer, content),
        hasRoom: () => events.hasRoom(peer),
        owesAck: () => this.owe(link),
        owesMuch: () => report(() => link.acknowledge()),
        arrived: (frame) => this.frames.give(frame)
      }
    )
    this.links.set(peer, link)
    return link
  }

  /** The node is lost. */
  remove(peer: PeerNode) {
    const link = this.links.get(peer)
    if (link === undefined) return
    this.links.delete(peer)
    this.owing.delete(link)
    this.ended = sumOf(this.ended, link.counts)
  }

  tick() {
    for (const link of this.links.values()) link.tick()
  }

  recover() {
    for (const link of this.links.values()) link.recover()
  }

  silence() {
    for (const link of this.links.values()) link.silence()
  }

  /** The frames of all links, those that have ended included. */
  get counts(): FrameCounts {
    return Array.from(this.links.values(), ({ counts }) => counts).reduce(sumOf, this.ended)
  }

  /** What there is to show of the link to a node. */
  stateOf(node: OtherNode): LinkNumbers & FrameCounts & { readonly inFlightBytes: number } {
    const link = this.links.get(node)
    return { inFlightBytes: link?.inFlight ?? 0, ...(link?.numbers ?? noNumbers), ...(link?.counts ?? noFrames) }
  }

  /** Contents of the next turns may take the acknowledgement along (benchmarks: nodes-100, nodes-outcome). */
  private owe(link: NodeLink<Content>) {
    if (this.owing.size === 0)
      this.options.fork(
        Effect.delay(
          Effect.sync(() => this.options.report(this.acknowledge)),
          acknowledgeAfter
        )
      )
    this.owing.add(link)
  }

  private readonly acknowledge = () => {
    const links = Array.from(this.owing)
    this.owing.clear()
    for (const link of links) link.acknowledge()
  }
}

const noFrames: FrameCounts = { resent: 0, repeated: 0, gaps: 0 }

const noNumbers: LinkNumbers = { sent: 0, acknowledged: 0, taken: 0, early: 0 }

const sumOf = (a: FrameCounts, b: FrameCounts): FrameCounts => ({
  resent: a.resent + b.resent,
  repeated: a.repeated + b.repeated,
  gaps: a.gaps + b.gaps
})
