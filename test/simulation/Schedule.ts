import { seededRandom } from "../../scripts/random.mjs"
import type { TurnBounds } from "../../src/chat/Turn.js"
import type { Setting, Step } from "./Step.js"
import { addresses, bannedAddresses, bursts, commands, junk, lookAlikes, names, textOf } from "./Vocabulary.js"

export interface Schedule {
  readonly seed: number
  readonly setting: Setting
  readonly steps: ReadonlyArray<Step>
}

type Random = ReturnType<typeof seededRandom>

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

type Kind = (typeof kinds)[number]

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
 * Kinds that hold senders, or change the meaning of later lines. With rates, a schedule has one or the other: whether a line
 * that was held is refused cannot be known, and what it means would be unknown as well.
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

/** The schedule of a seed. */
export const make = (seed: number): Schedule => {
  const author = new Author(seed)
  author.write()
  return { seed, setting: author.setting, steps: author.steps }
}

/** Writes a schedule step by step from its seed. */
class Author {
  readonly setting: Setting
  readonly steps: Array<Step> = []
  private readonly random: Random
  /** Lines and queues of realistic size, so that batches go through the queue. */
  private readonly isLarge: boolean
  private readonly isRated: boolean
  private readonly mayHold: boolean
  private readonly slots: number
  private readonly kinds: ReadonlyArray<Kind>

  constructor(seed: number) {
    const random = seededRandom(seed)
    this.random = random
    const rates = ratesOf(random)
    this.isRated = rates.rate + rates.ratePerAddress > 0
    this.isLarge = !this.isRated && random.chance(0.06)
    // What the clients of an address share is known only while none of them is held.
    this.mayHold = !this.isRated || (rates.ratePerAddress === 0 && random.chance(0.3))
    const usual = settingOf(random, this.isLarge, rates)
    const setting = random.chance(0.18) ? { ...usual, ...littleMemory(random, this.isLarge) } : usual
    this.setting = this.mayHold ? setting : { ...setting, ...ample }
    const excluded = this.isRated ? (this.mayHold ? meaningful : holding) : ["burst"]
    const possible = kinds.filter((kind) => !excluded.includes(kind))
    const chosen = possible.filter((kind) => kind === "burst" || random.chance(rare.includes(kind) ? 0.15 : 0.5))
    this.kinds = chosen.length === 0 ? possible : chosen
    this.slots = 2 + random.below(5)
  }

  write() {
    const { random } = this
    for (let who = 0; who < this.slots; who++) if (random.chance(0.85)) this.arrive(who)
    this.push({ do: "turns", count: 4 })
    for (let left = 5 + random.below(40); left > 0; left--) {
      this.happen(random.pick(this.kinds))
      if (random.chance(0.5)) this.turns(4)
    }
    if (random.chance(0.4)) this.shutDown()
  }

  private shutDown() {
    const { random } = this
    const isBusy = random.chance(0.4)
    if (isBusy) this.drainBusily()
    else this.askForEnd()
    for (let left = random.below(isBusy ? 3 : 12); left > 0; left--) {
      this.happen(random.pick(this.kinds))
      if (random.chance(0.3)) this.turns(3)
      if (random.chance(0.2)) this.push({ do: "pass", millis: random.pick([5, 30, 200]) })
      if (random.chance(0.05)) this.push({ do: "drain", patient: false })
      if (random.chance(0.05)) this.push({ do: "close" })
    }
    if (random.chance(0.15)) this.push({ do: "kill" })
  }

  /** Clients write to a slow one, and continue. */
  private drainBusily() {
    const { random } = this
    const [talker, slow] = [this.anyone(), this.anyone()]
    this.push({ do: "pace", who: slow, bytes: random.chance(0.5) ? 0 : this.pace() })
    this.say(talker, random.pick([1, 5, 30]), [nameOf(slow)])
    this.turns(4)
    this.askForEnd()
    this.push({ do: "pass", millis: random.pick([1, 100, 200]) })
    this.say(talker, 1)
    this.push({ do: "pass", millis: 20 })
    if (random.chance(0.7)) this.push({ do: "pace", who: slow, bytes: Infinity })
  }

