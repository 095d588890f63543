import type { Batch } from "../chat/Batch.js"
import type { LineOutcome } from "../chat/LineOutcome.js"
import type { WriterKind } from "../chat/Outbox.js"
import type { Peer } from "../chat/Peer.js"
import type { Appended, NewLine, StoredLine } from "../ports/StoreLines.js"
import type { UndeliveredReason } from "../protocol/OutcomeReply.js"
import type { LineHead } from "./LineHead.js"

/** Lines return as `unavailable` while the store does not answer, but not those that it may have stored. */
export const storeWriter: WriterKind = { jamReason: "unavailable", decidesAlone: true, isFirst: true }

/** A line in an inlet. */
export interface InletLine extends LineHead {
  readonly sender: Peer
  readonly label: string | undefined
}

/** A line that is on disk: new there, or from an earlier attempt to send it (`again`). */
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

/** A recipient whose lines are stored: an account, or a room. Everything happens in the broker's turn. */
export interface KeptRecipient {
  /** The line as the store gets it, or what becomes of a line that must not be stored. */
  readonly newLine: (sent: InletLine) => NewLine | LineOutcome
  /** Lines have been stored, in this order. */
  readonly stored: (lines: ReadonlyArray<KeptLine>) => void
  /** The fates of all lines of a batch are decided. */
  readonly settled: (batch: Batch<Peer>, outcomes: ReadonlyArray<LineOutcome>) => void
  /** The store has had lines of a batch for too long: those behind it return, until their fates are decided. */
  readonly stuck: () => void
  /** Why lines return that the store does not take, because the recipient is gone. */
  readonly goneReason: UndeliveredReason
}
