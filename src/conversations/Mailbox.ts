import type { Account } from "../chat/Device.js"
import type { Outbox } from "../chat/Outbox.js"
import type { Peer } from "../chat/Peer.js"
import type { ConversationId, ConversationKey, StoredLine } from "../ports/StoreLines.js"
import type { Feed } from "./Feed.js"

/** What the server holds in memory of an account that lines are written to, or that has devices connected. */
export class Mailbox {
  /** The feeds of the connected devices. A device that has logged in again may have two for a moment. */
  readonly feeds = new Map<Peer, Feed>()

  constructor(
    readonly account: Account,
    /** Where lines to the account are put. The store is its writer. */
    readonly inlet: Outbox<Peer>
  ) {}

  /** Nothing waits, and nobody is connected: it can be forgotten. */
  get isIdle(): boolean {
    return this.feeds.size === 0 && this.inlet.isEmpty && !this.inlet.hasWaiting
  }

  /** The feed of the device with this name, the earlier one if it has two. */
  feedOf(device: string): Feed | undefined {
    for (const feed of this.feeds.values()) if (feed.device.device === device) return feed
    return undefined
  }

  /** A connected device that can be given lines. */
  get device(): Peer | undefined {
    for (const [peer, feed] of this.feeds) if (feed.isReady) return peer
    return undefined
  }

  /** Whether some device gets the lines of this conversation as they are stored. */
  isLive(key: ConversationKey): boolean {
    for (const feed of this.feeds.values()) if (feed.isLive(key)) return true
    return false
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
    for (const feed of this.feeds.values()) {
      try {
        feed.stored(conversation, key, line, by)
      } catch (defect) {
        lost(feed, defect)
      }
    }
  }
}
