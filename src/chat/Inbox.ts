import type { CloseReason } from "../protocol/CloseReason.js"
import { Framing, type Piece } from "../protocol/Framing.js"
import type { Socket } from "../ports/Transport.js"
import type { Budget } from "./Budget.js"

/** What a reader hands to the broker: the pieces of its input, and marks between them. */
export type Item =
  | Piece
  /** The input ended here, in order. */
  | { readonly _tag: "End"; readonly reason: CloseReason }
  /** The server began to shut down here: no line behind it is accepted. */
  | { readonly _tag: "Closing" }

/** How much a client may be ahead of the broker before it is not read from: one read. */
const readAheadBytes = 65_536

/**
 * What was read from one client and not yet routed. The reader puts in, the broker takes out; while the broker does not
 * come, or holds the client, the socket is not read from.
 */
export class Inbox {
  /** Whether the broker has been told that there is something here. */
  announced = false
  /** Where the broker is in the text of `current`. */
  position = 0
  bytesRead = 0
  /** Read, and not yet routed. */
  bytesAhead = 0
  private items: Array<Item> = []
  private next = 0
  private paused = false
  private stopped = false
  /** What is counted in the budget. */
  private counted = 0
  private readonly framing: Framing

  constructor(
    private readonly socket: Socket,
    maxLineBytes: number,
    private readonly budget: Budget
  ) {
    this.framing = new Framing(maxLineBytes)
  }

  /** That of its connection: the option may have changed since. */
  get maxLineBytes(): number {
    return this.framing.maxLineBytes
  }

  read(bytes: Uint8Array) {
    this.bytesRead += bytes.length
    this.bytesAhead += bytes.length
    for (const piece of this.framing.push(bytes)) this.items.push(piece)
    this.count()
    if (this.bytesAhead >= readAheadBytes) this.pause()
  }

  /** The memory that its input takes. */
  get cost(): number {
    return this.bytesAhead + this.framing.restBytes
  }

  private count() {
    const { cost } = this
    this.budget.used += cost - this.counted
    this.counted = cost
  }

  /** Stops reading while the unfinished line is larger than its share of the memory. True if that is so. */
  stopIfShort(): boolean {
    const isShort = this.framing.restBytes > this.budget.share
    if (isShort === this.stopped) return isShort
    this.stopped = isShort
    if (isShort) this.socket.pause()
    else if (!this.paused) this.socket.resume()
    return isShort
  }

  /** The connection is gone: the unfinished line never becomes one. */
  drop() {
    this.framing.drop()
    this.count()
  }

  /** Reads past what nobody hears any more. */
  skip(bytes: Uint8Array) {
    this.bytesRead += bytes.length
  }

  /** The client shut its sending half down: an unfinished line counts (protocol, section 4). */
  end() {
    for (const piece of this.framing.end()) this.items.push(piece)
    this.count()
    this.items.push({ _tag: "End", reason: "left" })
  }

  /** What comes from now on came after the shutdown began. */
  close() {
    this.items.push({ _tag: "Closing" })
  }

  get current(): Item | undefined {
    return this.items[this.next]
  }

  /** `current` is done with. */
  advance() {
    this.next += 1
    this.position = 0
  }

  /** Nothing of it will be looked at any more. */
  clear() {
    this.items = []
    this.next = 0
    this.position = 0
    this.bytesAhead = 0
    this.count()
  }

  /** The broker has been through all of it: the client is read from again. */
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
