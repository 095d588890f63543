import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Lines } from "../protocol/Framing.js"
import * as Line from "../protocol/Line.js"
import * as LoginLine from "../protocol/LoginLine.js"
import * as FatalReply from "../protocol/FatalReply.js"
import * as Reply from "../protocol/Reply.js"
import * as Telnet from "../protocol/Telnet.js"
import * as Wire from "../protocol/Wire.js"
import type { Admission, LoginDecision } from "./Admission.js"
import { Device } from "./Device.js"
import type { Bans } from "./Bans.js"
import type { Backlog } from "./Backlog.js"
import type { Answer, CommandContext, CommandTable } from "./Commands.js"
import type { Lifecycle } from "./Lifecycle.js"
import type { Live } from "./Live.js"
import type { Options } from "./Options.js"
import type { Outbox } from "./Outbox.js"
import type { Peer } from "./Peer.js"
import type { Predecessors } from "./Predecessors.js"
import { Question } from "./Question.js"
import type { Replies } from "./Replies.js"
import { labelOf, OtherLine, shareUsed, type Routing } from "./Routing.js"
import { work, type Turn } from "./Turn.js"
import type { Watch } from "./Watch.js"

interface Collaborators {
  /** Reports room in an outbox that senders wait for. */
  readonly hasRoom: (outbox: Outbox<Peer>) => void
  readonly admission: Admission
  readonly bans: Bans
  readonly backlog: Backlog
  readonly commandContext: CommandContext
  readonly commands: CommandTable
  readonly lifecycle: Lifecycle
  readonly options: Live<Options>
  readonly predecessors: Predecessors
  readonly replies: Replies
  readonly routing: Routing
  readonly turn: Turn
  readonly watch: Watch
  /** Asks a question in a separate fiber; the answer comes back as an event, for `answered`. */
  readonly ask: (peer: Peer, question: Question) => void
  /** Called when a defect occurred while the broker handled an event of this peer. */
  readonly defective: (peer: Peer, defect: unknown) => void
}

/**
 * Takes the input of peers in order: messages go to `Routing`, and logins and commands are handled here. A peer that
 * has to wait, for room or for an answer, is held. Runs only in the broker's turn.
 */
export class PeerInput {
  constructor(private readonly broker: Collaborators) {}

  /** Handles a peer's input, unless the peer has to wait for something. */
  read(peer: Peer) {
    if (peer.hold !== undefined || peer.isQueued) return
    if (this.broker.turn.hasUsedShare(peer)) this.broker.backlog.continueLater(peer)
    else this.serve(peer)
  }

  /** Handles a peer's input after everything that is queued now. */
  readLater(peer: Peer) {
    if (peer.hold === undefined && !peer.isQueued) this.broker.backlog.continueLater(peer)
  }

  /** The connection is over: continues with what was read from it, without waiting for anything. */
  routeRest(peer: Peer) {
    if (peer.hold !== undefined) this.endHold(peer)
    this.readLater(peer)
  }

  /** Serves a peer again after it had used its share. */
  resume(peer: Peer) {
    peer.isQueued = false
    this.broker.turn.renewShare(peer)
    this.read(peer)
  }

  /** Handles a peer's input until it has used its share, or must be held. */
  private serve(peer: Peer) {
    const { backlog, predecessors, turn } = this.broker
    if (!predecessors.isNext(peer)) {
      peer.shareUsed = 0 // unused shares are not saved up
      return backlog.continueLater(peer)
    }
    turn.beginShare(peer)
    let isAtEnd = false
    try {
      isAtEnd = this.takeInput(peer)
    } finally {
      turn.endShare(peer)
    }
    if (isAtEnd && peer.isOver) predecessors.routed(peer)
    if (isAtEnd && !turn.hasUsedShare(peer)) peer.shareUsed = 0
    else if (!isAtEnd && peer.hold === undefined) backlog.continueLater(peer)
  }

  /** Returns whether the end of the input was reached. */
  private takeInput(peer: Peer): boolean {
    const { broker } = this
    const { inbox } = peer
    for (let item = inbox.current; item !== undefined; item = inbox.current) {
      if (broker.turn.isShareUsed) return false
      // A leaving peer's input is ignored, except for the mark of the shutdown: the drain waits until it was reached.
      const { isHeard } = peer.phase
      switch (item._tag) {
        case "Lines": {
          const stop = isHeard || peer.isHeardAfterQuit ? this.lines(peer, item) : undefined
          if (stop === shareUsed) return false
          if (stop !== undefined) {
            this.hold(peer, stop)
            return false
          }
          break
        }
        case "TooLong": {
          const outbox = isHeard ? this.tooLong(peer, item.start) : undefined
          if (outbox !== undefined) {
            this.hold(peer, outbox)
            return false
          }
          break
        }
        case "End":
          broker.turn.spendUnshared(work.membership)
          if (isHeard) broker.lifecycle.leave(peer, item.reason)
          broker.lifecycle.acknowledgesNoMore(peer)
          break
        case "Closing":
          peer.isShutOut = true
          break
      }
      inbox.advance()
    }
    broker.replies.flushPending(peer)
    inbox.consumed()
    return true
  }

