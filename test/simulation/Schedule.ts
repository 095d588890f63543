import { random } from "../support/random.js"
import type { Setting, Step } from "./Step.js"
import { addresses, commands, junk, names } from "./Words.js"

export interface Schedule {
  readonly seed: number
  readonly setting: Setting
  readonly steps: ReadonlyArray<Step>
}

type Chance = ReturnType<typeof random>

/** What may happen; each schedule has some of these, so that few things meet often and not all of them rarely. */
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
  "crowd",
  "slowLogin",
  "pass",
  "shortage",
  "tooLong"
] as const

type Kind = (typeof kinds)[number]

/** What takes room from everything else. */
const rare: ReadonlyArray<Kind> = ["crowd", "twins", "slowLogin", "shortage"]

/** What a client may be refused for its rate: where that could change what its later lines mean, nobody could tell. */
const unrated: ReadonlyArray<Kind> = ["junk", "commands", "deaf"]

const settingOf = (chance: Chance, isLarge: boolean): Setting => ({
  maxConnections: chance.pick([4, 8, 50, 50]),
  maxConnectionsPerAddress: chance.pick([0, 0, 0, 0, 0, 3]),
  maxLineBytes: isLarge ? 65_536 : 120,
  maxRecipients: 6,
  loginTimeout: 800,
  holdTimeout: 400,
  stallTimeout: chance.pick([1_000, 3_000]),
  grace: chance.pick([300, 2_000]),
  linger: 500,
  outboxLines: chance.pick([2, 8, 64, 10_000]),
  outboxBytes: isLarge ? chance.pick([70_000, 300_000]) : chance.pick([100, 500, 5_000]),
  maxOutcomes: chance.pick([2, 50]),
  rate: chance.pick([0, 0, 0, 0, 0, 20]),
  hasProbe: chance.chance(0.1)
})

/** The schedule of a seed. */
export const make = (seed: number): Schedule => {
  const author = new Author(seed)
  author.write()
  return { seed, setting: author.setting, steps: author.steps }
}

/** Writes a schedule, step by step, as its seed has it. */
class Author {
  readonly setting: Setting
  readonly steps: Array<Step> = []
  private readonly chance: Chance
  /** Lines and queues as large as the real ones, where batches go into the queue. */
  private readonly isLarge: boolean
  private readonly slots: number
  private readonly kinds: ReadonlyArray<Kind>

  constructor(seed: number) {
    const chance = random(seed)
    this.chance = chance
    this.isLarge = chance.chance(0.06)
    this.setting = settingOf(chance, this.isLarge)
    const possible = this.setting.rate === 0 ? kinds : kinds.filter((kind) => !unrated.includes(kind))
    const chosen = possible.filter((kind) => chance.chance(rare.includes(kind) ? 0.15 : 0.5))
    this.kinds = chosen.length === 0 ? possible : chosen
    this.slots = 2 + chance.below(5)
  }

  write() {
    const { chance } = this
    for (let who = 0; who < this.slots; who++) if (chance.chance(0.85)) this.arrive(who)
    this.push({ do: "turns", count: 4 })
    for (let left = 5 + chance.below(40); left > 0; left--) {
      this.happen(chance.pick(this.kinds))
      if (chance.chance(0.5)) this.turns(4)
    }
    if (chance.chance(0.4)) this.shutDown()
  }

  private shutDown() {
    const { chance } = this
    const isBusy = chance.chance(0.4)
    if (isBusy) this.drainBusily()
    else this.askForEnd()
    for (let left = chance.below(isBusy ? 3 : 12); left > 0; left--) {
      this.happen(chance.pick(this.kinds))
      if (chance.chance(0.3)) this.turns(3)
      if (chance.chance(0.2)) this.push({ do: "pass", millis: chance.pick([5, 30, 200]) })
      if (chance.chance(0.05)) this.push({ do: "drain", patient: false })
      if (chance.chance(0.05)) this.push({ do: "close" })
    }
    if (chance.chance(0.15)) this.push({ do: "kill" })
  }

