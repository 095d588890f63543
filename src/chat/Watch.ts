import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { TurnoverMap } from "../concurrency/Turnover.js"
import * as Reachability from "../ports/Reachability.js"
import * as CloseReason from "../protocol/CloseReason.js"
import type { Budget } from "./Budget.js"
import type { Live } from "./Live.js"
import type { Options } from "./Options.js"
import type { Outbox } from "./Outbox.js"
import type { Peer } from "./Peer.js"
import { Unresponsive, type UnresponsivePeers } from "./Unresponsive.js"
import { Vanished } from "./Vanished.js"

interface Blocked {
  /** When the socket last took a byte. */
  movedAt: number
  /** Bytes that the socket had not taken at that time. */
  untaken: number
}

/** The findings of a tick. */
export interface Findings {
  /** Clients that did not log in in time. */
  readonly loginsExpired: ReadonlyArray<Peer>
  /** Clients whose sockets took nothing for the stall timeout, although the server wrote. */
  readonly stalled: ReadonlyArray<Peer>
  /** Clients whose unfinished lines have lacked memory for the stall timeout. */
  readonly starved: ReadonlyArray<Peer>
  readonly unresponsive: UnresponsivePeers
  /** Full outboxes whose writers have made no progress for the hold timeout. Each is reported once. */
  readonly jammed: ReadonlyArray<Outbox<Peer>>
}

/** The longest interval between two ticks. */
const maxTickMillis = 250

/**
 * Everything that only a timer can notice: missing logins, stalled sockets, peers that vanished, held clients that
 * disconnected, exhausted memory. One fiber ticks for all connections, and only while there is something to watch; a
 * timer for each connection would cost more than the connection itself.
 */
export class Watch {
  /** When each login began, in the order in which they were accepted: the first in the map is the first to expire. */
  private readonly logins = new TurnoverMap<Peer, number>()
  private readonly blockedPeers = new Map<Peer, Blocked>()
  private readonly heldPeers = new Set<Peer>()
  /** Peers whose reading is paused because an unfinished line exceeds its share of the memory, and when that began. */
  private readonly shortPeers = new Map<Peer, number>()
  /**
   * Full outboxes whose writers are not sockets: when the writer last settled a batch, and how many bytes were left.
   */
  private readonly lagging = new Map<Outbox<Peer>, { movedAt: number; bytes: number }>()
  readonly vanished: Vanished
  readonly unresponsive: Unresponsive
  /** The peers that are still to be probed. */
  private probing: Iterator<Peer> | undefined = undefined
  private readonly watching = Effect.unsafeMakeLatch(false)
  private loginMillis = 0
  private holdMillis = 0
  private stallMillis = 0
  private lingerMillis = 0
  private tickMillis = 0
  /** The time that counts against deadlines, up to the start of the current tick: see `slept`. */
  private countedMillis = 0
  private tickBegan = 0
  private isLate = false
  private readonly budget: Budget
  private readonly now: () => number
  private readonly outboxes: ReadonlySet<Outbox<Peer>>

  constructor(broker: {
    readonly budget: Budget
    readonly now: () => number
    readonly options: Live<Options>
    /** The outboxes whose writers are not sockets. */
    readonly outboxes: ReadonlySet<Outbox<Peer>>
    readonly reachability?: Reachability.ReachabilityProbe | undefined
  }) {
    const { budget, now, options, outboxes, reachability = Reachability.unknownProbe } = broker
    this.budget = budget
    this.now = now
    this.outboxes = outboxes
    this.vanished = new Vanished(reachability, {
      time: () => this.time,
      awaken: () => this.watching.unsafeOpen(),
      isBlocked: (peer) => this.blockedPeers.has(peer)
    })
    this.unresponsive = new Unresponsive(() => this.time, this.watching)
    this.configure(options.current)
    options.onChange((current) => this.configure(current))
  }

  /** Changed timeouts also apply to peers that are already being watched. */
  private configure(options: Options) {
    this.loginMillis = Duration.toMillis(options.loginTimeout)
    this.holdMillis = Duration.toMillis(options.holdTimeout)
    this.stallMillis = Duration.toMillis(options.stallTimeout)
    this.vanished.configure(this.stallMillis)
    this.lingerMillis = Duration.toMillis(options.linger)
    this.unresponsive.configure(this.stallMillis, this.lingerMillis)
    const shortest = Math.min(this.loginMillis, this.holdMillis, this.stallMillis)
    // Every timeout is noticed late by at most an eighth of the shortest one.
    this.tickMillis = Math.min(maxTickMillis, Math.max(5, shortest / 8))
  }

