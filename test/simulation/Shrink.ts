/** Time limit for removing places, in milliseconds: each attempt is a whole run. */
const longestShrink = 20_000

/**
 * A minimal set of places that still fails: removes ever smaller parts as long as the rest fails (delta debugging). No
 * single place of the result can be removed, unless the time was over before.
 */
export const shrink = (
  all: ReadonlyArray<number>,
  fails: (kept: ReadonlyArray<number>) => boolean
): ReadonlyArray<number> => {
  const deadline = performance.now() + longestShrink
  let kept = all
  for (let size = Math.ceil(kept.length / 2); size > 0; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < kept.length;) {
      const fewer = [...kept.slice(0, at), ...kept.slice(at + size)]
      if (performance.now() > deadline) return kept
      if (fails(fewer)) {
        kept = fewer
        if (size === 1) at = 0 // what was needed before may not be any more
      } else at += size
    }
  }
  return kept
}