  /** While somebody is slow, and is written to, and who writes goes on. */
  private drainBusily() {
    const { chance } = this
    const [talker, slow] = [this.anyone(), this.anyone()]
    this.push({ do: "pace", who: slow, bytes: chance.chance(0.5) ? 0 : this.pace() })
    this.say(talker, chance.pick([1, 5, 30]), [nameOf(slow)])
    this.turns(4)
    this.askForEnd()
    this.push({ do: "pass", millis: chance.pick([1, 100, 200]) })
    this.say(talker, 1)
    this.push({ do: "pass", millis: 20 })
    if (chance.chance(0.7)) this.push({ do: "pace", who: slow, bytes: Infinity })
  }

  private askForEnd() {
    const { chance } = this
    this.push(chance.chance(0.7) ? { do: "drain", patient: chance.chance(0.7) } : { do: "close" })
  }

  private happen(kind: Kind) {
    const { chance, isLarge } = this
    const who = this.anyone()
    switch (kind) {
      case "chat":
        return this.say(who, chance.pick([1, 1, 2, 5]))
      case "flood":
        return this.say(who, isLarge ? 3 + chance.below(8) : 10 + chance.below(60))
      case "slow":
        return this.slow(who)
      case "deaf":
        return this.deaf(who)
      case "trickle":
        return this.push({ do: "grant", who, bytes: this.pace() })
      case "junk":
        return this.push({ do: "send", who, bytes: chance.pick(junk) })
      case "commands":
        return this.push({ do: "send", who, bytes: chance.pick(commands) })
      case "tooLong":
        return this.push({ do: "tooLong", who, labelled: chance.chance(0.5), ends: chance.chance(0.8) })
      case "leave":
        return this.leave(who)
      case "reset":
        this.push({ do: "reset", who, first: this.side(), gap: chance.pick([0, 1, 2, 5]) })
        return this.mayComeAgain(who)
      case "rejoin":
        return this.rejoin(who)
      case "twins": {
        const twin = this.anyone()
        return this.push(connect(who, chance), connect(twin, chance), login(who), login(twin, nameOf(who)))
      }
      case "crowd":
        for (let left = chance.pick([2, 3, 6, 24]); left > 0; left--) this.push(connect(this.anyone(), chance))
        return
      case "slowLogin":
        this.push(connect(who, chance), { do: "send", who, bytes: nameOf(who).slice(0, 1) })
        this.push({ do: "pass", millis: chance.pick([100, 700, 900]) })
        return this.push({ do: "send", who, bytes: `${nameOf(who).slice(1)}\n` })
      case "pass":
        return this.push({ do: "pass", millis: chance.pick([1, 60, 60, 260, 450, 1_100]) })
      case "shortage":
        return this.push(
          chance.chance(0.5)
            ? { do: "failAccept", code: chance.pick(["EMFILE", "ECONNABORTED"]) }
            : { do: "shortage", isShort: chance.chance(0.6) }
        )
    }
  }

  /** A client that does not read, and is written to. */
  private slow(who: number) {
    const { chance } = this
    this.push({ do: "pace", who, bytes: chance.chance(0.7) ? 0 : this.pace() })
    if (chance.chance(0.7)) this.say(this.anyone(), chance.pick([1, 5, 30]), chance.chance(0.7) ? [nameOf(who)] : [])
    this.turns(4)
    if (chance.chance(0.4)) this.push({ do: "pass", millis: chance.pick([100, 500, 1_200, 2_500]) })
    if (chance.chance(0.3)) this.say(this.anyone(), chance.pick([1, 5, 30]), [nameOf(who)])
    if (chance.chance(0.3)) this.push({ do: "grant", who, bytes: this.pace() })
    if (chance.chance(0.3)) this.push({ do: "reset", who, first: this.side(), gap: chance.pick([0, 1, 5]) })
    if (chance.chance(0.4)) this.push({ do: "pace", who, bytes: Infinity })
  }

