import { type ConnectionEnd, stableMillis } from "../../client/ConnectionEnd.js"
import type { Timers } from "./Ports.js"

/** The first delay and the longest, in milliseconds: those of the terminal client (protocol, section 8, step 7). */
const firstMillis = 1_000
const mostMillis = 30_000

/**
 * The delays between attempts to connect: each twice as long as the one before, and shortened at random by up to a
 * half. A delay that the server announces replaces one of them, since it differs from client to client. Until the next
 * stable connection it only makes others longer, so that no server makes a page connect without a pause.
 */
export class Reconnection {
  private attempts = 0
  private mayReplace = true

  constructor(private readonly random: Timers["random"]) {}

  /** The delay before the next attempt, in milliseconds. */
  next({ retryMillis = 0, returnMillis, upMillis }: ConnectionEnd): number {
    if (upMillis >= stableMillis) {
      this.attempts = 0
      this.mayReplace = true
    }
    const asked = Math.max(returnMillis ?? 0, retryMillis)
    if (this.mayReplace && returnMillis !== undefined) {
      this.mayReplace = false
      return asked
    }
    const full = Math.min(mostMillis, firstMillis * 2 ** this.attempts)
    this.attempts += 1
    return Math.max(asked, full * (1 - this.random() / 2))
  }
}
