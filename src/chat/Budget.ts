import { getHeapStatistics } from "node:v8"
import type { MemoryUse } from "../ports/Transport.js"

/** Memory of a queued line besides its bytes: V8's string header, its node in the rope, and its run in the batch. */
export const lineBytes = 48

/** Memory of a pending outcome: the label, kept with the line, and room for the outcome line itself. */
export const outcomeBytes = 160

/** Memory of an idle connection: its socket, its fiber, its peer (benchmark: idle memory). */
export const connectionBytes = 10_240

/**
 * Bytes that a queue may always hold, however little memory is left, so that clients that read still get small lines.
 */
const smallestShare = 16_384

/** The largest part of the budget that listeners may use, so that HTTP requests leave room for connections. */
const listenersPart = 0.25

/** When usage exceeds the limit by this factor, the broker closes the connections that hold the most memory. */
const emergency = 1.25

/**
 * The memory that all connections together may use: queued lines, pending outcomes, unrouted input, unfinished lines,
 * remembered routes, the connections themselves, and HTTP requests. Every holder of such bytes adds them here, and
 * subtracts them when it releases them.
 *
 * No queue may hold more than what is left of the budget (the dynamic threshold of Choudhury and Hahne, 1998). The
 * largest queues therefore stop growing first, the memory in use stays below the limit, and clients that read, whose
 * queues are nearly empty, notice nothing.
 */
export class Budget {
  /** Bytes in use. */
  used = 0
  /** Connections served, `connectionBytes` of `used` each. */
  connections = 0

  /** Memory that listeners use. */
  readonly listeners = new ListenerMemory(this)

  constructor(public limit: number) {}

  connectionOpens() {
    this.connections += 1
    this.used += connectionBytes
  }

  connectionEnds() {
    this.connections -= 1
    this.used -= connectionBytes
  }

  /** Bytes that one queue, or one unfinished line, may currently hold. */
  get share(): number {
    return Math.max(smallestShare, this.limit - this.used)
  }

  /** Nothing is left: new connections are refused, and senders to clients that do not read are no longer held. */
  get isExhausted(): boolean {
    return this.used >= this.limit
  }

  /** Usage exceeds the limit by so much that stopping the growth of queues is not enough. */
  get isOverrun(): boolean {
    return this.used >= this.limit * emergency
  }
}

class ListenerMemory implements MemoryUse {
  /** Bytes of the budget's `used`. */
  used = 0

  constructor(private readonly budget: Budget) {}

  get share(): number {
    const { limit, used } = this.budget
    return Math.max(0, Math.min(limit * listenersPart - this.used, limit - used))
  }

  use(bytes: number) {
    this.used += bytes
    this.budget.used += bytes
  }
}

/**
 * The default budget as a fraction of the memory. Counted bytes can take one and a half times their size in the heap.
 */
const defaultPart = 0.4

/** The default budget: a fraction of the heap limit of V8, or of the memory limit of the control group if smaller. */
export const defaultLimit = (): number => {
  const constrained = process.constrainedMemory()
  const heap = getHeapStatistics().heap_size_limit
  // Without a control group limit, Node reports 0, or a number larger than the memory of any machine.
  return Math.floor(defaultPart * (constrained > 0 ? Math.min(constrained, heap) : heap))
}
