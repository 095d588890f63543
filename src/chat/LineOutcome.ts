import type { Delivered } from "../protocol/Fate.js"
import type { UndeliveredReason } from "../protocol/OutcomeReply.js"
import type { Refusal } from "../protocol/Reply.js"
import type { Batch } from "./Batch.js"
import type { Outbox } from "./Outbox.js"
import type { Peer } from "./Peer.js"

/** The outcome of one line that a writer has taken. */
export type LineOutcome =
  /** `params`: further parameters of a labelled line's outcome, each after a space; may be empty. */
  | { readonly _tag: "Delivered"; readonly fate: Delivered; readonly params: string }
  /** `retryMillis`: when the same line may succeed, for reasons that a retry can overcome. */
  | { readonly _tag: "Returned"; readonly reason: UndeliveredReason; readonly retryMillis?: number }
  /** Also returned, with a line that says what the sender did wrong. `refusal` gets the name of the recipient. */
  | { readonly _tag: "Refused"; readonly refusal: (recipient: string) => Refusal }

type Returned = LineOutcome & { readonly _tag: "Returned" }

/**
 * For writers that hand lines on to something that reports their outcomes later, such as another node. Until then, the
 * lines count in the outbox like those written to a client with `ack`.
 */
export interface HandedOn {
  /** The batch in hand has been handed on. The outbox expects outcomes (`Outbox.expectOutcomes`). */
  readonly handedOn: (outbox: Outbox<Peer>, batch: Batch<Peer>) => void
  /** The first `lines` lines that were handed on have met this fate. */
  readonly cameBack: (
    outbox: Outbox<Peer>,
    lines: number,
    outcome: (LineOutcome & { readonly _tag: "Delivered" }) | Returned
  ) => void
  /** Returns everything that was not handed on, including the batch in hand. The writer then has none to settle. */
  readonly recall: (outbox: Outbox<Peer>, outcome: Returned) => void
}

/** Called by a writer in the broker's turn: the lines of its batch have met these fates, in order. */
export type SettledEach = (outbox: Outbox<Peer>, batch: Batch<Peer>, outcomes: ReadonlyArray<LineOutcome>) => void
