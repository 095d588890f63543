import { type Random, seededRandom } from "../../../scripts/random.mjs"
import { accounts, bystander, clients, password, rooms } from "./Clients.js"
import { RoomEvents, roomKinds } from "./RoomEvents.js"
import type { StoreSetting, StoreStep } from "./StoreStep.js"

/** The plan of a run with a store: plain data, made from a seed alone. */
export interface StoreSchedule {
  readonly seed: number
  readonly setting: StoreSetting
  readonly acts: ReadonlyArray<StoreStep>
}

const firstGuest = clients.findIndex(({ device }) => device === undefined)

/** Kinds of events. Each schedule has some of them, so that these meet often. */
const kinds = [
  "chat",
  "flood",
  "come",
  "leave",
  "slow",
  "acks",
  "again",
  "pass",
  "age",
  "disk",
  "fail",
  "crash",
  "restart",
  "register",
  "devices",
  "remove"
] as const

type Kind = (typeof kinds)[number]

/** Kinds that are in few schedules, because they leave little room for others. */
const rare: ReadonlyArray<Kind> = ["age", "restart", "remove", "register", "devices"]

const settingOf = (random: Random, isLarge: boolean): StoreSetting => ({
  holdTimeout: 400,
  stallTimeout: random.pick([1_000, 3_000]),
  grace: random.pick([300, 2_000]),
  outboxLines: random.pick([2, 64, 10_000]),
  outboxBytes: isLarge ? 300_000 : random.pick([200, 5_000, 100_000]),
  maxOutcomes: random.pick([2, 50, 10_000]),
  maxDevices: random.pick([2, 20]),
  turnBounds: random.chance(0.2) ? random.pick([{ work: 2_000, share: 700, flushes: 1 }]) : undefined,
  keep: random.pick([70_000, 70_000, 1e9]),
  keepLines: random.pick([5, 20, 10_000]),
  keepBytes: isLarge ? 1e9 : random.pick([2_000, 1e9, 1e9]),
  unreadLines: random.pick([3, 30, 1_000]),
  unreadBytes: isLarge ? 1e9 : random.pick([1_500, 1e9, 1e9])
})

/** The schedule of a seed. */
export const make = (seed: number): StoreSchedule => {
  const author = new Author(seed)
  author.write()
  return { seed, setting: author.setting, acts: author.acts }
}

class Author {
  readonly setting: StoreSetting
  readonly acts: Array<StoreStep> = []
  private readonly random: Random
  /** Lines of which some thousand bytes wait, so that a device is fed in several pages. */
  private readonly isLarge: boolean
  private readonly kinds: ReadonlyArray<Kind>
  /** Whether clients are in rooms. */
  private readonly hasRooms: boolean
  private readonly roomEvents: RoomEvents

  constructor(seed: number) {
    const random = seededRandom(seed)
    this.random = random
    this.isLarge = random.chance(0.06)
    this.setting = settingOf(random, this.isLarge)
    const chosen = kinds.filter((kind) => random.chance(rare.includes(kind) ? 0.2 : 0.6))
    this.kinds = chosen.length === 0 ? kinds : chosen
    this.hasRooms = seed % 2 === 1
    const { isLarge } = this
    this.roomEvents = new RoomEvents(
      {
        isLarge,
        push: (...steps) => this.push(...steps),
        turns: (most) => this.turns(most),
        come: (who) => this.come(who),
        say: (...what) => this.say(...what)
      },
      random
    )
  }

  write() {
    const { random } = this
    clients.forEach((_, who) => {
      if (random.chance(0.7)) this.come(who)
    })
    this.turns(20)
    for (let left = 5 + random.below(30); left > 0; left--) {
      if (this.hasRooms && random.chance(0.6)) this.roomEvents.happen(random.pick(roomKinds))
      else this.happen(random.pick(this.kinds))
      this.turns(6)
    }
  }