  private askForEnd() {
    const { random } = this
    this.push(random.chance(0.7) ? { do: "drain", patient: random.chance(0.7) } : { do: "close" })
  }

  private happen(kind: Kind) {
    const { random, isLarge } = this
    const who = this.anyone()
    switch (kind) {
      case "chat":
        return this.say(who, random.pick([1, 1, 2, 5]))
      case "flood":
        return this.say(who, isLarge ? 3 + random.below(8) : 10 + random.below(60))
      case "slow":
        return this.slow(who)
      case "deaf":
        return this.deaf(who)
      case "trickle":
        return this.push({ do: "grant", who, bytes: this.pace() })
      case "junk":
        return this.push({ do: "send", who, bytes: random.pick(junk) })
      case "commands":
        return this.push({ do: "send", who, bytes: random.pick(commands) })
      case "tooLong":
        return this.push({ do: "tooLong", who, labelled: random.chance(0.5), ends: random.chance(0.8) })
      case "acks":
        return this.acks(who)
      case "burst":
        return this.burst(who)
      case "operator":
        return this.operate(who)
      case "sendOnly":
        return this.sendOnly(who)
      case "leave":
        return this.leave(who)
      case "reset":
        this.push({ do: "reset", who, first: this.side(), gap: random.pick([0, 1, 2, 5]) })
        return this.mayComeAgain(who)
      case "rejoin":
        return this.rejoin(who)
      case "twins": {
        const twin = this.anyone()
        return this.push(connect(who, random), connect(twin, random), login(who), login(twin, nameOf(who)))
      }
      case "lookAlikes":
        return this.lookAlikes(who)
      case "crowd":
        for (let left = random.pick([2, 3, 6, 24]); left > 0; left--) this.push(connect(this.anyone(), random))
        return
      case "slowLogin":
        this.push(connect(who, random), { do: "send", who, bytes: nameOf(who).slice(0, 1) })
        this.push({ do: "pass", millis: random.pick([100, 700, 900]) })
        return this.push({ do: "send", who, bytes: `${nameOf(who).slice(1)}\n` })
      case "pass":
        return this.push({ do: "pass", millis: random.pick([1, 60, 60, 260, 450, 1_100]) })
      case "vanish":
        return this.vanish(who)
      case "clock":
        return this.push({ do: "setClock", millis: random.pick([-3_600_000, -500, 500, 3_600_000]) })
      case "stop":
        return this.push({
          do: "stop",
          millis: random.pick([300, 2_500, 60_000]),
          during: random.pick(["poll", "timers"])
        })
      case "shortage":
        return this.push(
          random.chance(0.5)
            ? { do: "failAccept", code: random.pick(["EMFILE", "ECONNABORTED"]) }
            : { do: "shortage", isShort: random.chance(0.6) }
        )
    }
  }

  /** A client that acknowledges: in time, late, in parts, wrongly or never. */
  private acks(who: number) {
    const { random } = this
    if (random.chance(0.5)) this.push({ do: "send", who, bytes: "/hello ack\n" })
    if (random.chance(0.2)) return this.floodEachOther(who, this.anyone())
    if (random.chance(0.7)) this.say(this.anyone(), random.pick([1, 1, 5, 30]), [nameOf(who)])
    this.turns(4)
    if (random.chance(0.2)) this.push({ do: "pass", millis: random.pick([100, 500, 1_200, 3_500]) })
    if (random.chance(0.1)) return this.breakWhileReading(who)
    for (let left = random.below(3); left > 0; left--) {
      this.acknowledge(who)
      this.turns(3)
    }
    if (random.chance(0.1)) this.push({ do: "send", who, bytes: "/quit\n" })
    if (random.chance(0.1)) this.push({ do: "end", who })
    if (random.chance(0.3)) this.push({ do: "acknowledge", who, which: "all" })
  }

