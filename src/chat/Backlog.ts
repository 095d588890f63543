import type { Event } from "./Events.js"
import type { Peer } from "./Peer.js"

/**
 * A queue in two arrays, since `Array.shift` takes linear time on long arrays. Two, because a queue that is never empty
 * would not release the items that were taken from a single one.
 */
class Fifo<A> {
  /** Items to take, starting at `next`. */
  private front: Array<A> = []
  private next = 0
  /** Items pushed since `front` was last filled. */
  private back: Array<A> = []

  get length(): number {
    return this.front.length - this.next + this.back.length
  }

  push(item: A) {
    this.back.push(item)
  }

  shift(): A | undefined {
    if (this.length === 0) return undefined
    if (this.next === this.front.length) {
      this.front = this.back
      this.back = []
      this.next = 0
    }
    const item = this.front[this.next]
    this.next += 1
    return item
  }
}

/** Two queues. The first has priority, but at most `most` times in a row while something waits in the second. */
class Pair<A> {
  readonly first = new Fifo<A>()
  readonly second = new Fifo<A>()
  private inARow = 0

  constructor(private readonly most: number) {}

  get length(): number {
    return this.first.length + this.second.length
  }

  shift(): A | undefined {
    const { first, second } = this
    const isSecond = second.length > 0 && (first.length === 0 || this.inARow >= this.most)
    this.inARow = isSecond ? 0 : this.inARow + 1
    return isSecond ? second.shift() : first.shift()
  }
}

/** Up to this number of bytes, input is small: a few lines that a person or a program writes at once. */
const smallBytes = 512

/**
 * The broker's pending work. Input of logged-in clients comes first: they wait neither for logins and departures, nor
 * for clients that have used their share of the broker's turn.
 *
 * Small input comes before large input, so that a line does not wait when thousands of busy clients are released at
 * once (fairness: held). Other events alternate with clients that have used their share, so that a login does not wait
 * for thousands of floods.
 *
 * A login stays behind the departures reported before it: the name of a client that has left is free for its return.
 */
export class Backlog {
  /** Small input and large input. */
  private readonly prompt = new Pair<Event>(32)
  /** Events, and clients that have used their share. */
  private readonly queue = new Pair<Event>(1)

  get length(): number {
    return this.prompt.length + this.queue.length
  }

  get hasQueue(): boolean {
    return this.queue.length > 0
  }

  add(event: Event) {
    const { prompt, queue } = this
    if (event._tag !== "Read" || event.peer.phase._tag === "Login") return queue.first.push(event)
    const { bytesAhead } = event.peer.inbox
    // Only the end of the input: thousands of clients may leave at once (fairness: disconnects).
    if (bytesAhead === 0) queue.first.push(event)
    else if (bytesAhead <= smallBytes) prompt.first.push(event)
    else prompt.second.push(event)
  }

  /** Continues with a client's input after that of all clients that are already waiting here. */
  continueLater(peer: Peer) {
    peer.isQueued = true
    this.queue.second.push({ _tag: "Continue", peer })
  }

  nextPrompt(): Event | undefined {
    return this.prompt.shift()
  }

  nextQueued(): Event | undefined {
    return this.queue.shift()
  }
}
