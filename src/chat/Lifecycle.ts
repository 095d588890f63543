import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { CloseReason } from "../protocol/CloseReason.js"
import type { Delivered } from "../protocol/Fate.js"
import * as Line from "../protocol/Line.js"
import * as Name from "../protocol/Name.js"
import * as Reply from "../protocol/Reply.js"
import * as Wire from "../protocol/Wire.js"
import * as Metrics from "../telemetry/Metrics.js"
import type { Admission, Decision } from "./Admission.js"
import type { Batch } from "./Batch.js"
import type { Answer, CommandContext, CommandTable } from "./Commands.js"
import type { Directory } from "./Directory.js"
import type { Ledger } from "./Ledger.js"
import type { Live } from "./Live.js"
import type { Names } from "./Names.js"
import type { Notices } from "./Notices.js"
import type { Options } from "./Options.js"
import type { Outbox } from "./Outbox.js"
import type { Peer } from "./Peer.js"
import * as Phase from "./Phase.js"
import { Question } from "./Question.js"
import type { Replies } from "./Replies.js"
import { labelOf, OtherLine, type Routing } from "./Routing.js"
import type { Watch } from "./Watch.js"

/** How a writer ended. */
export interface Departure {
  readonly reason: CloseReason
  /** The batch being written, and how many of its bytes the kernel took. */
  readonly unfinished: { readonly batch: Batch<Peer>; readonly taken: number } | undefined
  /** The batches not yet started. */
  readonly queued: ReadonlyArray<Batch<Peer>>
}

interface Collaborators {
  readonly admission: Admission
  readonly commandContext: CommandContext
  readonly commands: CommandTable
  readonly directory: Directory
  readonly ledger: Ledger
  readonly names: Names
  readonly notices: Notices
  readonly options: Live<Options>
  readonly replies: Replies
  readonly routing: Routing
  readonly watch: Watch
  /** Asks a question in a separate fiber; the answer comes back as an event, for `answered`. */
  readonly ask: (peer: Peer, question: Question) => void
  /** Called when a defect occurred while the broker handled an event of this peer. */
  readonly defective: (peer: Peer, defect: unknown) => void
}

/**
 * The life of the peers: input in order, logins, commands, holding and releasing, leaving. Plain functions that run
 * only in the broker's turn.
 */
export class Lifecycle {
  readonly peers = new Set<Peer>()

  constructor(private readonly broker: Collaborators) {}

  open(peer: Peer) {
    this.peers.add(peer)
    this.broker.watch.loginBegins(peer)
  }

  // Input, in order.

  /** Handles a peer's input until the peer must be held. */
  read(peer: Peer) {
    if (peer.hold !== undefined) return
    const { broker } = this
    const { inbox } = peer
    for (let item = inbox.current; item !== undefined; item = inbox.current) {
      // A leaving peer's input is ignored, except for the mark of the shutdown: the drain waits until it was reached.
      const { isHeard } = peer.phase
      switch (item._tag) {
        case "Lines": {
          const hold = isHeard ? this.lines(peer, item) : undefined
          if (hold !== undefined) return this.hold(peer, hold)
          break
        }
        case "TooLong": {
          const outbox = isHeard ? this.tooLong(peer, item.start) : undefined
          if (outbox !== undefined) return this.hold(peer, outbox)
          break
        }
        case "End":
          if (isHeard) this.leave(peer, item.reason)
          break
        case "Closing":
          peer.isShutOut = true
          break
      }
      inbox.advance()
    }
    broker.replies.flushUndelivered(peer)
    inbox.consumed()
  }

  /** Routes a block of lines, and handles those that are not messages. Returns what the peer has to wait for. */
  private lines(peer: Peer, block: Parameters<Routing["block"]>[1]): Outbox<Peer> | Question | undefined {
    for (;;) {
      const stop = this.broker.routing.block(peer, block)
      if (!(stop instanceof OtherLine)) return stop
      const question = this.otherLine(peer, stop)
      if (question !== undefined) return question
    }
  }

