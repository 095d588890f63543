import * as Duration from "effect/Duration"
import type { CloseReason } from "../protocol/CloseReason.js"
import * as Block from "../protocol/Block.js"
import type { Lines } from "../protocol/Framing.js"
import * as Line from "../protocol/Line.js"
import * as Reply from "../protocol/Reply.js"
import * as Wire from "../protocol/Wire.js"
import * as Metrics from "../telemetry/Metrics.js"
import type { Deadlines } from "./Deadlines.js"
import type { Ledger } from "./Ledger.js"
import type { Options } from "./Options.js"
import { retryBusy } from "./Options.js"
import type { Batch, Outbox } from "./Outbox.js"
import type { Peer, Route } from "./Peer.js"
import type { Roster } from "./Roster.js"

/** Routes that are remembered for all senders; more than that and they are found anew. */
const maxRoutes = 4_096

/** Only short address parts are remembered: what is remembered is bounded in bytes, too. */
const maxHeadBytes = 256

const LF = 0x0a

/** What happens to lines that are no messages: logins and commands. */
export type OtherLine = (peer: Peer, line: string, label: string | undefined) => void

/**
 * Takes messages from their senders' inlets to the recipients' outboxes. Plain functions on plain data: everything here
 * happens for every message, inside the broker's turn.
 */
export class Routing {
  /** Bytes put into outboxes since the broker last looked. */
  putBytes = 0
  /** The outboxes that this turn has put something in. */
  private dirty: Array<Outbox<Peer>> = []
  private readonly routes = new Map<string, Route>()
  private routesVersion = 0

  constructor(
    private readonly roster: Roster,
    private readonly ledger: Ledger,
    private readonly deadlines: Deadlines,
    private readonly options: Options,
    private readonly now: () => number,
    private readonly otherLine: OtherLine
  ) {}

  /**
   * Routes the lines of a block, from the inlet's position on. False when the sender is held before one of them; the
   * position then says where to go on.
   */
  block(peer: Peer, block: Lines): boolean {
    const { inlet, outbox } = peer
    let at = inlet.position
    if (at === 0 && this.together(peer, block)) return true
    const { clean, text } = block
    while (at < text.length) {
      if (peer.leaving !== undefined) return true // what a client says after /quit is not heard
      // Its answers would have nowhere to go.
      if (outbox.full || outbox.owed) return this.hold(peer, outbox, at)
      const end = text.indexOf("\n", at)
      const full = this.line(peer, text, at, end, clean)
      if (full !== undefined) return this.hold(peer, full, at)
      peer.linesIn += 1
      at = end + 1
    }
    return true
  }

  /**
   * Routes the lines of a block in one piece if all of them go to the same peers: the sender's head is put in the place
   * of every address at once (benchmarks: 1 pair, 50 pairs, 50 to 1, 1 to 100). False if they must be routed one by one.
   */
  private together(peer: Peer, block: Lines): boolean {
    const { bytes } = block
    const { head, outbox, route } = peer
    if (route === undefined || route.version !== this.roster.version || route.absent.length > 0) return false
    if (peer.closing || peer.leaving !== undefined || outbox.full || outbox.owed || isLimited(peer)) return false
    const lead = `${route.head} `
    if (bytes === undefined || !Block.startsWith(bytes, lead, 0)) return false
    const last = bytes.lastIndexOf(LF, bytes.length - 2) + 1
    if (last === 0 || !Block.startsWith(bytes, lead, last)) return false
    const { present } = route
    if (present.some((to) => to.outbox.full)) return false
    if (!block.utf8) return false
    const messages = Block.replacePrefix(bytes, lead, head)
    if (messages === undefined) return false
    const { lines, text } = messages
    if (!present.every((to) => to.outbox.hasRoom(text.length, lines))) return false
    for (const to of present) {
      if (!to.outbox.dirty) this.soil(to.outbox)
      to.outbox.put(text, lines, peer, undefined)
    }
    peer.linesIn += lines
    this.account(peer, present.length * lines, present.length * text.length)
    return true
  }

