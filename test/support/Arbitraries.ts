import * as FastCheck from "effect/FastCheck"

/** Bytes at the edges of the rules: control characters and their neighbours, UTF-8 leads and continuations. */
const edges = [
  0x00, 0x08, 0x09, 0x0a, 0x0b, 0x0d, 0x1f, 0x20, 0x41, 0x7e, 0x7f, 0x80, 0x85, 0x9f, 0xa0, 0xbf, 0xc2, 0xc3, 0xe2, 0xff
]

/** Random bytes, most of them from `edges`. */
export const anyBytes = (maxLength: number): FastCheck.Arbitrary<Uint8Array> =>
  FastCheck.array(
    FastCheck.oneof(
      { weight: 4, arbitrary: FastCheck.constantFrom(...edges) },
      { weight: 1, arbitrary: FastCheck.nat(255) }
    ),
    { maxLength, size: "max" }
  ).map((bytes) => Uint8Array.from(bytes))

/** Text with many kinds of white space, and characters of every length in UTF-8. */
export const anyText = (maxLength: number): FastCheck.Arbitrary<string> =>
  FastCheck.array(
    FastCheck.oneof(
      FastCheck.constantFrom(
        ..."\t\v\f\r \u0085\u00a0\u1680\u2000\u200a\u200b\u2028\u2029\u202f\u205f\u3000\ufeff\u180e"
      ),
      FastCheck.constantFrom(..."aZ09_-.,:@/*!#àß€語😀\u0301\u0316\u0345"),
      FastCheck.fullUnicode()
    ),
    { maxLength }
  ).map((characters) => characters.join("").replaceAll(/[\ud800-\udfff]/gu, "x")) // a lone surrogate has no UTF-8

/**
 * Any characters but surrogates, like fast-check's unit "binary". For each string with that unit, fast-check makes a
 * table of all characters, which takes half a second.
 */
export const anyString = (maxLength?: number): FastCheck.Arbitrary<string> =>
  FastCheck.string({ unit: FastCheck.fullUnicode(), ...(maxLength === undefined ? {} : { maxLength }) })

/** The bytes cut at random places. */
export const anyCut = (bytes: Uint8Array): FastCheck.Arbitrary<ReadonlyArray<Uint8Array>> =>
  FastCheck.array(FastCheck.nat(bytes.length), { maxLength: 8 }).map((places) => {
    const cuts = [0, ...places.toSorted((a, b) => a - b), bytes.length]
    return cuts.slice(1).map((end, index) => bytes.subarray(cuts[index], end))
  })
