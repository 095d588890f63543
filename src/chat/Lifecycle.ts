import * as LogLevel from "effect/LogLevel"
import { TurnoverSet } from "../concurrency/Turnover.js"
import type { Time } from "../ports/Time.js"
import type { CloseReason } from "../protocol/CloseReason.js"
import type { Delivered } from "../protocol/Fate.js"
import * as FatalReply from "../protocol/FatalReply.js"
import type * as OutcomeReply from "../protocol/OutcomeReply.js"
import * as Reply from "../protocol/Reply.js"
import * as Wire from "../protocol/Wire.js"
import type { LogEvent } from "../telemetry/LogEvent.js"
import * as Metrics from "../telemetry/Metrics.js"
import type { Batch } from "./Batch.js"
import type { Device } from "./Device.js"
import type { WriterEnd } from "./Events.js"
import type { Feature } from "./Feature.js"
import type { Ledger } from "./Ledger.js"
import type { Names } from "./Names.js"
import type { Notices } from "./Notices.js"
import type { Outbox } from "./Outbox.js"
import type { Peer } from "./Peer.js"
import type { Predecessors } from "./Predecessors.js"
import * as Phase from "./Phase.js"
import type { Replies } from "./Replies.js"
import type { Runs } from "./Runs.js"
import { settle } from "./Settlement.js"
import type { Watch } from "./Watch.js"

interface Collaborators {
  /** Routes what was read from a peer whose connection is over, without waiting for anything. */
  readonly routeRest: (peer: Peer) => void
  readonly breakOff: (peer: Peer, reason: CloseReason) => void
  /** Reports room in an outbox that senders wait for. */
  readonly hasRoom: (outbox: Outbox<Peer>) => void
  /** Reports that a peer has acknowledged more lines than could be settled at once. */
  readonly settleLater: (peer: Peer) => void
  readonly ledger: Ledger
  readonly log: (event: LogEvent) => void
  readonly names: Names
  readonly notices: Notices
  readonly predecessors: Predecessors
  /** Features that are notified when a peer becomes present or absent. */
  readonly presence: ReadonlyArray<Pick<Feature, "joined" | "left" | "ended">>
  readonly replies: Replies
  readonly time: Time
  readonly watch: Watch
}

/**
 * The most lines that one event settles as received. One acknowledgement may cover all lines that a queue can hold,
 * each with an outcome for its sender; other clients are served in between.
 */
const settledAtOnce = 256

/** Up to this number, orphans are not swept. */
const fewOrphans = 16

/** Why a connection's queued lines return, by its close reason. */
const returnedAs = (closed: CloseReason): OutcomeReply.UndeliveredReason => {
  if (closed === "unreachable") return "unreachable"
  return closed === "slow-consumer" || closed === "memory" ? "slow" : "disconnected"
}

const isOrphan = (gone: Peer) => gone.inFlight > 0 || !gone.inbox.isConsumed

/** The life of the peers, from their login to their end. Runs only in the broker's turn. */
export class Lifecycle {
  readonly peers = new TurnoverSet<Peer>()
  /** Gone peers with lines in flight, or with lines that the server read completely but has not routed yet. */
  readonly orphans = new Set<Peer>()
  private sweepAbove = fewOrphans

  constructor(private readonly broker: Collaborators) {}

  open(peer: Peer) {
    this.peers.add(peer)
    this.broker.watch.loginBegins(peer)
  }

  /** Logs a guest in, unless the name, or one that looks the same, is taken. */
  join(peer: Peer, name: string): boolean {
    if (!this.broker.names.join(peer, name)) return false
    this.hasJoined(peer, true)
    return true
  }

  /** Logs a peer in as a device of an account, and replaces the connection that the device may still have. */
  joinAs(peer: Peer, device: Device) {
    const { names } = this.broker
    const present = names.devicesOf(device.account)
    const before = peer.isSendOnly ? undefined : present.find((other) => other.device?.name === device.name)
    const isFirst = present.length === 0
    if (before !== undefined) this.replace(before)
    names.joinAs(peer, device)
    this.hasJoined(peer, isFirst)
  }

  /** Makes a present guest a device of the account that has the guest's name. To other clients nothing changes. */
  adopt(peer: Peer, device: Device) {
    const { names, presence } = this.broker
    if (!peer.isSendOnly) this.absent(peer)
    names.adopt(peer, device)
    if (!peer.isSendOnly) for (const { joined } of presence) joined?.(peer)
  }

  private hasJoined(peer: Peer, isFirst: boolean) {
    const { log, names, notices, predecessors, presence, time } = this.broker
    const { device, name } = peer
    predecessors.joined(peer)
    // A copy: V8 would keep the concatenation together with its parts (benchmark: idle memory).
    peer.head = Wire.copy(Reply.messageHead(name))
    Metrics.loggedIn()
    const { remote } = peer.socket
    log({
      level: LogLevel.Debug,
      message: "logged in",
      facts: () => ({ remote, name: Wire.decode(name), ...(device === undefined ? {} : { device: device.name }) }),
      at: time.wall()
    })
    if (peer.isSendOnly) return
    // A name listed elsewhere has not left yet, as far as the clients here know.
    if (isFirst && !names.isElsewhere(name)) notices.notify(Reply.joined(name), name)
    for (const { joined } of presence) joined?.(peer)
  }

