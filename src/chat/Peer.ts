import type { CloseReason } from "../protocol/CloseReason.js"
import type { Socket } from "../ports/Transport.js"
import type { Budget } from "./Budget.js"
import { Inlet } from "./Inlet.js"
import type { Outbox } from "./Outbox.js"
import type { TokenBucket } from "./TokenBucket.js"

/** Where the lines of one address part go, found once and used for as long as nobody comes or goes. */
export interface Route {
  /** The address part with its `:`, as the client wrote it. */
  readonly head: string
  readonly present: ReadonlyArray<Peer>
  /** Names of the recipients that are not here. */
  readonly absent: ReadonlyArray<string>
  /** The version of the roster that it was found in; in another one it may be wrong. */
  readonly version: number
}

/** Lines that did not arrive, of which their sender has not been told yet: consecutive ones are told together. */
export interface Untold {
  readonly names: ReadonlyArray<string>
  readonly reason: "offline" | "busy"
  count: number
}

/** One connection as the broker sees it. Only the broker changes it, but for what says otherwise. */
export class Peer {
  /** The name in its wire form; empty before the login. */
  name = ""
  /** What stands before each of its messages. */
  head = ""
  /** Logged in, and has not left: messages can be addressed to it. */
  present = false
  /** Said `/hello`: may label lines, and is told who joins and leaves. */
  greeted = false
  /** Its writer has ended, and the broker was told. */
  departed = false
  /** The connection is over and the broker has taken leave of it; nobody can be told anything here. */
  gone = false
  /** Its input is over, for this reason: its queue ends when none of its own lines is in flight any more. */
  leaving: CloseReason | undefined = undefined
  /** The label of the `/quit` that it leaves by. */
  quitLabel: string | undefined = undefined
  /** Came to the point where the server began to shut down: no line is accepted any more. */
  closing = false
  /** The full queue that it waits for. */
  heldBy: Outbox<Peer> | undefined = undefined
  route: Route | undefined = undefined
  untold: Untold | undefined = undefined
  /** Pairs of its own lines that stand in queues. */
  inFlight = 0
  linesIn = 0
  readonly inlet: Inlet
  /** Counted by the writer. */
  linesOut = 0
  bytesOut = 0
  /** What limits its lines: its own rate, and that of its address. Most have neither. */
  rate: TokenBucket | undefined = undefined
  addressRate: TokenBucket | undefined = undefined

  /** When something was read from it last, in milliseconds of the clock. */
  heardAt: number

  constructor(
    readonly socket: Socket,
    readonly outbox: Outbox<Peer>,
    /** When it was accepted, in milliseconds of the clock. */
    readonly since: number,
    maxLineBytes: number,
    budget: Budget
  ) {
    this.heardAt = since
    this.inlet = new Inlet(socket, maxLineBytes, budget)
  }
}
