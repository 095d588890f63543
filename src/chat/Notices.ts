import * as Effect from "effect/Effect"
import * as Reply from "../protocol/Reply.js"
import type { Peer } from "./Peer.js"
import type { Replies } from "./Replies.js"

/** How long after a notice the next ones are collected: in a crowd, each would be a write to everybody. */
const collectMillis = 100

/** What clients that said `/hello` learn of others (protocol, section 6). Runs in the broker's turn. */
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

  /** Succeeds when collected notices are due; the broker then sends them. */
  readonly due: Effect.Effect<void> = Effect.zipRight(this.collecting.await, Effect.sleep(collectMillis))

  subscribe(peer: Peer) {
    this.subscribers.add(peer)
  }

  unsubscribe(peer: Peer) {
    this.subscribers.delete(peer)
  }

  /** Sends a line to all subscribers but the one that it is about: the first at once, those that follow it together. */
  notify(line: string, about: Peer) {
    if (this.subscribers.size === 0) return
    this.collected.push({ line, about })
    if (this.now() - this.sentAt < collectMillis) return this.collecting.unsafeOpen()
    this.send()
  }

  /** Sends what was collected. A subscriber whose queue is full misses it: a notice is no message. */
  send() {
    this.collecting.unsafeClose()
    const notices = this.collected
    if (notices.length === 0) return
    this.collected = []
    this.sentAt = this.now()
    for (const peer of this.subscribers) {
      for (const { about, line } of notices) {
        if (peer !== about && !peer.outbox.isFull) this.replies.reply(peer, line)
      }
    }
  }

  /**
   * Announces the shutdown. Each subscriber gets another time to come back, spread over as much time as the first of them
   * has to wait, so that they do not all come at once.
   */
  announceClosing(graceMillis: number, returnMillis: number) {
    this.send()
    const step = returnMillis / Math.max(1, this.subscribers.size)
    let at = returnMillis
    for (const peer of this.subscribers) {
      if (!peer.outbox.isFull) this.replies.reply(peer, Reply.serverClosing(graceMillis, Math.round(at)))
      at += step
    }
  }
}
