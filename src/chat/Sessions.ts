import * as Duration from "effect/Duration"
import type { CloseReason } from "../protocol/CloseReason.js"
import * as Line from "../protocol/Line.js"
import * as Name from "../protocol/Name.js"
import * as Reply from "../protocol/Reply.js"
import * as Wire from "../protocol/Wire.js"
import * as Metrics from "../telemetry/Metrics.js"
import type { HostLimits } from "./HostLimits.js"
import type { Deadlines } from "./Deadlines.js"
import type { Ledger } from "./Ledger.js"
import type { Options } from "./Options.js"
import type { Batch, Outbox } from "./Outbox.js"
import type { Peer } from "./Peer.js"
import type { Roster } from "./Roster.js"
import { Routing } from "./Routing.js"

/** How a writer came to its end. */
export interface Departure {
  readonly reason: CloseReason
  /** What it was writing, and how many bytes of that the kernel took. */
  readonly unfinished: { readonly batch: Batch<Peer>; readonly taken: number } | undefined
  /** What it had not come to. */
  readonly queued: ReadonlyArray<Batch<Peer>>
}

/** How long after a notice the next ones are collected. */
const noticeMillis = 100

/**
 * The peers from their first line to their end: logins, commands, holding and releasing, leaving. Plain functions that
 * run in the broker's turn alone.
 */
export class Sessions {
  readonly peers = new Set<Peer>()
  readonly routing: Routing
  /** Those who said `/hello`. */
  private readonly greeted = new Set<Peer>()
  private waitingNotices: Array<{ readonly line: string; readonly about: Peer | undefined }> = []
  private notifiedAt = -Infinity

  constructor(
    private readonly roster: Roster,
    private readonly ledger: Ledger,
    private readonly deadlines: Deadlines,
    private readonly addresses: HostLimits,
    private readonly options: Options,
    private readonly now: () => number,
    /** A defect showed up while the broker was at this peer, for whatever event. */
    private readonly defective: (peer: Peer, defect: unknown) => void
  ) {
    this.routing = new Routing(roster, ledger, deadlines, options, now, (peer, line, label) =>
      this.otherLine(peer, line, label)
    )
  }

  open(peer: Peer) {
    this.peers.add(peer)
    this.deadlines.opened(peer)
  }

  // Input, in its order.

  /** Goes through what was read from a peer, as far as nobody's full queue stops it. */
  read(peer: Peer) {
    if (peer.heldBy !== undefined) return
    const { inlet } = peer
    for (let item = inlet.current; item !== undefined; item = inlet.current) {
      // Behind its end a peer is not heard, but whether the shutdown found it still matters.
      const heard = peer.leaving === undefined
      switch (item._tag) {
        case "Lines":
          if (heard && !this.routing.block(peer, item)) return this.routing.tell(peer)
          break
        case "TooLong":
          if (heard && !this.routing.tooLong(peer, item.start)) return this.routing.tell(peer)
          break
        case "End":
          if (heard) this.leave(peer, item.reason)
          break
        case "Closing":
          peer.closing = true
          break
      }
      inlet.advance()
    }
    this.routing.tell(peer)
    inlet.consumed()
  }

  /** Goes on with those who waited for an outbox, in their order, until it is full again. */
  release(outbox: Outbox<Peer>) {
    const waiting = outbox.waiting
    outbox.waiting = []
    const still: Array<Peer> = []
    for (const peer of waiting) {
      if (outbox.full && !outbox.jammed) {
        still.push(peer)
        continue
      }
      peer.heldBy = undefined
      this.deadlines.released(peer)
      try {
        this.read(peer)
      } catch (defect) {
        // Its own: the others go on, and so does the owner of the outbox.
        this.defective(peer, defect)
      }
    }
    // Whoever waits again has been served a little, and stands behind those who have not.
    if (still.length > 0) outbox.waiting = [...still, ...outbox.waiting]
  }

  // Logins and commands.

  private otherLine(peer: Peer, line: string, label: string | undefined) {
    if (peer.name === "" && line.charCodeAt(0) !== 0x2f /* / */) return this.login(peer, line, label)
    const parsed = Line.parse(line, this.options)
    if (parsed._tag === "Mistake") return this.routing.reply(peer, parsed.reply(label))
    if (parsed._tag === "Command") return this.command(peer, parsed.name, parsed.argument, label)
  }

  private login(peer: Peer, line: string, label: string | undefined) {
    const name = Name.parse(Wire.copy(line))
    if (peer.gone) return // it broke off behind its login: a name is nobody's without a connection
    if (name === undefined) return this.refuse(peer, Reply.badLogin, label)
    const { identity } = peer.socket
    if (identity !== undefined && Name.parse(Wire.encode(identity)) !== name) {
      return this.refuse(peer, Reply.otherIdentity, label)
    }
    if (!this.roster.join(peer, name)) return this.refuse(peer, Reply.loginInUse(name), label)
    peer.head = Reply.messageHead(name)
    this.deadlines.loggedIn(peer)
    Metrics.loggedIn()
    this.notify(Reply.joined(name), peer)
  }

  /** Refuses a login; the connection ends behind the refusal. */
  refuse(peer: Peer, fatal: Reply.Fatal, label: string | undefined) {
    this.routing.reply(peer, fatal.line(label))
    this.leave(peer, fatal.reason)
  }

