import { untoldTicks } from "./UntoldClaims.js"

interface Removal {
  /** Of the entry that is removed. */
  readonly revision: number
  /** How many ticks the watch still has to report it. */
  readonly left: number
}

/**
 * Entries whose removal this node has asked for, and whose removal the watch has not reported yet. If the engine
 * forgets such a removal, the entry is there again, and nothing reports it.
 */
export class UntoldRemovals {
  private readonly removals = new Map<string, Removal>()

  /** To be called before the request: the watch may report the removal before the answer comes. */
  asked(likeness: string, revision: number) {
    this.removals.set(likeness, { revision, left: untoldTicks })
  }

  /** The watch has reported a change of the entry. */
  told(likeness: string, revision: number) {
    const removal = this.removals.get(likeness)
    if (removal !== undefined && removal.revision < revision) this.removals.delete(likeness)
  }

  /** The name is claimed again. */
  claimed(likeness: string) {
    this.removals.delete(likeness)
  }

  /**
   * Returns the removals that the watch has not reported in time, once each. Time does not pass for one whose likeness
   * is still being worked on.
   */
  tick(isBusy: (likeness: string) => boolean): ReadonlyArray<string> {
    const late: Array<string> = []
    for (const [likeness, { left, revision }] of this.removals) {
      if (isBusy(likeness)) continue
      if (left > 1) this.removals.set(likeness, { revision, left: left - 1 })
      else {
        this.removals.delete(likeness)
        late.push(likeness)
      }
    }
    return late
  }
}