  /**
   * Routes a block of lines, and handles those that are not messages. Returns what the peer must wait for, or that it
   * has used its share.
   */
  private lines(peer: Peer, block: Lines): Outbox<Peer> | Question | typeof shareUsed | undefined {
    for (;;) {
      const stop = this.broker.routing.block(peer, block)
      if (!(stop instanceof OtherLine)) return stop
      const question = this.otherLine(peer, stop)
      if (question !== undefined) return question
      // The line was its login: `serve` waits for the predecessor.
      if (peer.predecessor !== undefined) return shareUsed
    }
  }

  /** Holds the peer until there is room, or an answer. Its socket is not read from meanwhile. */
  private hold(peer: Peer, hold: Outbox<Peer> | Question) {
    const { ask, hasRoom, replies, turn, watch } = this.broker
    replies.flushPending(peer)
    peer.inbox.pause()
    peer.hold = hold
    watch.holdBegins(peer)
    if (hold instanceof Question) {
      turn.spendUnshared(work.question)
      ask(peer, hold)
    } else hold.hold(peer)
    // Called last: it may remove the very cause of this hold, and must then find the peer among the held senders.
    if (peer.outbox.ownerIsHeld()) hasRoom(peer.outbox)
  }

  private endHold(peer: Peer) {
    peer.hold = undefined
    peer.outbox.ownerIsReleased()
    this.broker.watch.holdEnds(peer)
  }

