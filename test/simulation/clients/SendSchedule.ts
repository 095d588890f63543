import { seededRandom, type Random } from "../../../scripts/random.mjs"

/**
 * The plan of a run of `send` against a hostile server: plain data, made from a seed alone. Where no act applies, the server
 * is honest and quick, so any act can be removed.
 */
export interface SendSchedule {
  readonly seed: number
  readonly setting: SendSetting
  readonly acts: ReadonlyArray<Act>
}

/** Times are in milliseconds. */
export interface SendSetting {
  readonly recipients: ReadonlyArray<string>
  readonly lines: number
  /** Pauses of the input before these lines. */
  readonly pauses: ReadonlyMap<number, number>
  readonly retries: number
  readonly waitFor: number
  readonly timeout: number
  /** Lines per second that the server announces and allows; 0 for no limit. */
  readonly rate: number
  /** The most bytes in one read of either side. */
  readonly cut: number
  readonly mayRename: boolean
}

export type Act =
  /** When the server gets the labelled line of this number, and the next ones. */
  | { readonly on: "line"; readonly number: number; readonly times: number; readonly reply: LineAct }
  /** When the client connects for this time. */
  | { readonly on: "connection"; readonly number: number; readonly reply: ConnectionAct }
  /** The server shuts down, and another one accepts connections later. */
  | {
      readonly on: "time"
      readonly at: number
      readonly grace: number
      readonly away: number
      readonly isOrderly: boolean
    }

export type LineAct =
  | { readonly do: "return"; readonly reason: string; readonly retry: number | undefined; readonly first: boolean }
  | { readonly do: "refuse"; readonly code: string; readonly retry: number | undefined }
  | { readonly do: "delay"; readonly millis: number }
  /** The connection breaks, or ends, after so many bytes of the reply. */
  | { readonly do: "cut"; readonly bytes: number; readonly how: "reset" | "end" }
  /** No reply, or one that is no outcome of this line. */
  | { readonly do: "silent" | "misname" | "mislabel" | "garble" }
  /** The same outcome twice, one for each name, or with a code of a later server. */
  | { readonly do: "twice" | "split" | "code" }

export type ConnectionAct =
  | { readonly do: "refuse" | "reset" | "end" | "silent" | "inUse" }
  | { readonly do: "full" | "slow"; readonly retry: number }

/** The plan of a seed. */
export const make = (seed: number): SendSchedule => {
  const random = seededRandom(seed)
  const lines = random.pick([1, 2, 5, 30])
  const setting: SendSetting = {
    recipients: random.pick([["bob"], ["bob"], ["bob", "cy"], ["bob", "cy", "zoë"]]),
    lines,
    pauses: new Map(random.chance(0.3) ? [[random.below(lines), random.pick([10, 3_000])]] : []),
    retries: random.pick([0, 0, 1, 20]),
    waitFor: random.pick([0, 0, 300, 5_000]),
    timeout: random.pick([1_000, 4_000]),
    rate: random.pick([0, 0, 4, 50]),
    cut: random.pick([1, 7, 65_536, 65_536]),
    mayRename: random.chance(0.3)
  }
  const acts = Array.from({ length: random.pick([0, 1, 2, 4, 10]) }, () => act(random, lines))
  return { seed, setting, acts }
}

const act = (random: Random, lines: number): Act => {
  const kind = random.pick(["line", "line", "line", "line", "connection", "time"] as const)
  if (kind === "line") {
    return { on: kind, number: random.below(lines + 3), times: random.pick([1, 1, 1, 4, 30]), reply: lineAct(random) }
  }
  if (kind === "connection") return { on: kind, number: random.below(3), reply: connectionAct(random) }
  const grace = random.pick([0, 100, 2_000])
  const isOrderly = random.chance(0.7)
  return { on: kind, at: random.pick([1, 30, 200, 1_500]), grace, away: random.pick([0, 200, 2_500]), isOrderly }
}

const retries = [undefined, 0, 1, 20, 700, 3_999, 999_999_999]

const lineAct = (random: Random): LineAct => {
  const kind = random.pick(["return", "refuse", "delay", "cut", "lie", "variant"] as const)
  switch (kind) {
    case "return":
      return {
        do: kind,
        reason: random.pick(["offline", "busy", "busy", "slow", "disconnected"]),
        retry: random.pick(retries),
        first: random.chance(0.5)
      }
    case "refuse":
      return {
        do: kind,
        code: random.pick(["slow-down", "slow-down", "too-long", "later-code"]),
        retry: random.pick(retries)
      }
    case "delay":
      return { do: kind, millis: random.pick([1, 50, 900, 3_900, 5_000]) }
    case "cut":
      return { do: kind, bytes: random.below(40), how: random.pick(["reset", "end"]) }
    case "lie":
      return { do: random.pick(["silent", "misname", "mislabel", "garble"]) }
    case "variant":
      return { do: random.pick(["twice", "split", "code"]) }
  }
}

const connectionAct = (random: Random): ConnectionAct =>
  random.chance(0.3)
    ? { do: random.pick(["full", "slow"]), retry: random.pick([1, 300, 900]) }
    : { do: random.pick(["refuse", "reset", "end", "silent", "inUse"]) }