  /** Pairs were put into outboxes. */
  private account(peer: Peer, pairs: number, bytes: number) {
    this.putBytes += bytes
    peer.inFlight += pairs
    this.ledger.accepted += pairs
  }

  /** Answers a line of which only the start was kept. False when the sender is held before it. */
  tooLong(peer: Peer, start: string): boolean {
    if (peer.outbox.full || peer.outbox.owed) return this.hold(peer, peer.outbox, 0)
    peer.linesIn += 1
    const label = peer.greeted ? Line.label(start)?.label : undefined
    this.reply(peer, (peer.closing ? Reply.closing : Reply.tooLong(peer.inlet.maxLineBytes))(label))
    return true
  }

  /** Routes one line; answers the full outbox that the sender has to wait for first, if there is one. */
  private line(peer: Peer, text: string, at: number, end: number, clean: boolean): Outbox<Peer> | undefined {
    // Most lines go where the one before them went: nothing to cut out, nothing to look up (benchmark: 1 pair).
    const last = peer.route
    if (clean && last !== undefined && last.version === this.roster.version && text.startsWith(last.head, at)) {
      const start = at + last.head.length
      return this.message(peer, last, text, start, end, undefined)
    }
    const first = text.charCodeAt(at)
    if (clean && peer.name !== "" && !peer.closing && first !== 0x2f /* / */ && first !== 0x40 /* @ */) {
      // Somebody else's line may have gone there (benchmark: mesh).
      const colon = text.indexOf(":", at)
      if (colon >= 0 && colon < end) {
        const route = this.remembered(text.slice(at, colon + 1))
        if (route !== undefined) {
          peer.route = route
          return this.message(peer, route, text, colon + 1, end, undefined)
        }
      }
    }
    return this.otherwise(peer, text.slice(at, end))
  }

  /** Any line, the slow way: logins, commands, labels, mistakes, and addresses that were not seen before. */
  private otherwise(peer: Peer, line: string): Outbox<Peer> | undefined {
    const labelled = line.charCodeAt(0) === 0x40 /* @ */ ? this.label(peer, line) : undefined
    if (labelled === "refused") return undefined
    // Kept until its outcome comes; as a slice it would keep the whole read alive.
    const label = labelled === undefined ? undefined : Wire.copy(labelled.label)
    const rest = line.slice(labelled?.length ?? 0)
    if (peer.closing) {
      this.reply(peer, Reply.closing(label))
      return undefined
    }
    if (!this.mayPass(peer, label)) return undefined
    if (peer.name === "" || rest.charCodeAt(0) === 0x2f /* / */) {
      this.otherLine(peer, rest, label)
      return undefined
    }
    const parsed = Line.parse(rest, this.options)
    if (parsed._tag !== "Message") {
      // A line that starts with no '/' is no command, so it is a mistake.
      if (parsed._tag === "Mistake") this.reply(peer, parsed.reply(label))
      return undefined
    }
    const colon = rest.indexOf(":")
    const route = this.find(rest.slice(0, colon + 1), parsed.recipients)
    if (label === undefined) peer.route = route
    return this.deliver(peer, route, `${parsed.text}\n`, label)
  }

  private label(peer: Peer, line: string) {
    const found = peer.greeted ? Line.label(line) : undefined
    // Before the login it is the login, and no name: a refused login must not let the next line be taken for one.
    if (found !== undefined || (peer.name === "" && !peer.closing)) return found
    const why = peer.greeted
      ? "'@' starts a label: 1 to 32 of letters, digits, '_', '-', '.' and a blank"
      : "say /hello before you label lines"
    this.reply(peer, (peer.closing ? Reply.closing : Reply.badLine(why))(undefined))
    return "refused"
  }

