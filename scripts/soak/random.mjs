// A seeded source of chance (mulberry32): the same seed, the same choices. Imported, not run.
export const random = (seed) => {
  let state = seed
  const unit = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const below = (limit) => Math.floor(unit() * limit)
  return { below, between: (low, high) => low + below(high - low), pick: (from) => from[below(from.length)] }
}
