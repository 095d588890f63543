/**
 * Control characters (C0 except TAB and LF, DEL, C1), line separators, bidirectional overrides and invisible
 * characters. Variation selectors are kept: emoji use them a lot, and they only change how a character looks.
 */
const hidden = /(?![\t\n]|\p{Variation_Selector})[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}]/gu

/** JSON that is safe for a terminal: the same characters in JSON's own escapes, so the result is still JSON. */
export const json = (text: string): string =>
  text.replace(hidden, (character) =>
    Array.from(
      { length: character.length },
      (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`
    ).join("")
  )

/** Shows control characters other than TAB as `\x1b`; no message may contain them. */
export const controls = (text: string): string => text.replace(/(?!\t)\p{Cc}/gu, mark)

/**
 * Text from other users, made safe for a terminal. Characters that would move the cursor, set a colour, reorder the
 * line or be invisible are shown as `\x1b` or `\u{202e}`. TAB and LF are kept.
 */
export const show = (text: string): string => text.replace(hidden, mark)

const mark = (character: string): string => {
  const code = character.codePointAt(0) ?? 0
  const digits = code.toString(16)
  return code < 0x100 ? `\\x${digits.padStart(2, "0")}` : `\\u{${digits}}`
}
