import type { Batch } from "../chat/Batch.js"
import type { Peer } from "../chat/Peer.js"
import { countLines, encode, endOfLines, maxTextBytes, type Fates, type Piece, type Report } from "./Contents.js"
import type { OtherNode } from "./OtherNode.js"

/** A recipient that has lines for a node. */
export interface Sender {
  readonly name: string
  /** Whether the batch is still to be sent to this node: it may have been returned meanwhile. */
  readonly isOffered: (batch: Batch<Peer>, node: OtherNode) => boolean
  /** The batch was sent, or its first part: the rest follows. The sender may `offer` its next batch. */
  readonly wasSent: (batch: Batch<Peer>, node: OtherNode) => void
}

interface Offered {
  readonly sender: Sender
  readonly batch: Batch<Peer>
  /** How much of a batch that is too large for one content has been sent. */
  sentBytes: number
}

/** What this node has to send to another one: at the end of the turn, all of it in as few contents as possible. */
export class NodeTraffic {
  private offers: Array<Offered> = []
  private reports: Array<Report> = []
  private mustWait = false

  constructor(
    readonly node: OtherNode,
    private readonly actions: {
      /** Has `flush` called at the end of the turn. */
      readonly flushSoon: () => void
      /** False, and nothing is sent, until `hasRoom`. */
      readonly send: (content: Uint8Array) => boolean
    }
  ) {}

  /** Sends a batch, which the sender has in hand. */
  offer(sender: Sender, batch: Batch<Peer>) {
    this.offers.push({ sender, batch, sentBytes: 0 })
    this.actions.flushSoon()
  }

  report(name: string, fates: Fates) {
    this.reports.push({ name, fates })
    this.actions.flushSoon()
  }

  hasRoom() {
    this.mustWait = false
    this.actions.flushSoon()
  }

  /** Sends what there is. A batch that follows one that was sent goes out as well. */
  flush() {
    while (!this.mustWait && (this.offers.length > 0 || this.reports.length > 0)) {
      const { pieces, sent } = this.nextPieces()
      if (pieces.length === 0 && this.reports.length === 0) return
      if (!this.actions.send(encode({ reports: this.reports, pieces }))) {
        this.mustWait = true
        return
      }
      this.reports = []
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

  /** The pieces of the next content, and how much of the first batches will have been sent with it. */
  private nextPieces(): { readonly pieces: ReadonlyArray<Piece>; readonly sent: ReadonlyArray<number> } {
    this.offers = this.offers.filter(
      ({ batch, sender, sentBytes }) => sentBytes > 0 || sender.isOffered(batch, this.node)
    )
    const pieces: Array<Piece> = []
    const sent: Array<number> = []
    let room = maxTextBytes
    for (const { batch, sender, sentBytes } of this.offers) {
      if (room <= 0) break
      const { lines, text } = batch
      const end = endOfLines(text, sentBytes, room)
      const isWhole = sentBytes === 0 && end === text.length
      // A line that does not fit goes with the next content.
      if (end - sentBytes > room && pieces.length > 0) break
      pieces.push(
        isWhole
          ? { name: sender.name, lines, text }
          : { name: sender.name, lines: countLines(text, sentBytes, end), text: text.slice(sentBytes, end) }
      )
      sent.push(end)
      room -= end - sentBytes
    }
    return { pieces, sent }
  }
}
