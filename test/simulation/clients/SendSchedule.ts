import { seededRandom } from "../../../scripts/random.mjs"
import { serverAct, type ServerAct } from "./ServerActs.js"

/**
 * The plan of a run of `send` against a hostile server: plain data, made from a seed alone. Where no act applies, the
 * server is honest and quick, so any act can be removed.
 */
export interface SendSchedule {
  readonly seed: number
  readonly setting: SendSetting
  readonly acts: ReadonlyArray<ServerAct>
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
  const acts = Array.from({ length: random.pick([0, 1, 2, 4, 10]) }, () => serverAct(random, lines))
  return { seed, setting, acts }
}
