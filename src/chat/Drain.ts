import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { CloseReason } from "../protocol/CloseReason.js"
import type { Backlog } from "./Backlog.js"
import type { Feature } from "./Feature.js"
import type { Ledger } from "./Ledger.js"
import type { Lifecycle } from "./Lifecycle.js"
import type { Live } from "./Live.js"
import type { Notices } from "./Notices.js"
import type { Options } from "./Options.js"
import type { Outbox } from "./Outbox.js"
import type { Peer } from "./Peer.js"
import type { PeerInput } from "./PeerInput.js"

/** The interval at which a drain checks whether it is complete. */
const tick = Duration.millis(10)

/**
 * After everything has been delivered, the drain keeps replying `! closing` until no client has sent anything for this
 * many ticks, but for no more than `lastCall` ticks. Lines in transit thus get a refusal rather than silence. Both are
 * ticks rather than times because, however busy the machine is, everything that has arrived is read between two ticks.
 */
const quietTicks = 5
const lastCall = 50

/**
 * Drains a broker: accepts nothing more, settles what was accepted, and ends every outbox. Runs in the broker's turn.
 */
export class Drain {
  private begun = false
  private ticksSinceHeard = 0
  /** Ticks since everything was delivered. */
  private settledTicks = 0
  private pairsBefore: number | undefined = undefined
  private readonly started = Effect.unsafeMakeLatch(false)

  constructor(
    private readonly broker: {
      readonly backlog: Backlog
      readonly ledger: Ledger
      readonly input: PeerInput
      readonly lifecycle: Lifecycle
      /** The outboxes whose writers are not sockets. */
      readonly outboxes: ReadonlySet<Outbox<Peer>>
      readonly features: ReadonlyArray<Feature>
      readonly notices: Notices
      readonly options: Live<Options>
      readonly breakOff: (peer: Peer, reason: CloseReason) => void
    }
  ) {}

  get isDraining(): boolean {
    return this.begun
  }

  /** Succeeds when it is time to check whether the drain is complete. Never succeeds before the drain begins. */
  readonly due: Effect.Effect<void> = Effect.zipRight(this.started.await, Effect.sleep(tick))

  /** A client has sent something. */
  heard() {
    this.ticksSinceHeard = 0
  }

  begin() {
    const { input, lifecycle, notices, options } = this.broker
    const { grace, returnAfter } = options.current
    this.begun = true
    this.started.unsafeOpen()
    // before the first line is refused
    notices.announceClosing(Duration.toMillis(grace), Duration.toMillis(returnAfter))
    for (const peer of lifecycle.peers) {
      peer.inbox.close()
      input.readLater(peer)
    }
  }

  /** Ends every outbox, but only once nothing is in flight: returned lines still go into their senders' outboxes. */
  tick() {
    if (!this.begun) return
    const state = this.state()
    // Input from held clients is not read, and while the broker lags behind, neither is all the rest.
    const isReading = state !== "held" && this.broker.backlog.length === 0
    this.ticksSinceHeard = isReading ? this.ticksSinceHeard + 1 : 0
    this.settledTicks = state === "settled" ? this.settledTicks + 1 : 0
    if (this.settledTicks === 0 || (this.ticksSinceHeard < quietTicks && this.settledTicks < lastCall)) return
    const { lifecycle } = this.broker
    for (const peer of lifecycle.peers) lifecycle.leave(peer, "shutdown")
  }

  /** `held` if clients are held; otherwise whether lines remain to be routed or to meet their fate. */
  private state(): "held" | "unsettled" | "settled" {
    const { ledger, lifecycle } = this.broker
    let isSettled = ledger.inFlight === 0
    for (const { hold, isShutOut, phase } of lifecycle.peers) {
      if (hold !== undefined) return "held"
      // The mark of the shutdown in its input has not been reached.
      if (!isShutOut && phase.isHeard) isSettled = false
    }
    for (const { inbox } of lifecycle.orphans) if (!inbox.isConsumed) isSettled = false
    return isSettled ? "settled" : "unsettled"
  }

  /** Gives up on what was not settled in time: open questions, and connections whose outboxes still hold lines. */
  cutOff() {
    const { breakOff, features, input, lifecycle, outboxes } = this.broker
    this.pairsBefore = this.pairsSentBack
    for (const peer of lifecycle.peers) {
      // Checked before the refusal of an open question is put into the outbox: that line may still be written.
      const hasLines = !peer.outbox.isEmpty
      input.giveUpQuestion(peer)
      if (hasLines) breakOff(peer, "cut-off")
    }
    for (const outbox of outboxes) {
      if (outbox.lines === 0) continue
      // Jammed first, so that lines of held senders return instead of entering an outbox that no writer reads.
      outbox.jam()
      input.release(outbox)
      lifecycle.surrender(outbox, "cut-off")
    }
    for (const feature of features) feature.cutOff?.()
  }

  /** Pairs that were returned to their senders or are dead since `cutOff`, or that a writer still has in hand. */
  get pairsCutOff(): number {
    if (this.pairsBefore === undefined) return 0
    return this.pairsSentBack - this.pairsBefore + this.broker.ledger.inFlight
  }

  private get pairsSentBack(): number {
    const { dead, returned } = this.broker.ledger.settled
    return returned + dead
  }
}
