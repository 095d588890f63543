import type { seededRandom } from "../../scripts/random.mjs"
import type { TurnBounds } from "../../src/chat/Turn.js"
import type { Setting } from "./Step.js"

export type Random = ReturnType<typeof seededRandom>

/** Kinds of events. Each schedule has some of them, so that these meet often, instead of all of them rarely. */
const kinds = [
  "chat",
  "flood",
  "slow",
  "deaf",
  "trickle",
  "junk",
  "commands",
  "leave",
  "reset",
  "rejoin",
  "twins",
  "lookAlikes",
  "crowd",
  "slowLogin",
  "vanish",
  "pass",
  "clock",
  "stop",
  "shortage",
  "tooLong",
  "acks",
  "burst",
  "operator",
  "sendOnly"
] as const

export type Kind = (typeof kinds)[number]

/** Kinds that leave little room for others. */
const rare: ReadonlyArray<Kind> = [
  "crowd",
  "twins",
  "lookAlikes",
  "slowLogin",
  "clock",
  "stop",
  "shortage",
  "operator",
  "sendOnly"
]

/**
 * Kinds that hold senders, or change the meaning of later lines. With rates, a schedule has one or the other: whether a
 * line that was held is refused cannot be known, and what it means would be unknown as well.
 */
const holding: ReadonlyArray<Kind> = ["slow", "deaf", "trickle", "acks"]
const meaningful: ReadonlyArray<Kind> = ["junk", "commands", "acks"]

/** Queues in which no sender is ever held. */
const ample = { outboxLines: 100_000, outboxBytes: 1e8, maxOutcomes: 100_000, maxMemory: 1e9 }

/** A budget of memory that runs out before any queue is full, and sometimes one that runs out a little later. */
const littleMemory = (random: Random, isLarge: boolean): Partial<Setting> => ({
  maxMemory: isLarge ? 150_000 : random.pick([40_000, 45_000, 60_000, 80_000]),
  ...(random.chance(0.7) ? { outboxLines: 10_000, outboxBytes: 100_000, maxOutcomes: random.pick([50, 10_000]) } : {})
})

/** Bounds of a turn that hardly any input keeps within. */
const smallTurns: ReadonlyArray<TurnBounds> = [
  { work: 2_000, share: 700, flushes: 1 },
  { work: 20_000, share: 2_000, flushes: 2 },
  { work: 100_000, share: 16_384, flushes: 1 }
]

type Rates = Pick<Setting, "rate" | "ratePerAddress" | "burstPerAddress">

const ratesOf = (random: Random): Rates => {
  const rates = { rate: 0, ratePerAddress: 0, burstPerAddress: 1_000 }
  if (random.chance(0.8)) return rates
  return random.pick([
    { ...rates, rate: random.pick([1, 3, 20]) },
    { ...rates, ratePerAddress: random.pick([2, 7, 20]), burstPerAddress: random.pick([3, 12]) },
    { rate: random.pick([3, 20]), ratePerAddress: random.pick([7, 20]), burstPerAddress: random.pick([3, 12]) }
  ])
}

const settingOf = (random: Random, isLarge: boolean, rates: Rates): Setting => ({
  maxConnections: random.pick([4, 8, 50, 50]),
  maxConnectionsPerAddress: random.pick([0, 0, 0, 0, 0, 3]),
  maxLineBytes: isLarge ? 65_536 : 120,
  maxRecipients: 6,
  loginTimeout: 800,
  holdTimeout: 400,
  stallTimeout: random.pick([1_000, 3_000]),
  grace: random.pick([300, 2_000]),
  linger: 500,
  outboxLines: random.pick([2, 8, 64, 10_000]),
  outboxBytes: isLarge ? random.pick([70_000, 300_000]) : random.pick([100, 500, 5_000]),
  maxOutcomes: random.pick([2, 50]),
  maxMemory: 1e9,
  ...rates,
  turnBounds: random.chance(0.25) ? random.pick(smallTurns) : undefined,
  hasProbe: random.chance(0.1)
})

/** What a schedule has: its server, and what its clients may do. */
export interface Plan {
  readonly setting: Setting
  /** Lines and queues of realistic size, so that batches go through the queue. */
  readonly isLarge: boolean
  readonly isRated: boolean
  readonly mayHold: boolean
  /** The number of clients at a time. */
  readonly slots: number
  readonly kinds: ReadonlyArray<Kind>
}

export const make = (random: Random): Plan => {
  const rates = ratesOf(random)
  const isRated = rates.rate + rates.ratePerAddress > 0
  const isLarge = !isRated && random.chance(0.06)
  // What the clients of an address share is known only while none of them is held.
  const mayHold = !isRated || (rates.ratePerAddress === 0 && random.chance(0.3))
  const usual = settingOf(random, isLarge, rates)
  const setting = random.chance(0.18) ? { ...usual, ...littleMemory(random, isLarge) } : usual
  const excluded = isRated ? (mayHold ? meaningful : holding) : ["burst"]
  const possible = kinds.filter((kind) => !excluded.includes(kind))
  const chosen = possible.filter((kind) => kind === "burst" || random.chance(rare.includes(kind) ? 0.15 : 0.5))
  return {
    setting: mayHold ? setting : { ...setting, ...ample },
    isLarge,
    isRated,
    mayHold,
    kinds: chosen.length === 0 ? possible : chosen,
    slots: 2 + random.below(5)
  }
}
