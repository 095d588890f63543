import type { CloseReason } from "../protocol/CloseReason.js"
import type { Socket } from "../ports/Transport.js"
import type { Budget } from "./Budget.js"
import { Inbox } from "./Inbox.js"
import type { Outbox } from "./Outbox.js"
import * as Phase from "./Phase.js"
import type { Question } from "./Question.js"
import type { Route } from "./Route.js"
import type { TokenBucket } from "./TokenBucket.js"

/** Lines that were not delivered, before their sender gets an undelivered line: consecutive ones share one. */
export interface Undelivered {
  readonly names: ReadonlyArray<string>
  readonly reason: "offline" | "busy"
  count: number
}

/** What a connection has sent and got. */
export interface PeerTraffic {
  linesIn: number
  /** Counted by the writer, as is `bytesOut`. */
  linesOut: number
  bytesOut: number
}

/** One connection as the broker sees it. Fields are changed in the broker's turn, except where their comment says so. */
export class Peer {
  /** The beginning of each of its messages on a plain route: `from alice: `. */
  head = ""
  /** It said `/hello`: it may label lines, and gets notices. */
  hasGreeted = false
  /** Its writer has ended. Set by the connection's fiber. */
  hasDeparted = false
  /** Its input has come to the point where the server began to shut down: no later line is accepted. */
  isShutOut = false
  /** What it waits for: room in this outbox, or the answer to this question. Its socket is not read from meanwhile. */
  hold: Outbox<Peer> | Question | undefined = undefined
  /** The route of its last unlabelled message. */
  route: Route<Peer> | undefined = undefined
  undelivered: Undelivered | undefined = undefined
  /** Pairs of its own lines that are in queues. */
  inFlight = 0
  /** The limits of its lines: its own rate, and that of its host. Most have neither. */
  rate: TokenBucket | undefined = undefined
  hostRate: TokenBucket | undefined = undefined
  /** When something was last read from it, in milliseconds of the server's clock. */
  heardAt: number
  readonly traffic: PeerTraffic = { linesIn: 0, linesOut: 0, bytesOut: 0 }
  readonly inbox: Inbox
  private current: Phase.Phase = Phase.login

  constructor(
    readonly socket: Socket,
    readonly outbox: Outbox<Peer>,
    /** When it was accepted, in milliseconds of the server's clock. */
    readonly since: number,
    limits: { readonly maxLineBytes: number; readonly budget: Budget }
  ) {
    this.heardAt = since
    this.inbox = new Inbox(socket, limits.maxLineBytes, limits.budget)
  }

  /** The name in its wire form; empty before the login. */
  get name(): string {
    return this.outbox.name
  }

  get phase(): Phase.Phase {
    return this.current
  }

  /** Why its input is over, once it is. */
  get leaving(): CloseReason | undefined {
    return this.current._tag === "Leaving" ? this.current.reason : undefined
  }

  /** The only way to another phase, which comes after the present one. */
  enter(phase: Phase.Phase) {
    if (!Phase.mayFollow(this.current, phase)) throw new Error(`${this.current._tag} does not become ${phase._tag}`)
    this.current = phase
  }
}