  private happen(kind: Kind) {
    const { random } = this
    const who = this.anyone()
    switch (kind) {
      case "chat":
        return this.say(who, random.pick([1, 1, 2, 5]))
      case "flood":
        return this.say(who, this.isLarge ? random.pick([40, 700]) : random.pick([20, 60]))
      case "come":
        return this.come(who)
      case "leave":
        return this.leave(who)
      case "slow":
        return this.slow(who)
      case "acks":
        for (let left = random.pick([1, 3]); left > 0; left--) this.acknowledge()
        return
      case "again":
        return this.again(random.below(firstGuest))
      case "pass":
        return this.push({ do: "pass", millis: random.pick([1, 60, 450, 1_100, 3_100]) })
      case "age":
        return this.age()
      case "disk":
        return this.disk()
      case "fail":
        return this.push({ do: "fail", count: random.pick([1, 1, 3]), reason: random.pick(["unavailable", "full"]) })
      case "crash":
        return this.crash()
      case "restart":
        this.push({ do: "restart" })
        return this.everybody()
      case "register":
        return this.register()
      case "devices":
        return this.push({ do: "command", who, line: random.pick(["/devices", "/forget phone", "/token tablet"]) })
      case "remove":
        return this.remove()
    }
  }

  /** Lines wait for an account, or for one of its devices, until they are too old or too many. */
  private age() {
    const { random } = this
    const name = random.pick(accounts)
    const isAlone = random.chance(0.5)
    clients.forEach((client, who) => {
      if (client.name === name && (isAlone || random.chance(0.5))) this.push({ do: "end", who })
    })
    this.turns(10)
    for (let left = random.pick([1, 3]); left > 0; left--)
      this.say(this.anyone(), random.pick([1, 5, 20]), false, [name])
    this.turns(20)
    this.push({ do: "pass", millis: random.pick([61_000, 130_000]) })
    if (random.chance(0.7)) this.everybody()
  }

  private remove() {
    const { random } = this
    const name = random.pick(accounts)
    if (random.chance(0.5)) this.push({ do: "speed", before: 3, after: 12, millis: 0 })
    if (random.chance(0.7)) this.say(this.anyone(), random.pick([5, 20]), true, [name])
    this.turns(8)
    this.push({ do: "remove", name })
    this.turns(8)
    this.say(this.anyone(), 2, true, [name])
  }

  /** Clients write, something may be on its way to the store, and the process is killed. */
  private crash() {
    const { random } = this
    if (random.chance(0.4))
      this.push({ do: "speed", before: random.pick([0, 3]), after: random.pick([3, 12]), millis: 0 })
    if (random.chance(0.7)) this.say(this.anyone(), random.pick([1, 5, 20]))
    if (random.chance(0.4)) this.acknowledge()
    this.push({ do: "turns", count: random.below(18) })
    this.push({ do: "crash", downMillis: random.pick([0, 0, 50]) })
    this.everybody()
  }

  private everybody() {
    this.push({ do: "turns", count: this.random.pick([4, 30]) })
    clients.forEach((_, who) => {
      if (this.random.chance(0.7)) this.come(who)
    })
    this.turns(20)
  }

  private disk() {
    const { random } = this
    if (random.chance(0.5)) {
      return this.push({
        do: "speed",
        before: random.pick([0, 3, 12]),
        after: random.pick([0, 3, 12]),
        millis: random.pick([0, 0, 3, 300])
      })
    }
    this.push({ do: "disk", is: random.pick(["stuck", "stuck", "full", "damaged", "unavailable"]) })
    if (random.chance(0.7)) this.say(this.anyone(), random.pick([1, 5, 20]))
    this.push({ do: "pass", millis: random.pick([1, 100, 500, 1_500]) })
    if (random.chance(0.3)) this.say(this.anyone(), random.pick([1, 5, 20]))
    if (random.chance(0.8)) this.push({ do: "disk", is: "ok" })
  }

  private again(who: number) {
    const { random } = this
    if (random.chance(0.7)) {
      this.come(who, ["once"])
      this.turns(10)
      this.say(who, random.pick([1, 5]), true)
      this.turns(10)
      if (random.chance(0.3)) this.push({ do: "crash", downMillis: 0 }, { do: "turns", count: 20 })
      this.come(who, ["once"])
      this.turns(10)
    }
    this.push({ do: "again", who, altered: random.chance(0.35) })
  }

