/**
 * Text from other users at a terminal. One decision for all clients: which characters are displayed as they are, and
 * which as `\x1b` or `\u{202e}`, because they would move the cursor, set a colour, reorder the line or be invisible.
 */

/**
 * Characters escaped unless their neighbours need them: control characters (C0 except TAB and LF, DEL, C1), line
 * separators, bidirectional marks, overrides and isolates, invisible characters, and the ninth mark on one character.
 * No script needs more (a Tibetan stack has up to eight), and terminals draw them over neighbouring rows. A flag made
 * of tags is matched whole, because each tag depends on all the others (UTS 51, ED-14a and annex C).
 *
 * A function, since V8 takes 0.7 ms to parse these classes (benchmark: start-up).
 */
const candidates = (): RegExp =>
  /\u{1f3f4}[\u{e0061}-\u{e007a}]{2}[\u{e0030}-\u{e0039}\u{e0061}-\u{e007a}]{1,4}\u{e007f}|(?![\t\n])[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}]|(?<=[\p{M}\u200c\u200d]{8})(\p{M})/gu

/**
 * A character class. Script, not Script_Extensions: an accent that Syriac also uses does not make a Latin letter
 * Syriac.
 */
const scripts = (names: string, others = "") =>
  `[${others}${names
    .split(" ")
    .map((name) => `\\p{Script=${name}}`)
    .join("")}]`

/**
 * Scripts in which joiners choose between joined and separate forms: cursive ones, and those with conjuncts (UAX 31,
 * 2.3). U+0640 lengthens the lines between cursive letters.
 */
const joining = scripts(
  "Arabic Syriac Mandaic Mongolian Nko Phags_Pa Manichaean Psalter_Pahlavi Adlam Hanifi_Rohingya Sogdian Old_Uyghur " +
    "Chorasmian Hebrew Devanagari Bengali Gurmukhi Gujarati Oriya Tamil Telugu Kannada Malayalam Sinhala Khmer " +
    "Myanmar Tibetan Thai Lao Balinese Javanese Sundanese Batak Buginese Cham Ahom Bhaiksuki Brahmi Chakma " +
    "Dives_Akuru Dogra Grantha Gunjala_Gondi Kaithi Kawi Kharoshthi Khojki Khudawadi Lepcha Limbu Makasar Marchen " +
    "Masaram_Gondi Meetei_Mayek Modi Multani Nandinagari Newa Rejang Saurashtra Sharada Siddham Soyombo " +
    "Syloti_Nagri Tagalog Takri Tai_Tham Tirhuta Zanabazar_Square",
  "\\u0640"
)

/** Scripts written without spaces, in which U+200B and U+2060 show where a line may be broken (UAX 14, class SA). */
const unspaced = scripts(
  "Thai Lao Khmer Myanmar Tai_Le New_Tai_Lue Tai_Tham Tai_Viet Ahom Tibetan Balinese Javanese Sundanese Batak " +
    "Buginese Cham Kawi"
)

const [leading, vowels, trailing] = [
  "\\u1100-\\u115e\\ua960-\\ua97c",
  "\\u1161-\\u11a7\\ud7b0-\\ud7c6",
  "\\u11a8-\\u11ff\\ud7cb-\\ud7fb"
]

/** At most two invisible characters may be adjacent, so that they cannot hide a text. */
const notAfterInvisible = "(?<!\\p{Default_Ignorable_Code_Point})"

/** The element of an emoji sequence that ends here (UTS 51, ED-15a; UAX 29, GB11). */
const afterEmoji = "(?<=\\p{Extended_Pictographic}(?:\\p{Emoji_Modifier}|\\ufe0f)?)"

/**
 * Compiled when the first invisible character arrives: it takes 10 ms, a tenth of the time until the prompt appears.
 */
let shownPattern: RegExp | undefined = undefined

