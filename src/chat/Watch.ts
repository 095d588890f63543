import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Budget } from "./Budget.js"
import type { Live } from "./Live.js"
import type { Options } from "./Options.js"
import type { Peer } from "./Peer.js"

interface Blocked {
  /** When its socket last took a byte. */
  movedAt: number
  /** What it had not taken then. */
  untaken: number
}

/** What a tick has found. */
export interface Findings {
  /** No login in time. */
  readonly loginsExpired: ReadonlyArray<Peer>
  /** Their sockets took nothing for the stall timeout. */
  readonly stalled: ReadonlyArray<Peer>
  /** There was no memory for the rest of their lines for the stall timeout. */
  readonly starved: ReadonlyArray<Peer>
  /** Their queues are full, and their sockets took nothing for the hold timeout; new since the last tick. */
  readonly jammed: ReadonlyArray<Peer>
}

/** The longest time between two ticks. */
const maxTickMillis = 250

/**
 * Everything that only a timer can notice: logins that do not come, sockets that take nothing, held clients that broke
 * off, memory that is used up. One fiber ticks for all connections, and only while there is something to watch; a timer
 * for each would cost more than the connection does.
 */
export class Watch {
  /** In the order of their accepts, so the first to expire is the first. */
  private readonly logins = new Set<Peer>()
  private readonly blockedPeers = new Map<Peer, Blocked>()
  private readonly heldPeers = new Set<Peer>()
  /** Not read from since this time, because their unfinished lines take more memory than there is for them. */
  private readonly shortPeers = new Map<Peer, number>()
  private readonly watching = Effect.unsafeMakeLatch(false)
  private loginMillis = 0
  private holdMillis = 0
  private stallMillis = 0
  private tickMillis = 0

  constructor(
    options: Live<Options>,
    private readonly budget: Budget
  ) {
    this.configure(options.current)
    options.onChange((current) => this.configure(current))
  }

  /** Times that have changed apply to those that wait already, too. */
  private configure(options: Options) {
    this.loginMillis = Duration.toMillis(options.loginTimeout)
    this.holdMillis = Duration.toMillis(options.holdTimeout)
    this.stallMillis = Duration.toMillis(options.stallTimeout)
    const shortest = Math.min(this.loginMillis, this.holdMillis, this.stallMillis)
    // Everything is noticed at most an eighth of the shortest time late.
    this.tickMillis = Math.min(maxTickMillis, Math.max(5, shortest / 8))
  }

  /** Succeeds when the next tick is due; waits as long as there is nothing to watch. */
  get due(): Effect.Effect<void> {
    return Effect.zipRight(
      this.watching.await,
      Effect.suspend(() => Effect.sleep(this.tickMillis))
    )
  }

  loginBegins(peer: Peer) {
    this.logins.add(peer)
    this.watching.unsafeOpen()
  }

  /** The login line is there, or never comes. */
  loginEnds(peer: Peer) {
    this.logins.delete(peer)
  }

  /** Its socket takes nothing more at present. What it has taken so far counts as progress. */
  blocked(peer: Peer, now: number) {
    this.blockedPeers.set(peer, { movedAt: now, untaken: peer.socket.untaken() })
    this.watching.unsafeOpen()
  }

  unblocked(peer: Peer) {
    this.blockedPeers.delete(peer)
    peer.outbox.unjam()
  }

  /** It is not read from, so nothing but a probe finds out that its connection broke. */
  holdBegins(peer: Peer) {
    this.heldPeers.add(peer)
    this.watching.unsafeOpen()
  }

  holdEnds(peer: Peer) {
    this.heldPeers.delete(peer)
  }

  /** Its unfinished line is too large at present: it is read from again when there is memory. */
  shortOfMemory(peer: Peer, now: number) {
    if (!this.shortPeers.has(peer)) this.shortPeers.set(peer, now)
    this.watching.unsafeOpen()
  }

  /** The budget is used up: ticks until it is not. */
  memoryIsUsedUp() {
    this.watching.unsafeOpen()
  }

  /** Its connection is over. */
  forget(peer: Peer) {
    this.heldPeers.delete(peer)
    this.logins.delete(peer)
    this.blockedPeers.delete(peer)
    this.shortPeers.delete(peer)
  }

  /** Looks at all that are watched; stops ticking if there are none. */
  tick(now: number): Findings {
    const findings = {
      loginsExpired: this.loginsExpired(now),
      stalled: this.stalled(now),
      starved: this.starved(now),
      jammed: this.jammed(now)
    }
    for (const peer of this.heldPeers) peer.socket.probe()
    for (const peer of this.shortPeers.keys()) peer.socket.probe()
    return findings
  }

  /** Stops ticking if nothing is left to watch. */
  rest() {
    const watched = this.logins.size + this.blockedPeers.size + this.heldPeers.size + this.shortPeers.size
    if (watched === 0 && !this.budget.isExhausted) this.watching.unsafeClose()
  }

  private loginsExpired(now: number): ReadonlyArray<Peer> {
    const expired: Array<Peer> = []
    for (const peer of this.logins) {
      if (now - peer.since < this.loginMillis) break
      expired.push(peer)
    }
    for (const peer of expired) this.logins.delete(peer)
    return expired
  }

  private stalled(now: number): ReadonlyArray<Peer> {
    const stalled: Array<Peer> = []
    for (const [peer, blocked] of this.blockedPeers) {
      const untaken = peer.socket.untaken()
      if (untaken !== blocked.untaken) {
        blocked.untaken = untaken
        blocked.movedAt = now
        peer.outbox.unjam()
      } else if (now - blocked.movedAt >= this.stallMillis) stalled.push(peer)
    }
    for (const peer of stalled) this.blockedPeers.delete(peer)
    return stalled
  }

  /** Reads on from the clients for which there is memory again. */
  private starved(now: number): ReadonlyArray<Peer> {
    const starved: Array<Peer> = []
    for (const [peer, since] of this.shortPeers) {
      if (!peer.inbox.stopIfShort()) this.shortPeers.delete(peer)
      else if (now - since >= this.stallMillis) starved.push(peer)
    }
    for (const peer of starved) this.shortPeers.delete(peer)
    return starved
  }

  /** Without memory, senders are not held at all: what waits in their inboxes would take more of it. */
  private jammed(now: number): ReadonlyArray<Peer> {
    const holdMillis = this.budget.isExhausted ? 0 : this.holdMillis
    const jammed: Array<Peer> = []
    for (const [peer, blocked] of this.blockedPeers) {
      const { outbox } = peer
      if (outbox.isJammed || !outbox.isFull || now - blocked.movedAt < holdMillis) continue
      outbox.jam()
      jammed.push(peer)
    }
    return jammed
  }
}