  private register() {
    const who = clients.findIndex(({ registers }) => registers)
    this.come(who)
    this.turns(6)
    this.say(this.anyone(), 2)
    this.push({ do: "command", who, line: `/register ${password}` })
    this.turns(6)
    this.say(this.anyone(), 2)
  }

  /** A device that stops taking what it is given, or takes it little by little. */
  private slow(who: number) {
    const { random } = this
    this.push({ do: "pace", who, bytes: random.pick([0, 0, 7, 60]) })
    if (random.chance(0.7)) this.say(this.anyone(), random.pick([1, 5, 20]))
    this.turns(8)
    if (random.chance(0.4)) this.push({ do: "grant", who, bytes: random.pick([30, 200, 70_000]) })
    if (random.chance(0.3)) this.come(who)
    if (random.chance(0.5)) this.push({ do: "pace", who, bytes: Infinity })
  }

  private leave(who: number) {
    const { random } = this
    const how = random.below(3)
    if (how === 0) this.push({ do: "end", who })
    else if (how === 1) this.push({ do: "command", who, line: "/quit" })
    else this.push({ do: "reset", who, first: random.pick(["read", "write"]), gap: random.pick([0, 1, 5]) })
    if (random.chance(0.4)) return
    this.turns(6)
    this.come(who)
  }

  private acknowledge() {
    this.push({ do: "acknowledge", who: this.anyone(), which: this.random.pick(["all", "all", "half", "next"]) })
  }

  private come(who: number, more: ReadonlyArray<string> = []) {
    const { random } = this
    const isDevice = clients[who]?.device !== undefined && clients[who]?.registers === undefined
    const some = (word: string, chance: number) => (random.chance(chance) ? [word] : [])
    const words = [
      ...(isDevice ? some("ack", 0.6) : []),
      // A text is stored twice if its label was gone. Only its number says then which of the two a device was given.
      ...some("seq", this.kinds.includes("again") ? 1 : 0.7),
      ...(isDevice ? [...some("once", 0.4), ...some("copies", 0.2), ...some("send-only", 0.05)] : []),
      ...some("receipts", 0.3)
    ]
    this.push({
      do: "connect",
      who,
      words: [...new Set([...words, ...more])],
      // In pieces of 3 bytes, what is written of a large amount would keep the loop busy for longer than it may be.
      cut: random.pick(this.isLarge ? [65_536] : [3, 65_536, 65_536]),
      polite: random.chance(0.9),
      opaque: random.chance(0.2)
    })
    // An account is in a room from then on, a guest as long as it is connected.
    if (!this.hasRooms || who === bystander || !random.chance(isDevice ? 0.5 : 0.8)) return
    this.turns(3)
    for (const room of random.chance(0.3) ? rooms : rooms.slice(0, 1)) {
      this.push({ do: "command", who, line: `/join ${room}` })
    }
  }

  /** To the given names, or mostly to one of the accounts. */
  private say(who: number, count: number, isLabelled = false, given: ReadonlyArray<string> = []) {
    const { random } = this
    const names = [...new Set(clients.flatMap(({ name }, at) => (at === bystander ? [] : [name])))]
    const to = new Set(
      Array.from({ length: random.pick([1, 1, 1, 2]) }, () =>
        random.chance(0.8) ? random.pick(accounts) : random.pick(names)
      )
    )
    this.push({
      do: "say",
      who,
      to: who === bystander ? [clients[who]?.name ?? ""] : given.length > 0 ? given : [...to],
      count: who === bystander ? 1 : count,
      size: this.isLarge ? random.pick([10, 800, 5_000]) : random.pick([0, 10, 80]),
      labelled: isLabelled || random.chance(0.7)
    })
  }

  private turns(most: number) {
    this.push({ do: "turns", count: this.random.below(most + 1) })
  }

  private anyone() {
    return this.random.below(clients.length)
  }

  private push(...steps: ReadonlyArray<StoreStep>) {
    this.acts.push(...steps)
  }
}
