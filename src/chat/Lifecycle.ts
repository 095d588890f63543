import type { CloseReason } from "../protocol/CloseReason.js"
import type { Delivered } from "../protocol/Fate.js"
import * as Reply from "../protocol/Reply.js"
import * as Metrics from "../telemetry/Metrics.js"
import type { Batch } from "./Batch.js"
import type { Departure } from "./Events.js"
import type { Feature } from "./Feature.js"
import type { Ledger } from "./Ledger.js"
import type { Names } from "./Names.js"
import type { Notices } from "./Notices.js"
import type { Outbox } from "./Outbox.js"
import type { Peer } from "./Peer.js"
import * as Phase from "./Phase.js"
import type { Replies } from "./Replies.js"
import { settle } from "./Settlement.js"
import type { Watch } from "./Watch.js"

interface Collaborators {
  readonly ledger: Ledger
  readonly names: Names
  readonly notices: Notices
  /** Features that are notified when a peer becomes present or absent. */
  readonly presence: ReadonlyArray<Pick<Feature, "joined" | "left">>
  readonly replies: Replies
  readonly watch: Watch
}

/** Up to this number, orphans are not swept. */
const fewOrphans = 16

const isOrphan = (gone: Peer) => gone.inFlight > 0 || !gone.inbox.isConsumed

/** The life of the peers, from their login to their end. Runs only in the broker's turn. */
export class Lifecycle {
  readonly peers = new Set<Peer>()
  /** Gone peers with lines in flight, or with lines that the server read completely but has not routed yet. */
  readonly orphans = new Set<Peer>()
  private sweepAbove = fewOrphans

  constructor(private readonly broker: Collaborators) {}

  open(peer: Peer) {
    this.peers.add(peer)
    this.broker.watch.loginBegins(peer)
  }

  /** Logs a peer in, unless the name, or one that looks the same, is taken. */
  join(peer: Peer, name: string): boolean {
    const { names, notices, presence } = this.broker
    if (!names.join(peer, name)) return false
    peer.head = Reply.messageHead(name)
    Metrics.loggedIn()
    notices.notify(Reply.joined(name), peer)
    for (const { joined } of presence) joined?.(peer)
    return true
  }

  /** Refuses a login and ends the connection. */
  refuse(peer: Peer, fatal: Reply.Fatal, label: string | undefined): undefined {
    this.broker.replies.reply(peer, fatal.line(label))
    this.leave(peer, fatal.reason)
  }

  /** Ends a peer's input. The peer still gets what is queued for it, and the outcomes of its own lines. */
  leave(peer: Peer, reason: CloseReason, label?: string) {
    const { names, notices, replies, watch } = this.broker
    replies.flushPending(peer)
    watch.loginEnds(peer)
    const phase = Phase.leaving(peer.phase, reason, label)
    if (phase !== peer.phase) {
      const wasPresent = names.leave(peer, phase)
      // At a shutdown all clients leave, and the shutdown was announced.
      if (wasPresent && reason !== "shutdown") notices.notify(Reply.left(peer.name), peer)
      if (wasPresent) this.absent(peer)
    }
    this.finishIfSettled(peer)
  }

  /** Ends the outbox of a leaving peer once none of its own lines is in flight. The writer then ends the connection. */
  finishIfSettled(peer: Peer) {
    const { phase } = peer
    if (phase._tag !== "Leaving" || peer.inFlight > 0 || peer.outbox.ended !== undefined) return
    const { label, reason } = phase
    if (reason === "quit" || (reason === "shutdown" && peer.hasGreeted)) {
      this.broker.replies.reply(peer, Reply.bye(reason, label))
    }
    peer.outbox.end(reason)
  }

  /** The writer of a peer has ended: frees the name, and returns the lines that were not written. */
  left(peer: Peer, { queued, reason, unfinished }: Departure) {
    const { names, notices, replies, watch } = this.broker
    this.peers.delete(peer)
    notices.unsubscribe(peer)
    watch.forget(peer)
    if (names.leave(peer, Phase.gone(peer.phase))) {
      notices.notify(Reply.left(peer.name), peer)
      this.absent(peer)
    }
    names.free(peer)
    peer.inbox.drop()
    const unwritten = [...queued, ...peer.outbox.abandon()]
    if (unfinished !== undefined) {
      this.settledLabelled(peer.outbox, unfinished.batch.splitAt(unfinished.taken), "written")
      unwritten.unshift(unfinished.batch)
    }
    for (const sender of replies.returnAll(peer.name, unwritten, reason)) this.finishIfSettled(sender)
  }

  /** Returns to their senders the lines of an outbox whose writer is not a socket, and ignores its later reports. */
  surrender(outbox: Outbox<Peer>, reason: CloseReason) {
    const lines = outbox.surrender(reason)
    for (const sender of this.broker.replies.returnAll(outbox.name, lines, reason)) this.finishIfSettled(sender)
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

  private absent(peer: Peer) {
    for (const { left } of this.broker.presence) left?.(peer)
  }

  /** Records a delivered batch in the ledger, and sends the outcomes of its labelled lines. */
  settledLabelled(outbox: Outbox<Peer>, batch: Batch<Peer>, fate: Delivered) {
    this.broker.replies.outcomes(outbox.name, batch, fate)
    settle(this.broker.ledger, outbox, batch, fate, (sender) => this.finishIfSettled(sender))
  }
}