  /** Holds the peer until there is room, or an answer. Its socket is not read from meanwhile. */
  private hold(peer: Peer, hold: Outbox<Peer> | Question) {
    const { ask, replies, watch } = this.broker
    replies.flushUndelivered(peer)
    peer.inbox.pause()
    peer.hold = hold
    watch.holdBegins(peer)
    if (hold instanceof Question) ask(peer, hold)
    else hold.hold(peer)
  }

  private endHold(peer: Peer) {
    peer.hold = undefined
    this.broker.watch.holdEnds(peer)
  }

  /** Resumes the peers that waited for an outbox, in order, until it is full again. */
  release(outbox: Outbox<Peer>) {
    const still: Array<Peer> = []
    for (const peer of outbox.takeWaiting()) {
      if (outbox.isFull && !outbox.isJammed) {
        still.push(peer)
        continue
      }
      this.endHold(peer)
      try {
        this.read(peer)
      } catch (defect) {
        // The defect is this peer's: the other waiting peers and the owner of the outbox continue.
        this.broker.defective(peer, defect)
      }
    }
    // Peers that were not served yet go before those that were and wait again.
    outbox.holdFirst(still)
  }

  /** The answer to a question has arrived: resumes its peer, if that still waits for it. */
  answered(peer: Peer, question: Question, exit: Exit.Exit<unknown, unknown>) {
    if (peer.hold !== question) return
    this.endHold(peer)
    const { _tag } = peer.phase
    // Once the connection is over, a name would have no owner and a reply no reader. Lines already received are still
    // routed.
    const next = _tag === "Login" || _tag === "Present" ? question.answered(exit) : undefined
    if (next === undefined) this.read(peer)
    else this.hold(peer, next)
  }

  /**
   * Stops waiting for an answer at the end of the drain: the line counts as one that came after the shutdown began.
   * Returns false if the peer does not wait for an answer.
   */
  giveUpQuestion(peer: Peer): boolean {
    const { hold } = peer
    if (!(hold instanceof Question)) return false
    this.endHold(peer)
    if (peer.phase._tag === "Login") this.refuse(peer, Reply.closingLogin, hold.label)
    else if (peer.phase._tag !== "Gone") this.broker.replies.reply(peer, Reply.closing(hold.label))
    peer.isShutOut = true
    this.read(peer)
    return true
  }

  // Logins and commands.

  private otherLine(peer: Peer, { label, line }: OtherLine): Question | undefined {
    if (peer.name === "" && line.charCodeAt(0) !== 0x2f /* / */) return this.login(peer, line, label)
    const parsed = Line.parse(line, this.broker.options.current)
    if (parsed._tag === "Mistake") this.broker.replies.reply(peer, parsed.reply(label))
    if (parsed._tag === "Command") return this.command(peer, parsed.name, parsed.argument, label)
    return undefined
  }

  /**
   * Before the login, a line that is too long counts as the login, and is refused as a bad name: otherwise the next line
   * would be taken for the login. Returns the outbox that the peer has to wait for first.
   */
  private tooLong(peer: Peer, start: string): Outbox<Peer> | undefined {
    if (peer.phase._tag !== "Login" || peer.isShutOut) return this.broker.routing.tooLong(peer, start)
    peer.traffic.linesIn += 1
    return this.refuse(peer, Reply.badLogin, labelOf(peer, start))
  }

  private login(peer: Peer, line: string, label: string | undefined): Question | undefined {
    if (peer.phase._tag === "Gone") return undefined // the connection is over: the name would have no owner
    const name = Name.parse(Wire.copy(line))
    if (name === undefined) {
      this.refuse(peer, Reply.badLogin, label)
      return undefined
    }
    this.broker.watch.loginEnds(peer)
    const decision = this.broker.admission.decide({ name, identity: peer.socket.identity })
    if (!Effect.isEffect(decision)) return this.decided(peer, name, label, decision)
    return Question.make({
      ask: decision,
      answered: (exit) => this.withAnswer(peer, exit, (found) => this.decided(peer, name, label, found)),
      label
    })
  }

  private decided(peer: Peer, name: string, label: string | undefined, decision: Decision): undefined {
    const { names, notices } = this.broker
    if (decision !== undefined) return this.refuse(peer, decision, label)
    if (!names.join(peer, name)) return this.refuse(peer, Reply.loginInUse(name), label)
    peer.head = Reply.messageHead(name)
    Metrics.loggedIn()
    notices.notify(Reply.joined(name), peer)
    return undefined
  }

