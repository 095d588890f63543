import type { Peer } from "../chat/Peer.js"
import type { AccountId } from "../ports/StoreAccounts.js"
import { ofRoom, type ConversationId, type ConversationKey, type StoredLine } from "../ports/StoreLines.js"

/** Lines of a room that were stored together, in order: each member gets them at once. */
export class RoomRun {
  readonly key: ConversationKey
  /** The connections that sent them, and their accounts, which do not get all of them. */
  readonly senders: ReadonlySet<Peer>
  readonly accounts: ReadonlySet<AccountId | undefined>
  /** The lines as most members get them, by the form in which these want messages (benchmark: a room of 1,000). */
  readonly texts = new Map<number, string>()

  constructor(
    readonly conversation: ConversationId,
    readonly lines: ReadonlyArray<StoredLine>,
    /** The connection that sent each of them. */
    readonly by: ReadonlyArray<Peer>
  ) {
    this.key = ofRoom(conversation)
    this.senders = new Set(by)
    this.accounts = new Set(lines.map(({ account }) => account))
  }

  get first(): number {
    return this.lines[0]?.seq ?? 0
  }

  get last(): number {
    return this.lines.at(-1)?.seq ?? 0
  }
}