  /** The way of a message whose route is known: what is left to do is its text. */
  private message(peer: Peer, route: Route, text: string, start: number, end: number, label: string | undefined) {
    if (peer.closing || (isLimited(peer) && !this.mayPass(peer, label))) {
      if (peer.closing) this.reply(peer, Reply.closing(label))
      return undefined
    }
    const from = Wire.skipSpace(text, start, end)
    const to = Wire.skipSpaceBack(text, from, end)
    // With the LF that stands there already, a string less is made for each message.
    return this.deliver(peer, route, to === end ? text.slice(from, end + 1) : `${text.slice(from, to)}\n`, label)
  }

  /** Puts a message, its text with LF, into the outboxes of all its recipients, or into none if one of them is full. */
  private deliver(peer: Peer, route: Route, text: string, label: string | undefined): Outbox<Peer> | undefined {
    const present = route.present
    for (let i = 0; i < present.length; i++) {
      const outbox = (present[i] as Peer).outbox // in range
      if (outbox.full && !outbox.jammed) {
        // It is asked again when it is released.
        peer.rate?.putBack()
        peer.addressRate?.putBack()
        return outbox
      }
    }
    const line = peer.head + text
    let busy: Array<string> | undefined = undefined
    let put = 0
    for (let i = 0; i < present.length; i++) {
      const to = present[i] as Peer // in range
      const outbox = to.outbox
      if (outbox.jammed) {
        busy ??= []
        busy.push(to.name)
        continue
      }
      if (!outbox.dirty) this.soil(outbox)
      outbox.put(line, 1, peer, label)
      put += 1
      if (label !== undefined) peer.outbox.expectOutcome()
    }
    this.account(peer, put, line.length * put)
    this.ledger.accepted += present.length - put + route.absent.length
    if (busy !== undefined) this.undelivered(peer, busy, "busy", label)
    if (route.absent.length > 0) this.undelivered(peer, route.absent, "offline", label)
    return undefined
  }

  private soil(outbox: Outbox<Peer>) {
    outbox.dirty = true
    this.dirty.push(outbox)
  }

  /** The turn is over: every outbox that got something hands it to its writer. */
  flush() {
    const dirty = this.dirty
    this.dirty = []
    for (const outbox of dirty) outbox.flush()
  }

  private remembered(head: string): Route | undefined {
    if (this.routesVersion === this.roster.version) return this.routes.get(head)
    this.routes.clear()
    this.routesVersion = this.roster.version
    return undefined
  }

  private find(head: string, recipients: ReadonlyArray<string>): Route {
    const known = this.remembered(head)
    if (known !== undefined) return known
    const present: Array<Peer> = []
    const absent: Array<string> = []
    for (const name of recipients) {
      const peer = this.roster.find(name)
      if (peer === undefined) absent.push(Wire.copy(name))
      else present.push(peer)
    }
    const route: Route = { head: Wire.copy(head), present, absent, version: this.roster.version }
    if (head.length <= maxHeadBytes && this.routes.size < maxRoutes) this.routes.set(route.head, route)
    return route
  }

  /** Lets the sender wait for room. Its socket is not read from meanwhile. */
  private hold(peer: Peer, outbox: Outbox<Peer>, position: number): false {
    peer.inlet.position = position
    peer.inlet.pause()
    peer.heldBy = outbox
    this.deadlines.held(peer)
    outbox.waiting.push(peer)
    return false
  }

  /** Whether its own rate and that of its address let it send one more line now; it is told if they do not. */
  private mayPass(peer: Peer, label: string | undefined): boolean {
    const { addressRate, rate } = peer
    const now = this.now()
    const own = rate?.take(now) ?? 0
    const wait = own > 0 ? own : (addressRate?.take(now) ?? 0)
    if (wait === 0) return true
    if (own === 0) rate?.putBack()
    this.reply(peer, Reply.slowDown(wait)(label))
    return false
  }

