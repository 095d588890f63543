import { GreetingPause } from "../client/GreetingPause.js"

/**
 * The longest that the lines of a request wait for a rate, in milliseconds: a login at one line a second takes three.
 */
const longestMillis = 5000

/**
 * The pauses of lines that a request needs and its client has not written: its login, and the rooms that it enters.
 * Without them, a server whose rate is below these lines would refuse each request, and the same request for ever.
 */
export class OwnPace {
  private readonly pause = new GreetingPause()
  private waited = 0

  /** The pause before each further line, in milliseconds; 0 until one was refused. */
  get millis(): number {
    return this.pause.millis
  }

  /**
   * A line was refused as `slow-down`.
   *
   * @returns whether to send it again after the pause; otherwise other clients of the address use up its rate
   */
  refused(retryMillis: number): boolean {
    this.pause.refused(retryMillis)
    this.waited += this.pause.millis
    return this.waited <= longestMillis
  }

  /** A line was accepted that had been refused: the next one may wait as long. */
  accepted(): void {
    this.waited = 0
  }
}
