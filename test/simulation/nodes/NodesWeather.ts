import type { Random } from "../../../scripts/random.mjs"
import { calm, term, type Weather } from "./NodesSchedule.js"

/** A late request comes this late at most: then nothing that the faults left is on its way any more. */
export const latestRequest = 3 * term

/** Some come later than they are waited for. */
const latestAnswer = 250

/** What happens to frames and to requests on their way. */
export class NodesWeather {
  now: Weather = calm
  frames = 0
  requests = 0

  /**
   * @param occurred counts what happened
   * @param hindered a node is not answered at once
   */
  constructor(
    private readonly random: Random,
    private readonly occurred: (what: string) => void,
    private readonly hindered: (node: string) => void
  ) {}

  merges(): boolean {
    const isMerged = this.random.below(2) === 0
    if (isMerged) this.occurred("merged changes")
    return isMerged
  }

  carry(): ReadonlyArray<number> {
    this.frames += 1
    const { late, latest, lost, twice } = this.now
    const copy = () => {
      if (!this.random.chance(late)) return this.random.below(3)
      this.occurred("late frames")
      return this.random.below(latest)
    }
    if (this.random.chance(lost)) {
      this.occurred("lost frames")
      return []
    }
    return this.random.chance(twice) ? [copy(), copy()] : [copy()]
  }

  request(name: string) {
    this.requests += 1
    const { lateAnswer, lateRequest, lostAnswer } = this.now
    const isLate = this.random.chance(lateRequest)
    const isLost = this.random.chance(lostAnswer)
    const isLateAnswer = lateAnswer > 0 && this.random.chance(lateAnswer)
    if (isLate) this.occurred("late requests")
    if (isLost) this.occurred("lost answers")
    if (isLateAnswer) this.occurred("late answers")
    if (isLate || isLost || isLateAnswer) this.hindered(name)
    return {
      arrives: isLate ? this.random.below(latestRequest) : this.random.below(4),
      answers: isLost ? undefined : this.random.below(isLateAnswer ? latestAnswer : 4)
    }
  }
}
