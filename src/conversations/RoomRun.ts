import type { Peer } from "../chat/Peer.js"
import { SharedText } from "../chat/SharedText.js"
import type { AccountId } from "../ports/StoreAccounts.js"
import { ofRoom, type ConversationId, type ConversationKey, type StoredLine } from "../ports/StoreLines.js"
import type { UnderWay } from "./FeedWindow.js"

/** The lines as most members get them, and as the entry of their windows: one of each for all of these members. */
export interface RunText {
  readonly shared: SharedText
  readonly underWay: UnderWay
}

/** Lines of a room that were stored together, in order: each member gets them at once. */
export class RoomRun {
  readonly key: ConversationKey
  /** The connections that sent them, and their accounts, which do not get all of them. */
  readonly senders: ReadonlySet<Peer>
  readonly accounts: ReadonlySet<AccountId | undefined>
  /** By the form in which members want messages (benchmark: room-1000). */
  private readonly texts = new Map<number, RunText>()

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

  /** The lines in a form, of which `render` makes the text when it is wanted first. */
  textOf(form: number, render: () => string): RunText {
    const known = this.texts.get(form)
    if (known !== undefined) return known
    const { conversation, key, last, lines } = this
    const shared = new SharedText(render())
    const bytes = shared.text.length
    const made = {
      shared,
      underWay: { conversation, key, lines: lines.length, seq: last, upTo: last, bytes, isGap: false }
    }
    this.texts.set(form, made)
    return made
  }

  get first(): number {
    return this.lines[0]?.seq ?? 0
  }

  get last(): number {
    return this.lines.at(-1)?.seq ?? 0
  }
}
