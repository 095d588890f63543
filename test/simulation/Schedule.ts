import { seededRandom } from "../../scripts/random.mjs"
import * as SchedulePlan from "./SchedulePlan.js"
import type { Setting, Step } from "./Step.js"
import { connect, login, nameOf, sayingSendOnly, StepWriter } from "./StepWriter.js"
import { bannedAddresses, bursts, commands, junk, lookAlikes, textOf } from "./Vocabulary.js"

export interface Schedule {
  readonly seed: number
  readonly setting: Setting
  readonly steps: ReadonlyArray<Step>
}

/** The schedule of a seed. */
export const make = (seed: number): Schedule => {
  const random = seededRandom(seed)
  const plan = SchedulePlan.make(random)
  const author = new Author(random, plan)
  author.write()
  return { seed, setting: plan.setting, steps: author.steps }
}

/** Writes a schedule scene by scene. */
class Author extends StepWriter {
  write() {
    const { random } = this
    for (let who = 0; who < this.plan.slots; who++) if (random.chance(0.85)) this.arrive(who)
    this.push({ do: "turns", count: 4 })
    for (let left = 5 + random.below(40); left > 0; left--) {
      this.happen(random.pick(this.plan.kinds))
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
      this.happen(random.pick(this.plan.kinds))
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

  private happen(kind: SchedulePlan.Kind) {
    const { random } = this
    const { isLarge } = this.plan
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
    const { random } = this
    const { isLarge } = this.plan
    const sender = (who + 1) % this.plan.slots
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

  /** The operator acts against a client that lines wait for, and that may come back. */
  private operate(who: number) {
    const { random } = this
    const name = textOf(random.chance(0.8) ? nameOf(who) : nameOf(who).toUpperCase())
    const subject = random.chance(0.6) ? `name=${name}` : `address=${random.pick(bannedAddresses)}`
    if (random.chance(0.15)) this.push(connect(who, random), sayingSendOnly(who), login(who))
    if (this.plan.mayHold && !this.plan.isRated && random.chance(0.3))
      this.push({ do: "send", who, bytes: "/hello ack\n" })
    const isBlocked = this.plan.mayHold && random.chance(0.4)
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
}
