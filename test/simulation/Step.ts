import type { TurnBounds } from "../../src/chat/Turn.js"
import type { Side } from "./SimulatedSocket.js"

/**
 * The steps of a run: plain data, made from a seed alone. Every step is valid after any others, so that any of them can
 * be removed; a step that makes no sense at its time does nothing.
 */

/** The server's options, small enough to reach every limit. Times are in milliseconds. */
export interface Setting {
  readonly maxConnections: number
  readonly maxConnectionsPerAddress: number
  readonly maxLineBytes: number
  readonly maxRecipients: number
  readonly loginTimeout: number
  readonly holdTimeout: number
  readonly stallTimeout: number
  readonly grace: number
  readonly linger: number
  readonly outboxLines: number
  readonly outboxBytes: number
  readonly maxOutcomes: number
  readonly maxMemory: number
  readonly rate: number
  readonly ratePerAddress: number
  readonly burstPerAddress: number
  /** How much the broker does in a turn; by default more than any schedule brings. */
  readonly turnBounds: TurnBounds | undefined
  /** The server checks for a shortage of descriptors. */
  readonly hasProbe: boolean
}

/** What the operator does. A subject is written as in `a-chat ban`: `name=ann`, `address=10.0.0.0/31`. */
export type OperatorStep =
  | { readonly do: "kick"; readonly name: string }
  /** For this time; `Infinity` for a ban without an end. */
  | { readonly do: "ban"; readonly subject: string; readonly millis: number }
  | { readonly do: "unban"; readonly subject: string }

/** What the network of a connected client does, and when it ends its sending half. */
export type SocketStep =
  | { readonly do: "pace"; readonly who: number; readonly bytes: number }
  | { readonly do: "grant"; readonly who: number; readonly bytes: number }
  | { readonly do: "end"; readonly who: number }
  | { readonly do: "reset"; readonly who: number; readonly first: Side; readonly gap: number }

/** Time passes: turns of the loop, or milliseconds. */
export type TimeStep =
  { readonly do: "turns"; readonly count: number } | { readonly do: "pass"; readonly millis: number }

/** A client is a slot with one connection at a time. */
export type Step =
  | {
      readonly do: "connect"
      readonly who: number
      readonly host: number
      readonly cut: number
      readonly polite: boolean
      readonly opaque: boolean
    }
  /** Sends bytes, one character each; `#` becomes the step's number. */
  | { readonly do: "send"; readonly who: number; readonly bytes: string }
  /** Sends messages; the step's number and their own make their texts unique. */
  | {
      readonly do: "say"
      readonly who: number
      readonly to: ReadonlyArray<string>
      readonly count: number
      readonly size: number
      readonly labelled: boolean
      readonly dress: number
    }
  /** Sends a line that is too long. */
  | { readonly do: "tooLong"; readonly who: number; readonly labelled: boolean; readonly ends: boolean }
  /** Acknowledges messages that the client has received: all, half of them, one more, or more than there are. */
  | { readonly do: "acknowledge"; readonly who: number; readonly which: "all" | "half" | "next" | "tooMany" }
  | SocketStep
  /**
   * The client's machine is gone without a word: its kernel acknowledges nothing. With `isAlive` it only takes nothing
   * more from the server's kernel, and says so.
   */
  | { readonly do: "vanish"; readonly who: number; readonly isAlive: boolean }
  /** It is back, and acknowledges everything. */
  | { readonly do: "comeBack"; readonly who: number }
  | OperatorStep
  | TimeStep
  /** The wall clock is set forward, or back. */
  | { readonly do: "setClock"; readonly millis: number }
  /** The process is stopped for this time, while it reads from sockets or just before it runs its timers. */
  | { readonly do: "stop"; readonly millis: number; readonly during: "poll" | "timers" }
  /** The listener reports a failed accept. */
  | { readonly do: "failAccept"; readonly code: string }
  | { readonly do: "shortage"; readonly isShort: boolean }
  /** The application starts the drain, and may stop waiting for it. */
  | { readonly do: "drain"; readonly patient: boolean }
  /** The server's scope ends, as at a first signal. */
  | { readonly do: "close" }
  /** A second signal ends the process. */
  | { readonly do: "kill" }
