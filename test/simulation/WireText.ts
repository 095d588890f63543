/** Names and texts as the protocol reads and writes them, independently of the server: ordinary strings here. */

const space = /^\p{White_Space}+|\p{White_Space}+$/gu
export const trim = (text: string) => text.replace(space, "")
// oxlint-disable-next-line no-control-regex
export const control = /[\0-\x08\x0a-\x1f\x7f-\x9f]/
export const allowed = /^[\p{L}\p{Nd}_][\p{L}\p{M}\p{Nd}_.-]*$/u

export const decode = (bytes: string): string => Buffer.from(bytes, "latin1").toString("utf8")
export const encode = (text: string): string => Buffer.from(text, "utf8").toString("latin1")

export const isUtf8 = (bytes: string) => encode(decode(bytes)) === bytes

/** Invisible letters and marks; other invisible characters cannot occur in a name. */
const invisible = /[\u{e0100}-\u{e01ef}]|[\ufe00-\ufe0f]|[\u034f\u17b4\u17b5\u180b-\u180f]|[\u115f\u1160\u3164\uffa0]/gu

/** The visible compatibility form, with the only letter in schedules that case folding makes longer. */
export const bare = (name: string) => name.normalize("NFKC").replace(invisible, "").replace(/[ßẞ]/gu, "ss")

/** Whether two names look the same, with the case folding of regular expressions, which the server does not use. */
export const looksLike = (one: string, other: string): boolean =>
  new RegExp(`^${bare(one).replaceAll(".", "\\.")}$`, "iu").test(bare(other))

/** A name as the server shows it in answers. */
export const shown = (name: string): string => {
  const points = [...name]
  const some = points.slice(0, 32).map((point) => (/[\p{L}\p{M}\p{Nd}_.-]/u.test(point) ? point : escaped(point)))
  return some.join("") + (points.length > 32 ? "…" : "")
}

const escaped = (point: string) =>
  [...Buffer.from(point)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("")
