import type { Time } from "../ports/Time.js"
import type { Socket } from "../ports/Transport.js"
import type { Budget } from "./Budget.js"
import type { Drain } from "./Drain.js"
import type { Events } from "./Events.js"
import type { HostLimits } from "./HostLimits.js"
import type { Lifecycle } from "./Lifecycle.js"
import type { Live } from "./Live.js"
import type { Options } from "./Options.js"
import { Outbox } from "./Outbox.js"
import type { Bounds } from "./OutboxLoad.js"
import { Peer } from "./Peer.js"
import * as TokenBucket from "./TokenBucket.js"

interface Collaborators {
  readonly bounds: Bounds
  readonly budget: Budget
  readonly drain: Drain
  readonly events: Events
  readonly hostLimits: HostLimits
  readonly lifecycle: Lifecycle
  readonly options: Live<Options>
  readonly time: Time
}

/**
 * Creates a peer for each new connection, and applies the limits to it. Changed limits also apply to existing peers.
 */
export class Arrivals {
  constructor(private readonly broker: Collaborators) {
    this.configure(broker.options.current)
    broker.options.onChange((current) => this.configure(current))
  }

  open(socket: Socket): Peer {
    const { bounds, budget, drain, events, lifecycle, options, time } = this.broker
    const { maxLineBytes } = options.current
    const peer = new Peer(socket, new Outbox(bounds), { maxLineBytes, budget, time })
    this.limit(peer)
    lifecycle.open(peer)
    events.accepted()
    if (drain.isDraining) {
      peer.inbox.close()
      events.report({ _tag: "Read", peer })
    }
    return peer
  }

  private configure({ maxMemory, maxOutcomes, outboxBytes, outboxLines }: Options) {
    const { bounds, budget, lifecycle } = this.broker
    bounds.lines = outboxLines
    bounds.bytes = outboxBytes
    bounds.outcomes = maxOutcomes
    budget.limit = maxMemory
    for (const peer of lifecycle.peers) this.limit(peer)
  }

  private limit(peer: Peer) {
    const { hostLimits, options, time } = this.broker
    const { rate } = options.current
    peer.rate = TokenBucket.configured(peer.rate, rate, rate, time.now())
    peer.hostRate = hostLimits.linesOf(peer.socket.host)
  }
}