  /** A client that acknowledges what it has read so far of a write, and breaks. */
  private breakWhileReading(who: number) {
    const { random, isLarge } = this
    const sender = (who + 1) % this.slots
    for (const one of [who, sender]) this.push({ do: "reset", who: one, first: this.side(), gap: 0 })
    this.push({ do: "turns", count: 6 })
    this.push({ ...connect(who, random), opaque: true }, login(who), { do: "send", who, bytes: "/hello ack\n" })
    this.push({ ...connect(sender, random), cut: 65_536 }, login(sender))
    this.push({ do: "turns", count: 6 }, { do: "pace", who, bytes: 0 })
    this.say(sender, random.pick([5, 30]), [nameOf(who)])
    this.push({ do: "turns", count: 6 })
    for (let left = 2 + random.below(3); left > 0; left--) {
      this.push({ do: "grant", who, bytes: random.pick(isLarge ? [70_000, 100_000] : [60, 150, 400]) })
      this.push({ do: "turns", count: 2 })
    }
    this.acknowledge(who)
    this.push({ do: "turns", count: random.pick([1, 8, 8]) })
    this.push({ do: "reset", who, first: this.side(), gap: random.pick([0, 1, 5]) })
    this.mayComeAgain(who)
  }

  /** The operator acts against a client that lines wait for, and that may come again. */
  private operate(who: number) {
    const { random } = this
    const name = textOf(random.chance(0.8) ? nameOf(who) : nameOf(who).toUpperCase())
    const subject = random.chance(0.6) ? `name=${name}` : `address=${random.pick(bannedAddresses)}`
    if (random.chance(0.15)) this.push(connect(who, random), sayingSendOnly(who), login(who))
    if (this.mayHold && !this.isRated && random.chance(0.3)) this.push({ do: "send", who, bytes: "/hello ack\n" })
    const isBlocked = this.mayHold && random.chance(0.4)
    if (isBlocked) this.push({ do: "pace", who, bytes: random.chance(0.7) ? 0 : this.pace() })
    if (isBlocked || random.chance(0.5)) this.say(this.anyone(), random.pick([1, 5, 30]), [nameOf(who)])
    if (isBlocked) this.turns(6)
    if (isBlocked) this.say(this.anyone(), random.pick([1, 5]), [nameOf(who)])
    if (random.chance(0.3)) this.say(who, random.pick([1, 5]))
    this.turns(4)
    const act = random.pick(["kick", "kick", "ban", "ban", "unban"] as const)
    if (act === "kick") this.push({ do: "kick", name })
    if (act === "ban") this.push({ do: "ban", subject, millis: random.pick([100, 600, 2_500, Infinity]) })
    if (act === "unban") this.push({ do: "unban", subject })
    if (random.chance(0.3)) this.say(who, 2)
    this.turns(4)
    if (random.chance(0.6)) this.arrive(who)
    if (random.chance(0.3)) this.push({ do: "pass", millis: random.pick([50, 99, 101, 601, 1_100]) })
    if (act === "ban" && random.chance(0.5)) this.push({ do: "unban", subject })
    this.turns(3)
    if (random.chance(0.5)) this.arrive(who)
  }

  /** A client that only sends, and others that want its name or write to it. */
  private sendOnly(who: number) {
    const { random } = this
    this.push(connect(who, random), sayingSendOnly(who), login(who))
    this.turns(3)
    this.say(who, random.pick([1, 2, 5]))
    const other = this.anyone()
    if (random.chance(0.4)) {
      const name = random.chance(0.7) ? nameOf(who) : nameOf(who).toUpperCase()
      const word = random.pick(["/hello send-only\n", "/hello send-only\n", "/hello\n", ""])
      this.push(connect(other, random), { do: "send", who: other, bytes: word }, login(other, name))
    } else this.say(other, random.pick([1, 5]), [nameOf(who), nameOf(other)])
    this.turns(3)
    if (random.chance(0.5)) this.push({ do: "send", who: this.anyone(), bytes: "/who\n" })
    if (random.chance(0.3)) this.leave(who)
  }

