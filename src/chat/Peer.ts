import type { Time } from "../ports/Time.js"
import type { Socket } from "../ports/Transport.js"
import * as HelloWord from "../protocol/HelloWord.js"
import type { JamReason } from "../protocol/OutcomeReply.js"
import type { Refusal } from "../protocol/Reply.js"
import type { Budget } from "./Budget.js"
import type { Device } from "./Device.js"
import { Inbox } from "./Inbox.js"
import type { Outbox } from "./Outbox.js"
import * as Phase from "./Phase.js"
import type { Question } from "./Question.js"
import type { Route } from "./Route.js"
import type { TokenBucket } from "./TokenBucket.js"

/**
 * A reply to unlabelled lines that has not been sent yet. The next line may get the same reply; then both share one,
 * with
 * `count`.
 */
export type PendingReply = Undelivered | Refused

interface Undelivered {
  readonly _tag: "Undelivered"
  readonly names: ReadonlyArray<string>
  readonly reason: "offline" | JamReason
  count: number
}

interface Refused {
  readonly _tag: "Refused"
  /** Of the last line. */
  refusal: Refusal
  count: number
}

/** Counters of one connection. */
export interface PeerTraffic {
  linesIn: number
  /** Counted by the writer, like `bytesOut`. */
  linesOut: number
  bytesOut: number
}

/**
 * One connection as the broker sees it. Fields change only in the broker's turn, except where a comment says otherwise.
 */
export class Peer {
  /** The start of each message from this peer on a plain route: `from alice: `. */
  head = ""
  /** The client sent `/hello`: it may label lines, and gets notices. */
  hasGreeted = false
  /** The words that the client sent after `/hello`, in the order of their table. */
  words: ReadonlySet<HelloWord.HelloWord> = HelloWord.none
  /** The account that the client logged in to, and as which device. Undefined for a guest. */
  device: Device | undefined = undefined
  /** The writer has ended. Set by the connection's fiber. */
  hasDeparted = false
  /** Input has been handled up to the point where the server began to shut down: no later line is accepted. */
  isShutOut = false
  /** What the peer waits for: room in this outbox, or the answer to this question. Its socket is paused meanwhile. */
  hold: Outbox<Peer> | Question | undefined = undefined
  /** The connection that this client had before, while lines that were read from it have to be routed first. */
  predecessor: Peer | undefined = undefined
  /** Its input waits in the broker's queue, because it had used its share of a turn. */
  isQueued = false
  /** Work done for this client since its share of a turn was renewed (`Turn`). */
  shareUsed = 0
  /** The name in its wire form that the client wanted to log in with, if that was refused. */
  refusedLogin = ""
  /** The route of the last unlabelled message. */
  route: Route<Peer> | undefined = undefined
  pendingReply: PendingReply | undefined = undefined
  /** Pairs of this peer's own lines that are in queues. */
  inFlight = 0
  /** Rate limits: of this client, and of its host. Undefined when the limit is off. */
  rate: TokenBucket | undefined = undefined
  hostRate: TokenBucket | undefined = undefined
  /** Time of the accept, on the wall clock. */
  readonly since: number
  /** Time of the accept, on the monotonic clock. */
  readonly openedAt: number
  /** Time of the last read, on the monotonic clock. */
  heardAt: number
  /** The periods of `Vanished` in which the peer was last written to, and last heard from. Set by the writer, too. */
  writtenIn = 0
  heardIn = 0
  /** Bytes that the peer's kernel had not acknowledged when the connection was closed as `unreachable`. */
  unacknowledgedBytes = 0
  readonly traffic: PeerTraffic = { linesIn: 0, linesOut: 0, bytesOut: 0 }
  readonly inbox: Inbox
  private current: Phase.Phase = Phase.login

  constructor(
    readonly socket: Socket,
    readonly outbox: Outbox<Peer>,
    { budget, maxLineBytes, time }: { readonly maxLineBytes: number; readonly budget: Budget; readonly time: Time }
  ) {
    this.since = time.wall()
    this.openedAt = time.now()
    this.heardAt = this.openedAt
    this.inbox = new Inbox(socket, maxLineBytes, budget)
  }

  /** The name in its wire form; empty before the login. */
  get name(): string {
    return this.outbox.name
  }

  /** The client has logged in, and not to an account. */
  get isGuest(): boolean {
    return this.name !== "" && this.device === undefined
  }

  /** The client said `send-only` before its login: no line can be addressed to it, and no notice is about it. */
  get isSendOnly(): boolean {
    return this.words.has("send-only")
  }

  get phase(): Phase.Phase {
    return this.current
  }

  /**
   * The connection is over, or another one has taken its place. What was read from it is still routed, but it is not
   * held: it sends no more, and the lines of the client's next connection would have to wait as well (`Predecessors`).
   */
  get isOver(): boolean {
    const { _tag } = this.current
    return _tag === "Leaving" || _tag === "Gone"
  }

  /** After `/quit`, a client that acknowledges what it processes is still heard, but for nothing else. */
  get isHeardAfterQuit(): boolean {
    const { current } = this
    const { unacknowledged } = this.outbox
    if (unacknowledged === undefined || unacknowledged.isOver) return false
    return current._tag === "Leaving" && current.reason === "quit"
  }

  /** Moves on to a later phase. Nothing else changes the phase. */
  enter(phase: Phase.Phase) {
    if (!Phase.mayFollow(this.current, phase)) throw new Error(`${this.current._tag} does not become ${phase._tag}`)
    this.current = phase
  }
}
