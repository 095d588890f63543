import type { Peer } from "./Peer.js"

/**
 * Keeps a client's lines in order when it reconnects under its name before all lines of its last connection are routed:
 * the new connection waits for them. The wait is short, because a connection that is over is not held.
 */
export class Predecessors {
  /** For each client, the connection that ended last, if lines read from it still have to be routed. */
  private readonly unrouted = new Map<string, Peer>()
  private readonly over = new WeakSet<Peer>()

  /** The connection is over, or another one has taken its place. */
  ended(peer: Peer) {
    // A connection that was replaced ends later: it would wait for itself, or for one that waits for it.
    if (this.over.has(peer) || !peer.phase.isHeard || isRouted(peer)) return
    this.over.add(peer)
    const client = clientOf(peer)
    // Clients that only send may share a name, and did not wait for each other.
    peer.predecessor ??= this.unrouted.get(client)
    this.unrouted.set(client, peer)
  }

  /** Everything that was read from a connection that is over has been routed. */
  routed(peer: Peer) {
    const client = clientOf(peer)
    if (this.unrouted.get(client) === peer) this.unrouted.delete(client)
  }

  /** The peer has logged in. */
  joined(peer: Peer) {
    peer.predecessor = this.unrouted.get(clientOf(peer))
  }

  /** Whether the peer's lines may be routed, since its predecessor's have been. */
  isNext(peer: Peer): boolean {
    const { predecessor } = peer
    if (predecessor === undefined) return true
    if (!isRouted(predecessor)) return false
    peer.predecessor = undefined
    return true
  }
}

/** No line that a connection sends after the mark of the shutdown, or of its replacement, is accepted. */
const isRouted = ({ inbox, isShutOut }: Peer) => inbox.isConsumed || isShutOut

/** A name has no space, so no guest's name is the key of a device. */
const clientOf = ({ device, name }: Peer) => (device === undefined ? name : `${name} ${device.name}`)
