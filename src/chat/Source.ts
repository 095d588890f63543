import type { Delivered } from "../protocol/Fate.js"
import type { UndeliveredReason } from "../protocol/OutcomeReply.js"

/**
 * Where the lines in an outbox come from if they are not in the ledger of this server: a log that keeps them until they
 * have been delivered, or another node, which has them in its own ledger.
 */
export interface Source {
  /**
   * So many of its lines, the first that were put, have been written, or acknowledged by a client with `ack`. Not
   * always called in the broker's turn.
   */
  readonly delivered: (lines: number, fate: Delivered) => void
  /**
   * So many of its lines will not be delivered: those that were put first and not reported yet, or, while the writer
   * has some of them in hand, those that were put last. Absent for a log, which still has them.
   */
  readonly returned?: (lines: number, reason: UndeliveredReason) => void
}

/**
 * A source of lines that are no messages: a client with `ack` does not count them, so they are delivered once written.
 */
export class NoticeSource implements Source {
  constructor(readonly delivered: (lines: number) => void) {}
}