  /** Two clients that both acknowledge only after they have sent everything. */
  private floodEachOther(one: number, other: number) {
    const { random } = this
    for (const who of [one, other]) this.push({ do: "send", who, bytes: "/hello ack\n" })
    this.turns(6)
    this.say(one, random.pick([5, 30, 60]), [nameOf(other)])
    this.say(other, random.pick([5, 30, 60]), [nameOf(one)])
    for (let left = random.below(6); left > 0; left--) {
      this.turns(4)
      this.acknowledge(one)
      this.acknowledge(other)
    }
  }

  private acknowledge(who: number) {
    const which = this.random.pick(["all", "all", "half", "next", "tooMany"] as const)
    this.push({ do: "acknowledge", who, which })
  }

  /** Lines of one kind, faster than a rate allows, and some of them again when it allows one more. */
  private burst(who: number) {
    const { random } = this
    const line = random.pick(bursts)
    this.push({ do: "send", who, bytes: line.repeat(random.pick([1, 2, 5, 30])) })
    this.turns(2)
    if (random.chance(0.7)) this.push({ do: "pass", millis: random.pick([1, 49, 50, 51, 142, 333, 334, 1_000]) })
    if (random.chance(0.5)) this.push({ do: "send", who, bytes: line.repeat(2) })
  }

  /** Two clients with names that look the same, and lines to such names. */
  private lookAlikes(who: number) {
    const { random } = this
    const group = random.pick(lookAlikes)
    for (const one of [who, this.anyone()]) {
      this.push(connect(one, random), login(one, random.pick(group)))
      this.turns(2)
    }
    this.say(this.anyone(), random.pick([1, 3]), [random.pick(group), random.pick(group)])
  }

  /** A client that does not read, and is written to. */
  private slow(who: number) {
    const { random } = this
    this.push({ do: "pace", who, bytes: random.chance(0.7) ? 0 : this.pace() })
    if (random.chance(0.7)) this.say(this.anyone(), random.pick([1, 5, 30]), random.chance(0.7) ? [nameOf(who)] : [])
    this.turns(4)
    if (random.chance(0.4)) this.push({ do: "pass", millis: random.pick([100, 500, 1_200, 2_500]) })
    if (random.chance(0.3)) this.say(this.anyone(), random.pick([1, 5, 30]), [nameOf(who)])
    if (random.chance(0.3)) this.push({ do: "grant", who, bytes: this.pace() })
    if (random.chance(0.3)) this.push({ do: "reset", who, first: this.side(), gap: random.pick([0, 1, 5]) })
    if (random.chance(0.4)) this.push({ do: "pace", who, bytes: Infinity })
  }

  /** A client that does not read its answers, and sends more. */
  private deaf(who: number) {
    const { random } = this
    const isNew = random.chance(0.3)
    if (isNew) this.push(connect(who, random))
    this.push({ do: "pace", who, bytes: random.chance(0.7) ? 0 : this.pace() })
    this.push({
      do: "send",
      who,
      bytes: random.pick(["/help\n", "no colon\n", "nobody: hi\n"]).repeat(3 + random.below(30))
    })
    if (isNew) this.push(login(who))
    this.say(who, random.pick([1, 5, 30]))
    this.turns(4)
    if (random.chance(0.3)) this.push({ do: "reset", who, first: this.side(), gap: random.pick([0, 1, 5]) })
    if (random.chance(0.4)) this.push({ do: "pass", millis: random.pick([100, 500, 1_200]) })
    if (random.chance(0.4)) this.push({ do: "pace", who, bytes: Infinity })
  }

