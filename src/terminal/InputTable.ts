/** The parser's states for a terminal's input, and the effect of each character in them. */

/** The unfinished input that the parser is in. */
export type InputState =
  | "ground"
  | "escape"
  | "escapeIntermediate"
  | "csi"
  | "csiIntermediate"
  | "csiIgnore"
  | "ss3"
  | "string"
  | "stringEscape"
  | "trailing"
  | "paste"

/** The parser's action for a character. */
export type InputAction =
  | "none"
  | "start"
  | "startMeta"
  | "print"
  | "control"
  | "metaControl"
  | "meta"
  | "parameter"
  | "intermediate"
  | "csi"
  | "ss3"
  | "string"
  | "trail"

/** The code points `from` to `to` cause an action, and then a state; `undefined` keeps the state. */
type Rule = readonly [from: number, to: number, action: InputAction, next?: InputState]

/** An ESC or a C1 control starts over wherever it occurs; CAN and SUB end any sequence, and are keys. */
const anywhere: ReadonlyArray<Rule> = [
  [0x18, 0x18, "control", "ground"],
  [0x1a, 0x1a, "control", "ground"],
  [0x1b, 0x1b, "start", "escape"],
  [0x80, 0x9f, "none", "ground"],
  [0x8f, 0x8f, "start", "ss3"],
  [0x90, 0x90, "start", "string"],
  [0x98, 0x98, "start", "string"],
  [0x9b, 0x9b, "start", "csi"],
  [0x9d, 0x9f, "start", "string"]
]

const last = 0x10ffff

/**
 * The parser for VT500 terminals by Paul Williams (vt100.net/emu/dec_ansi_parser), read from the other side. Its
 * differences are due to keyboards: an ESC before a character is Alt, and Ctrl-C, Ctrl-D and Enter end a control
 * string, because no report contains them. In each state a later rule overrides an earlier one.
 */
const table: Readonly<Record<Exclude<InputState, "paste">, ReadonlyArray<Rule>>> = {
  ground: [[0x00, 0x1f, "control"], [0x20, last, "print"], [0x7f, 0x7f, "control"], ...anywhere],
  escape: [
    [0x00, 0x1f, "metaControl", "ground"],
    [0x20, 0x2f, "intermediate", "escapeIntermediate"],
    [0x30, last, "meta", "ground"],
    [0x4f, 0x4f, "none", "ss3"],
    [0x50, 0x50, "none", "string"],
    [0x58, 0x58, "none", "string"],
    [0x5b, 0x5b, "none", "csi"],
    [0x5d, 0x5f, "none", "string"],
    [0x7f, 0x7f, "metaControl", "ground"],
    ...anywhere,
    [0x1b, 0x1b, "startMeta", "escape"]
  ],
  escapeIntermediate: [
    [0x00, 0x1f, "control", "ground"],
    [0x20, 0x2f, "none"],
    [0x30, 0x7f, "none", "ground"],
    [0xa0, last, "print", "ground"],
    ...anywhere
  ],
  csi: [
    [0x00, 0x1f, "control"],
    [0x20, 0x2f, "intermediate", "csiIntermediate"],
    [0x30, 0x3f, "parameter"],
    [0x40, 0x7e, "csi", "ground"],
    [0x7f, 0x7f, "none"],
    [0xa0, last, "print", "ground"],
    ...anywhere
  ],
  csiIntermediate: [
    [0x00, 0x1f, "control"],
    [0x20, 0x2f, "intermediate"],
    [0x30, 0x3f, "none", "csiIgnore"],
    [0x40, 0x7e, "csi", "ground"],
    [0x7f, 0x7f, "none"],
    [0xa0, last, "print", "ground"],
    ...anywhere
  ],
  csiIgnore: [
    [0x00, 0x1f, "control"],
    [0x20, 0x3f, "none"],
    [0x40, 0x7e, "none", "ground"],
    [0x7f, 0x7f, "none"],
    [0xa0, last, "print", "ground"],
    ...anywhere
  ],
  ss3: [
    [0x00, 0x1f, "control", "ground"],
    [0x20, 0x2f, "none", "ground"],
    [0x30, 0x3f, "parameter"],
    [0x40, 0x7e, "ss3", "ground"],
    [0x7f, 0x7f, "control", "ground"],
    [0xa0, last, "print", "ground"],
    ...anywhere
  ],
  string: [
    [0x00, last, "string"],
    [0x03, 0x04, "control", "ground"],
    [0x07, 0x07, "none", "ground"],
    [0x0d, 0x0d, "control", "ground"],
    ...anywhere,
    [0x1b, 0x1b, "start", "stringEscape"]
  ],
  // Replaced by the rules of `escape`, below: an ESC in a control string ends it, and starts the next sequence.
  stringEscape: [],
  // Coordinates of the mouse may be any byte from 0x20 on.
  trailing: [[0x00, 0x1f, "control", "ground"], ...anywhere, [0x20, last, "trail"]]
}

export interface Transition {
  readonly action: InputAction
  readonly next: InputState | undefined
}

/** The table by state and code point; everything from U+00A0 on is alike. */
const beyond = 0xa0

const expand = (rules: ReadonlyArray<Rule>): ReadonlyArray<Transition> => {
  const all: Array<Transition> = []
  for (const [from, to, action, next] of rules) {
    for (let point = from; point <= Math.min(to, beyond); point++) all[point] = { action, next }
  }
  return all
}

const transitions = Object.fromEntries(
  Object.entries({ ...table, stringEscape: table.escape }).map(([state, rules]) => [state, expand(rules)])
)

/** The effect of a character in a state other than a paste; undefined if it has none. */
export const transition = (state: InputState, point: number): Transition | undefined =>
  transitions[state]?.[Math.min(point, beyond)]
