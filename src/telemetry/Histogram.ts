/**
 * Counts values by size. Effect's histogram counts in 32 bits, which a few minutes of full load exceed, and records
 * only one value at a time.
 */
export class Histogram {
  /** One for each bound, and one for larger values. */
  readonly counts: Array<number>
  sum = 0

  /** @param bounds the largest value of each bucket, ascending */
  constructor(readonly bounds: ReadonlyArray<number>) {
    this.counts = [...bounds.map(() => 0), 0]
  }

  /** Records a value that occurred `times` times. */
  record(value: number, times: number): void {
    let bucket = 0
    while (bucket < this.bounds.length && value > (this.bounds[bucket] as number)) bucket += 1 // in range
    this.counts[bucket] = (this.counts[bucket] as number) + times
    this.sum += value * times
  }
}
