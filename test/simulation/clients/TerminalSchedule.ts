import { seededRandom, type Random } from "../../../scripts/random.mjs"
import type { ServerSetting } from "./HostileServer.js"
import { serverAct, type ServerAct } from "./ServerActs.js"

/** The plan of a run of the terminal's client: what the user and the server do. Plain data, made from a seed alone. */
export interface TerminalSchedule {
  readonly seed: number
  readonly setting: ServerSetting
  readonly acts: ReadonlyArray<ServerAct | UserAct>
}

export type UserAct =
  /** Types lines to these recipients. Each has the number of the act and its own in its text. */
  | { readonly on: "typing"; readonly at: number; readonly to: ReadonlyArray<string>; readonly lines: number }
  | { readonly on: "key"; readonly at: number; readonly key: keyof typeof keys }

/** Enter in an empty line ends the wait for the next attempt to connect. */
export const keys = { resend: "\u0014", drop: "\u0018", enter: "\r", leave: "\u0004" } as const

export const make = (seed: number): TerminalSchedule => {
  const random = seededRandom(seed)
  const typings = random.pick([1, 2, 5, 12])
  const setting: ServerSetting = {
    recipients: ["bob", "cy", "zoë"],
    rate: random.pick([0, 0, 4, 50]),
    cut: random.pick([1, 7, 65_536, 65_536])
  }
  const acts = [
    ...Array.from({ length: typings }, () => typing(random, setting.cut)),
    ...Array.from({ length: random.pick([0, 0, 1, 3]) }, () => key(random)),
    ...Array.from({ length: random.pick([0, 1, 2, 4, 10]) }, () => act(random, typings))
  ]
  return { seed, setting, acts }
}

/** Also around the client's check whether the server is alive, 30 s after it has connected. */
const timeOf = (random: Random): number =>
  random.pick([1, 20, 100, 1_000, 5_000, 16_000, 29_000, 40_000]) + random.below(random.pick([2, 300, 3_000]))

const typing = (random: Random, cut: number): UserAct => {
  const to = random.pick([["bob"], ["bob"], ["cy"], ["bob", "cy"], ["zoë", "bob"], ["cy", "zoë", "bob"]])
  const isFlood = cut > 1_000 && random.chance(0.02)
  return { on: "typing", at: timeOf(random), to, lines: isFlood ? 300 : random.pick([1, 1, 1, 2, 6]) }
}

const key = (random: Random): UserAct => ({
  on: "key",
  at: timeOf(random),
  key: random.pick(["resend", "resend", "resend", "drop", "enter", "enter", "leave"] as const)
})

const act = (random: Random, lines: number): ServerAct => {
  if (random.chance(0.05)) return { on: "freeze", at: timeOf(random) }
  const made = serverAct(random, lines)
  return made.on === "time" || made.on === "absence" ? { ...made, at: timeOf(random) } : made
}
