/** How many ticks a watch has to report a claim, or a removal: those of a term. */
export const untoldTicks = 12

/** Claims that the watch has not reported yet, and how many ticks it still has for each. */
export class UntoldClaims {
  private readonly left = new Map<string, number>()

  add(likeness: string) {
    this.left.set(likeness, untoldTicks)
  }

  told(likeness: string) {
    this.left.delete(likeness)
  }

  /** Returns the claims that the watch has not reported in time. Those that are no longer held do not count. */
  tick(isHeld: (likeness: string) => boolean): ReadonlyArray<string> {
    const late: Array<string> = []
    for (const [likeness, left] of this.left) {
      if (left > 1 && isHeld(likeness)) {
        this.left.set(likeness, left - 1)
        continue
      }
      this.left.delete(likeness)
      if (isHeld(likeness)) late.push(likeness)
    }
    return late
  }
}
