import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { CloseReason } from "../protocol/CloseReason.js"
import type { Ledger } from "./Ledger.js"
import type { Lifecycle } from "./Lifecycle.js"
import type { Live } from "./Live.js"
import type { Notices } from "./Notices.js"
import type { Options } from "./Options.js"
import type { Peer } from "./Peer.js"

/** How often a drain looks whether it is over. */
const tick = Duration.millis(10)

/**
 * A drain that has delivered everything goes on answering `! closing` until no client has said anything for this many
 * ticks, but no longer than `lastCall`, so that lines under way are refused by a reply, not by silence. Ticks, and not a
 * time, because between two of them everything that has arrived is read, however busy the machine is.
 */
const quietTicks = 5
const lastCall = Duration.millis(500)

/** The end of a broker: accepts nothing more, settles what was accepted, and ends every outbox. In the broker's turn. */
export class Drain {
  private begun = false
  private ticksSinceHeard = 0
  /** When everything had been delivered. */
  private settledAt: number | undefined = undefined
  private pairsBefore: number | undefined = undefined
  private readonly started = Effect.unsafeMakeLatch(false)

  constructor(
    private readonly broker: {
      readonly ledger: Ledger
      readonly lifecycle: Lifecycle
      readonly notices: Notices
      readonly options: Live<Options>
      readonly breakOff: (peer: Peer, reason: CloseReason) => void
    }
  ) {}

  get isDraining(): boolean {
    return this.begun
  }

  /** Succeeds when it is time to look whether the drain is over. Never succeeds before the drain begins. */
  readonly due: Effect.Effect<void> = Effect.zipRight(this.started.await, Effect.sleep(tick))

  /** A client has said something. */
  heard() {
    this.ticksSinceHeard = 0
  }

  begin() {
    const { lifecycle, notices, options } = this.broker
    const { grace, returnAfter } = options.current
    this.begun = true
    this.started.unsafeOpen()
    notices.announceClosing(Duration.toMillis(grace), Duration.toMillis(returnAfter)) // before the first line is refused
    for (const peer of lifecycle.peers) {
      peer.inbox.close()
      lifecycle.read(peer)
    }
  }

  /** Ends every outbox once nothing is in flight. Returned lines travel to the senders' outboxes, so these end last. */
  tick(now: number) {
    if (!this.begun) return
    this.ticksSinceHeard += 1
    if (!this.isSettled()) {
      this.settledAt = undefined
      return
    }
    this.settledAt ??= now
    if (this.ticksSinceHeard < quietTicks && now - this.settledAt < Duration.toMillis(lastCall)) return
    const { lifecycle } = this.broker
    for (const peer of lifecycle.peers) lifecycle.leave(peer, "shutdown")
  }

  private isSettled() {
    const { ledger, lifecycle } = this.broker
    if (ledger.inFlight > 0) return false
    for (const peer of lifecycle.peers) {
      // A peer that is held, for whatever, has not come to the mark that shuts it out.
      if (peer.outbox.hasWaiting || (!peer.isShutOut && peer.phase.isHeard)) return false
    }
    return true
  }

  /** Gives up what was not settled in time: open questions, and connections that still have something to take. */
  cutOff() {
    const { breakOff, lifecycle } = this.broker
    this.pairsBefore = this.pairsSentBack
    for (const peer of lifecycle.peers) {
      // A refusal that is put now may still be written.
      if (lifecycle.giveUpQuestion(peer)) continue
      if (peer.outbox.lines > 0) breakOff(peer, "cut-off")
    }
  }

  /** Pairs that went back to their senders, or are dead, since `cutOff`. */
  get pairsCutOff(): number {
    return this.pairsBefore === undefined ? 0 : this.pairsSentBack - this.pairsBefore
  }

  private get pairsSentBack(): number {
    const { dead, returned } = this.broker.ledger.settled
    return returned + dead
  }
}
