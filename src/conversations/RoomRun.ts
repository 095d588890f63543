import type { Peer } from "../chat/Peer.js"
import { SharedText } from "../chat/SharedText.js"
import type { AccountId } from "../ports/StoreAccounts.js"
import { ofRoom, type ConversationId, type ConversationKey, type StoredLine } from "../ports/StoreLines.js"

/** Lines of a room that were stored together, in order. Each member gets them in one step. */
export class RoomRun {
  readonly key: ConversationKey
  /** The accounts of the senders. Not all of their devices get every line. */
  readonly accounts: ReadonlySet<AccountId | undefined>
  readonly first: number
  readonly last: number
  /** No line is missing between the first and the last. */
  readonly isWhole: boolean
  /** The connection that sent them all; undefined if several did. */
  private readonly sender: Peer | undefined
  private readonly senders: ReadonlySet<Peer>
  /** The lines in form 0, outside the map because nearly every member gets it (benchmark: room-1000). */
  private plain: SharedText | undefined = undefined
  private readonly others = new Map<number, SharedText>()

  constructor(
    readonly conversation: ConversationId,
    readonly lines: ReadonlyArray<StoredLine>,
    /** The connection that sent each of them. */
    readonly by: ReadonlyArray<Peer>
  ) {
    this.key = ofRoom(conversation)
    this.senders = new Set(by)
    this.sender = this.senders.size === 1 ? by[0] : undefined
    this.accounts = new Set(lines.map(({ account }) => account))
    this.first = lines[0]?.seq ?? 0
    this.last = lines.at(-1)?.seq ?? 0
    this.isWhole = this.last - this.first + 1 === lines.length
  }

  /** Whether this connection has sent any of them. */
  isBy(peer: Peer): boolean {
    return this.sender === undefined ? this.senders.has(peer) : this.sender === peer
  }

  /**
   * The lines in a form. The first call for a form renders them.
   *
   * @param form 0 for clients that said no words that change it
   */
  textOf(form: number, render: () => string): SharedText {
    if (form === 0) return (this.plain ??= new SharedText(render()))
    const known = this.others.get(form)
    if (known !== undefined) return known
    const made = new SharedText(render())
    this.others.set(form, made)
    return made
  }
}
