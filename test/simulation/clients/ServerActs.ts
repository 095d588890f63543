import type { Random } from "../../../scripts/random.mjs"

/**
 * What a hostile server does. Where no act applies, it is honest and quick, so any act can be removed. Times are in
 * milliseconds.
 */
export type ServerAct =
  /** When the server gets the labelled line of this number, and the next ones. */
  | { readonly on: "line"; readonly number: number; readonly times: number; readonly reply: LineAct }
  /** When the client connects for this time. */
  | { readonly on: "connection"; readonly number: number; readonly reply: ConnectionAct }
  /** The server shuts down, and another one accepts connections later. The recipients return one after another. */
  | {
      readonly on: "time"
      readonly at: number
      readonly grace: number
      readonly away: number
      readonly isOrderly: boolean
      readonly late: number
    }
  /** From now on, no connection carries anything: a cable was pulled. */
  | { readonly on: "freeze"; readonly at: number }
  /** A recipient is absent for a while. */
  | { readonly on: "absence"; readonly at: number; readonly recipient: number; readonly millis: number }

export type LineAct =
  | { readonly do: "return"; readonly reason: string; readonly retry: number | undefined; readonly first: boolean }
  | { readonly do: "refuse"; readonly code: string; readonly retry: number | undefined }
  | { readonly do: "delay"; readonly millis: number }
  /** The connection breaks, or ends, after this many bytes of the reply. */
  | { readonly do: "cut"; readonly bytes: number; readonly how: "reset" | "end" }
  /** No reply, or one that is no outcome of this line. */
  | { readonly do: "silent" | "misname" | "mislabel" | "garble" }
  /** The same outcome twice, one for each name, or with a code of a later server. */
  | { readonly do: "twice" | "split" | "code" }

export type ConnectionAct =
  | { readonly do: "refuse" | "reset" | "end" | "silent" | "inUse" }
  | { readonly do: "full" | "slow"; readonly retry: number }

/** @param lines how many lines the client sends, at least */
export const serverAct = (random: Random, lines: number): ServerAct => {
  const kind = random.pick(["line", "line", "line", "line", "connection", "time", "absence"] as const)
  if (kind === "line") {
    return { on: kind, number: random.below(lines + 3), times: random.pick([1, 1, 1, 4, 30]), reply: lineAct(random) }
  }
  if (kind === "connection") return { on: kind, number: random.below(3), reply: connectionAct(random) }
  const at = random.pick([1, 30, 200, 1_500])
  if (kind === "absence") {
    return { on: kind, at, recipient: random.below(3), millis: random.pick([20, 400, 8_000, 60_000]) }
  }
  return {
    on: kind,
    at,
    grace: random.pick([0, 100, 2_000]),
    away: random.pick([0, 200, 2_500]),
    isOrderly: random.chance(0.7),
    late: random.pick([0, 0, 300, 8_000, 20_000])
  }
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