  /** A client whose kernel is silent, and that is written to. */
  private vanish(who: number) {
    const { random } = this
    this.push({ do: "vanish", who, isAlive: random.chance(0.2) })
    if (random.chance(0.8)) this.say(this.anyone(), random.pick([1, 2, 5]), [nameOf(who)])
    this.turns(4)
    if (random.chance(0.6)) this.push({ do: "pass", millis: random.pick([300, 900, 1_600, 4_000]) })
    if (random.chance(0.3)) this.say(this.anyone(), 1, [nameOf(who)])
    if (random.chance(0.4)) this.push({ do: "comeBack", who })
    if (random.chance(0.3)) this.push({ do: "pass", millis: random.pick([900, 1_600, 4_000]) })
  }

  private leave(who: number) {
    const { random } = this
    const isEnd = random.chance(0.6) || (this.isRated && this.mayHold)
    this.push(isEnd ? { do: "end", who } : { do: "send", who, bytes: random.pick(["/quit\n", "@q /quit\n"]) })
    if (random.chance(0.3)) this.say(who, 2)
    this.mayComeAgain(who)
  }

  /** Reconnects while one side of its old connection still looks alive. */
  private rejoin(who: number) {
    const { random } = this
    this.say(this.anyone(), random.pick([1, 3, 20]))
    this.turns(1)
    this.push({ do: "reset", who, first: this.side(), gap: random.pick([1, 3, 8]) })
    this.turns(3)
    this.arrive(who)
    this.turns(2)
    this.say(this.anyone(), 2)
  }

  private mayComeAgain(who: number) {
    if (this.random.chance(0.4)) return
    this.turns(3)
    this.arrive(who)
  }

  private arrive(who: number) {
    this.push(connect(who, this.random), login(who))
    const isAcknowledging = this.kinds.includes("acks") && this.random.chance(0.5)
    if (this.random.chance(0.5)) this.push({ do: "send", who, bytes: isAcknowledging ? "/hello ack\n" : "/hello\n" })
  }

  /** To the given names, or to random ones. */
  private say(who: number, count: number, to: ReadonlyArray<string> = []) {
    const { random, isLarge } = this
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

  private recipients(): ReadonlyArray<string> {
    const { random } = this
    return Array.from({ length: random.pick([1, 1, 1, 2, 3, 5]) }, () =>
      random.chance(0.85) ? nameOf(this.anyone()) : random.pick(addresses)
    )
  }

  private turns(most: number) {
    this.push({ do: "turns", count: this.random.below(most + 1) })
  }

  private anyone() {
    return this.random.below(this.slots)
  }

  private side() {
    return this.random.pick(["read", "write"] as const)
  }

  private pace() {
    return this.random.pick(this.isLarge ? [1_000, 20_000, 100_000] : [1, 7, 60, 400])
  }

  private push(...steps: ReadonlyArray<Step>) {
    for (const step of steps) {
      this.steps.push(step)
      // Mostly one after the other: where several compete for an allowance, who gets it is not promised.
      const isInput = step.do === "send" || step.do === "say" || step.do === "tooLong"
      if (isInput && this.setting.ratePerAddress > 0 && this.random.chance(0.9)) this.turns(6)
    }
  }
}

const nameOf = (who: number) => names[who] ?? "dee"

const login = (who: number, name = nameOf(who)): Step => ({ do: "send", who, bytes: `${name}\n` })

const sayingSendOnly = (who: number): Step => ({ do: "send", who, bytes: "/hello send-only\n" })

const connect = (who: number, random: Random): Extract<Step, { do: "connect" }> => ({
  do: "connect",
  who,
  host: random.below(3),
  cut: random.pick([1, 3, 20, 65_536, 65_536, 65_536]),
  polite: random.chance(0.8),
  opaque: random.chance(0.3)
})
