import type { Random } from "../../../scripts/random.mjs"
import { accounts, bystander, clients, rooms } from "./Clients.js"
import type { StoreStep } from "./StoreStep.js"

/** Kinds of events in schedules with rooms. */
export const roomKinds = [
  "enter",
  "exit",
  "exit",
  "talk",
  "talk",
  "talk",
  "govern",
  "look",
  "look",
  "look",
  "newcomer",
  "absent"
] as const

type RoomEvent = (typeof roomKinds)[number]

const firstGuest = clients.findIndex(({ device }) => device === undefined)

/** What the author of a schedule does elsewhere as well. */
interface Author {
  readonly isLarge: boolean
  readonly push: (...steps: ReadonlyArray<StoreStep>) => void
  readonly turns: (most: number) => void
  readonly come: (who: number) => void
  readonly say: (who: number, count: number, isLabelled: boolean, to: ReadonlyArray<string>) => void
}

/** Writes what happens in rooms into a schedule. */
export class RoomEvents {
  constructor(
    private readonly author: Author,
    private readonly random: Random
  ) {}

  /** Writes an event of this kind. */
  happen(kind: RoomEvent) {
    const { random } = this
    const who = random.below(bystander)
    const room = random.pick(rooms)
    switch (kind) {
      case "enter":
        return this.author.push({ do: "command", who, line: `/join ${room}` })
      case "exit":
        if (random.chance(0.5)) return this.author.push({ do: "command", who, line: `/leave ${room}` })
        return this.author.push({ do: "command", who, line: `/remove ${room} ${random.pick(clients).name}` })
      case "talk":
        return this.author.say(
          who,
          random.pick(this.author.isLarge ? [5, 120] : [1, 1, 2, 5, 20]),
          false,
          random.chance(0.3) ? [random.pick(accounts), room] : [room]
        )
      case "newcomer":
        return this.newcomer(random.below(firstGuest), room)
      case "absent":
        return this.absent(random.below(firstGuest), room)
      case "look":
        for (let left = random.pick([1, 1, 3]); left > 0; left--) this.look(who)
        return
      case "govern": {
        const name = random.pick(clients).name
        const acts = [
          `lock ${room}`,
          `unlock ${room}`,
          `unlock ${room}`,
          `invite ${room} ${name}`,
          `owner ${room} ${name}`
        ]
        const manners = [
          `silence ${room} ${name} 1s`,
          `unsilence ${room} ${name}`,
          `slow ${room} 1s`,
          `slow ${room} off`
        ]
        return this.author.push({ do: "command", who, line: `/${random.pick([...acts, ...manners])}` })
      }
    }
  }

  /** An account joins a room in which there are lines. */
  private newcomer(who: number, room: string) {
    const { random } = this
    if (random.chance(0.5)) this.author.push({ do: "command", who, line: `/leave ${room}` })
    this.author.turns(8)
    this.author.say(random.below(bystander), random.pick([1, 5]), false, [room])
    this.author.turns(8)
    this.author.push({ do: "command", who, line: `/join ${room}` })
    this.author.turns(8)
    this.author.push({ do: "command", who, line: `/history ${room}` })
    if (random.chance(0.5)) this.author.say(random.below(bystander), random.pick([1, 5]), false, [room])
  }

  /** A device comes back to a room in which others have written, and still write. */
  private absent(who: number, room: string) {
    const { random } = this
    this.author.push({ do: "end", who })
    this.author.turns(8)
    this.author.say(random.below(bystander), random.pick([1, 5]), false, [room])
    this.author.turns(8)
    this.author.come(who)
    this.author.turns(8)
    this.author.say(random.below(bystander), 1, false, [room])
  }

  private look(who: number) {
    const { random } = this
    const name = random.pick([...rooms, ...rooms, ...accounts])
    const line = random.pick([
      `/history ${name}`,
      `/history ${name} limit=3`,
      `/history ${name} after=${random.below(30)} limit=${random.pick([3, 100])}`,
      `/search limit=100 ${random.below(5)}`,
      `/search in=${name} limit=100 ${random.below(3)}`,
      `/read ${name} ${random.below(30)}`,
      `/read ${name} ${random.below(10)}`,
      "/conversations"
    ])
    this.author.push({ do: "command", who, line })
    this.author.turns(8)
    // Where the mark is now.
    if (line.startsWith("/read ")) this.author.push({ do: "command", who, line: `/read ${name} 0` })
  }
}
