import type { Account } from "../chat/Device.js"
import type { Outbox } from "../chat/Outbox.js"
import type { Peer } from "../chat/Peer.js"
import {
  keyText,
  type ConversationId,
  type ConversationKey,
  type StoredLine,
  type Waiting
} from "../ports/StoreLines.js"
import type { Feed } from "./Feed.js"

/** What the server holds in memory of an account that lines are written to, or that has devices connected. */
export class Mailbox {
  /** The feeds of the connected devices. A device that has logged in again may have two for a moment. */
  readonly feeds = new Map<Peer, Feed>()
  /** The conversations that were met since the mailbox was made, by `keyText`. */
  private readonly conversations = new Map<string, ConversationId>()

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
    if (this.feeds.size === 0) return false
    const conversation = this.conversations.get(keyText(key))
    for (const feed of this.feeds.values()) if (feed.isLive(conversation)) return true
    return false
  }

  /** A device has learned what waits for it. */
  opened(waiting: ReadonlyArray<Waiting>) {
    for (const { conversation, key } of waiting) this.conversations.set(keyText(key), conversation)
  }

  /**
   * A line has been stored.
   *
   * @param by the connection that sent it
   */
  stored(conversation: ConversationId, key: ConversationKey, line: StoredLine, by: Peer) {
    if (this.feeds.size === 0) return
    this.conversations.set(keyText(key), conversation)
    for (const feed of this.feeds.values()) feed.stored(conversation, key, line, by)
  }
}
