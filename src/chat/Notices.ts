import * as Effect from "effect/Effect"
import * as Reply from "../protocol/Reply.js"
import type { Peer } from "./Peer.js"
import type { Replies } from "./Replies.js"

/**
 * How long further notices are collected after one was sent. Otherwise a burst would be many writes to each subscriber.
 */
const collectMillis = 100

/** Notices about other clients, for clients that sent `/hello` (protocol, section 6). Runs in the broker's turn. */
export class Notices {
  private readonly subscribers = new Set<Peer>()
  private collected: Array<{ readonly line: string; readonly about: Peer | undefined }> = []
  private sentAt = -Infinity
  private readonly collecting = Effect.unsafeMakeLatch(false)
  private readonly replies: Replies
  private readonly now: () => number

  constructor(broker: { readonly replies: Replies; readonly now: () => number }) {
    this.replies = broker.replies
    this.now = broker.now
  }

  /** Succeeds when collected notices are due. The broker then calls `send`. */
  readonly due: Effect.Effect<void> = Effect.zipRight(this.collecting.await, Effect.sleep(collectMillis))

  /** Ignores a peer that is gone: its `/hello` was read before its connection broke. */
  subscribe(peer: Peer) {
    if (peer.phase._tag !== "Gone") this.subscribers.add(peer)
  }

  unsubscribe(peer: Peer) {
    this.subscribers.delete(peer)
  }

  /** Sends a line to all subscribers but the one it is about: the first line immediately, further lines collected. */
  notify(line: string, about: Peer) {
    if (this.subscribers.size === 0) return
    this.collected.push({ line, about })
    if (this.now() - this.sentAt < collectMillis) return this.collecting.unsafeOpen()
    this.send()
  }

  /** Sends the collected notices. A subscriber whose queue is full misses them: notices are not messages. */
  send() {
    this.collecting.unsafeClose()
    const notices = this.collected
    if (notices.length === 0) return
    this.collected = []
    this.sentAt = this.now()
    for (const peer of this.subscribers) {
      for (const { about, line } of notices) {
        if (peer !== about && !peer.outbox.isQueueFull) this.replies.reply(peer, line)
      }
    }
  }

  /**
   * Announces the shutdown. Each subscriber gets a different reconnect delay between `returnMillis` and twice that, so
   * that they do not all reconnect at the same time.
   */
  announceClosing(graceMillis: number, returnMillis: number) {
    this.send()
    const step = returnMillis / Math.max(1, this.subscribers.size)
    let at = returnMillis
    for (const peer of this.subscribers) {
      if (!peer.outbox.isQueueFull) this.replies.reply(peer, Reply.serverClosing(graceMillis, Math.round(at)))
      at += step
    }
  }
}