  /** Resumes the peers that waited for an outbox, in order, until it is full again. */
  release(outbox: Outbox<Peer>) {
    const { backlog, defective, turn } = this.broker
    const waiting = outbox.takeWaiting()
    const still: Array<Peer> = []
    const end = turn.afterOneShare
    let next = 0
    for (; next < waiting.length; next++) {
      const peer = waiting[next] as Peer // in range
      if (peer.hold !== outbox) continue // its connection is over
      if (mustWait(peer, outbox)) {
        if (peer.outbox !== outbox) break
        still.push(peer) // the owner; the others need not wait for it
        continue
      }
      if (turn.hasReached(end)) {
        // The other peers are released later: nothing else would wake them.
        backlog.add({ _tag: "Room", outbox })
        break
      }
      this.endHold(peer)
      turn.spend(work.event)
      // Being held took longer than waiting for a new share.
      peer.shareUsed = 0
      try {
        this.serve(peer)
      } catch (defect) {
        // The defect is this peer's: the other waiting peers and the owner of the outbox continue.
        defective(peer, defect)
      }
    }
    // Peers that were not served yet go before those that were and wait again.
    outbox.holdFirst([...still, ...waiting.slice(next)])
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
   * Stops waiting for an answer at the end of the drain, if the peer waits for one: the line counts as one that came
   * after the shutdown began.
   */
  giveUpQuestion(peer: Peer) {
    const { hold } = peer
    if (!(hold instanceof Question)) return
    this.endHold(peer)
    const { lifecycle, options, replies } = this.broker
    if (peer.phase._tag === "Login") {
      const retryMillis = Duration.toMillis(options.current.returnAfter)
      lifecycle.refuse(peer, FatalReply.closingLogin(retryMillis), hold.label)
    } else if (peer.phase._tag !== "Gone") replies.refuse(peer, Reply.closing, hold.label)
    peer.isShutOut = true
    this.read(peer)
  }

  // Logins and commands.

  private otherLine(peer: Peer, { label, line: whole }: OtherLine): Question | undefined {
    const line = peer.name === "" ? Telnet.skip(whole) : whole
    if (peer.name === "" && line.charCodeAt(0) !== 0x2f /* / */) {
      // An empty line, from a user who presses Enter to see whether anything answers.
      if (label === undefined && Wire.trim(line) === "") return undefined
      return this.login(peer, line, label)
    }
    const parsed = Line.parse(line, this.broker.options.current)
    if (parsed._tag === "Mistake") this.broker.replies.refuse(peer, parsed.reply, label)
    if (parsed._tag === "Command") return this.command(peer, parsed.name, parsed.argument, label)
    return undefined
  }

  /**
   * Before the login, a line that is too long counts as the login, and is refused as a bad name: otherwise the next
   * line would be taken for the login. Returns the outbox that the peer has to wait for first.
   */
  private tooLong(peer: Peer, start: string): Outbox<Peer> | undefined {
    const { lifecycle, routing } = this.broker
    if (peer.phase._tag !== "Login" || peer.isShutOut) return routing.tooLong(peer, start)
    peer.traffic.linesIn += 1
    const label = labelOf(peer, start)
    return routing.mayPass(peer, label) ? lifecycle.refuse(peer, FatalReply.badLogin, label) : undefined
  }

  private login(peer: Peer, line: string, label: string | undefined): Question | undefined {
    if (peer.phase._tag === "Gone") return undefined // the connection is over: the name would have no owner
    const { admission } = this.broker
    const copy = Wire.copy(line)
    const claim = admission.takesSecrets === true ? LoginLine.parse(copy) : LoginLine.parseName(copy)
    if (claim === undefined) {
      this.broker.lifecycle.refuse(peer, Telnet.isIn(line) ? FatalReply.telnetLogin : FatalReply.badLogin, label)
      return undefined
    }
    this.broker.watch.loginEnds(peer)
    const { device, name, secret } = claim
    const { isSendOnly, socket } = peer
    const { host, identity } = socket
    // Checked only with a secret, since finding out may take a system call.
    const isPrivate = secret === undefined || socket.isPrivate === true
    const decision = admission.decide({ name, device, secret, identity, host, isPrivate, isSendOnly })
    if (!Effect.isEffect(decision)) return this.decided(peer, name, label, decision)
    return Question.make({
      ask: decision,
      answered: (exit) => this.withAnswer(peer, exit, (found) => this.decided(peer, name, label, found)),
      label
    })
  }

  private decided(peer: Peer, name: string, label: string | undefined, decision: LoginDecision): undefined {
    const { bans, lifecycle, turn } = this.broker
    const device = decision instanceof Device ? decision : undefined
    const refusal =
      decision instanceof Device
        ? (decision.refusal ?? bans.ofName(decision.account.name))
        : (decision ?? bans.ofName(name))
    if (refusal === undefined && device !== undefined) {
      turn.spendUnshared(work.membership)
      lifecycle.joinAs(peer, device)
      return undefined
    }
    if (refusal === undefined && lifecycle.join(peer, name)) {
      turn.spendUnshared(work.membership)
      return undefined
    }
    turn.spendUnshared(work.refusedLogin)
    peer.refusedLogin = name
    return lifecycle.refuse(peer, refusal ?? FatalReply.loginInUse(name), label)
  }

  /** A question that fails is a defect: an expected refusal is an answer, not a failure. */
  private withAnswer<A>(peer: Peer, exit: Exit.Exit<A, unknown>, use: (answer: A) => Question | undefined) {
    if (Exit.isSuccess(exit)) return use(exit.value)
    this.broker.defective(peer, exit.cause)
    return undefined
  }

  private command(peer: Peer, name: string, argument: string, label: string | undefined): Question | undefined {
    const { commandContext, commands, replies } = this.broker
    const command = commands.find(name)
    if (command === undefined) {
      replies.refuse(peer, commands.unknown(name), label)
      return undefined
    }
    if (command.needsLogin === true && peer.name === "") {
      replies.refuse(peer, Reply.refused(command.name, "login-first"), label)
      return undefined
    }
    const answer = command.run({ peer, argument, label }, commandContext)
    if (!Effect.isEffect(answer)) return this.answerCommand(peer, answer, label)
    if (peer.isOver) return undefined // the answer would have no reader
    return Question.make({
      ask: answer,
      answered: (exit) => this.withAnswer(peer, exit, (found) => this.answerCommand(peer, found, label)),
      label
    })
  }

  private answerCommand(peer: Peer, answer: Answer, label: string | undefined): undefined {
    if (answer === "leave") {
      this.broker.turn.spendUnshared(work.membership)
      this.broker.lifecycle.leave(peer, "quit", label)
    } else for (const line of answer) this.broker.replies.reply(peer, line)
  }
}

/**
 * Whether a peer that is held by an outbox must keep waiting: for room, or, by its own outbox, for outcomes as well.
 */
const mustWait = (peer: Peer, outbox: Outbox<Peer>) =>
  peer.outbox === outbox ? outbox.isQueueFull || outbox.isOwed : outbox.isFull && !outbox.isJammed
