import { seededRandom } from "../../../scripts/random.mjs"
import type { SimulatedLoop } from "../SimulatedLoop.js"

/** Runs `body` with the clock, the microtasks and the random numbers of the loop in place of the program's. */
export const withinLoop = <A>(loop: SimulatedLoop, seed: number, body: () => A): A => {
  const random = seededRandom(seed)
  const [now, unit, microtask] = [performance.now, Math.random, globalThis.queueMicrotask]
  performance.now = () => loop.monotonic
  Math.random = () => random.below(1_000_000) / 1_000_000
  globalThis.queueMicrotask = (task) => loop.scheduler.scheduleTask(task, 0)
  try {
    return loop.within(body)
  } finally {
    performance.now = now
    Math.random = unit
    globalThis.queueMicrotask = microtask
  }
}
