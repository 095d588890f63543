import type { Batch } from "../chat/Batch.js"
import type { Account } from "../chat/Device.js"
import type { LineOutcome } from "../chat/LineOutcome.js"
import { likenessOf } from "../chat/Names.js"
import type { Outbox } from "../chat/Outbox.js"
import type { Peer } from "../chat/Peer.js"
import type { AccountId } from "../ports/StoreAccounts.js"
import {
  keyBetween,
  withGuest,
  type ConversationId,
  type ConversationKey,
  type NewLine,
  type StoredLine
} from "../ports/StoreLines.js"
import type { Feed } from "./Feed.js"
import type { KeptLine, KeptRecipient, InletLine } from "./KeptRecipient.js"
import { onceOf } from "./InletLines.js"

/** What a mailbox does with its lines once they are stored. */
interface MailboxOwner {
  readonly makeInlet: (mailbox: Mailbox) => Outbox<Peer>
  /** Whether a device at another server receives the account's lines as they are stored. */
  readonly isLiveElsewhere: (account: AccountId) => boolean
  readonly wasStored: (mailbox: Mailbox, kept: KeptLine) => void
  readonly wasStuck: (inlet: Outbox<Peer>) => void
  readonly wasSettled: (mailbox: Mailbox, batch: Batch<Peer>, outcomes: ReadonlyArray<LineOutcome>) => void
}

/** The state in memory of an account that has devices connected or lines under way to it. */
export class Mailbox implements KeptRecipient {
  /** The feeds of the connected devices. A device that has logged in again may have two for a moment. */
  private feeds: ReadonlyArray<Feed> = []
  private openInlet: Outbox<Peer> | undefined = undefined
  /** The author and the conversation of the latest line. */
  private latest:
    { readonly name: string; readonly device: Peer["device"]; readonly key: ConversationKey } | undefined = undefined

  readonly goneReason = "removed"

  constructor(
    readonly account: Account,
    private readonly owner: MailboxOwner
  ) {}

  /**
   * The outbox for lines to the account, whose writer is the store. Created for the first line, because many accounts
   * only read.
   */
  get inlet(): Outbox<Peer> {
    return (this.openInlet ??= this.owner.makeInlet(this))
  }

  /** Whether lines have been put into the inlet, or may be because a route leads to it. */
  get hasInlet(): boolean {
    return this.openInlet !== undefined
  }

  /** Whether the mailbox can be forgotten: no line is under way, and no device is connected. */
  get isIdle(): boolean {
    const { openInlet } = this
    return !this.isConnected && (openInlet === undefined || (openInlet.isEmpty && !openInlet.hasWaiting))
  }

  /** Whether a device of the account is connected. */
  get isConnected(): boolean {
    return this.feeds.length > 0
  }

  get allFeeds(): ReadonlyArray<Feed> {
    return this.feeds
  }

  /** The connections of the account's devices. */
  get peers(): ReadonlyArray<Peer> {
    return this.feeds.map(({ peer }) => peer)
  }

  add(feed: Feed) {
    this.feeds = this.feeds.concat(feed) // V8 reserves 17 entries for an array that grows, even in `[...feeds, feed]`
  }

  delete(feed: Feed) {
    this.feeds = this.feeds.filter((other) => other !== feed)
  }

  /** The feed of the device with this name, the earlier one if it has two. */
  feedOf(device: string): Feed | undefined {
    return this.feeds.find((feed) => feed.device?.device === device)
  }

  /** A connected device that can be given lines. */
  get device(): Peer | undefined {
    return this.feeds.find((feed) => feed.isReady)?.peer
  }

  /** Whether some device gets the lines of this conversation as they are stored. */
  isLive(key: ConversationKey): boolean {
    return this.feeds.some((feed) => feed.isLive(key)) || this.owner.isLiveElsewhere(this.account.id)
  }

  newLine({ isAuto, label, sender, text, to }: InletLine): NewLine {
    const { device, name, words } = sender
    const conversation = this.conversationWith(sender)
    // One object literal without spreads, because this runs for every line.
    return {
      conversation,
      account: device?.account.id,
      author: name,
      text,
      isAuto,
      to,
      once: onceOf(device, words, label),
      isLive: this.isLive(conversation)
    }
  }

  /** One object for consecutive lines of a sender. */
  private conversationWith({ device, name }: Peer): ConversationKey {
    const { latest } = this
    if (latest !== undefined && latest.name === name && latest.device === device) return latest.key
    const key =
      device === undefined
        ? withGuest(this.account.id, likenessOf(name))
        : keyBetween(device.account.id, this.account.id)
    this.latest = { name, device, key }
    return key
  }

  stored(lines: ReadonlyArray<KeptLine>) {
    for (const line of lines) this.owner.wasStored(this, line)
  }

  settled(batch: Batch<Peer>, outcomes: ReadonlyArray<LineOutcome>) {
    this.owner.wasSettled(this, batch, outcomes)
  }

  stuck() {
    this.owner.wasStuck(this.inlet)
  }

  /**
   * Gives a stored line to the account's devices.
   *
   * @param by the connection that sent it
   * @param lost called for a feed with a defect; the other feeds still get the line
   */
  give(
    conversation: ConversationId,
    key: ConversationKey,
    line: StoredLine,
    by: Peer,
    lost: (feed: Feed, defect: unknown) => void
  ) {
    for (const feed of this.feeds) {
      try {
        feed.stored(conversation, key, line, by)
      } catch (defect) {
        lost(feed, defect)
      }
    }
  }
}