/** Invisible characters that change how their neighbours look, so that they are not hidden. */
const shown = (): RegExp =>
  (shownPattern ??= new RegExp(
    [
      `${afterEmoji}\\u200d(?=\\p{Extended_Pictographic})`,
      `${notAfterInvisible}(?:(?<=${joining}\\p{M}{0,8})[\\u200c\\u200d]|[\\u200c\\u200d](?=${joining}))`,
      // Joined forms without a ligature (Unicode, 23.2).
      `(?<=${joining}\\p{M}{0,8}\\u200d)\\u200c(?=\\u200d${joining})|` +
        `(?<=${joining}\\p{M}{0,8}\\u200d\\u200c)\\u200d(?=${joining})`,
      `${notAfterInvisible}(?:(?<=${unspaced}\\p{M}{0,8})[\\u200b\\u2060]|[\\u200b\\u2060](?=${unspaced}))`,
      // Variation selectors, one for each character: emoji or text, standardized forms, and forms of ideographs.
      "(?<=\\p{Emoji}\\p{Emoji_Modifier}?)[\\ufe0e\\ufe0f]",
      `(?<=[0\\p{Script=Han}\\p{Script=Myanmar}\\p{Script=Phags_Pa}\\p{Script=Manichaean}` +
        `\\p{Script=Egyptian_Hieroglyphs}]|` +
        `(?![\\p{ASCII}\\p{White_Space}\\p{Default_Ignorable_Code_Point}])\\p{Script=Common})[\\ufe00-\\ufe0d]`,
      "(?<=\\p{Unified_Ideograph})[\\u{e0100}-\\u{e01ef}]",
      `${notAfterInvisible}(?<=\\p{Script=Mongolian})[\\u180b-\\u180f]`,
      // It preserves the order of Hebrew points.
      "(?<=\\p{Script=Hebrew})\\u034f(?=\\p{M})",
      // Fillers complete a syllable of conjoining jamo (Unicode, 3.12).
      `\\u115f(?=[${vowels}]|\\u1160[${trailing}])|(?<=[${leading}])\\u1160|(?<=\\u115f)\\u1160(?=[${trailing}])`
    ].join("|"),
    "uy"
  ))

const isShown = (text: string, index: number): boolean => {
  // Most hidden characters are control characters, which need no pattern.
  if (text.charCodeAt(index) < 0xad) return false
  const pattern = shown()
  pattern.lastIndex = index
  return pattern.test(text)
}

/** Finds what must be escaped, from left to right. */
export const eachHidden = (text: string, found: (character: string, index: number) => void): void => {
  const candidate = candidates()
  for (let match = candidate.exec(text); match !== null; match = candidate.exec(text)) {
    const [character, ninthMark] = match
    const isFlag = character.length > 2
    if (ninthMark !== undefined || (!isFlag && !isShown(text, match.index))) found(character, match.index)
  }
}

const replaced = (text: string, mark: (character: string) => string, from = 0, to = text.length): string => {
  let [safe, at] = ["", from]
  eachHidden(text, (character, index) => {
    if (index < at || index >= to) return
    safe += text.slice(at, index) + mark(character)
    at = index + character.length
  })
  return safe + text.slice(at, to)
}

/** JSON that is safe for a terminal: the same characters in JSON's own escapes, so the result is still JSON. */
export const json = (text: string): string =>
  replaced(text, (character) =>
    Array.from(
      { length: character.length },
      (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`
    ).join("")
  )

/** Shows control characters other than TAB as `\x1b`; no message may contain them. */
export const controls = (text: string): string => text.replace(/(?!\t)\p{Cc}/gu, mark)

/** Text that is safe for a terminal. TAB and LF are kept. */
export const show = (text: string): string => replaced(text, mark)

export const mark = (character: string): string => {
  const code = character.codePointAt(0) ?? 0
  const digits = code.toString(16)
  return code < 0x100 ? `\\x${digits.padStart(2, "0")}` : `\\u{${digits}}`
}

/** Text whose display may depend on the characters after it. */
const open = /(?:\u{1f3f4}[\u{e0000}-\u{e007f}]*|\p{Default_Ignorable_Code_Point}+)$/u

/** More code units than a decision depends on. */
const nearby = 32

/** `show` for text that arrives in parts, wherever it is split. */
export class Parts {
  /** The end of the returned text, followed by text held back because it may depend on the next part. */
  private text = ""
  private done = 0

  /** Returns as much as is certain. */
  push(part: string): string {
    const text = this.text + part
    return this.take(text, text.length - (open.exec(text.slice(-nearby))?.[0].length ?? 0))
  }

  /** Returns the rest. */
  end(): string {
    return this.take(this.text, this.text.length)
  }

  private take(text: string, to: number): string {
    const safe = replaced(text, mark, this.done, to)
    const from = Math.max(0, to - nearby)
    this.text = text.slice(from)
    this.done = to - from
    return safe
  }
}
