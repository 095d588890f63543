import type * as Effect from "effect/Effect"
import type { Outbox } from "./Outbox.js"
import type { Peer } from "./Peer.js"

/** A peer with messages that it has not acknowledged. */
interface Waiting {
  /** Time of its last acknowledgement of a message, or when the first began to wait. */
  movedAt: number
  /** Time of its last acknowledgement, even of nothing new: the client is alive, and still busy. */
  aliveAt: number
  /** When the server stopped reading from it, so that it cannot acknowledge. */
  heldSince: number | undefined
  /** The memory of the outcomes that it waited for at that time. */
  outcomes: number
}

/** Peers that have not acknowledged waiting messages for too long. */
export interface UnresponsivePeers {
  /** No acknowledgement for the stall timeout. */
  readonly unreachable: ReadonlyArray<Peer>
  /** No acknowledgement of anything new for the linger time after `/quit`. */
  readonly leaving: ReadonlyArray<Peer>
}

/**
 * Finds peers that promised to acknowledge messages (`/hello ack`) but do not. While the server does not read from a
 * peer, its time stands still: its acknowledgements may be in the unread input.
 */
export class Unresponsive {
  private readonly peers = new Map<Peer, Waiting>()
  private stallMillis = 0
  private lingerMillis = 0

  constructor(
    /** The time that counts against deadlines. */
    private readonly time: () => number,
    /** Ticks run while it is open. */
    private readonly watching: Effect.Latch
  ) {}

  configure(stallMillis: number, lingerMillis: number) {
    this.stallMillis = stallMillis
    this.lingerMillis = lingerMillis
  }

  /** Whether ticks are needed. */
  get isWatching(): boolean {
    return this.peers.size > 0
  }

  has(peer: Peer): boolean {
    return this.peers.has(peer)
  }

  /** Messages were written to the peer, which had none to acknowledge. */
  begins(peer: Peer) {
    const movedAt = this.time()
    const heldSince = cannotAcknowledge(peer) ? movedAt : undefined
    this.peers.set(peer, { movedAt, aliveAt: movedAt, heldSince, outcomes: peer.outbox.costOfOutcomes })
    this.watching.unsafeOpen()
  }

  /** The peer has acknowledged something, or has left and is given the linger time. */
  moved(peer: Peer) {
    const waiting = this.peers.get(peer)
    if (waiting !== undefined) progress(waiting, this.time())
  }

  /** The peer has acknowledged nothing new. Its queue makes no progress, but the peer has not vanished. */
  stillBusy(peer: Peer) {
    const waiting = this.peers.get(peer)
    if (waiting !== undefined) waiting.aliveAt = this.time()
  }

  /** The server stops reading from the peer. Returns whether that stops the peer's time. */
  holdBegins(peer: Peer): boolean {
    const waiting = this.peers.get(peer)
    if (waiting === undefined || !cannotAcknowledge(peer)) return false
    waiting.heldSince = this.time()
    return true
  }

  holdEnds(peer: Peer) {
    const waiting = this.peers.get(peer)
    if (waiting?.heldSince === undefined) return
    const held = this.time() - waiting.heldSince
    waiting.movedAt += held
    waiting.aliveAt += held
    waiting.heldSince = undefined
  }

  /** The peer's connection is over. */
  forget(peer: Peer) {
    this.peers.delete(peer)
  }

  /** Finds the peers whose time is over. */
  tick(now: number): UnresponsivePeers {
    const unreachable: Array<Peer> = []
    const leaving: Array<Peer> = []
    for (const [peer, waiting] of this.peers) {
      const { costOfOutcomes, isOwed, unacknowledged } = peer.outbox
      if (unacknowledged === undefined || unacknowledged.lines === 0) {
        this.peers.delete(peer)
        continue
      }
      // The peer waits for outcomes, and is not read from meanwhile: each of them is progress.
      if (isOwed && peer.hold === peer.outbox && costOfOutcomes < waiting.outcomes) progress(waiting, now)
      waiting.outcomes = costOfOutcomes
      if (waiting.heldSince !== undefined) continue
      if (peer.isHeardAfterQuit && now - waiting.movedAt >= this.lingerMillis) leaving.push(peer)
      else if (now - waiting.aliveAt >= this.stallMillis) unreachable.push(peer)
    }
    for (const peer of unreachable) this.peers.delete(peer)
    return { leaving, unreachable }
  }

  /**
   * Calls `jam` with each outbox that holds its senders because of its owner, and the time of the owner's last
   * progress.
   */
  forEach(jam: (outbox: Outbox<Peer>, movedAt: number) => void) {
    for (const [{ outbox }, { heldSince, movedAt }] of this.peers) {
      // While its acknowledgements are not read, only its socket shows whether it makes progress.
      if (heldSince === undefined || !outbox.isQueueFull) jam(outbox, movedAt)
    }
  }
}

const progress = (waiting: Waiting, now: number) => {
  waiting.movedAt = now
  waiting.aliveAt = now
}

/**
 * Whether the peer is held by others, or by its own queue. Waiting for outcomes does not count: they may depend on
 * peers that wait for its acknowledgements, and both would wait forever.
 */
const cannotAcknowledge = ({ hold, outbox }: Peer) => hold !== undefined && (hold !== outbox || !outbox.isOwed)
