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
import { OtherLine, type Routing } from "./Routing.js"
import type { Watch } from "./Watch.js"

/** How a writer came to its end. */
export interface Departure {
  readonly reason: CloseReason
  /** What it was writing, and how many bytes of that the kernel took. */
  readonly unfinished: { readonly batch: Batch<Peer>; readonly taken: number } | undefined
  /** What it had not come to. */
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
  /** Asks a question in a fiber of its own; the answer comes back as an event, for `answered`. */
  readonly ask: (peer: Peer, question: Question) => void
  /** A defect showed up while the broker was at this peer, for whatever event. */
  readonly defective: (peer: Peer, defect: unknown) => void
}

/**
 * The peers from their first line to their end: input in its order, logins, commands, holding and releasing, leaving.
 * Plain functions that run in the broker's turn only.
 */
export class Lifecycle {
  readonly peers = new Set<Peer>()

  constructor(private readonly broker: Collaborators) {}

  open(peer: Peer) {
    this.peers.add(peer)
    this.broker.watch.loginBegins(peer)
  }

  // Input, in its order.

  /** Goes through what was read from a peer, until something holds it. */
  read(peer: Peer) {
    if (peer.hold !== undefined) return
    const { broker } = this
    const { inbox } = peer
    for (let item = inbox.current; item !== undefined; item = inbox.current) {
      // After its end a peer is not heard, but whether the shutdown found it still matters.
      const { isHeard } = peer.phase
      switch (item._tag) {
        case "Lines": {
          const hold = isHeard ? this.lines(peer, item) : undefined
          if (hold !== undefined) return this.hold(peer, hold)
          break
        }
        case "TooLong": {
          const outbox = isHeard ? broker.routing.tooLong(peer, item.start) : undefined
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

  /** Routes a block of lines, and handles those that are no messages. Returns what the peer has to wait for. */
  private lines(peer: Peer, block: Parameters<Routing["block"]>[1]): Outbox<Peer> | Question | undefined {
    for (;;) {
      const stop = this.broker.routing.block(peer, block)
      if (!(stop instanceof OtherLine)) return stop
      const question = this.otherLine(peer, stop)
      if (question !== undefined) return question
    }
  }

  /** The peer waits for room, or for an answer. Its socket is not read from meanwhile. */
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

  /** Continues with those that waited for an outbox, in their order, until it is full again. */
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
        // Its own: the others go on, and so does the owner of the outbox.
        this.broker.defective(peer, defect)
      }
    }
    // A peer that waits again has been served a little, and comes after those that have not.
    outbox.holdFirst(still)
  }

  /** The answer to a question is there: continues with its peer, if that still waits for it. */
  answered(peer: Peer, question: Question, exit: Exit.Exit<unknown, unknown>) {
    if (peer.hold !== question) return
    this.endHold(peer)
    const { _tag } = peer.phase
    // Without a connection a name is nobody's, and a reply has no reader. The lines after this one were read whole.
    const next = _tag === "Login" || _tag === "Present" ? question.answered(exit) : undefined
    if (next === undefined) this.read(peer)
    else this.hold(peer, next)
  }

  /**
   * The drain does not wait for an answer any longer: the line counts as one that came after the shutdown began. False if
   * the peer waits for none.
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

  private login(peer: Peer, line: string, label: string | undefined): Question | undefined {
    if (peer.phase._tag === "Gone") return undefined // its connection broke after the login: nobody would have the name
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

  /** A question that fails is a defect: whoever asks answers with a refusal instead. */
  private withAnswer<A>(peer: Peer, exit: Exit.Exit<A, unknown>, use: (answer: A) => Question | undefined) {
    if (Exit.isSuccess(exit)) return use(exit.value)
    this.broker.defective(peer, exit.cause)
    return undefined
  }

  /** Refuses a login; the connection ends after the refusal. */
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

  /** Its input is over. It still gets what is queued for it, and the outcomes of its own lines. */
  leave(peer: Peer, reason: CloseReason, label?: string) {
    const { names, notices, replies, watch } = this.broker
    replies.flushUndelivered(peer)
    watch.loginEnds(peer)
    const phase = Phase.leaving(peer.phase, reason, label)
    if (phase !== peer.phase) {
      const wasPresent = names.leave(peer, phase)
      // At a shutdown everybody leaves, and that was announced.
      if (wasPresent && reason !== "shutdown") notices.notify(Reply.left(peer.name), peer)
    }
    this.finishIfSettled(peer)
  }

  /** Ends the outbox of a leaving peer once none of its own lines is in flight; the writer does the rest. */
  finishIfSettled(peer: Peer) {
    const { phase } = peer
    if (phase._tag !== "Leaving" || peer.inFlight > 0 || peer.outbox.ended !== undefined) return
    const { label, reason } = phase
    if (reason === "quit" || (reason === "shutdown" && peer.hasGreeted)) {
      this.broker.replies.reply(peer, Reply.bye(reason, label))
    }
    peer.outbox.end(reason)
  }

  /** Its writer has ended: frees its name, and returns what was not written. */
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

  /** Books a batch that its recipient has got, and sends the outcomes of its labelled lines. */
  settledLabelled(outbox: Outbox<Peer>, batch: Batch<Peer>, fate: Delivered) {
    this.broker.replies.outcomes(outbox.name, batch, fate)
    settle(this.broker.ledger, outbox, batch, fate, (sender) => this.finishIfSettled(sender))
  }
}

/** Books a batch that its recipient has got; `settled` gets the leaving senders that have nothing in flight any more. */
export const settle = (
  ledger: Ledger,
  outbox: Outbox<Peer>,
  batch: Batch<Peer>,
  fate: Delivered,
  settled: (sender: Peer) => void
) => {
  // The undelivered lines in it have reached their sender.
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
