// A seeded random generator (mulberry32), so that a failure can be repeated: the same seed makes the same choices.
// Used by the tests as well. Imported, not run.
export const seededRandom = (seed) => {
  let state = seed
  /** At least 0 and less than 1. */
  const unit = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const below = (limit) => Math.floor(unit() * limit)
  return {
    below,
    between: (low, high) => low + below(high - low),
    chance: (probability) => unit() < probability,
    pick: (from) => from[below(from.length)]
  }
}
