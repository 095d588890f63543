import { assert } from "vitest"
import { seededRandom } from "../../scripts/random.mjs"

export type Random = ReturnType<typeof seededRandom>

/** `FUZZ_SEED=7 npm test` tries other inputs; a failure reports its seed. */
const seed = Number(process.env["FUZZ_SEED"] ?? 1)

/**
 * Generates `count` inputs, strings of one character per byte, and checks each. Shortens a failing input as long as it
 * fails, and throws with the shortest.
 */
export const fuzz = (
  count: number,
  generate: (random: Random) => string,
  check: (input: string, random: Random) => void
) => {
  const random = seededRandom(seed)
  const failure = (input: string): unknown => {
    try {
      check(input, seededRandom(seed + hash(input)))
      return undefined
    } catch (error) {
      return error
    }
  }
  for (let run = 0; run < count; run++) {
    const input = generate(random)
    if (failure(input) === undefined) continue
    const shortest = shrink(input, (shorter) => failure(shorter) !== undefined)
    throw new Error(`seed ${seed}, input ${run}: ${JSON.stringify(shortest)}`, { cause: failure(shortest) })
  }
}

/** Seeds the check's random choices by its input: without that, a failing input could not be shortened. */
const hash = (input: string): number => {
  let sum = 0
  for (let at = 0; at < input.length; at++) sum = (Math.imul(sum, 31) + input.charCodeAt(at)) | 0
  return sum
}

/** Removes ever smaller parts as long as the rest still fails. */
const shrink = (input: string, fails: (shorter: string) => boolean): string => {
  let shortest = input
  for (let size = Math.ceil(shortest.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < shortest.length;) {
      const shorter = shortest.slice(0, at) + shortest.slice(at + size)
      if (fails(shorter)) shortest = shorter
      else at += size
    }
  }
  return shortest
}

/** Much faster than a deep comparison, for plain data with a fixed order of keys. */
export const same = (found: unknown, expected: unknown) => {
  if (found === expected) return
  const [one, other] = [JSON.stringify(found), JSON.stringify(expected)]
  if (one !== other) assert.fail(`${one} is not ${other}`)
}

const bytes = (...parts: ReadonlyArray<string>) => parts.map((part) => Buffer.from(part, "utf8").toString("latin1"))

/** Words that mean something to the protocol, to JavaScript or to a terminal. */
const words = [
  ..."aZ09_-.,,,:::/@!*#=% \t\r",
  ..."  ",
  "from ",
  "! ",
  "* ",
  "@k1 ",
  "fatal",
  "reason=offline",
  "undelivered",
  "/ping ",
  "/who",
  "__proto__",
  "constructor",
  "toString",
  "a".repeat(31),
  "…",
  "$&"
].flatMap((word) => bytes(word))

/**
 * Characters of all lengths: white space and look-alikes, marks, bidi and zero-width characters, edges of the planes.
 */
const characters = bytes(
  ..."\u0085\u00a0\u1680\u2000\u2001\u200a\u2028\u2029\u202f\u205f\u3000",
  ..."\u180e\u200b\u200c\u200d\u2060\u00ad\ufeff\u2800\u3164\u115f\u1160\uffa0",
  ..."\u200e\u200f\u061c\u202a\u202d\u202e\u2066\u2067\u2069",
  ..."éàßſİıŉǅΣςﬁ語が각क१²Ⅷ",
  ..."\u0301\u0315\u0316\u0345\u05b0\u0f71\u1100\u1161\u11a8\ufe0f\u037e\u2126\u212b",
  ..."\u0080\u009b\u009f\u07ff\u0800\ud7ff\ue000\ufffd\ufffe\uffff",
  "😀",
  "𝒜",
  "\u{10000}",
  "\u{e0041}",
  "\u{1d15e}",
  "\u{10ffff}"
)

const controls = ["\0", "\x01", "\x07", "\x08", "\x0b", "\x0c", "\x0e", "\x1b", "\x1f", "\x7f", "\r\r"]

/** Every way in which bytes can be malformed UTF-8 (RFC 3629). */
export const malformed: Readonly<Record<string, string>> = {
  "a lone continuation": "\x80",
  "the last lone continuation": "\xbf",
  "a no-break space to JavaScript": "\xa0",
  "two bytes cut off": "\xc3",
  "three bytes cut off": "\xe2\x82",
  "four bytes cut off": "\xf0\x9f\x98",
  "two bytes for NUL": "\xc0\x80",
  "two bytes for a slash": "\xc0\xaf",
  "two bytes for DEL": "\xc1\xbf",
  "three bytes for a slash": "\xe0\x80\xaf",
  "three bytes for U+07FF": "\xe0\x9f\xbf",
  "four bytes for a slash": "\xf0\x80\x80\xaf",
  "four bytes for U+FFFF": "\xf0\x8f\xbf\xbf",
  "the first surrogate": "\xed\xa0\x80",
  "the last surrogate": "\xed\xbf\xbf",
  "a pair of surrogates": "\xed\xa0\xbd\xed\xb8\x80",
  "U+110000": "\xf4\x90\x80\x80",
  "a lead of F5": "\xf5\x80\x80\x80",
  "five bytes": "\xf8\x88\x80\x80\x80",
  "six bytes": "\xfc\x84\x80\x80\x80\x80",
  FE: "\xfe",
  FF: "\xff"
}

const broken = Object.values(malformed)

/** Most inputs are well-formed: after a first fault there would be nothing left to check. */
export const hostile =
  (maxPieces: number) =>
  (random: Random): string => {
    let text = ""
    const isPlain = random.chance(0.4)
    const hasControls = !isPlain && random.chance(0.25)
    const isBroken = !isPlain && random.chance(0.25)
    for (let left = random.below(maxPieces + 1); left > 0; left--) {
      if (hasControls && random.chance(0.1)) text += random.pick(controls)
      else if (isBroken && random.chance(0.1)) text += random.chance(0.8) ? random.pick(broken) : byte(random)
      else text += random.pick(isPlain || random.chance(0.5) ? words : characters)
    }
    return text
  }

const byte = (random: Random) => {
  const any = String.fromCharCode(random.below(256))
  return any === "\n" ? "" : any
}

/** Hostile lines, each with its LF, and perhaps a last one without. */
export const hostileStream =
  (maxLines: number, maxPieces: number) =>
  (random: Random): string => {
    const line = hostile(maxPieces)
    let text = ""
    for (let left = random.below(maxLines + 1); left > 0; left--) {
      text += random.chance(0.2) ? `${line(random)}\r\n` : `${line(random)}\n`
    }
    return random.chance(0.5) ? text : text + line(random)
  }

/** The bytes, split into a few reads. */
export const inReads = (input: string, random: Random): ReadonlyArray<Buffer> => {
  const all = Buffer.from(input, "latin1")
  const reads: Array<Buffer> = []
  let start = 0
  for (let left = random.below(4); left > 0 && start < all.length; left--) {
    const end = start + 1 + random.below(all.length - start)
    reads.push(all.subarray(start, end))
    start = end
  }
  if (start < all.length) reads.push(all.subarray(start))
  return reads
}
