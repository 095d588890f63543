import * as Duration from "effect/Duration"
import type { Delivered } from "../protocol/Fate.js"
import * as OutcomeReply from "../protocol/OutcomeReply.js"
import * as Reply from "../protocol/Reply.js"
import * as Metrics from "../telemetry/Metrics.js"
import type { Ledger } from "./Ledger.js"
import { retryBusy } from "./Options.js"
import { Peer } from "./Peer.js"
import type { Runs } from "./Runs.js"
import { work, type Turn } from "./Turn.js"

/** The server's own lines: replies, undelivered lines, and outcomes of labelled lines. Runs in the broker's turn. */
export class Replies {
  private readonly ledger: Ledger
  private readonly turn: Turn
  private readonly lookAlike: (name: string) => string | undefined
  private readonly absence: (name: string) => OutcomeReply.AbsentReason

  constructor(broker: {
    readonly ledger: Ledger
    readonly turn: Turn
    /** The name of a recipient that looks the same as an absent one, if there is one. */
    readonly lookAlike: (name: string) => string | undefined
    /** Why lines to an absent name return. */
    readonly absence: (name: string) => OutcomeReply.AbsentReason
  }) {
    this.ledger = broker.ledger
    this.lookAlike = broker.lookAlike
    this.absence = broker.absence
    this.turn = broker.turn
  }

  /** Puts a line from the server, in order after the replies to earlier lines. */
  reply(peer: Peer, line: string) {
    if (peer.pendingReply !== undefined) this.flushPending(peer)
    if (line.charCodeAt(0) === 0x21 /* ! */) Metrics.refused(Reply.codeOf(line))
    this.put(peer, line, 0)
  }

  /** Puts several notices: whole lines. */
  notices(peer: Peer, text: string, lines: number) {
    this.flushPending(peer)
    this.put(peer, text, 0, lines)
  }

  /** Refuses a line. Consecutive unlabelled lines that are refused for the same reason share one reply. */
  refuse(peer: Peer, refusal: Reply.Refusal, label: string | undefined) {
    if (label !== undefined) return this.reply(peer, refusal(label))
    const pending = peer.pendingReply
    if (pending?._tag === "Refused" && isSameRefusal(pending.refusal, refusal)) {
      pending.refusal = refusal
      pending.count += 1
      return
    }
    this.flushPending(peer)
    peer.pendingReply = { _tag: "Refused", refusal, count: 1 }
  }

  /**
   * Puts a line that reports `returns` pairs as returned, or several lines. If the peer's outbox has ended, the pairs
   * are dead instead.
   */
  private put(peer: Peer, text: string, returns: number, lines = 1) {
    const { outbox } = peer
    if (outbox.ended !== undefined) {
      this.ledger.settled.dead += returns
      return
    }
    this.turn.touch(outbox)
    this.turn.spend(work.reply + text.length)
    outbox.reply(text, returns, lines)
  }

  /** Reports that a line was not delivered to these recipients. Consecutive unlabelled lines share one report. */
  undelivered(
    peer: Peer,
    names: ReadonlyArray<string>,
    reason: "offline" | OutcomeReply.JamReason,
    label: string | undefined
  ) {
    const pending = peer.pendingReply
    const isSame = pending?._tag === "Undelivered" && pending.reason === reason && sameNames(pending.names, names)
    if (label === undefined && isSame) {
      pending.count += 1
      return
    }
    this.flushPending(peer)
    if (label === undefined) peer.pendingReply = { _tag: "Undelivered", names, reason, count: 1 }
    else this.putUndelivered(peer, names, reason, 1, label)
  }

  /** Ends a run of refused lines, at a line that is accepted. */
  endRun(peer: Peer) {
    if (peer.pendingReply?._tag === "Refused") this.flushPending(peer)
  }

  /** Sends the pending reply: before any other reply, and at the end of the input. */
  flushPending(peer: Peer) {
    const pending = peer.pendingReply
    if (pending === undefined) return
    peer.pendingReply = undefined
    if (pending._tag === "Undelivered") {
      return this.putUndelivered(peer, pending.names, pending.reason, pending.count, undefined)
    }
    const line = pending.refusal(undefined, pending.count)
    Metrics.refused(Reply.codeOf(line), pending.count)
    this.put(peer, line, 0)
  }

