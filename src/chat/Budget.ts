import { getHeapStatistics } from "node:v8"

/** What a queued line costs besides its bytes: V8's string header, its place in the rope, and its run in the batch. */
export const lineBytes = 48

/** What an outcome that is still to come costs: the label, kept with the line, and the room for the outcome's own line. */
export const outcomeBytes = 160

/** What an idle connection costs: its socket, two fibers, its peer (benchmark: idle memory). */
export const connectionBytes = 10_240

/** What a queue may hold however little memory is left: small lines between clients that read never stop. */
const smallestShare = 16_384

/** Above its limit by this factor, the broker closes the connections that hold most of the memory. */
const emergency = 1.25

/**
 * The memory that all connections together may use for what they wait for: queued lines, outcomes that are still to
 * come, input that is not routed yet, unfinished lines, remembered routes. Every place that keeps such bytes counts them
 * here, and stops counting them when it lets go.
 *
 * No queue may hold more than what is left of the budget (the dynamic threshold of Choudhury and Hahne, 1998). The
 * largest queues therefore stop growing first, the memory in use stays below the limit, and clients that read, whose
 * queues are nearly empty, notice nothing.
 */
export class Budget {
  /** Bytes in use. */
  used = 0

  constructor(public limit: number) {}

  /** How much one queue, or one unfinished line, may hold at present. */
  get share(): number {
    return Math.max(smallestShare, this.limit - this.used)
  }

  /** Nothing is left: newcomers are refused, and the senders to clients that do not read are no longer held. */
  get isExhausted(): boolean {
    return this.used >= this.limit
  }

  /** What is in use has passed the limit so far that queues which only stop growing do not help. */
  get isOverrun(): boolean {
    return this.used >= this.limit * emergency
  }
}

/** The part of the memory that the budget is by default: what it counts can take half as much again in the heap. */
const defaultPart = 0.4

/** The budget of a server that was given none: a part of what V8's heap, or the control group, allows this process. */
export const defaultLimit = (): number => {
  const constrained = process.constrainedMemory()
  const heap = getHeapStatistics().heap_size_limit
  // Without a limit Node reports 0, or more than any machine has.
  return Math.floor(defaultPart * (constrained > 0 ? Math.min(constrained, heap) : heap))
}
