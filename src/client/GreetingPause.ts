/** How long a greeting pauses after a `slow-down` without `retry`, in milliseconds. */
export const slowDownMillis = 1000

/** The minimum by which a further refusal lengthens the pause, in milliseconds. */
const leastLonger = 50

/**
 * The pause between two lines of a greeting, at a server whose rate is below its lines.
 *
 * Each further refusal lengthens it. The announced `retry` counts from the refusal: if a timer or the network made
 * lines a few milliseconds early, every second one would be refused forever.
 */
export class GreetingPause {
  /** In milliseconds; 0 until a line was refused. */
  millis = 0

  /**
   * A line was refused as `slow-down`.
   *
   * @param retryMillis the pause that the server asks for
   */
  refused(retryMillis: number): void {
    this.millis = Math.max(retryMillis, this.millis === 0 ? 0 : this.millis + leastLonger)
  }
}