  /** Succeeds when the next tick is due. Waits while there is nothing to watch. */
  get due(): Effect.Effect<void> {
    return Effect.zipRight(
      this.watching.await,
      Effect.suspend(() => {
        this.countedMillis = this.time
        this.tickBegan = this.now()
        return Effect.map(Effect.sleep(this.tickMillis), () => this.slept())
      })
    )
  }

  /**
   * A tick that is far too late means that the process was stopped, or had no CPU. Nothing was read or written
   * meanwhile, so that time does not count: otherwise the first tick after SIGCONT would close every slow client before
   * the server could write to it again. On a machine where every tick is late, each tick after the first counts as if
   * it were on time.
   */
  private slept() {
    const now = this.now()
    const wasLate = this.isLate
    this.isLate = now - this.tickBegan > 2 * this.tickMillis
    if (!this.isLate) return
    if (wasLate) this.countedMillis += this.tickMillis
    this.tickBegan = now
  }

  /**
   * The time that counts against deadlines, in milliseconds. Bounded, because a read or a write may precede the late
   * tick: its time would otherwise be in the future once that tick has been discounted.
   */
  private get time(): number {
    return this.countedMillis + Math.min(this.now() - this.tickBegan, 2 * this.tickMillis)
  }

  loginBegins(peer: Peer) {
    this.logins.set(peer, this.time)
    this.watching.unsafeOpen()
  }

  /** The login line has arrived, or the peer has left before it. */
  loginEnds(peer: Peer) {
    this.logins.delete(peer)
  }

  /** The socket accepts no more bytes for now. The stall time starts here. */
  blocked(peer: Peer) {
    this.blockedPeers.set(peer, { movedAt: this.time, untaken: peer.socket.untaken() })
    this.watching.unsafeOpen()
  }

  unblocked(peer: Peer) {
    this.vanished.unblocked(peer)
    this.blockedPeers.delete(peer)
    this.socketMoved(peer)
  }

  /** While messages wait for an acknowledgement, only acknowledgements show progress. */
  private socketMoved(peer: Peer) {
    if (!this.unresponsive.has(peer)) peer.outbox.unjam()
  }

  /** The peer has acknowledged something, which shows that it reads as well. */
  acknowledged(peer: Peer) {
    this.unresponsive.moved(peer)
    const blocked = this.blockedPeers.get(peer)
    if (blocked !== undefined) blocked.movedAt = this.time
    peer.outbox.unjam()
  }

  /** A held peer is not read from, so only `probe` can detect that its connection broke. */
  holdBegins(peer: Peer) {
    this.heldPeers.add(peer)
    this.watching.unsafeOpen()
    if (this.unresponsive.holdBegins(peer) && !this.blockedPeers.has(peer)) peer.outbox.unjam()
  }

  holdEnds(peer: Peer) {
    this.heldPeers.delete(peer)
    this.unresponsive.holdEnds(peer)
  }

  /** The peer's unfinished line is too large for now. Reading resumes when there is enough memory. */
  shortOfMemory(peer: Peer) {
    if (!this.shortPeers.has(peer)) this.shortPeers.set(peer, this.time)
    this.watching.unsafeOpen()
  }

  /** The budget is used up: ticks until memory is free again. */
  memoryIsUsedUp() {
    this.watching.unsafeOpen()
  }

  /** The peer's connection is over. */
  forget(peer: Peer) {
    this.heldPeers.delete(peer)
    this.logins.delete(peer)
    this.blockedPeers.delete(peer)
    this.shortPeers.delete(peer)
    this.vanished.forget(peer)
    this.unresponsive.forget(peer)
  }

  /** The recipient is gone: its outbox has been removed from `outboxes`. */
  discard(outbox: Outbox<Peer>) {
    this.lagging.delete(outbox)
  }

  /** Checks every watched peer. */
  tick(): Findings {
    const now = this.time
    const findings = {
      loginsExpired: this.loginsExpired(now),
      stalled: this.stalled(now),
      starved: this.starved(now),
      unresponsive: this.unresponsive.tick(now),
      jammed: [...this.jammed(now), ...this.jammedOthers(now)]
    }
    this.vanished.tick(now)
    return findings
  }

