import type { Delivered } from "../protocol/Fate.js"
import type { UndeliveredReason } from "../protocol/OutcomeReply.js"

/**
 * The origin of lines that are not in this server's ledger: a log that keeps them until they have been delivered, or
 * another node, which has them in its own ledger.
 */
export interface Source {
  /**
   * Its first `lines` lines have been written, or acknowledged by a client with `ack`. Not always called in the
   * broker's turn.
   */
  readonly delivered: (lines: number, fate: Delivered) => void
  /**
   * `lines` of its lines will not be delivered: the first that are not reported yet, or, while the writer has some of
   * them in hand, the last. Absent for a log, which still has them.
   */
  readonly returned?: (lines: number, reason: UndeliveredReason) => void
}

/**
 * A source of lines that are no messages: a client with `ack` does not count them, so they are delivered once written.
 */
export class NoticeSource implements Source {
  constructor(readonly delivered: (lines: number) => void) {}
}