  /**
   * Ends the connection of a device that has logged in again. Complete lines that the server has read from it are still
   * accepted.
   */
  private replace(peer: Peer) {
    const { breakOff, names, predecessors, replies, routeRest, watch } = this.broker
    const { outbox } = peer
    const wasJammed = outbox.isJammed
    replies.flushPending(peer)
    if (names.leave(peer, Phase.replaced)) this.absent(peer)
    peer.inbox.close()
    predecessors.ended(peer)
    routeRest(peer)
    watch.unresponsive.moved(peer)
    if (outbox.ended === undefined) this.dismiss(peer, FatalReply.loggedOut("replaced"))
    // Its socket takes nothing: nobody would read the last line, and the new connection would wait for it.
    if (wasJammed) breakOff(peer, "logged-out")
  }

  /** Refuses a login and ends the connection. */
  refuse(peer: Peer, fatal: FatalReply.Fatal, label: string | undefined): undefined {
    this.broker.replies.reply(peer, fatal.line(label))
    this.leave(peer, fatal.reason)
  }

  /** Ends a peer's input. The peer still gets what is queued for it, and the outcomes of its own lines. */
  leave(peer: Peer, reason: CloseReason, label?: string) {
    this.endInput(peer, reason, label)
    this.finishIfSettled(peer)
  }

  /**
   * Ends a connection without waiting for anything: the line of the refusal follows what the writer already has in
   * hand, and the rest of the queue returns to its senders.
   */
  expel(peer: Peer, fatal: FatalReply.Fatal) {
    this.endInput(peer, fatal.reason)
    this.dismiss(peer, fatal)
  }

  /** Ends the outbox with a refusal, and returns the rest of the queue. */
  private dismiss(peer: Peer, { line, reason }: FatalReply.Fatal) {
    const { hasRoom, replies } = this.broker
    const { outbox } = peer
    const unwritten = outbox.retract()
    replies.reply(peer, line(undefined))
    // Ended before the queue returns: nothing may follow the refusal, not even the peer's own returned lines.
    outbox.end(reason)
    this.returnBatches(outbox.name, unwritten, reason, [])
    // The writer's batch may fill the outbox, but senders have nothing left to wait for.
    outbox.jam()
    hasRoom(outbox)
  }

  private endInput(peer: Peer, reason: CloseReason, label?: string) {
    const { names, replies, watch } = this.broker
    replies.flushPending(peer)
    watch.loginEnds(peer)
    const phase = Phase.leaving(peer.phase, reason, label)
    if (phase === peer.phase) return
    const wasPresent = names.leave(peer, phase)
    // The shutdown, at which all clients leave, was announced.
    if (wasPresent && reason !== "shutdown") this.announceLeft(peer)
    if (wasPresent) this.absent(peer)
    watch.unresponsive.moved(peer)
  }

  /**
   * Ends the outbox of a leaving peer once none of its own lines is in flight, and nothing waits for its
   * acknowledgement. The writer then ends the connection.
   */
  finishIfSettled(peer: Peer) {
    const { phase } = peer
    if (phase._tag !== "Leaving" || peer.inFlight > 0 || peer.outbox.ended !== undefined) return
    if (peer.isHeardAfterQuit && !peer.outbox.isEmpty) return
    const { label, reason } = phase
    if (reason === "quit" || (reason === "shutdown" && peer.hasGreeted)) {
      this.broker.replies.reply(peer, Reply.bye(reason, label))
    }
    peer.outbox.end(reason)
  }

  /** The writer of a peer has ended: frees the name, and returns the lines that were not written. */
  left(peer: Peer, { queued, reason, unfinished }: WriterEnd) {
    const { names, notices, predecessors, watch } = this.broker
    this.peers.delete(peer)
    notices.unsubscribe(peer)
    watch.forget(peer)
    if (names.leave(peer, Phase.gone(peer.phase))) {
      this.announceLeft(peer)
      this.absent(peer)
    }
    names.free(peer)
    predecessors.ended(peer)
    peer.inbox.drop()
    const { outbox } = peer
    const unwritten = [...queued, ...outbox.abandon()]
    if (unfinished !== undefined) {
      const { batch, taken } = unfinished
      // An acknowledgement may say more than the kernel did.
      const head = batch.splitAt(taken, outbox.unacknowledged?.linesGot(batch) ?? 0)
      const settled = outbox.unacknowledged === undefined ? head : outbox.unacknowledged.wrote(head)
      if (settled !== undefined) this.settledLabelled(outbox, settled, "written")
      unwritten.unshift(batch)
    }
    this.receiveAcknowledged(outbox)
    const unacknowledged = outbox.unacknowledged?.takeAll() ?? []
    this.returnBatches(outbox.name, unwritten, reason, unacknowledged)
    for (const { ended } of this.broker.presence) ended?.(peer)
  }