  /** A client that does not read the answers to what it says, and says more. */
  private deaf(who: number) {
    const { chance } = this
    const isNew = chance.chance(0.3)
    if (isNew) this.push(connect(who, chance))
    this.push({ do: "pace", who, bytes: chance.chance(0.7) ? 0 : this.pace() })
    this.push({
      do: "send",
      who,
      bytes: chance.pick(["/help\n", "no colon\n", "nobody: hi\n"]).repeat(3 + chance.below(30))
    })
    if (isNew) this.push(login(who))
    this.say(who, chance.pick([1, 5, 30]))
    this.turns(4)
    if (chance.chance(0.3)) this.push({ do: "reset", who, first: this.side(), gap: chance.pick([0, 1, 5]) })
    if (chance.chance(0.4)) this.push({ do: "pass", millis: chance.pick([100, 500, 1_200]) })
    if (chance.chance(0.4)) this.push({ do: "pace", who, bytes: Infinity })
  }

  private leave(who: number) {
    const { chance } = this
    // Refused for its rate, a `/quit` would be none.
    const isEnd = chance.chance(0.6) || this.setting.rate > 0
    this.push(isEnd ? { do: "end", who } : { do: "send", who, bytes: chance.pick(["/quit\n", "@q /quit\n"]) })
    if (chance.chance(0.3)) this.say(who, 2)
    this.mayComeAgain(who)
  }

  /** Comes again while one side of its old connection is still seen to live. */
  private rejoin(who: number) {
    const { chance } = this
    this.say(this.anyone(), chance.pick([1, 3, 20]))
    this.turns(1)
    this.push({ do: "reset", who, first: this.side(), gap: chance.pick([1, 3, 8]) })
    this.turns(3)
    this.arrive(who)
    this.turns(2)
    this.say(this.anyone(), 2)
  }

  private mayComeAgain(who: number) {
    if (this.chance.chance(0.4)) return
    this.turns(3)
    this.arrive(who)
  }

  private arrive(who: number) {
    this.push(connect(who, this.chance), login(who))
    if (this.chance.chance(0.5)) this.push({ do: "send", who, bytes: "/hello\n" })
  }

  /** To the given names, or to some. */
  private say(who: number, count: number, to: ReadonlyArray<string> = []) {
    const { chance, isLarge } = this
    this.push({
      do: "say",
      who,
      to: to.length > 0 ? to : this.recipients(),
      count,
      size: isLarge ? chance.pick([100, 9_000, 30_000, 60_000]) : chance.pick([0, 5, 30, 80]),
      labelled: chance.chance(0.4),
      dress: chance.below(6)
    })
  }

  private recipients(): ReadonlyArray<string> {
    const { chance } = this
    return Array.from({ length: chance.pick([1, 1, 1, 2, 3, 5]) }, () =>
      chance.chance(0.85) ? nameOf(this.anyone()) : chance.pick(addresses)
    )
  }

  private turns(most: number) {
    this.push({ do: "turns", count: this.chance.below(most + 1) })
  }

  private anyone() {
    return this.chance.below(this.slots)
  }

  private side() {
    return this.chance.pick(["read", "write"] as const)
  }

  private pace() {
    return this.chance.pick(this.isLarge ? [1_000, 20_000, 100_000] : [1, 7, 60, 400])
  }

  private push(...steps: ReadonlyArray<Step>) {
    this.steps.push(...steps)
  }
}

const nameOf = (who: number) => names[who] ?? "dee"

const login = (who: number, name = nameOf(who)): Step => ({ do: "send", who, bytes: `${name}\n` })

const connect = (who: number, chance: Chance): Step => ({
  do: "connect",
  who,
  host: chance.below(3),
  cut: chance.pick([1, 3, 20, 65_536, 65_536, 65_536]),
  polite: chance.chance(0.8)
})
