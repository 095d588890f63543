import type { Event } from "./Events.js"
import type { Peer } from "./Peer.js"

/** A queue in an array, since `Array.shift` takes linear time on long arrays. */
class Fifo<A> {
  private items: Array<A> = []
  private next = 0

  get length(): number {
    return this.items.length - this.next
  }

  push(item: A) {
    this.items.push(item)
  }

  shift(): A | undefined {
    const item = this.items[this.next]
    this.next += 1
    if (this.next < this.items.length) return item
    this.items = []
    this.next = 0
    return item
  }
}

/**
 * What the broker still has to do. Input of clients that are logged in comes first: they wait neither for clients that
 * come and go, nor for those that have used their share of the broker's turn, who queue with all other events.
 *
 * A login stays behind the departures reported before it: the name of a client that has left is free for its return.
 */
export class Backlog {
  private readonly prompt = new Fifo<Event>()
  private readonly queue = new Fifo<Event>()

  get length(): number {
    return this.prompt.length + this.queue.length
  }

  get hasQueue(): boolean {
    return this.queue.length > 0
  }

  add(event: Event) {
    if (event._tag === "Read" && event.peer.phase._tag !== "Login") this.prompt.push(event)
    else this.queue.push(event)
  }

  /** Continues with a client's input later, after everything that is queued now. */
  continueLater(peer: Peer) {
    peer.isQueued = true
    this.queue.push({ _tag: "Continue", peer })
  }

  nextPrompt(): Event | undefined {
    return this.prompt.length === 0 ? undefined : this.prompt.shift()
  }

  nextQueued(): Event | undefined {
    return this.queue.length === 0 ? undefined : this.queue.shift()
  }
}
