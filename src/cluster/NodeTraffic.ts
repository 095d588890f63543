import type { Batch } from "../chat/Batch.js"
import type { Peer } from "../chat/Peer.js"
import * as Contents from "./Contents.js"
import {
  countLines,
  endOfLines,
  maxTextBytes,
  type Content,
  type Fates,
  type RoutedLines,
  type FateReport
} from "./Contents.js"
import type { OtherNode } from "./OtherNode.js"

/** A recipient that has lines for a node. */
export interface NodeSender {
  readonly name: string
  /** Whether the batch is still to be sent to this node: it may have been returned meanwhile. */
  readonly isOffered: (batch: Batch<Peer>, node: OtherNode) => boolean
  /** The batch was sent, or its first part: the rest follows. The sender may `offer` its next batch. */
  readonly wasSent: (batch: Batch<Peer>, node: OtherNode) => void
}

interface Offered {
  readonly sender: NodeSender
  readonly batch: Batch<Peer>
  /** How much of a batch that is too large for one content has been sent. */
  sentBytes: number
}

/** About the bytes of one fate, or of the numbers of a piece. */
const fateBytes = 24

/** More than the head of a content with one piece takes, with what `Nodes.send` fills in. */
const oneHeadBytes = 1_024

/** The number of first items that together have about this many bytes; at least one. */
const countWithin = <A>(bytes: number, items: ReadonlyArray<A>, bytesOf: (item: A) => number): number => {
  let left = bytes
  let count = 0
  for (const item of items) {
    if (left <= 0) break
    left -= bytesOf(item)
    count += 1
  }
  return count
}

/** What this node has to send to another one: at the end of the turn, all of it in as few contents as possible. */
export class NodeTraffic {
  private offers: Array<Offered> = []
  private reports: Array<FateReport> = []
  private hasLost = false
  private mustWait = false

  constructor(
    readonly node: OtherNode,
    private readonly actions: {
      /** Has `flush` called at the end of the turn. */
      readonly flushSoon: () => void
      /** The largest content that can be sent. */
      readonly maxContentBytes: () => number
      /** Memory for a content of this size. */
      readonly frame: (bytes: number) => Uint8Array
      /** False, and nothing is sent, until `hasRoom`. */
      readonly send: (content: Uint8Array) => boolean
    }
  ) {}

  /** Sends a batch, which the sender has in hand. */
  offer(sender: NodeSender, batch: Batch<Peer>) {
    this.offers.push({ sender, batch, sentBytes: 0 })
    this.actions.flushSoon()
  }

  report(name: string, fates: Fates) {
    this.reports.push({ name, fates })
    this.actions.flushSoon()
  }

  /** Lines of the node were lost because this one could not read them. */
  reportLoss() {
    this.hasLost = true
    this.actions.flushSoon()
  }

  hasRoom() {
    this.mustWait = false
    this.actions.flushSoon()
  }

  /** Sends what there is. A batch that follows one that was sent goes out as well. */
  flush() {
    while (!this.mustWait && (this.hasLost || this.offers.length > 0 || this.reports.length > 0)) {
      const { hasLost } = this
      const { pieces, reports, sent } = this.next()
      if (!hasLost && pieces.length === 0 && reports.length === 0) return
      if (!this.actions.send(Contents.encode({ hasLost, reports, pieces }, this.actions.frame))) {
        this.mustWait = true
        return
      }
      this.hasLost = false
      this.reports = this.reports.slice(reports.length)
      const { offers } = this
      this.offers = []
      offers.forEach((offered, index) => {
        const end = sent[index]
        const { batch, sender, sentBytes } = offered
        offered.sentBytes = end ?? sentBytes
        if (end === undefined || end < batch.text.length) this.offers.push(offered) // before the sender's next batch
        if (end !== undefined && sentBytes === 0) sender.wasSent(batch, this.node)
      })
    }
  }

  /** The next content, and how much of the first batches will have been sent with it. */
  private next(): Content & { readonly sent: ReadonlyArray<number> } {
    const most = this.actions.maxContentBytes()
    // A quarter for the reports, one for the heads of the pieces, and one for their text.
    const quarter = Math.floor(most / 4)
    const count = countWithin(quarter, this.reports, ({ fates, name }) => name.length + fateBytes * fates.length)
    const { pieces, sent } = this.nextPieces(most - oneHeadBytes, quarter)
    const isAlone = (pieces[0]?.text.length ?? 0) > quarter
    return { reports: isAlone ? [] : this.reports.slice(0, count), pieces, sent }
  }

  /**
   * @param most the longest line that can be sent
   * @param bytes about the most for all heads, and for all text
   */
  private nextPieces(most: number, bytes: number) {
    this.offers = this.offers.filter(
      ({ batch, sender, sentBytes }) => sentBytes > 0 || sender.isOffered(batch, this.node)
    )
    const pieces: Array<RoutedLines> = []
    const sent: Array<number> = []
    const whole = Math.min(maxTextBytes, bytes)
    let room = whole
    let headRoom = bytes
    for (const { batch, sender, sentBytes } of this.offers) {
      if (room <= 0 || headRoom <= 0) break
      const { name } = sender
      const { labels, lines, text } = batch
      headRoom -= name.length + fateBytes
      const left = text.length - sentBytes
      // It fits into the next content as it is.
      if (left > room && left <= whole) break
      const end = endOfLines(text, sentBytes, room)
      const isWhole = sentBytes === 0 && end === text.length
      // A line that does not fit goes with the next content.
      if (end - sentBytes > room && pieces.length > 0) break
      const piece = isWhole
        ? { name, lines, text }
        : { name, lines: countLines(text, sentBytes, end), text: text.slice(sentBytes, end) }
      const sendable = piece.text.length > most ? { ...piece, text: "" } : piece // it has one line then
      pieces.push(labels === undefined ? sendable : { ...sendable, isAwaited: true })
      sent.push(end)
      room -= end - sentBytes
    }
    return { pieces, sent }
  }
}