  /** A question that fails is a defect: an expected refusal is an answer, not a failure. */
  private withAnswer<A>(peer: Peer, exit: Exit.Exit<A, unknown>, use: (answer: A) => Question | undefined) {
    if (Exit.isSuccess(exit)) return use(exit.value)
    this.broker.defective(peer, exit.cause)
    return undefined
  }

  /** Refuses a login and ends the connection. */
  refuse(peer: Peer, fatal: Reply.Fatal, label: string | undefined): undefined {
    this.broker.replies.reply(peer, fatal.line(label))
    this.leave(peer, fatal.reason)
  }

  private command(peer: Peer, name: string, argument: string, label: string | undefined): Question | undefined {
    const { commandContext, commands, replies } = this.broker
    const command = commands.find(name)
    if (command === undefined) {
      replies.reply(peer, commands.unknown(name, label))
      return undefined
    }
    const answer = command.run({ peer, argument, label }, commandContext)
    if (!Effect.isEffect(answer)) return this.answerCommand(peer, answer, label)
    return Question.make({
      ask: answer,
      answered: (exit) => this.withAnswer(peer, exit, (found) => this.answerCommand(peer, found, label)),
      label
    })
  }

  private answerCommand(peer: Peer, answer: Answer, label: string | undefined): undefined {
    if (answer === "leave") this.leave(peer, "quit", label)
    else for (const line of answer) this.broker.replies.reply(peer, line)
  }

  // The end of a peer.

  /** Ends a peer's input. The peer still gets what is queued for it, and the outcomes of its own lines. */
  leave(peer: Peer, reason: CloseReason, label?: string) {
    const { names, notices, replies, watch } = this.broker
    replies.flushUndelivered(peer)
    watch.loginEnds(peer)
    const phase = Phase.leaving(peer.phase, reason, label)
    if (phase !== peer.phase) {
      const wasPresent = names.leave(peer, phase)
      // At a shutdown all clients leave, and the shutdown was announced.
      if (wasPresent && reason !== "shutdown") notices.notify(Reply.left(peer.name), peer)
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
    const { directory, names, notices, replies, watch } = this.broker
    this.peers.delete(peer)
    notices.unsubscribe(peer)
    watch.forget(peer)
    if (names.leave(peer, Phase.gone(peer.phase))) notices.notify(Reply.left(peer.name), peer)
    names.free(peer)
    peer.inbox.drop()
    const unwritten = [...queued, ...peer.outbox.abandon()]
    if (unfinished !== undefined) {
      this.settledLabelled(peer.outbox, unfinished.batch.splitAt(unfinished.taken), "written")
      unwritten.unshift(unfinished.batch)
    }
    for (const sender of replies.returnAll(peer.name, unwritten, reason)) this.finishIfSettled(sender)
    this.release(peer.outbox)
    if (this.peers.size === 0) directory.clear()
  }

  /** Records a delivered batch in the ledger, and sends the outcomes of its labelled lines. */
  settledLabelled(outbox: Outbox<Peer>, batch: Batch<Peer>, fate: Delivered) {
    this.broker.replies.outcomes(outbox.name, batch, fate)
    settle(this.broker.ledger, outbox, batch, fate, (sender) => this.finishIfSettled(sender))
  }
}

/**
 * Records a delivered batch in the ledger. Calls `settled` with each leaving sender that has nothing left in flight.
 */
export const settle = (
  ledger: Ledger,
  outbox: Outbox<Peer>,
  batch: Batch<Peer>,
  fate: Delivered,
  settled: (sender: Peer) => void
) => {
  // The `! undelivered` lines in the batch have reached the recipient, which is the sender of what they report.
  ledger.settled.returned += batch.returns
  outbox.reported(batch.returns)
  const { counts, senders } = batch
  let lines = 0
  for (let run = 0; run < senders.length; run++) {
    const sender = senders[run]
    if (sender === undefined) continue
    const count = counts[run] as number // in range: parallel to the senders
    lines += count
    sender.inFlight -= count
    if (sender.inFlight === 0 && sender.phase._tag === "Leaving") settled(sender)
  }
  ledger.settled[fate] += lines
}
