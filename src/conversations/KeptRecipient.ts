import type { Batch } from "../chat/Batch.js"
import type { LineOutcome } from "../chat/LineOutcome.js"
import type { WriterKind } from "../chat/Outbox.js"
import type { Peer } from "../chat/Peer.js"
import type { Appended, NewLine, StoredLine } from "../ports/StoreLines.js"
import type { UndeliveredReason } from "../protocol/OutcomeReply.js"
import type { LineHead } from "./LineHead.js"

/** While the store does not answer, lines return as `unavailable`, except those that it may have stored. */
export const storeWriter: WriterKind = { jamReason: "unavailable", decidesAlone: true, isFirst: true }

/** A line in an inlet. */
export interface InletLine extends LineHead {
  readonly sender: Peer
  readonly label: string | undefined
}

/** A line that is on disk, either new or from an earlier attempt to send it (`again`). */
export interface KeptLine {
  readonly line: NewLine
  readonly by: Peer
  readonly answer: Extract<Appended, { readonly _tag: "Stored" }>
}

/** The line as it is read from the store. */
export const storedLine = ({ answer: { at, seq }, line }: KeptLine): StoredLine => {
  const { account, author, isAuto, text, to } = line
  return { seq, at, account, author, text, isAuto, to }
}

/** A recipient whose lines are stored: an account or a room. All methods are called in the broker's turn. */
export interface KeptRecipient {
  /** The line in the store's form, or the outcome of a line that must not be stored. */
  readonly newLine: (sent: InletLine) => NewLine | LineOutcome
  /** Lines have been stored, in this order. */
  readonly stored: (lines: ReadonlyArray<KeptLine>) => void
  /** The fates of all lines of a batch are decided. */
  readonly settled: (batch: Batch<Peer>, outcomes: ReadonlyArray<LineOutcome>) => void
  /** The store has taken too long for lines of a batch. Until their fates are decided, later lines return. */
  readonly stuck: () => void
  /** Why lines return once the recipient is gone and the store refuses them. */
  readonly goneReason: UndeliveredReason
}