  /**
   * Probes the peers that are not read from, until `isOver`. Returns whether all have been probed: if not, the next
   * call continues. Each probe is a write, so those of thousands of peers in one turn would delay everyone else
   * (fairness: held).
   */
  probe(isOver: () => boolean): boolean {
    this.probing ??= [...this.heldPeers, ...this.shortPeers.keys()].values()
    for (let next = this.probing.next(); next.done !== true; next = this.probing.next()) {
      const peer = next.value
      // Reading from the peer may have resumed.
      if (this.heldPeers.has(peer) || this.shortPeers.has(peer)) peer.socket.probe()
      if (isOver()) return false
    }
    this.probing = undefined
    return true
  }

  /** Reading from some peers is paused, and no probing of them is under way. */
  get isProbeDue(): boolean {
    return this.probing === undefined && this.heldPeers.size + this.shortPeers.size > 0
  }

  /** Stops ticking if nothing is left to watch. */
  rest() {
    const watched = this.logins.size + this.blockedPeers.size + this.heldPeers.size + this.shortPeers.size
    if (watched + this.lagging.size > 0 || this.unresponsive.isWatching) return
    if (!this.vanished.isWatching && !this.budget.isExhausted) this.watching.unsafeClose()
  }

  private loginsExpired(now: number): ReadonlyArray<Peer> {
    const expired: Array<Peer> = []
    for (const [peer, since] of this.logins) {
      if (now - since < this.loginMillis) break
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
        this.socketMoved(peer)
      } else if (mayWait(peer)) blocked.movedAt = now
      else if (now - blocked.movedAt >= this.stallMillisOf(peer)) stalled.push(peer)
    }
    for (const peer of stalled) this.blockedPeers.delete(peer)
    return stalled
  }

  /** A client that the operator has disconnected gets only the linger time for its last lines. */
  private stallMillisOf({ outbox }: Peer): number {
    return CloseReason.isExpulsion(outbox.ended) ? Math.min(this.lingerMillis, this.stallMillis) : this.stallMillis
  }

  /** Resumes reading from peers for which there is enough memory again. */
  private starved(now: number): ReadonlyArray<Peer> {
    const starved: Array<Peer> = []
    for (const [peer, since] of this.shortPeers) {
      if (!peer.inbox.stopIfShort()) this.shortPeers.delete(peer)
      else if (now - since >= this.stallMillis) starved.push(peer)
    }
    for (const peer of starved) this.shortPeers.delete(peer)
    return starved
  }

  /** When memory is exhausted, senders are not held at all: their waiting input would take even more of it. */
  private get currentHoldMillis(): number {
    return this.budget.isExhausted ? 0 : this.holdMillis
  }

  private jammed(now: number): ReadonlyArray<Outbox<Peer>> {
    const jammed: Array<Outbox<Peer>> = []
    const jam = (outbox: Outbox<Peer>, movedAt: number) => {
      if (outbox.isJammed || !outbox.isFull || now - movedAt < this.currentHoldMillis) return
      outbox.jam()
      jammed.push(outbox)
    }
    for (const [{ outbox }, { movedAt }] of this.blockedPeers) jam(outbox, movedAt)
    this.unresponsive.forEach(jam)
    return jammed
  }

  /** The same for outboxes whose writers are not sockets. Such a writer makes progress when it settles a batch. */
  private jammedOthers(now: number): ReadonlyArray<Outbox<Peer>> {
    const jammed: Array<Outbox<Peer>> = []
    for (const outbox of this.outboxes) {
      const last = this.lagging.get(outbox)
      if (!outbox.isFull || last === undefined || outbox.bytesLeft < last.bytes) {
        outbox.unjam()
        if (outbox.isFull) this.lagging.set(outbox, { movedAt: now, bytes: outbox.bytesLeft })
        else this.lagging.delete(outbox)
      } else if (!outbox.isJammed && now - last.movedAt >= this.currentHoldMillis) {
        outbox.jam()
        jammed.push(outbox)
      }
    }
    return jammed
  }
}

/**
 * The socket takes nothing because the server does not write, which says nothing about the peer. But that does not
 * extend the time of a client that the operator has disconnected.
 */
const mayWait = ({ outbox, socket }: Peer) => socket.isHeld === true && !CloseReason.isExpulsion(outbox.ended)
