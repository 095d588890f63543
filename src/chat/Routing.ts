import * as Block from "../protocol/Block.js"
import type { Lines } from "../protocol/Framing.js"
import * as Line from "../protocol/Line.js"
import type * as OutcomeReply from "../protocol/OutcomeReply.js"
import * as Reply from "../protocol/Reply.js"
import * as Wire from "../protocol/Wire.js"
import type { Directory } from "./Directory.js"
import type { Ledger } from "./Ledger.js"
import * as LineForm from "./LineForm.js"
import type { Live } from "./Live.js"
import type { Options } from "./Options.js"
import type { Outbox } from "./Outbox.js"
import type { Peer } from "./Peer.js"
import type { Replies } from "./Replies.js"
import type { Route, RoutePart } from "./Route.js"
import { SharedText } from "./SharedText.js"
import { work, workOfLine, type Turn } from "./Turn.js"

const LF = 0x0a
const colon = 0x3a

/**
 * The smallest block whose first line's route is looked up. For smaller blocks that takes too long (benchmark: mesh, 3
 * %).
 */
const largeBlock = 2_048

/** The longest address looked up this way. Longer ones are found line by line. */
const maxHeadLength = 256

/**
 * A full outbox with this many bytes takes no lines even from connections that are over. Those are not held, and any
 * number of them could follow each other.
 */
const overflowBytes = 16_777_216

/** A line that is not a message: a login, or a command. */
export class OtherLine {
  constructor(
    /** The line without its label and LF. */
    readonly line: string,
    readonly label: string | undefined
  ) {}
}

/** The reason to stop: the client has used its share of the turn. */
export const shareUsed = Symbol("share used")

/**
 * Moves messages from senders' inboxes to recipients' outboxes. Plain functions on plain data, because this runs for
 * every message, in the broker's turn.
 */
export class Routing {
  private readonly directory: Directory
  private readonly replies: Replies
  private readonly ledger: Ledger
  private readonly turn: Turn
  private readonly options: Live<Options>
  private readonly now: () => number
  private readonly acknowledge: (peer: Peer, messages: number) => boolean

  constructor(broker: {
    /** Acknowledges the first messages to a peer; false if the peer cannot have that many. */
    readonly acknowledge: (peer: Peer, messages: number) => boolean
    readonly directory: Directory
    readonly replies: Replies
    readonly ledger: Ledger
    readonly turn: Turn
    readonly options: Live<Options>
    readonly now: () => number
  }) {
    this.directory = broker.directory
    this.replies = broker.replies
    this.ledger = broker.ledger
    this.turn = broker.turn
    this.options = broker.options
    this.now = broker.now
    this.acknowledge = broker.acknowledge
  }

  /**
   * Routes the lines of a block, starting at the inbox's position. Stops before the first line that has to wait for an
   * outbox, which it returns, or after the first line that is not a message, which it returns, or where the peer has
   * used its share; sets the position to where to continue. Returns undefined at the end of the block.
   */
  block(peer: Peer, block: Lines): Outbox<Peer> | OtherLine | typeof shareUsed | undefined {
    const { inbox, outbox } = peer
    let at = inbox.position
    if (at === 0 && this.together(peer, block)) return undefined
    const { clean, text } = block
    while (at < text.length) {
      const { isHeard } = peer.phase
      if (!isHeard && !peer.isHeardAfterQuit) return undefined
      inbox.position = at
      if (this.turn.isShareUsed) return shareUsed
      // There is no room for the replies.
      if (isHeard && (outbox.isQueueFull || outbox.isOwed) && !peer.isOver) return outbox
      const end = text.indexOf("\n", at)
      this.turn.spend(workOfLine(end - at))
      const stop = isHeard ? this.line(peer, text, at, end, clean) : this.afterQuit(peer, text.slice(at, end))
      if (stop === undefined) {
        peer.traffic.linesIn += 1
        at = end + 1
        continue
      }
      if (stop instanceof OtherLine) {
        peer.traffic.linesIn += 1
        inbox.position = end + 1
      }
      return stop
    }
    return undefined
  }

