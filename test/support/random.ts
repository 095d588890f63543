/** A seeded source of chance (mulberry32): the same seed, the same run. */
export const random = (seed: number) => {
  let state = seed
  const unit = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const below = (limit: number) => Math.floor(unit() * limit)
  return {
    below,
    chance: (of: number) => unit() < of,
    pick: <A>(from: ReadonlyArray<A>): A => from[below(from.length)] as A // never called with none
  }
}
