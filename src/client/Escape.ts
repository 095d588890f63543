/**
 * Control characters (C0 without TAB and LF, DEL, C1), line separators, bidirectional overrides and what is invisible.
 * Variation selectors stay: emoji are full of them, and they change nothing but a character's look.
 */
const hidden = /(?![\t\n]|\p{Variation_Selector})[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}]/gu

/** JSON fit for a terminal: the same characters are escaped as JSON does, so that it stays JSON. */
export const json = (text: string): string =>
  text.replace(hidden, (character) =>
    Array.from(
      { length: character.length },
      (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`
    ).join("")
  )

/** Control characters other than TAB, which no line of a message may have, as `\x1b`. */
export const controls = (text: string): string => text.replace(/(?!\t)\p{Cc}/gu, mark)

/**
 * Text from others, fit for a terminal: what would move the cursor, set a colour, reorder the line or not be seen at
 * all is shown as `\x1b` or `\u{202e}`. TAB and LF stay.
 */
export const show = (text: string): string => text.replace(hidden, mark)

const mark = (character: string): string => {
  const code = character.codePointAt(0) ?? 0
  const digits = code.toString(16)
  return code < 0x100 ? `\\x${digits.padStart(2, "0")}` : `\\u{${digits}}`
}
