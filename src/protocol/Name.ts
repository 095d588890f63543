import * as Wire from "./Wire.js"

/** Longest name, in code points (protocol, section 1). */
export const maxLength = 32

/**
 * No name is longer than this, in bytes, in any form: a character decomposes into four at most. Looked at before
 * anything is normalised, which takes quadratic time on long runs of marks.
 */
const maxBytes = maxLength * 4 * 4

const allowed = /^[\p{L}\p{Nd}_][\p{L}\p{M}\p{Nd}_.-]*$/u

const plain = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$/

/**
 * The name that a login line asks for, in NFC and its wire form (`Wire`), or undefined if it is none: 1 to 32 code
 * points of letters, marks, digits, `_`, `-` and `.`, the first a letter, a digit or `_` (protocol, section 2).
 */
export const parse = (wire: string): string | undefined => {
  const trimmed = Wire.trim(wire)
  if (plain.test(trimmed)) return trimmed
  if (trimmed.length > maxBytes) return undefined
  const name = Wire.decode(trimmed).normalize("NFC")
  if (!allowed.test(name) || [...name].length > maxLength) return undefined
  // All of it invisible: no reader could tell it from nothing.
  return likeness(name) === "" ? undefined : Wire.encode(name)
}

/** A recipient as it was addressed, brought to the form of names: NFC. It may still be no possible name. */
export const normalise = (wire: string): string =>
  Wire.isAscii(wire) || wire.length > maxBytes ? wire : Wire.encode(Wire.decode(wire).normalize("NFC"))

const invisible = /\p{Default_Ignorable_Code_Point}/gu

/**
 * What two names share if they look the same: compatibility form, case folded, invisible marks dropped. Only one of
 * them may be present (protocol, section 2).
 */
export const likeness = (name: string): string =>
  // There is no case folding in JavaScript; lower and then upper case reaches the letters that either alone leaves
  // apart (`ß` and `SS`, `σ` and `ς`).
  name.normalize("NFKC").replace(invisible, "").toLowerCase().toUpperCase().normalize("NFKC")

/**
 * A recipient for a reply's parameters, which are words without blanks, commas or colons: what no name may contain is
 * shown as `%XX`, one for each byte, and what is longer than a name is cut.
 */
export const show = (wire: string): string => {
  if (plain.test(wire)) return wire
  const points = [...Wire.decode(wire.slice(0, 8 * maxLength))]
  const shown = points
    .slice(0, maxLength)
    .map((point) => (/[\p{L}\p{M}\p{Nd}_.-]/u.test(point) ? point : escape(point)))
  return Wire.encode(shown.join("") + (points.length > maxLength ? "…" : ""))
}

const escape = (point: string) =>
  [...Buffer.from(point, "utf8")].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("")
