import type * as Received from "./Received.js"

export interface LoopGuardOptions {
  /** The number of messages per second from one sender that are answered; 0 for no limit. */
  readonly perSecond: number
  /** Logs a line for the operator. */
  readonly log: (line: string) => void
}

/** The burst of a sender is this many seconds' worth of messages. */
const burstSeconds = 4

/** Tolerance for rounding errors in sums of fractional tokens. */
const epsilon = 1e-9

/** The shortest time between two remarks to one sender. */
const remarkMillis = 60_000

/** The most senders remembered. Beyond it, the one that has been silent for longest is forgotten. */
const maxSenders = 10_000

/** Longer names, which only a malicious server sends, are cut. */
const maxNameLength = 256

interface Sender {
  /** Messages that may be answered at once. */
  tokens: number
  filledAt: number
  /** Nothing is answered before this time. */
  pausedUntil: number
  isKnownProgram: boolean
  remarkedAt: number
}

/**
 * Keeps a bot from answering another program forever.
 *
 * A program that says `auto` is never answered. Any other program, such as a script around `nc`, looks like a person,
 * so each sender has a rate. A sender that exceeds it gets no answer at all for some seconds: if it only reacts to
 * answers, it falls silent too, and the loop ends. A mere limit would keep the loop going at the rate.
 *
 * The bot's own remarks, such as that its program failed, go to a sender at most once a minute: another bot may answer
 * them, and that answer may run the program again.
 */
export class LoopGuard {
  /** In the order of their last messages. */
  private readonly senders = new Map<string, Sender>()

  constructor(private readonly options: LoopGuardOptions) {}

  /**
   * Decides about a message. `Pause`: the first message that is not answered.
   *
   * @param now on the monotonic clock, in milliseconds
   */
  judge({ auto, from }: Received.Message, now: number): "Answer" | "Ignore" | "Pause" {
    const { log, perSecond } = this.options
    const sender = this.sender(from, now)
    if (auto === true) {
      if (!sender.isKnownProgram) log(`${from} is a program, too; its messages are not answered`)
      sender.isKnownProgram = true
      return "Ignore"
    }
    if (perSecond === 0) return "Answer"
    if (now < sender.pausedUntil) return "Ignore"
    const burst = perSecond * burstSeconds
    sender.tokens = Math.min(burst, sender.tokens + ((now - sender.filledAt) * perSecond) / 1000)
    sender.filledAt = now
    if (sender.tokens > 1 - epsilon) {
      sender.tokens -= 1
      return "Answer"
    }
    sender.pausedUntil = now + burstSeconds * 1000
    sender.tokens = burst
    log(`${from}: more than ${perSecond} messages per second; not answered for ${burstSeconds} s`)
    return "Pause"
  }

  /** Whether a remark of the bot's own may go to this sender now. If so, it counts as sent. */
  mayRemark(from: string, now: number): boolean {
    const sender = this.sender(from, now)
    if (now - sender.remarkedAt < remarkMillis) return false
    sender.remarkedAt = now
    return true
  }

  private sender(from: string, now: number): Sender {
    const { senders } = this
    // A copy: a slice would keep the whole read alive.
    const name = Buffer.from(from.slice(0, maxNameLength)).toString()
    const sender = senders.get(name) ?? {
      tokens: this.options.perSecond * burstSeconds,
      filledAt: now,
      pausedUntil: -Infinity,
      isKnownProgram: false,
      remarkedAt: -Infinity
    }
    senders.delete(name)
    senders.set(name, sender)
    if (senders.size > maxSenders) senders.delete(senders.keys().next().value ?? name)
    return sender
  }
}