  /** Input after `/quit` is ignored, except for acknowledgements. */
  private afterQuit(peer: Peer, line: string): undefined {
    this.isAcknowledgement(peer, line.slice(Line.label(line)?.length ?? 0))
  }

  /**
   * Handles an acknowledgement. It gets no reply, does not count against the rates, and is accepted during a shutdown.
   * Returns false if the line is not one, or acknowledges more than the peer can have got.
   */
  private isAcknowledgement(peer: Peer, line: string): boolean {
    if (peer.outbox.unacknowledged === undefined || line.charCodeAt(0) !== 0x2f /* / */) return false
    this.turn.spend(work.parse + line.length)
    const parsed = Line.parse(line, this.options.current)
    if (parsed._tag !== "Command" || parsed.name !== "ack") return false
    const messages = Line.acknowledged(parsed.argument)
    return messages !== undefined && this.acknowledge(peer, messages)
  }

  /**
   * Routes a block in one piece if all of its lines go to the same peers, replacing every address by the sender's head
   * in one pass (benchmarks: 1 pair, 50 pairs, 50 to 1, 1 to 100). Returns false if the lines must be routed one by
   * one.
   */
  private together(peer: Peer, block: Lines): boolean {
    const { bytes } = block
    const { outbox } = peer
    const route = bytes === undefined ? undefined : this.routeOf(peer, bytes)
    if (bytes === undefined || route === undefined || route.absent.length > 0 || route.parts.length !== 1) return false
    if (peer.isShutOut || !peer.phase.isHeard || outbox.isQueueFull || outbox.isOwed || isLimited(peer)) return false
    const prefix = `${route.head} `
    if (!Block.startsWith(bytes, prefix, 0)) return false
    const last = bytes.lastIndexOf(LF, bytes.length - 2) + 1
    if (last === 0 || !Block.startsWith(bytes, prefix, last)) return false
    const part = route.parts[0] as RoutePart<Peer> // there is one
    const { outboxes } = part
    if (outboxes.some((to) => to.isFull)) return false
    if (!block.utf8) return false
    const messages = Block.replacePrefix(bytes, prefix, headOf(peer, part))
    if (messages === undefined) return false
    const { lines, text } = messages
    if (!outboxes.every((to) => to.hasRoom(text.length, lines))) return false
    if (peer.pendingReply !== undefined) this.replies.endRun(peer)
    const shared = sharedBy(outboxes, text)
    for (const to of outboxes) {
      this.turn.touch(to)
      to.put(text, lines, peer, undefined, shared)
    }
    peer.traffic.linesIn += lines
    this.accept(peer, outboxes.length * lines, outboxes.length * text.length)
    return true
  }

  /**
   * The route of a block's first line: that of the line before, or, for a large block, a remembered one. Without the
   * latter, a new server would route every sender's first blocks line by line in V8's interpreter. If the next read of
   * a connection is then 40 ms late, the kernel acknowledges by a timer, and from then on it acknowledges every read of
   * that connection instead of every second one (benchmark: 50 to 1, an eighth).
   */
  private routeOf(peer: Peer, bytes: Uint8Array): Route<Peer> | undefined {
    const { route } = peer
    if (route !== undefined && !route.isStale && Block.startsWith(bytes, route.head, 0)) return route
    if (bytes.length < largeBlock || peer.name === "" || peer.isShutOut || !peer.phase.isHeard) return undefined
    const length = bytes.indexOf(colon) + 1
    if (length > maxHeadLength) return undefined
    const remembered = this.directory.remembered(Block.head(bytes, length))
    if (remembered !== undefined) peer.route = remembered
    return remembered
  }

  /** Counts pairs that were put into outboxes. */
  private accept(peer: Peer, pairs: number, bytes: number) {
    this.turn.spend(bytes)
    peer.inFlight += pairs
    this.ledger.accepted += pairs
  }

  /** Refuses a line that is too long. Returns the sender's own outbox if the refusal has to wait for room there. */
  tooLong(peer: Peer, start: string): Outbox<Peer> | undefined {
    if ((peer.outbox.isQueueFull || peer.outbox.isOwed) && !peer.isOver) return peer.outbox
    peer.traffic.linesIn += 1
    this.turn.spend(work.line + work.parse)
    const label = labelOf(peer, start)
    if (peer.isShutOut) this.replies.refuse(peer, Reply.closing, label)
    else if (this.mayPass(peer, label)) this.replies.refuse(peer, Reply.tooLong(peer.inbox.maxLineBytes), label)
    return undefined
  }

