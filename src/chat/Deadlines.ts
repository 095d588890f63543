import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Budget } from "./Budget.js"
import type { Options } from "./Options.js"
import type { Peer } from "./Peer.js"

interface Blocked {
  /** When its socket last took a byte. */
  movedAt: number
  /** What it had not taken then. */
  untaken: number
}

/**
 * The times that run out, to log in and to take a byte, and what nobody would tell of in between: that a held client
 * broke off, that notices wait. One fiber ticks for all connections, and only while there is something to watch; a timer
 * for each would cost more than the connection does.
 */
export class Deadlines {
  /** In the order of their accepts, so the first to expire is the first. */
  private readonly logins = new Set<Peer>()
  private readonly blockedPeers = new Map<Peer, Blocked>()
  private readonly heldPeers = new Set<Peer>()
  /** Not read from, since their unfinished lines take more memory than there is for them. */
  private readonly shortPeers = new Set<Peer>()
  private hasNotices = false
  private readonly watching = Effect.unsafeMakeLatch(false)
  private loginMillis = 0
  private holdMillis = 0
  private stallMillis = 0
  private tickMillis = 0

  constructor(
    options: Options,
    private readonly budget: Budget
  ) {
    this.configure(options)
  }

  /** Takes over times that have changed; they count for those who wait already, too. */
  configure(options: Options) {
    this.loginMillis = Duration.toMillis(options.loginTimeout)
    this.holdMillis = Duration.toMillis(options.holdTimeout)
    this.stallMillis = Duration.toMillis(options.stallTimeout)
    // An eighth of the shortest time is as late as anybody may notice.
    this.tickMillis = Math.min(250, Math.max(5, Math.min(this.loginMillis, this.holdMillis, this.stallMillis) / 8))
  }

  /** Succeeds when it is time to look; waits as long as there is nothing to look at. */
  get due(): Effect.Effect<void> {
    return Effect.zipRight(this.watching.await, Effect.sleep(this.tickMillis))
  }

  opened(peer: Peer) {
    this.logins.add(peer)
    this.watching.unsafeOpen()
  }

  loggedIn(peer: Peer) {
    this.logins.delete(peer)
  }

  /** Its socket does not take more at present. What it took until now counts as movement. */
  blocked(peer: Peer, now: number) {
    this.blockedPeers.set(peer, { movedAt: now, untaken: peer.socket.untaken() })
    this.watching.unsafeOpen()
  }

  unblocked(peer: Peer) {
    this.blockedPeers.delete(peer)
    peer.outbox.jammed = false
  }

  /** It is not read from, so a break of its connection has to be looked for. */
  held(peer: Peer) {
    this.heldPeers.add(peer)
    this.watching.unsafeOpen()
  }

  released(peer: Peer) {
    this.heldPeers.delete(peer)
  }

  probeHeld() {
    for (const peer of this.heldPeers) peer.socket.probe()
    for (const peer of this.shortPeers) peer.socket.probe()
  }

  /** Its unfinished line is too large at present: it is read from again when there is memory. */
  short(peer: Peer) {
    this.shortPeers.add(peer)
    this.watching.unsafeOpen()
  }

  resumeShort() {
    for (const peer of this.shortPeers) if (!peer.inlet.stopIfShort()) this.shortPeers.delete(peer)
  }

  /** Notices wait for the next tick. */
  noticesWait(wait: boolean) {
    this.hasNotices = wait
    if (wait) this.watching.unsafeOpen()
  }

  /** The memory is used up, and what holds most of it has to be found. */
  memoryIsShort() {
    this.watching.unsafeOpen()
  }

  /** Stops ticking if there is nothing to watch. */
  rest() {
    const watched = this.logins.size + this.blockedPeers.size + this.heldPeers.size + this.shortPeers.size
    const idle = watched === 0 && !this.hasNotices && !this.budget.isExhausted
    if (idle) this.watching.unsafeClose()
  }

  /** Its connection is over. */
  forget(peer: Peer) {
    this.heldPeers.delete(peer)
    this.logins.delete(peer)
    this.blockedPeers.delete(peer)
    this.shortPeers.delete(peer)
  }

  /** Those whose time to log in is over. */
  loginsExpired(now: number): ReadonlyArray<Peer> {
    const expired: Array<Peer> = []
    for (const peer of this.logins) {
      if (now - peer.since < this.loginMillis) break
      expired.push(peer)
    }
    for (const peer of expired) this.logins.delete(peer)
    return expired
  }

  /** Looks at every blocked socket: those that took nothing for the stall timeout are given up. */
  stalled(now: number): ReadonlyArray<Peer> {
    const stalled: Array<Peer> = []
    for (const [peer, blocked] of this.blockedPeers) {
      const untaken = peer.socket.untaken()
      if (untaken !== blocked.untaken) {
        blocked.untaken = untaken
        blocked.movedAt = now
        peer.outbox.jammed = false
      } else if (now - blocked.movedAt >= this.stallMillis) stalled.push(peer)
    }
    for (const peer of stalled) this.blockedPeers.delete(peer)
    return stalled
  }

  /**
   * Marks the full queues whose sockets took nothing for the hold timeout as jammed; answers those that were not. Without
   * memory their senders are not held at all: what waits in their inlets would take more of it.
   */
  jammed(now: number): ReadonlyArray<Peer> {
    const holdMillis = this.budget.isExhausted ? 0 : this.holdMillis
    const jammed: Array<Peer> = []
    for (const [peer, blocked] of this.blockedPeers) {
      const { outbox } = peer
      if (outbox.jammed || !outbox.full || now - blocked.movedAt < holdMillis) continue
      outbox.jammed = true
      jammed.push(peer)
    }
    return jammed
  }
}