  /** Returns to their senders the lines of an outbox whose writer is not a socket, and ignores its later reports. */
  surrender(outbox: Outbox<Peer>, reason: CloseReason) {
    const { jamReason, name } = outbox
    const unwritten = outbox.surrender(reason)
    // The store does not take them; no client has disconnected.
    if (jamReason === "unavailable") this.return(name, unwritten, jamReason)
    else this.returnBatches(name, unwritten, reason, [])
  }

  /** See `FeatureContext.stuck`. */
  stuck(outbox: Outbox<Peer>) {
    outbox.stick()
    this.return(outbox.name, outbox.retract(), outbox.jamReason)
    outbox.makeRoom()
    this.broker.hasRoom(outbox) // even if the batch in hand fills it: senders have nothing to wait for
  }

  /** Returns lines of a connection that ended: those that were not written, and those that were not acknowledged. */
  private returnBatches(
    name: string,
    unwritten: ReadonlyArray<Batch<Peer>>,
    closed: CloseReason,
    unacknowledged: ReadonlyArray<Runs<Peer>>
  ) {
    // The reports in these batches are lost with their client, the sender of the lines that they report.
    for (const { returns } of unwritten) this.broker.ledger.settled.dead += returns
    const reason = returnedAs(closed)
    if (reason !== "slow") return this.return(name, [...unacknowledged, ...unwritten], reason)
    // Lines written earlier may have been processed; only their acknowledgement is missing.
    this.return(name, unacknowledged, "disconnected")
    this.return(name, unwritten, reason)
  }

  /** Returns lines for this recipient to their senders. */
  return(name: string, lines: ReadonlyArray<Runs<Peer>>, reason: OutcomeReply.UndeliveredReason, retryMillis?: number) {
    if (lines.length === 0) return // the usual case when a connection ends (benchmark: churn)
    for (const sender of this.broker.replies.returnAll(name, lines, reason, retryMillis)) this.finishIfSettled(sender)
  }

  /**
   * Handles `/ack`: the peer acknowledges the first `messages` messages sent to it. Returns false, and changes nothing,
   * if it cannot have got that many, or has not said `ack`.
   */
  acknowledge(peer: Peer, messages: number): boolean {
    const { outbox } = peer
    const isProgress = outbox.unacknowledged?.acknowledge(messages, outbox.inHand)
    if (isProgress === undefined) return false
    if (isProgress) {
      this.broker.watch.acknowledged(peer)
      this.written(peer)
    } else this.broker.watch.unresponsive.stillBusy(peer)
    return true
  }

  /** Settles lines written to a peer that it has acknowledged, or can no longer acknowledge. */
  written(peer: Peer) {
    const { outbox } = peer
    if (outbox.unacknowledged?.isOver === true) return this.acknowledgesNoMore(peer)
    this.receiveAcknowledged(outbox, settledAtOnce)
    if (outbox.unacknowledged?.isAhead === true) this.broker.settleLater(peer)
    if (outbox.makeRoom()) this.broker.hasRoom(outbox)
    this.finishIfSettled(peer)
  }

  private receiveAcknowledged(outbox: Outbox<Peer>, most = Infinity) {
    for (const lines of outbox.unacknowledged?.takeAcknowledged(most) ?? []) {
      this.settledLabelled(outbox, lines, "received")
    }
  }

  /** The peer has ended its input, or was silent for too long after `/quit`: unacknowledged lines return. */
  acknowledgesNoMore(peer: Peer) {
    const { outbox } = peer
    const { unacknowledged } = outbox
    if (unacknowledged === undefined) return
    unacknowledged.isOver = true
    // The peer may acknowledge lines of a batch before the kernel has taken all of it.
    this.receiveAcknowledged(outbox)
    this.return(peer.name, unacknowledged.takeAll(), "disconnected")
    // Nothing else would release the senders: there may be nothing left to write.
    if (outbox.makeRoom()) this.broker.hasRoom(outbox)
    this.finishIfSettled(peer)
  }

  /** Remembers a gone peer while its lines are in flight, or still to be routed. */
  rememberOrphan(peer: Peer) {
    if (!isOrphan(peer)) return
    this.orphans.add(peer)
    if (this.orphans.size <= this.sweepAbove) return
    for (const orphan of this.orphans) if (!isOrphan(orphan)) this.orphans.delete(orphan)
    // Doubled, so that the cost of sweeping stays constant per orphan.
    this.sweepAbove = Math.max(fewOrphans, 2 * this.orphans.size)
  }

  /** Notifies other clients, unless the name is still present through another device or at another node. */
  private announceLeft({ name }: Peer) {
    const { names, notices } = this.broker
    if (names.find(name) === undefined && !names.isElsewhere(name)) notices.notify(Reply.left(name), name)
  }

  private absent(peer: Peer) {
    for (const { left } of this.broker.presence) left?.(peer)
  }

  /** Records delivered lines in the ledger, and sends the outcomes of its labelled lines. */
  settledLabelled(outbox: Outbox<Peer>, lines: Runs<Peer>, fate: Delivered) {
    this.broker.replies.outcomes(outbox.name, lines, fate)
    settle(this.broker.ledger, lines, fate, (sender) => this.finishIfSettled(sender))
  }
}
