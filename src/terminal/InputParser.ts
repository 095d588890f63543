import { InputBytes } from "./InputBytes.js"

/** What a terminal sends: keys, pastes and reports. */
export type InputEvent =
  /** A printable character. */
  | { readonly _tag: "Print"; readonly text: string }
  /** A C0 control or DEL; `isMeta` after an ESC. */
  | { readonly _tag: "Control"; readonly code: number; readonly isMeta: boolean }
  /** A printable character after an ESC, as Alt sends it. */
  | { readonly _tag: "Meta"; readonly text: string }
  /** An ESC that nothing follows. */
  | { readonly _tag: "Escape" }
  /** A control sequence (ECMA-48, 5.4), or a key after SS3. `isMeta` after a second ESC. */
  | {
      readonly _tag: "Csi" | "Ss3"
      readonly parameters: string
      readonly intermediates: string
      readonly final: string
      readonly isMeta: boolean
    }
  /** Text between the marks of a bracketed paste; `isCut` if it was longer than `maxPaste`. */
  | { readonly _tag: "Paste"; readonly text: string; readonly isCut: boolean }

/** Longest paste, in UTF-16 code units; the rest is dropped. */
export const maxPaste = 1024 * 1024

type State =
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

type Action =
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
type Rule = readonly [from: number, to: number, action: Action, next?: State]

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
 * differences are due to keyboards: an ESC before a character is Alt, and Ctrl-C, Ctrl-D and Enter end a control string,
 * because no report contains them. In each state a later rule overrides an earlier one.
 */