  /** A line of the server's own, in its order among the answers to earlier lines. */
  reply(peer: Peer, line: string) {
    if (peer.untold !== undefined) this.tell(peer)
    if (line.charCodeAt(0) === 0x21 /* ! */) Metrics.refused(Reply.codeOf(line))
    this.put(peer, line, 0)
  }

  /** A line of the server's own, which tells of `returns` pairs; they are dead if nobody is there to be told. */
  private put(peer: Peer, line: string, returns: number) {
    const outbox = peer.outbox
    if (outbox.ended !== undefined) {
      this.ledger.dead += returns
      return
    }
    if (!outbox.dirty) this.soil(outbox)
    outbox.reply(line, returns)
    this.putBytes += line.length
  }

  private undelivered(peer: Peer, names: ReadonlyArray<string>, reason: "offline" | "busy", label: string | undefined) {
    const untold = peer.untold
    if (label === undefined && untold?.reason === reason && sameNames(untold.names, names)) {
      untold.count += 1
      return
    }
    this.tell(peer)
    if (label === undefined) peer.untold = { names, reason, count: 1 }
    else this.putUndelivered(peer, names, reason, 1, label)
  }

  /** Tells a sender what it was not told yet; called before any other answer, and when its input is used up. */
  tell(peer: Peer) {
    const untold = peer.untold
    if (untold === undefined) return
    peer.untold = undefined
    this.putUndelivered(peer, untold.names, untold.reason, untold.count, undefined)
  }

  private putUndelivered(
    peer: Peer,
    names: ReadonlyArray<string>,
    reason: Reply.UndeliveredReason,
    count: number,
    label: string | undefined
  ) {
    const retryMillis = reason === "busy" ? Duration.toMillis(retryBusy) : undefined
    Metrics.undelivered(reason, names.length * count)
    const lines = Reply.undelivered({ names, reason, count, label, retryMillis })
    // Names may be spread over several lines; all the pairs are booked with the last one.
    lines.forEach((line, index) => this.put(peer, line, index === lines.length - 1 ? names.length * count : 0))
  }

  /**
   * Returns to their senders the lines that a gone peer did not get: one answer for each sender, or for each labelled
   * line. Answers the senders that have none of their own lines in flight any more.
   */
  returnAll(recipient: Peer, batches: ReadonlyArray<Batch<Peer>>, reason: CloseReason): ReadonlySet<Peer> {
    const why = reason === "slow-consumer" || reason === "memory" ? "slow" : "disconnected"
    const names = [recipient.name]
    const unlabelled = new Map<Peer, number>()
    const senders = new Set<Peer>()
    for (const batch of batches) {
      this.ledger.dead += batch.returns
      batch.senders.forEach((sender, run) => {
        const count = batch.counts[run] as number // in range: parallel to the senders
        if (sender === undefined) return
        sender.inFlight -= count
        senders.add(sender)
        const label = batch.labels?.[run]
        if (label === undefined) unlabelled.set(sender, (unlabelled.get(sender) ?? 0) + count)
        else {
          sender.outbox.outcomeCame()
          this.putUndelivered(sender, names, why, 1, label)
        }
      })
    }
    for (const [sender, count] of unlabelled) {
      this.tell(sender)
      this.putUndelivered(sender, names, why, count, undefined)
    }
    return senders
  }

  /** Tells the senders of labelled lines that these were written. */
  outcomes(recipient: Peer, batch: Batch<Peer>) {
    const names = [recipient.name]
    batch.labels?.forEach((label, run) => {
      const sender = batch.senders[run]
      if (label === undefined || sender === undefined) return
      sender.outbox.outcomeCame()
      for (const line of Reply.written(label, names)) this.put(sender, line, 0)
    })
  }
}

const isLimited = (peer: Peer) => peer.rate !== undefined || peer.addressRate !== undefined

const sameNames = (some: ReadonlyArray<string>, others: ReadonlyArray<string>) =>
  some === others || (some.length === others.length && some.every((name, index) => name === others[index]))