  private line(peer: Peer, text: string, at: number, end: number, clean: boolean) {
    // Most lines have the same address as the line before, so there is nothing to slice or look up (benchmark: 1 pair).
    const last = peer.route
    if (clean && last !== undefined && !last.isStale && text.startsWith(last.head, at)) {
      const start = at + last.head.length
      return this.message(peer, last, text, start, end, undefined)
    }
    const first = text.charCodeAt(at)
    if (clean && peer.name !== "" && !peer.isShutOut && first !== 0x2f /* / */ && first !== 0x40 /* @ */) {
      // Another client may have used the same address (benchmark: mesh).
      const colon = text.indexOf(":", at)
      if (colon >= 0 && colon < end) {
        const route = this.directory.remembered(text.slice(at, colon + 1))
        if (route !== undefined) {
          peer.route = route
          return this.message(peer, route, text, colon + 1, end, undefined)
        }
      }
    }
    return this.otherwise(peer, text.slice(at, end))
  }

  /** The slow path for any line: logins, commands, labels, mistakes, and addresses not seen before. */
  private otherwise(peer: Peer, line: string): Outbox<Peer> | OtherLine | undefined {
    this.turn.spend(work.parse)
    const labelled = line.charCodeAt(0) === 0x40 /* @ */ ? this.label(peer, line) : undefined
    if (labelled === "refused") return undefined
    // A copy: the label lives until the outcome, and a slice would keep the whole read buffer alive.
    const label = labelled === undefined ? undefined : Wire.copy(labelled.label)
    const rest = line.slice(labelled?.length ?? 0)
    if (this.isAcknowledgement(peer, rest)) return undefined
    if (peer.isShutOut) {
      this.replies.refuse(peer, Reply.closing, label)
      return undefined
    }
    if (!this.mayPass(peer, label)) return undefined
    if (peer.name === "" || rest.charCodeAt(0) === 0x2f /* / */) return new OtherLine(rest, label)
    const colon = rest.indexOf(":")
    this.turn.spend(work.addressByte * (colon < 0 ? rest.length : colon))
    const parsed = Line.parse(rest, this.options.current)
    if (parsed._tag !== "Message") {
      // Commands start with '/' and were handled above, so this can only be a mistake.
      if (parsed._tag === "Mistake") this.replies.refuse(peer, parsed.reply, label)
      return undefined
    }
    this.turn.spend(work.route + work.name * parsed.recipients.length)
    const route = this.directory.resolve(rest.slice(0, colon + 1), parsed.recipients)
    if (label === undefined) peer.route = route
    return this.deliver(peer, route, `${parsed.text}\n`, label)
  }

  private label(peer: Peer, line: string) {
    const found = peer.hasGreeted ? Line.label(line) : undefined
    // Before the login, such a line counts as the login, and is refused as a bad name. If only the line were refused,
    // the next line would be taken for the login.
    if (found !== undefined || (peer.name === "" && !peer.isShutOut)) return found
    const why = peer.hasGreeted ? badLabel : unexpectedLabel
    if (peer.isShutOut) this.replies.refuse(peer, Reply.closing, undefined)
    else if (this.mayPass(peer, undefined)) this.replies.refuse(peer, why, undefined)
    return "refused"
  }

  /** Routes a message whose route is known: only the text remains to be cut out. */
  private message(peer: Peer, route: Route<Peer>, text: string, start: number, end: number, label: string | undefined) {
    if (peer.isShutOut || (isLimited(peer) && !this.mayPass(peer, label))) {
      if (peer.isShutOut) this.replies.refuse(peer, Reply.closing, label)
      return undefined
    }
    const from = Wire.skipSpace(text, start, end)
    const to = Wire.skipSpaceBack(text, from, end)
    // Including the LF in the slice saves one string for each message.
    return this.deliver(peer, route, to === end ? text.slice(from, end + 1) : `${text.slice(from, to)}\n`, label)
  }

