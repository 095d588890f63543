/**
 * The protocol's parser written the simple, slow way: it decodes bytes first and then looks at characters. The real
 * code avoids decoding wherever it can.
 */

/** Text of bytes, by the table of RFC 3629; undefined if they are not UTF-8. */
export const decode = (wire: string): string | undefined => {
  let text = ""
  for (let at = 0; at < wire.length;) {
    const first = wire.charCodeAt(at)
    const length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0
    if (length === 0 || at + length > wire.length) return undefined
    let point = length === 1 ? first : first & (0x7f >> length)
    for (let next = 1; next < length; next++) {
      const byte = wire.charCodeAt(at + next)
      if ((byte & 0xc0) !== 0x80) return undefined
      point = (point << 6) | (byte & 0x3f)
    }
    const smallest = [0, 0, 0x80, 0x800, 0x10000][length] ?? 0
    if (point < smallest || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return undefined
    text += String.fromCodePoint(point)
    at += length
  }
  return text
}

export const trim = (text: string): string => text.replace(/^\p{White_Space}+/u, "").replace(/\p{White_Space}+$/u, "")

/** A control character other than TAB. */
export const hasControl = (text: string): boolean => /(?!\t)\p{Cc}/u.test(text)

/** Longer names are not normalised. */
const maxNormalised = 512

const normalise = (name: string) => (Buffer.byteLength(name) > maxNormalised ? name : name.normalize("NFC"))

export type Meaning =
  | { readonly to: ReadonlyArray<string>; readonly text: string }
  | { readonly command: string; readonly argument: string }
  | { readonly mistake: "bad-line" | "too-many-recipients" }

/** The meaning of a line after its label (protocol, sections 3 and 6). */
export const meaning = (wire: string, maxRecipients: number): Meaning => {
  const line = decode(wire)
  if (line === undefined) return { mistake: "bad-line" }
  if (line.startsWith("/")) {
    const whole = trim(line.slice(1))
    if (hasControl(whole)) return { mistake: "bad-line" }
    const [command = ""] = whole.split(/[ \t:]/u, 1)
    return { command, argument: trim(whole.slice(command.length + 1)) }
  }
  const colon = line.indexOf(":")
  const text = trim(line.slice(colon + 1))
  const names = line.slice(0, Math.max(colon, 0)).split(",").map(trim)
  const to = [...new Set(names.filter((name) => name !== "").map(normalise))]
  if (colon < 0) return { mistake: "bad-line" }
  if (to.length > maxRecipients) return { mistake: "too-many-recipients" }
  return to.length === 0 || [...to, text].some(hasControl) ? { mistake: "bad-line" } : { to, text }
}

const isFirst = (point: string) => /\p{L}|\p{Nd}|_/u.test(point)

const isAllowed = (point: string) => isFirst(point) || /\p{M}|[-.]/u.test(point)

const isVisible = (point: string) => !/^\p{Default_Ignorable_Code_Point}*$/u.test(point.normalize("NFKC"))

/** The name that a login line asks for (protocol, section 2). */
export const name = (wire: string): string | undefined => {
  const text = decode(wire)
  if (text === undefined) return undefined
  const asked = trim(text)
  if (Buffer.byteLength(asked) > maxNormalised) return undefined
  const points = [...asked.normalize("NFC")]
  const [first] = points
  if (first === undefined || !isFirst(first) || points.length > 32) return undefined
  return points.every(isAllowed) && points.some(isVisible) ? points.join("") : undefined
}