  private command(peer: Peer, name: string, argument: string, label: string | undefined) {
    const answer = (line: string) => this.routing.reply(peer, line)
    switch (name) {
      case "who":
        return (label === undefined ? this.roster.who() : Reply.who(this.roster.present(), label)).forEach(answer)
      case "ping":
        return answer(Reply.pong(argument, label))
      case "help":
        return Reply.help(label).forEach(answer)
      case "hello":
        peer.greeted = true
        this.greeted.add(peer)
        return answer(Reply.hello(this.facts(peer), label))
      case "quit":
        peer.quitLabel = label
        return this.leave(peer, "quit")
      default:
        return answer(Reply.unknownCommand(name)(label))
    }
  }

  private facts(peer: Peer): Reply.Facts {
    const { maxRecipients, rate } = this.options
    return {
      name: peer.name === "" ? undefined : peer.name,
      maxLineBytes: peer.inlet.maxLineBytes,
      maxRecipients,
      limits: { ...(rate > 0 ? { rate } : {}), ...this.addresses.announced(peer.socket.host) }
    }
  }

  /**
   * Tells those who said `/hello`. The first of many notices goes at once, the others wait for the next tick: each is a
   * write to everybody.
   */
  notify(line: string, about: Peer | undefined) {
    if (this.greeted.size === 0) return
    this.waitingNotices.push({ line, about })
    const time = this.now()
    if (time - this.notifiedAt < noticeMillis) return this.deadlines.noticesWait(true)
    this.notifiedAt = time
    this.notifyWaiting()
  }

  /** One whose queue is full misses it: a notice is no message. */
  notifyWaiting() {
    const notices = this.waitingNotices
    if (notices.length === 0) return
    this.waitingNotices = []
    this.deadlines.noticesWait(false)
    for (const peer of this.greeted) {
      for (const { about, line } of notices) {
        if (peer !== about && !peer.outbox.full) this.routing.reply(peer, line)
      }
    }
  }

  /**
   * Tells those who said `/hello` that the server shuts down, and each of them another time to come back, so that they do
   * not all come at once: they are spread over as much time as the first of them has to wait.
   */
  announceClosing() {
    this.notifyWaiting()
    const grace = Duration.toMillis(this.options.grace)
    const returnAfter = Duration.toMillis(this.options.returnAfter)
    const step = returnAfter / Math.max(1, this.greeted.size)
    let at = returnAfter
    for (const peer of this.greeted) {
      if (!peer.outbox.full) this.routing.reply(peer, Reply.serverClosing(grace, Math.round(at)))
      at += step
    }
  }

  // The end of a peer.

  /** Its input is over. It still gets what is queued for it, and what becomes of its own lines. */
  leave(peer: Peer, reason: CloseReason) {
    this.routing.tell(peer)
    peer.leaving ??= reason
    this.deadlines.loggedIn(peer)
    // At a shutdown everybody leaves, and everybody was told.
    if (this.roster.leave(peer) && reason !== "shutdown") this.notify(Reply.left(peer.name), peer)
    this.finishIfSettled(peer)
  }

  /** Ends the outbox of a leaving peer once none of its own lines is in flight; the writer does the rest. */
  finishIfSettled(peer: Peer) {
    if (peer.leaving === undefined || peer.inFlight > 0 || peer.outbox.ended !== undefined) return
    if (peer.leaving === "quit" || (peer.leaving === "shutdown" && peer.greeted)) {
      this.routing.reply(peer, Reply.bye(peer.leaving, peer.quitLabel))
    }
    peer.outbox.end(peer.leaving)
  }

  /** Its writer has ended: frees its name, and returns what it did not write. */
  left(peer: Peer, { queued, reason, unfinished }: Departure) {
    this.peers.delete(peer)
    this.greeted.delete(peer)
    this.deadlines.forget(peer)
    const wasPresent = this.roster.leave(peer)
    this.roster.remove(peer)
    if (wasPresent) this.notify(Reply.left(peer.name), peer)
    peer.gone = true
    peer.outbox.full = false
    peer.outbox.owed = false
    peer.outbox.jammed = false
    const unwritten = [...queued, ...peer.outbox.abandon()]
    peer.outbox.clear()
    peer.inlet.drop()
    if (unfinished !== undefined) {
      this.written(peer, unfinished.batch.splitAt(unfinished.taken))
      unwritten.unshift(unfinished.batch)
    }
    for (const sender of this.routing.returnAll(peer, unwritten, reason)) this.finishIfSettled(sender)
    this.release(peer.outbox)
  }

  /** Books a batch that the kernel took, and tells the senders of labelled lines. */
  written(peer: Peer, batch: Batch<Peer>) {
    this.routing.outcomes(peer, batch)
    settle(this.ledger, peer, batch, (sender) => this.finishIfSettled(sender))
  }
}

/** Books the lines of a batch as written to a peer; `settled` gets the leaving senders that have nothing in flight any more. */
export const settle = (ledger: Ledger, peer: Peer, batch: Batch<Peer>, settled: (sender: Peer) => void) => {
  ledger.returned += batch.returns
  peer.outbox.returns -= batch.returns
  const { counts, senders } = batch
  for (let run = 0; run < senders.length; run++) {
    const sender = senders[run]
    if (sender === undefined) continue
    const count = counts[run] as number // in range: parallel to the senders
    ledger.written += count
    sender.inFlight -= count
    if (sender.inFlight === 0 && sender.leaving !== undefined) settled(sender)
  }
}
