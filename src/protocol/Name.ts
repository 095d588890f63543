import * as Wire from "./Wire.js"

/** Longest name, in code points (protocol, section 1). */
export const maxLength = 32

/**
 * The greatest length of a name in bytes, in any normal form: a character decomposes into at most four. It is checked
 * before a name is normalised, because that takes quadratic time on long runs of combining marks.
 */
const maxBytes = maxLength * 4 * 4

/** The greatest length of a name in wire form: a code point takes at most four bytes. */
export const maxWireLength = maxLength * 4

const allowed = /^[\p{L}\p{Nd}_][\p{L}\p{M}\p{Nd}_.-]*$/u

const plain = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$/

/**
 * The name in a login line, in NFC and its wire form (`Wire`); undefined if the line is not a name. A name is 1 to 32
 * code points: letters, marks, digits, `_`, `-` and `.`, of which the first is a letter, a digit or `_` (protocol,
 * section 2).
 */
export const parse = (wire: string): string | undefined => {
  const trimmed = Wire.trim(wire)
  if (plain.test(trimmed)) return trimmed
  if (trimmed.length > maxBytes) return undefined
  const name = Wire.decode(trimmed).normalize("NFC")
  if (!allowed.test(name) || [...name].length > maxLength) return undefined
  // A name that consists only of invisible characters cannot be seen.
  return likeness(name) === "" ? undefined : Wire.encode(name)
}

/** A recipient in NFC, the form of names. The result need not be a valid name. */
export const normalise = (wire: string): string =>
  Wire.isAscii(wire) || wire.length > maxBytes ? wire : Wire.encode(Wire.decode(wire).normalize("NFC"))

const invisible = /\p{Default_Ignorable_Code_Point}/gu

/**
 * The key of a name for look-alikes: compatibility form, case folded, without invisible characters. Two names with the
 * same key look the same, and only one of them may be present (protocol, section 2).
 */
export const likeness = (name: string): string =>
  // JavaScript has no case folding. Lower case followed by upper case unites characters that either alone keeps apart
  // (`ß` and `SS`, `σ` and `ς`).
  name.normalize("NFKC").replace(invisible, "").toLowerCase().toUpperCase().normalize("NFKC")

/**
 * A recipient as a parameter of a reply, which must not contain blanks, commas or colons. A text longer than a name is
 * cut. Each byte of a character that no name may contain becomes `%XX`, except the `#` of a room.
 *
 * @param wire the result of `normalise`
 */
export const show = (wire: string): string => {
  if (plain.test(wire)) return wire
  return wire.charCodeAt(0) === 0x23 /* # */ ? `#${showName(wire.slice(1))}` : showName(wire)
}

const showName = (wire: string): string => {
  if (plain.test(wire)) return wire
  // Longer text was not normalised. These bytes contain more code points than are shown, whatever their normal form.
  const start = Wire.decode(wire.slice(0, maxBytes + 4))
  const points = [...(wire.length > maxBytes ? start.normalize("NFC") : start)]
  const shown = points
    .slice(0, maxLength)
    .map((point) => (/[\p{L}\p{M}\p{Nd}_.-]/u.test(point) ? point : escape(point)))
  return Wire.encode(shown.join("") + (points.length > maxLength ? "…" : ""))
}

const escape = (point: string) =>
  [...Buffer.from(point, "utf8")].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("")
