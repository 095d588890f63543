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
  /** The words that the client sent after `/hello`, in the order of the table of words. */
  words: ReadonlySet<HelloWord.HelloWord> = HelloWord.none
  /** The account that the client logged in to, and as which device. Undefined for a guest. */
  device: Device | undefined = undefined
  /** The writer has ended. Set by the connection's fiber. */
  hasDeparted = false
  /** Input has been handled up to the point where the server began to shut down: no later line is accepted. */
  isShutOut = false
  /** The outbox or question that the peer waits for, while its socket is paused. */
  hold: Outbox<Peer> | Question | undefined = undefined
  /** The client's previous connection, until the lines read from it have been routed. */
  predecessor: Peer | undefined = undefined
  /** Its input waits in the broker's queue because the peer has used its share of a turn. */
  isQueued = false
  /** Work done for this client since its share of a turn was last renewed (`Turn`). */
  shareUsed = 0
  /** The name, in wire form, of a refused login. */
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

  /** The client has logged in, but not to an account. */
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
   * The connection is over, or another one has taken its place. What was read from it is still routed, but never held:
   * that would also delay the lines of the client's next connection (`Predecessors`).
   */
  get isOver(): boolean {
    const { _tag } = this.current
    return _tag === "Leaving" || _tag === "Gone"
  }

  /** After `/quit`, the acknowledgements of a client with `ack` are still read, and nothing else. */
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
