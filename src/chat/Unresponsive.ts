import type * as Effect from "effect/Effect"
import type { Outbox } from "./Outbox.js"
import type { Peer } from "./Peer.js"

/** A peer with messages that it has not acknowledged. */
interface Waiting {
  /** When it last acknowledged some, or when the first began to wait. */
  movedAt: number
  /** When it last sent an acknowledgement, even one of nothing new: the client is alive, and still busy. */
  aliveAt: number
  /** Since when the server has not read from it, so that it cannot acknowledge. */
  heldSince: number | undefined
  /** The memory of the outcomes that it then waited for. */
  outcomes: number
}

/** Peers from which no acknowledgement came for too long, although messages waited for one. */
export interface UnresponsivePeers {
  /** None for the stall timeout. */
  readonly unreachable: ReadonlyArray<Peer>
  /** None of anything new for the linger time after `/quit`. */
  readonly leaving: ReadonlyArray<Peer>
}

/**
 * Notices peers that promised to acknowledge messages (`/hello ack`), and do not. While the server does not read from a
 * peer, its time stands still: its acknowledgements may be in the input that is not read.
 */
export class Unresponsive {
  private readonly peers = new Map<Peer, Waiting>()
  private stallMillis = 0
  private lingerMillis = 0

  constructor(
    /** The time that counts against deadlines. */
    private readonly time: () => number,
    /** While it is open, there are ticks. */
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

  /** Calls `jam` with each outbox that holds its senders because of its owner, and with when that last moved. */
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
 * Whether the peer is held by others, or by its own queue. Not if it waits for outcomes: they may depend on peers that
 * wait for its acknowledgements, and both would wait for ever.
 */
const cannotAcknowledge = ({ hold, outbox }: Peer) => hold !== undefined && (hold !== outbox || !outbox.isOwed)
