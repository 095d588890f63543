import * as Effect from "effect/Effect"
import * as Reply from "../protocol/Reply.js"
import type { Peer } from "./Peer.js"
import type { Replies } from "./Replies.js"
import type { Turn } from "./Turn.js"

/**
 * How long further notices are collected after some were sent. Otherwise a burst would be many writes to each
 * subscriber.
 */
const collectMillis = 100

/** The most bytes of notices that are put into an outbox at once. */
const blockBytes = 4096

interface Notice {
  readonly line: string
  /** The name of the client. */
  readonly about: string
}

/** Notices that go to every subscriber, as one text, so that a burst of logins takes one step for each subscriber. */
interface Block {
  readonly text: string
  readonly lines: number
  /** The places of the lines about a name, for a subscriber of that name: an earlier client may have had it. */
  readonly own: ReadonlyMap<string, ReadonlyArray<{ readonly start: number; readonly end: number }>>
}

/** Notices about other clients, for clients that sent `/hello` (protocol, section 6). Runs in the broker's turn. */
export class Notices {
  private readonly subscribers = new Set<Peer>()
  private collected: Array<Notice> = []
  /** The blocks being sent, and the subscribers that have not got them yet. */
  private sending: { readonly blocks: ReadonlyArray<Block>; readonly to: Iterator<Peer> } | undefined = undefined
  private sentAt = -Infinity
  private readonly collecting = Effect.unsafeMakeLatch(false)

  constructor(
    private readonly broker: {
      readonly replies: Replies
      readonly turn: Turn
      readonly now: () => number
      /** Has a later turn call `send`. */
      readonly sendLater: () => void
    }
  ) {}

  /** Succeeds when collected notices are due. The broker then calls `send`. */
  readonly due: Effect.Effect<void> = Effect.zipRight(this.collecting.await, Effect.sleep(collectMillis))

  /** Ignores a peer that is gone: its `/hello` was read before its connection broke. */
  subscribe(peer: Peer) {
    if (peer.phase._tag !== "Gone") this.subscribers.add(peer)
  }

  unsubscribe(peer: Peer) {
    this.subscribers.delete(peer)
  }

  /**
   * Sends a line to all subscribers except those with the name that it is about. The first line goes out immediately;
   * lines that follow soon are collected.
   */
  notify(line: string, about: string) {
    if (this.subscribers.size === 0) return
    this.collected.push({ line, about })
    if (this.sending !== undefined) return
    if (this.broker.now() - this.sentAt < collectMillis) return this.collecting.unsafeOpen()
    this.send()
  }

  /**
   * Sends the collected notices to as many subscribers as the turn allows; a later turn continues. A subscriber whose
   * queue is full misses them: notices are not messages.
   */
  send() {
    const { sendLater, turn } = this.broker
    if (!this.sendUntil(() => turn.isOver)) sendLater()
  }

  /** Returns whether every subscriber has been served. */
  private sendUntil(isOver: () => boolean): boolean {
    this.collecting.unsafeClose()
    if (this.sending === undefined) {
      if (this.collected.length === 0) return true
      this.sending = { blocks: blocksOf(this.collected), to: this.subscribers.values() }
      this.collected = []
    }
    const { blocks, to } = this.sending
    for (let next = to.next(); next.done !== true; next = to.next()) {
      for (const block of blocks) this.give(next.value, block)
      if (isOver()) return false
    }
    this.sending = undefined
    this.sentAt = this.broker.now()
    if (this.collected.length > 0) this.collecting.unsafeOpen()
    return true
  }

  private give(peer: Peer, { lines, own, text }: Block) {
    if (peer.outbox.isQueueFull) return
    const places = own.get(peer.name)
    if (places === undefined) return this.broker.replies.notices(peer, text, lines)
    let others = ""
    let at = 0
    for (const { end, start } of places) {
      others += text.slice(at, start)
      at = end
    }
    others += text.slice(at)
    if (others !== "") this.broker.replies.notices(peer, others, lines - places.length)
  }

  /**
   * Announces the shutdown. Each subscriber gets a different reconnect delay between `returnMillis` and twice that, so
   * that they do not all reconnect at the same time.
   */
  announceClosing(graceMillis: number, returnMillis: number) {
    // The first round finishes the blocks being sent, the second sends those collected meanwhile.
    for (let round = 0; round < 2; round++) this.sendUntil(() => false)
    const step = returnMillis / Math.max(1, this.subscribers.size)
    let at = returnMillis
    for (const peer of this.subscribers) {
      if (!peer.outbox.isQueueFull) this.broker.replies.reply(peer, Reply.serverClosing(graceMillis, Math.round(at)))
      at += step
    }
  }
}

const blocksOf = (notices: ReadonlyArray<Notice>): ReadonlyArray<Block> => {
  const blocks: Array<Block> = []
  for (let at = 0; at < notices.length;) {
    let text = ""
    const first = at
    const own = new Map<string, Array<{ start: number; end: number }>>()
    for (; at < notices.length && (text === "" || text.length < blockBytes); at++) {
      const { about, line } = notices[at] as Notice // in range
      const start = text.length
      text += line
      const places = own.get(about)
      if (places === undefined) own.set(about, [{ start, end: text.length }])
      else places.push({ start, end: text.length })
    }
    blocks.push({ text, lines: at - first, own })
  }
  return blocks
}