  private putUndelivered(
    peer: Peer,
    names: ReadonlyArray<string>,
    reason: OutcomeReply.UndeliveredReason,
    count: number,
    label: string | undefined
  ) {
    if (reason !== "offline") return this.putReturned(peer, names, reason, count, label)
    this.turn.spend(work.name * names.length)
    const reasons = names.map(this.absence)
    for (const why of new Set(reasons)) {
      const some = names.filter((_, index) => reasons[index] === why)
      this.putReturned(peer, some, why, count, label)
    }
  }

  private putReturned(
    peer: Peer,
    names: ReadonlyArray<string>,
    reason: OutcomeReply.UndeliveredReason,
    count: number,
    label: string | undefined,
    retryMillis = OutcomeReply.isJam(reason) ? Duration.toMillis(retryBusy) : undefined
  ) {
    Metrics.undelivered(reason, names.length * count)
    const lookAlike = reason === "offline" ? this.lookAlike : undefined
    const lines = OutcomeReply.undelivered({ names, reason, count, label, retryMillis, lookAlike })
    // Names may be spread over several lines; the last one reports all the pairs.
    lines.forEach((line, index) => this.put(peer, line, index === lines.length - 1 ? names.length * count : 0))
  }

  /**
   * Reports to the senders the lines that a recipient did not get before it left: one `! undelivered` for each sender,
   * and one for each labelled line. Returns the senders.
   */
  returnAll(
    name: string,
    lines: ReadonlyArray<Runs<Peer>>,
    reason: OutcomeReply.UndeliveredReason,
    retryMillis?: number
  ): ReadonlySet<Peer> {
    const names = [name]
    const unlabelled = new Map<Peer, number>()
    const senders = new Set<Peer>()
    for (const { counts, labels, senders: owners } of lines) {
      owners.forEach((sender, run) => {
        const count = counts[run] as number // in range: parallel to the senders
        if (!(sender instanceof Peer)) return sender?.returned?.(count, reason)
        sender.inFlight -= count
        senders.add(sender)
        const label = labels?.[run]
        if (label === undefined) unlabelled.set(sender, (unlabelled.get(sender) ?? 0) + count)
        else {
          sender.outbox.outcomeCame(name)
          this.putReturned(sender, names, reason, 1, label, retryMillis)
        }
      })
    }
    for (const [sender, count] of unlabelled) {
      this.flushPending(sender)
      this.putReturned(sender, names, reason, count, undefined, retryMillis)
    }
    return senders
  }

  /** Sends the outcomes of delivered lines that have labels. */
  outcomes(name: string, { labels, senders }: Runs<Peer>, fate: Delivered) {
    labels?.forEach((label, run) => {
      const sender = senders[run]
      if (label !== undefined && sender instanceof Peer) this.outcome(sender, label, name, fate)
    })
  }

  /** Sends the outcome of one labelled line that has been delivered. */
  outcome(sender: Peer, label: string, name: string, fate: Delivered, params = "") {
    sender.outbox.outcomeCame(name)
    for (const line of OutcomeReply.delivered(fate, label, [name], params)) this.put(sender, line, 0)
  }

  /** Returns one accepted line to this recipient with a refusal. */
  refuseAccepted(sender: Peer, name: string, refusal: Reply.Refusal, label: string | undefined) {
    if (label !== undefined) sender.outbox.outcomeCame(name)
    this.flushPending(sender)
    this.put(sender, refusal(label), 1)
  }
}

const isSameRefusal = (one: Reply.Refusal, other: Reply.Refusal) =>
  one === other || Reply.isSameRefusal(one(undefined), other(undefined))

const sameNames = (some: ReadonlyArray<string>, others: ReadonlyArray<string>) =>
  some === others || (some.length === others.length && some.every((name, index) => name === others[index]))
