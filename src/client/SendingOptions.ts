import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Readable } from "node:stream"
import type { Labels } from "./Labels.js"
import type * as LineConnection from "./LineConnection.js"
import type { Pace } from "./Pace.js"
import type { SentLineOutcome } from "./SentLine.js"

/** The options and reports of `Sending`. */

/** A connection that is logged in, and the pace that its server allows. */
export interface SendingLink {
  readonly connection: LineConnection.LineConnection
  readonly pace: Pace
  /**
   * The recipients that a line with an unknown outcome may be sent to again with its label, since it is not stored
   * twice.
   */
  readonly kept: ReadonlySet<string>
  /** Whether the server has logged this client out, so that it does not reconnect by itself. */
  readonly isLoggedOut: () => boolean
}

export interface SendingOptions<E> {
  readonly link: SendingLink
  /**
   * Connects again after the server has shut down. Run only if `retries` is greater than 0. `inVain` is the number of
   * connections in a row on which no line got its final outcome.
   */
  readonly reconnect: (inVain: number) => Effect.Effect<SendingLink, E, Scope.Scope>
  readonly recipients: ReadonlyArray<string>
  /** One text per line. A last line without its LF counts as a line. */
  readonly input: Readable
  /** Longest text that is sent, in bytes. The server may still refuse it. */
  readonly maxLineBytes: number
  /** The labels of all lines, over all connections. */
  readonly labels: Labels
  /**
   * Whether a line counts only once its recipient has received it: its client has acknowledged it, or a device of its
   * account has got it. Needs the words `seq` and `receipts`.
   */
  readonly untilReceived?: boolean | undefined
  /**
   * How often to send a line again if the server says that it may succeed later, or shuts down, or if the outcome is
   * unknown and a repeated line is not stored twice.
   */
  readonly retries: number
  /** How long to wait for a recipient that is absent, in milliseconds; 0 returns its lines at once. */
  readonly absenceMillis: number
  /** The longest wait for an outcome, measured from the previous outcome. */
  readonly patience: Duration.Duration
  /** Called once for each final outcome. */
  readonly report: (outcome: SentLineOutcome) => void
  /** Waits while too many reports are unread. No new line is sent meanwhile, so reports take bounded memory. */
  readonly reported: Effect.Effect<void>
  /**
   * Handles lines other than outcomes until the connection ends. By default, those are dropped, and the run ends when
   * every outcome has arrived. With `receive`, it ends only with the connection.
   */
  readonly receive?: ((connection: LineConnection.LineConnection) => Effect.Effect<void>) | undefined
}

/** No outcome arrived in time. */
export class Stalled extends Data.TaggedError("Stalled")<{ readonly patience: Duration.Duration }> {
  override get message() {
    return `no outcome for ${Duration.format(this.patience)}`
  }
}

/** Progress so far: lines, and the outcomes for their recipients. */
export interface SendTotals {
  /** Lines sent, and lines too long to be sent. */
  readonly lines: number
  readonly written: number
  /** Lines returned, counted once for each recipient. */
  readonly returned: number
  /** Lines refused as a whole. */
  readonly refused: number
  /** Lines with an unknown outcome. */
  readonly unknown: number
  /** Lines that were delivered, but perhaps not received; counted once for each recipient. */
  readonly unreceived: number
}

/**
 * How a sending ended. `Complete`: every line has its outcomes. `Unknown`: every line was sent, but some outcome is
 * unknown. `Unsent`: the connection ended before the input did; outcomes may be missing as well. `Unreceived`: every
 * line was delivered, returned or refused, but some were not received in time (`untilReceived`).
 */
export type SendResult = "Complete" | "Unknown" | "Unsent" | "Unreceived"
