/**
 * The places of a list that are enough for a failure: leaves out ever smaller parts for as long as it still fails
 * (delta debugging). What is left fails, and no single place of it can be left out.
 */
export const shrink = (
  all: ReadonlyArray<number>,
  fails: (kept: ReadonlyArray<number>) => boolean
): ReadonlyArray<number> => {
  let kept = all
  for (let size = Math.ceil(kept.length / 2); size > 0; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < kept.length;) {
      const fewer = [...kept.slice(0, at), ...kept.slice(at + size)]
      if (fails(fewer)) {
        kept = fewer
        if (size === 1) at = 0 // what was needed before may not be any more
      } else at += size
    }
  }
  return kept
}
