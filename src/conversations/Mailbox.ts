import type { Account } from "../chat/Device.js"
import type { Outbox } from "../chat/Outbox.js"
import type { Peer } from "../chat/Peer.js"
import type { ConversationId, ConversationKey, StoredLine } from "../ports/StoreLines.js"
import type { Feed } from "./Feed.js"

/** What the server holds in memory of an account that lines are written to, or that has devices connected. */
export class Mailbox {
  /** The feeds of the connected devices. A device that has logged in again may have two for a moment. */
  private feeds: ReadonlyArray<Feed> = []
  private openInlet: Outbox<Peer> | undefined = undefined

  constructor(
    readonly account: Account,
    private readonly makeInlet: (mailbox: Mailbox) => Outbox<Peer>
  ) {}

  /** Where lines to the account are put; the store is its writer. Made for the first one: many only listen. */
  get inlet(): Outbox<Peer> {
    return (this.openInlet ??= this.makeInlet(this))
  }

  /** Whether lines have been put into the inlet, or may be, because a route leads to it. */
  get hasInlet(): boolean {
    return this.openInlet !== undefined
  }

  /** Nothing waits, and nobody is connected: it can be forgotten. */
  get isIdle(): boolean {
    const { openInlet } = this
    return !this.isConnected && (openInlet === undefined || (openInlet.isEmpty && !openInlet.hasWaiting))
  }

  /** Whether a device of the account is connected. */
  get isConnected(): boolean {
    return this.feeds.length > 0
  }

  /** The connections of the account's devices. */
  get peers(): ReadonlyArray<Peer> {
    return this.feeds.map(({ peer }) => peer)
  }

  add(feed: Feed) {
    this.feeds = [...this.feeds, feed] // not `push`, for which V8 makes room for 17
  }

  delete(feed: Feed) {
    this.feeds = this.feeds.filter((other) => other !== feed)
  }

  /** The feed of the device with this name, the earlier one if it has two. */
  feedOf(device: string): Feed | undefined {
    return this.feeds.find((feed) => feed.device.device === device)
  }

  /** A connected device that can be given lines. */
  get device(): Peer | undefined {
    return this.feeds.find((feed) => feed.isReady)?.peer
  }

  /** Whether some device gets the lines of this conversation as they are stored. */
  isLive(key: ConversationKey): boolean {
    return this.feeds.some((feed) => feed.isLive(key))
  }

  /**
   * A line has been stored.
   *
   * @param by the connection that sent it
   * @param lost a feed has a defect; the others are given the line all the same
   */
  stored(
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
