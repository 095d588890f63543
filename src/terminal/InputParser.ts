import { InputBytes } from "./InputBytes.js"
import { transition, type InputAction, type InputState } from "./InputTable.js"

/** What a terminal sends: keys, pastes and reports. */
export type InputEvent =
  /** A printable character. */
  | { readonly _tag: "Print"; readonly text: string }
  /** A C0 control or DEL; `isMeta` after an ESC. */
  | { readonly _tag: "Control"; readonly code: number; readonly isMeta: boolean }
  /** A printable character after an ESC, as Alt sends it. */
  | { readonly _tag: "Meta"; readonly text: string }
  /** A lone ESC. */
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

const escapeMillis = 500

const stringMillis = 2_000

const pasteMillis = 2_000

/** Shorter than `pasteMillis`, because a Ctrl-C at the end of the input was hardly pasted. */
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
  private state: InputState = "ground"
  private parameters = ""
  private intermediates = ""
  private isMeta = false
  private isStringEmpty = true
  private left = 0
  private pasted: Array<string> = []
  private pastedLength = 0
  /** The start of an end mark, at the end of what was pasted so far. */
  private mark = ""
  /** The state in which a paste or a sequence was just given up; the next read may be the rest of it. */
  private stalled: InputState | undefined = undefined

  constructor(private readonly emit: (event: InputEvent) => void) {}

  push(bytes: Uint8Array): void {
    const { stalled } = this
    this.stalled = undefined
    if (stalled === undefined) return this.bytes.decode(bytes, (point) => this.take(point))
    const points: Array<number> = []
    this.bytes.decode(bytes, (point) => points.push(point))
    this.resume(stalled, points)
    for (const point of points) this.take(point)
  }

  /** The owner calls `expire` if nothing is pushed for this many milliseconds; undefined if nothing is unfinished. */
  get patience(): number | undefined {
    switch (this.state) {
      case "escape":
      case "escapeIntermediate":
      case "trailing":
        return escapeMillis
      case "csi":
      case "ss3":
        // After parameters, the rest of a report will follow, and any letter ends it.
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

  /** Ends unfinished input: a lone ESC was the Escape key, and ESC and another character were Alt and a key. */
  expire(): void {
    if (this.patience === undefined) return
    const { state } = this
    this.state = "ground"
    this.stalled = state
    if (state === "escape") this.emit({ _tag: "Escape" })
    if (state === "csiIntermediate") this.emitSequence("Csi", "$", "", this.isMeta)
    if (state === "paste") this.endPasteWithoutMark()
  }

  private resume(stalled: InputState, points: ReadonlyArray<number>) {
    if (stalled === "paste") {
      if (isRestOfPaste(points)) this.startPaste()
    } else if (this.isRestOf(stalled, points)) this.state = stalled
  }

  /**
   * Whether a read contains the rest of a sequence rather than a key: a key is a read of its own, unless the reader was
   * stopped.
   */
  private isRestOf(stalled: InputState, points: ReadonlyArray<number>): boolean {
    if (points.length < 2 || (stalled === "escape" && !reportStarts.has(points[0] ?? 0))) return false
    let hasKey = false
    const trial = new InputParser((event) => {
      const isEnd = event._tag === "Meta" && event.text === "\\" // of a control string: ST is ESC and a backslash
      if (event._tag !== "Csi" && !isEnd) hasKey = true
    })
    trial.state = stalled
    trial.parameters = this.parameters
    trial.intermediates = this.intermediates
    trial.left = this.left
    for (const point of points) trial.take(point)
    return !hasKey && trial.state === "ground"
  }

  private take(point: number) {
    if (this.state === "paste") return this.takePasted(String.fromCodePoint(point))
    const found = transition(this.state, point)
    if (found === undefined) return
    if (found.next !== undefined) this.state = found.next
    this.act(found.action, point)
  }

  private act(action: InputAction, point: number) {
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

  /** The input after a Ctrl-C was typed by a user who saw no effect of it. */
  private endPasteWithoutMark() {
    const end = this.pasted.indexOf(ETX)
    const typed = end < 0 ? [] : this.pasted.splice(end)
    if (this.mark === ESC) typed.push(ESC)
    this.mark = ""
    this.emitPaste()
    for (const character of typed) this.take(character.codePointAt(0) ?? 0)
  }
}

/** Characters that may follow the ESC of a report: the rest of CSI, OSC, DCS, SOS, PM or APC. */
const reportStarts: ReadonlySet<number> = new Set(Buffer.from("[]PX^_"))

/** Whether a read is several lines at once, which nobody types. */
const isRestOfPaste = (points: ReadonlyArray<number>) => {
  const end = points.findIndex((point) => point === 0x0d || point === 0x0a)
  return end >= 0 && end < points.length - 1 && points[0] !== 0x1b && points[0] !== 0x03
}
