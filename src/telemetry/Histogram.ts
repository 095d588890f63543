/**
 * How often values of each size came. Not Effect's: that one counts in 32 bits, which some minutes of full load exceed,
 * and one value at a time.
 */
export class Histogram {
  /** One for each bound, and one for what is larger than all of them. */
  readonly counts: Array<number>
  sum = 0

  /** @param bounds the largest value of each bucket, ascending */
  constructor(readonly bounds: ReadonlyArray<number>) {
    this.counts = [...bounds.map(() => 0), 0]
  }

  /** A value that came so many times. */
  record(value: number, times: number): void {
    let bucket = 0
    while (bucket < this.bounds.length && value > (this.bounds[bucket] as number)) bucket += 1 // in range
    this.counts[bucket] = (this.counts[bucket] as number) + times
    this.sum += value * times
  }
}