  /**
   * Puts a message into the outboxes of all its recipients. If one of them is full, puts it into none and returns the
   * full one. `text` ends in LF.
   */
  private deliver(peer: Peer, route: Route<Peer>, text: string, label: string | undefined): Outbox<Peer> | undefined {
    const { absent, parts } = route
    for (let part = 0; part < parts.length; part++) {
      const { outboxes } = parts[part] as RoutePart<Peer> // in range
      for (let i = 0; i < outboxes.length; i++) {
        const to = outboxes[i] as Outbox<Peer> // in range
        // The sender's own outbox can only be full of lines that it has not acknowledged, as it will in its input.
        if (to.isFull && !to.isJammed && to !== peer.outbox && !peer.isOver) {
          // The line will be routed again once the outbox has room, so it must not use up a token now.
          peer.rate?.putBack()
          peer.hostRate?.putBack()
          return to
        }
      }
    }
    if (peer.pendingReply !== undefined && parts.length > 0) this.replies.endRun(peer)
    for (let index = 0; index < parts.length; index++) {
      const part = parts[index] as RoutePart<Peer> // in range
      this.put(peer, part.outboxes, headOf(peer, part) + text, label)
    }
    if (absent.length > 0) {
      this.ledger.accepted += absent.length
      this.replies.undelivered(peer, absent, "offline", label)
    }
    return undefined
  }

  private put(peer: Peer, outboxes: ReadonlyArray<Outbox<Peer>>, line: string, label: string | undefined) {
    let jammed: Map<OutcomeReply.JamReason, Array<string>> | undefined = undefined
    let put = 0
    const shared = sharedBy(outboxes, line)
    this.turn.spend(work.put * outboxes.length)
    for (let i = 0; i < outboxes.length; i++) {
      const to = outboxes[i] as Outbox<Peer> // in range
      if (to.isJammed || (to.bytes >= overflowBytes && to.isFull && peer.isOver)) {
        jammed ??= new Map()
        const names = jammed.get(to.jamReason)
        if (names === undefined) jammed.set(to.jamReason, [to.name])
        else names.push(to.name)
        continue
      }
      this.turn.touch(to)
      to.put(line, 1, peer, label, shared)
      put += 1
      if (label !== undefined) peer.outbox.expectOutcome(to.name)
    }
    this.accept(peer, put, line.length * put)
    if (jammed === undefined) return
    for (const [reason, names] of jammed) {
      this.ledger.accepted += names.length
      this.replies.undelivered(peer, names, reason, label)
    }
  }

  /** Whether the rate limits of the client and of its host allow one more line now. If not, sends `! slow-down`. */
  mayPass(peer: Peer, label: string | undefined): boolean {
    const { hostRate, rate } = peer
    const now = this.now()
    const own = rate?.take(now) ?? 0
    const wait = own > 0 ? own : (hostRate?.take(now) ?? 0)
    if (wait === 0) return true
    if (own === 0) rate?.putBack()
    this.replies.refuse(peer, Reply.slowDown(wait), label)
    return false
  }
}

const badLabel = Reply.badLine("'@' starts a label: 1 to 32 letters, digits, '_', '-' or '.', then a space")
const unexpectedLabel = Reply.badLine("send /hello before labelling lines")

/** The label of a line that is too long, of which only the start was kept. */
export const labelOf = (peer: Peer, start: string): string | undefined =>
  peer.hasGreeted ? Line.label(start)?.label : undefined

const isLimited = (peer: Peer) => peer.rate !== undefined || peer.hostRate !== undefined

/** The start of a sender's lines in this part of a route. */
const headOf = (peer: Peer, { form, suffix }: RoutePart<Peer>) => {
  const mark = LineForm.marksPrograms(form) && peer.words.has("auto") ? Reply.auto : ""
  return suffix === "" && mark === "" ? peer.head : Reply.messageHead(peer.name, suffix + mark)
}

const sharedBy = (outboxes: ReadonlyArray<Outbox<Peer>>, text: string): SharedText | undefined =>
  outboxes.length > 1 ? new SharedText(text) : undefined
