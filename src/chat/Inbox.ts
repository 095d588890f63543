import type { CloseReason } from "../protocol/CloseReason.js"
import { Framing, type Piece } from "../protocol/Framing.js"
import type { Socket } from "../ports/Transport.js"
import type { Budget } from "./Budget.js"

/** What a reader passes to the broker: pieces of input, and marks between them. */
export type Item =
  | Piece
  /** The input ended here in an orderly way. */
  | { readonly _tag: "End"; readonly reason: CloseReason }
  /** The server began to shut down here: no line after it is accepted. */
  | { readonly _tag: "Closing" }

/** Bytes that a client may be ahead of the broker before reading pauses: one read. */
const readAheadBytes = 65_536

/**
 * The input of one client that was read but not yet routed. The reader adds to it, and the broker removes from it.
 * While the broker lags behind, or holds the client, the socket is not read from.
 */
export class Inbox {
  /** Whether a `Read` event for this inbox is on its way to the broker. */
  announced = false
  /** The broker's position in the text of `current`. */
  position = 0
  bytesRead = 0
  /** Bytes read but not yet routed. */
  bytesAhead = 0
  /** Made when something is read: an idle client has none (benchmark: idle memory). */
  private items: Array<Item | undefined> | undefined = undefined
  private next = 0
  private paused = false
  private stopped = false
  /** The bytes that the budget counts for this inbox. */
  private counted = 0
  private readonly framing: Framing

  constructor(
    private readonly socket: Socket,
    maxLineBytes: number,
    private readonly budget: Budget
  ) {
    this.framing = new Framing(maxLineBytes)
  }

  /** The limit of this connection. The server's option may have changed since the accept. */
  get maxLineBytes(): number {
    return this.framing.maxLineBytes
  }

  read(bytes: Uint8Array) {
    this.bytesRead += bytes.length
    this.bytesAhead += bytes.length
    for (const piece of this.framing.push(bytes)) this.add(piece)
    this.count()
    if (this.bytesAhead >= readAheadBytes) this.pause()
  }

  /** The memory of the input. */
  get cost(): number {
    return this.bytesAhead + this.framing.restBytes
  }

  private count() {
    const { cost } = this
    this.budget.used += cost - this.counted
    this.counted = cost
  }

  /** Pauses reading while the unfinished line exceeds its share of the memory. Returns whether it does. */
  stopIfShort(): boolean {
    const isShort = this.framing.restBytes > this.budget.share
    if (isShort === this.stopped) return isShort
    this.stopped = isShort
    if (isShort) this.socket.pause()
    else if (!this.paused) this.socket.resume()
    return isShort
  }

  /** Discards the unfinished line, since the connection is gone. */
  drop() {
    this.framing.drop()
    this.count()
  }

  /** Counts and discards input after the peer's end. */
  skip(bytes: Uint8Array) {
    this.bytesRead += bytes.length
  }

  /** The client shut down its sending half: an unfinished line counts as a line (protocol, section 4). */
  end() {
    for (const piece of this.framing.end()) this.add(piece)
    this.count()
    this.add({ _tag: "End", reason: "left" })
  }

  /** Marks the point in the input where the shutdown began. */
  close() {
    this.add({ _tag: "Closing" })
  }

  private add(item: Item) {
    if (this.items === undefined) this.items = [item]
    else this.items.push(item)
  }

  get current(): Item | undefined {
    return this.items?.[this.next]
  }

  /** Whether the broker has handled everything that was read. */
  get isConsumed(): boolean {
    return this.items === undefined && this.bytesAhead === 0
  }

  /**
   * Moves on to the next item, and releases this one: otherwise V8 would move the texts of clients that wait for their
   * next share into the old generation (fairness: names).
   */
  advance() {
    const { current } = this
    if (current?._tag === "Lines") current.release()
    if (this.items !== undefined) this.items[this.next] = undefined
    this.next += 1
    this.position = 0
  }

  /** Drops all items. */
  clear() {
    this.items = undefined
    this.next = 0
    this.position = 0
    this.bytesAhead = 0
    this.count()
  }

  /** The broker has handled all items: drops them and resumes reading. */
  consumed() {
    this.clear()
    if (this.paused) {
      this.paused = false
      if (!this.stopped) this.socket.resume()
    }
  }

  pause() {
    if (this.paused) return
    this.paused = true
    this.socket.pause()
  }
}
