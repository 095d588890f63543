import type { Plan, Random } from "./SchedulePlan.js"
import type { Step } from "./Step.js"
import { addresses, names } from "./Vocabulary.js"

/** What clients do in one step or a few, from which `Schedule` makes its scenes. */
export class StepWriter {
  readonly steps: Array<Step> = []

  constructor(
    protected readonly random: Random,
    protected readonly plan: Plan
  ) {}

  protected leave(who: number) {
    const { random } = this
    const isEnd = random.chance(0.6) || (this.plan.isRated && this.plan.mayHold)
    this.push(isEnd ? { do: "end", who } : { do: "send", who, bytes: random.pick(["/quit\n", "@q /quit\n"]) })
    if (random.chance(0.3)) this.say(who, 2)
    this.mayComeAgain(who)
  }

  protected mayComeAgain(who: number) {
    if (this.random.chance(0.4)) return
    this.turns(3)
    this.arrive(who)
  }

  protected arrive(who: number) {
    this.push(connect(who, this.random), login(who))
    const isAcknowledging = this.plan.kinds.includes("acks") && this.random.chance(0.5)
    if (this.random.chance(0.5)) this.push({ do: "send", who, bytes: isAcknowledging ? "/hello ack\n" : "/hello\n" })
  }

  /** To the given names, or to random ones. */
  protected say(who: number, count: number, to: ReadonlyArray<string> = []) {
    const { random } = this
    const { isLarge } = this.plan
    this.push({
      do: "say",
      who,
      to: to.length > 0 ? to : this.recipients(),
      count,
      size: isLarge ? random.pick([100, 9_000, 30_000, 60_000]) : random.pick([0, 5, 30, 80]),
      labelled: random.chance(0.4),
      dress: random.below(6)
    })
  }

  protected recipients(): ReadonlyArray<string> {
    const { random } = this
    return Array.from({ length: random.pick([1, 1, 1, 2, 3, 5]) }, () =>
      random.chance(0.85) ? nameOf(this.anyone()) : random.pick(addresses)
    )
  }

  protected turns(most: number) {
    this.push({ do: "turns", count: this.random.below(most + 1) })
  }

  protected anyone() {
    return this.random.below(this.plan.slots)
  }

  protected side() {
    return this.random.pick(["read", "write"] as const)
  }

  protected pace() {
    return this.random.pick(this.plan.isLarge ? [1_000, 20_000, 100_000] : [1, 7, 60, 400])
  }

  protected push(...steps: ReadonlyArray<Step>) {
    for (const step of steps) {
      this.steps.push(step)
      // Mostly one after the other: where several compete for an allowance, who gets it is not promised.
      const isInput = step.do === "send" || step.do === "say" || step.do === "tooLong"
      if (isInput && this.plan.setting.ratePerAddress > 0 && this.random.chance(0.9)) this.turns(6)
    }
  }
}

export const nameOf = (who: number) => names[who] ?? "dee"

export const login = (who: number, name = nameOf(who)): Step => ({ do: "send", who, bytes: `${name}\n` })

export const sayingSendOnly = (who: number): Step => ({ do: "send", who, bytes: "/hello send-only\n" })

export const connect = (who: number, random: Random): Extract<Step, { do: "connect" }> => ({
  do: "connect",
  who,
  host: random.below(3),
  cut: random.pick([1, 3, 20, 65_536, 65_536, 65_536]),
  polite: random.chance(0.8),
  opaque: random.chance(0.3)
})