const table: Readonly<Record<Exclude<State, "paste">, ReadonlyArray<Rule>>> = {
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

interface Transition {
  readonly action: Action
  readonly next: State | undefined
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

const escapeMillis = 500

const stringMillis = 2_000

const pasteMillis = 2_000

/** Shorter than `pasteMillis`, because a Ctrl-C that nothing follows was hardly pasted. */
const interruptedMillis = 300

const ESC = "\x1b"
const ETX = "\x03"

const pasteEnds = ["\x1b[201~", "\x9b201~"]

/** More than any key or report needs. */
const maxParameters = 64

/** Reports of the mouse that are followed by raw characters (xterm), by final byte. */
const trailing: ReadonlyMap<string, number> = new Map([
  ["M", 3],
  ["t", 2],
  ["T", 6]
])

/**
 * Parses the input of a terminal. Every sequence, however it is split between reads, is one event or none, so that no
 * part of it is taken for typing; control strings are skipped, because no key is one. Pure apart from its state: the
 * owner measures the time.
 */
export class InputParser {
  private readonly bytes = new InputBytes()
  private state: State = "ground"
  private parameters = ""
  private intermediates = ""
  private isMeta = false
  private isStringEmpty = true
  private left = 0
  private pasted: Array<string> = []
  private pastedLength = 0
  /** The start of an end mark, at the end of what was pasted so far. */
  private mark = ""
  /** Whether a paste has just ended without its mark; the next read may be the rest of it. */
  private isLate = false

  constructor(private readonly emit: (event: InputEvent) => void) {}

  push(bytes: Uint8Array): void {
    if (this.isLate && isRestOfPaste(bytes)) this.startPaste()
    this.isLate = false
    this.bytes.decode(bytes, (point) => this.take(point))
  }

  /** If nothing is pushed for as many milliseconds, the owner calls `expire`; undefined if nothing is unfinished. */
  get patience(): number | undefined {
    switch (this.state) {
      case "escape":
      case "escapeIntermediate":
      case "trailing":
        return escapeMillis
      case "csi":
      case "ss3":
        // With parameters, the rest of a report is to come, and the next letter ends it anyway.
        return this.parameters === "" ? escapeMillis : undefined
      case "string":
        return this.isStringEmpty ? escapeMillis : stringMillis
      case "stringEscape":
        return stringMillis
      case "paste":
        return this.pasted.at(-1) === ETX && this.mark === "" ? interruptedMillis : pasteMillis
      case "csiIntermediate":
        return this.isShiftedKey ? escapeMillis : undefined
      case "ground":
      case "csiIgnore":
        return undefined
    }
  }

  /** rxvt ends keys pressed with Shift in `$`, after which every other sequence has a final byte. */
  private get isShiftedKey(): boolean {
    return this.intermediates === "$" && /^\d{1,2}$/u.test(this.parameters)
  }

  /** Ends what is unfinished: an ESC alone was the Escape key, and ESC and another character were Alt and a key. */
  expire(): void {
    if (this.patience === undefined) return
    const { state } = this
    this.state = "ground"
    if (state === "escape") this.emit({ _tag: "Escape" })
    if (state === "csiIntermediate") this.emitSequence("Csi", "$", "", this.isMeta)
    if (state === "paste") this.endPasteWithoutMark()
  }

  private take(point: number) {
    if (this.state === "paste") return this.takePasted(String.fromCodePoint(point))
    const transition = transitions[this.state]?.[Math.min(point, beyond)]
    if (transition === undefined) return
    if (transition.next !== undefined) this.state = transition.next
    this.act(transition.action, point)
  }

  private act(action: Action, point: number) {
    const { isMeta } = this
    switch (action) {
      case "none":
        return
      case "start":
      case "startMeta":
        this.isMeta = action === "startMeta"
        this.parameters = ""
        this.intermediates = ""
        this.isStringEmpty = true
        return
      case "print":
        return this.emit({ _tag: "Print", text: String.fromCodePoint(point) })
      case "control":
      case "metaControl":
        return this.emit({ _tag: "Control", code: point, isMeta: action === "metaControl" })
      case "meta":
        return this.emit({ _tag: "Meta", text: String.fromCodePoint(point) })
      case "parameter":
        this.parameters = (this.parameters + String.fromCodePoint(point)).slice(0, maxParameters)
        return
      case "intermediate":
        this.intermediates = (this.intermediates + String.fromCodePoint(point)).slice(0, maxParameters)
        return
      case "csi":
        return this.endCsi(String.fromCodePoint(point), isMeta)
      case "ss3":
        return this.emitSequence("Ss3", String.fromCodePoint(point), "", isMeta)
      case "string":
        this.isStringEmpty = false
        return
      case "trail":
        this.left -= 1
        if (this.left === 0) this.state = "ground"
        return
    }
  }

  private endCsi(final: string, isMeta: boolean) {
    const { intermediates, parameters } = this
    if (final === "~" && parameters === "200" && intermediates === "") return this.startPaste()
    const isBare = parameters + intermediates === ""
    const count = isBare ? trailing.get(final) : undefined
    if (count !== undefined) {
      this.state = "trailing"
      this.left = count
    } else if (isBare && final === "[") {
      this.state = "csiIgnore" // function keys of the Linux console, and of PuTTY: `ESC [ [ A`, `ESC [ [ 5 ~`
    } else this.emitSequence("Csi", final, intermediates, isMeta)
  }

  private emitSequence(_tag: "Csi" | "Ss3", final: string, intermediates: string, isMeta: boolean) {
    this.emit({ _tag, parameters: this.parameters, intermediates, final, isMeta })
  }

  private startPaste() {
    this.state = "paste"
    this.pasted = []
    this.pastedLength = 0
    this.mark = ""
  }

  private takePasted(character: string) {
    const mark = this.mark + character
    if (pasteEnds.includes(mark)) {
      this.state = "ground"
      return this.emitPaste()
    }
    if (pasteEnds.some((end) => end.startsWith(mark))) {
      this.mark = mark
      return
    }
    this.mark = ""
    for (const one of mark.slice(0, -character.length)) this.addPasted(one)
    // The character may start another mark.
    if (mark !== character) this.takePasted(character)
    else this.addPasted(character)
  }

  private addPasted(character: string) {
    this.pastedLength += character.length
    if (this.pastedLength <= maxPaste) this.pasted.push(character)
  }

  private emitPaste() {
    const text = this.pasted.join("")
    const isCut = this.pastedLength > maxPaste
    this.pasted = []
    if (text !== "") this.emit({ _tag: "Paste", text, isCut })
  }

  /** What follows a Ctrl-C was typed by a user who saw no effect of it. */
  private endPasteWithoutMark() {
    const end = this.pasted.indexOf(ETX)
    const typed = end < 0 ? [] : this.pasted.splice(end)
    if (this.mark === ESC) typed.push(ESC)
    this.mark = ""
    this.emitPaste()
    this.isLate = true
    for (const character of typed) this.take(character.codePointAt(0) ?? 0)
  }
}

/** Whether a read is several lines at once, which no one types. */
const isRestOfPaste = (bytes: Uint8Array) => {
  const end = bytes.findIndex((byte) => byte === 0x0d || byte === 0x0a)
  return end >= 0 && end < bytes.length - 1 && (bytes[0] ?? 0) !== 0x1b && (bytes[0] ?? 0) !== 0x03
}
