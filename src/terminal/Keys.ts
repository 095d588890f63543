import type { Readable } from "node:stream"
import type { Edit } from "./Editor.js"
import { InputParser, type InputEvent } from "./InputParser.js"

/** The meaning of a key press or a paste. */
export type Key =
  | { readonly _tag: "Typed"; readonly text: string }
  /** A paste; its line ends are LF. `isCut` if it was too long to be kept whole. */
  | { readonly _tag: "Pasted"; readonly text: string; readonly isCut: boolean }
  | { readonly _tag: "Edit"; readonly edit: Edit }
  | { readonly _tag: "Pressed"; readonly key: Press }
  /** Goes to a conversation by its number, or to the previous or next one. `edit` applies on servers without rooms. */
  | { readonly _tag: "Go"; readonly to: number | "previous" | "next"; readonly edit?: Edit }

export type Press =
  | "enter"
  | "up"
  | "down"
  | "complete"
  | "completeBack"
  | "search"
  | "resend"
  | "drop"
  | "redraw"
  | "suspend"
  | "escape"
  /** Ctrl-C. */
  | "leave"
  /** Ctrl-D: deletes if there is something to delete, otherwise leaves. */
  | "endOrDelete"
  /** Shows earlier lines of the conversation. */
  | "earlier"
  /** The next conversation with unread lines. */
  | "unread"

/** As in a shell (Emacs style). */
const edits: Readonly<Record<string, Edit>> = {
  left: "left",
  "ctrl-b": "left",
  right: "right",
  "ctrl-f": "right",
  "ctrl-left": "wordLeft",
  "meta-b": "wordLeft",
  "ctrl-right": "wordRight",
  "meta-f": "wordRight",
  home: "home",
  "ctrl-a": "home",
  end: "end",
  "ctrl-e": "end",
  backspace: "backspace",
  "ctrl-h": "backspace",
  delete: "delete",
  "ctrl-w": "killWord",
  "meta-backspace": "killWordLeft",
  "meta-d": "killWordRight",
  "ctrl-u": "killStart",
  "ctrl-k": "killEnd",
  "ctrl-y": "yank"
}

const presses: Readonly<Record<string, Press>> = {
  return: "enter",
  enter: "enter",
  up: "up",
  "ctrl-p": "up",
  down: "down",
  "ctrl-n": "down",
  tab: "complete",
  "shift-tab": "completeBack",
  "ctrl-r": "search",
  "ctrl-t": "resend",
  "ctrl-x": "drop",
  "ctrl-l": "redraw",
  "ctrl-z": "suspend",
  escape: "escape",
  "ctrl-g": "escape",
  "ctrl-c": "leave",
  "ctrl-d": "endOrDelete",
  pageup: "earlier",
  "meta-a": "unread"
}

/** As in WeeChat and senpai. */
const goes: Readonly<Record<string, Key>> = {
  "meta-left": { _tag: "Go", to: "previous", edit: "wordLeft" },
  "meta-right": { _tag: "Go", to: "next", edit: "wordRight" },
  ...Object.fromEntries(
    [1, 2, 3, 4, 5, 6, 7, 8, 9].map((place): [string, Key] => [`meta-${place}`, { _tag: "Go", to: place }])
  )
}

/** Names of keys by final byte, after CSI or SS3. */
const finals: Readonly<Record<string, string>> = {
  A: "up",
  B: "down",
  C: "right",
  D: "left",
  F: "end",
  H: "home",
  Z: "shift-tab",
  // rxvt, with Shift after CSI and with Ctrl after SS3
  c: "right",
  d: "left"
}

/** The numeric keypad in application mode, after SS3. */
const keypad: Readonly<Record<string, string>> = Object.fromEntries(
  [..."*+,-./0123456789"].map((text, at) => [String.fromCodePoint(0x6a + at), text])
)

/** Names of keys by the number before `~`, and before `^`, `$` and `@` in rxvt. */
const numbered: Readonly<Record<string, string>> = {
  1: "home",
  3: "delete",
  4: "end",
  5: "pageup",
  7: "home",
  8: "end"
}

/** Names of keys by code point; those above U+E000 are from the kitty keyboard protocol. */
const named: ReadonlyMap<number, string> = new Map([
  [0x08, "backspace"],
  [0x09, "tab"],
  [0x0a, "enter"],
  [0x0d, "return"],
  [0x1b, "escape"],
  [0x7f, "backspace"],
  [57414, "enter"],
  [57417, "left"],
  [57418, "right"],
  [57419, "up"],
  [57420, "down"],
  [57423, "home"],
  [57421, "pageup"],
  [57424, "end"],
  [57426, "delete"]
])

/** Modifier keys as terminals encode them: 1 plus the sum of Shift 1, Alt 2, Ctrl 4, and others. */
interface Modifiers {
  readonly shift: boolean
  readonly meta: boolean
  readonly ctrl: boolean
}

/** Returns undefined for the release of a key, and for modifiers that no key here has. */
const modifiersOf = (parameter: string, isMeta: boolean): Modifiers | undefined => {
  const [, encoded = ""] = /^(\d{0,3})(?::[12])?$/u.exec(parameter) ?? [undefined, "0"] // `:3` is a release
  const bits = (encoded === "" ? 1 : Number(encoded)) - 1
  if (bits < 0) return undefined
  if ((bits & 0b110000) !== 0) return undefined
  // The bit after Ctrl is Meta in xterm.
  return { shift: (bits & 1) !== 0, meta: isMeta || (bits & 0b1010) !== 0, ctrl: (bits & 4) !== 0 }
}

const none: Modifiers = { shift: false, meta: false, ctrl: false }

/** The meaning of a key that is not text; undefined if it has none. */
const namedKey = (key: string, { ctrl, meta, shift }: Modifiers): Key | undefined => {
  const name = `${ctrl ? "ctrl-" : ""}${meta ? "meta-" : ""}${shift && key === "tab" ? "shift-" : ""}${key}`
  if (Object.hasOwn(edits, name)) return { _tag: "Edit", edit: edits[name] as Edit } // `hasOwn` has just checked
  if (Object.hasOwn(presses, name)) return { _tag: "Pressed", key: presses[name] as Press } // as above
  return Object.hasOwn(goes, name) ? goes[name] : undefined
}

const typed = (text: string): Key => ({ _tag: "Typed", text })

const control = (code: number, isMeta: boolean): Key | undefined => {
  const modifiers = { ...none, meta: isMeta }
  const name = named.get(code)
  if (name !== undefined) return namedKey(name, modifiers)
  if (code < 1 || code > 26) return undefined
  // An ESC just before it may have been the Escape key. No Ctrl key has another meaning with Alt.
  return namedKey(String.fromCodePoint(code + 0x60), { ...none, ctrl: true })
}

type Sequence = Extract<InputEvent, { readonly _tag: "Csi" | "Ss3" }>

/** Parameters of keys are numbers, and only the kitty protocol divides the first one. Reports may begin with `?`. */
const areOfKey = (parameters: string, final: string) =>
  (final === "u" ? /^[\d:]*(?:;[\d:]*)*$/u : /^\d*(?:;[\d:]*)*$/u).test(parameters)

/** The meaning of a sequence. One that is not a key's is a report from the terminal, and has none. */
const sequence = ({ _tag, final, intermediates, isMeta, parameters }: Sequence): Key | undefined => {
  if (intermediates !== "" || !areOfKey(parameters, final)) return undefined
  const [first = "", second = ""] = parameters.split(";")
  if (_tag === "Ss3" && first === "" && Object.hasOwn(keypad, final)) return typed(keypad[final] ?? "")
  switch (final) {
    case "u":
      return coded(parameters, isMeta)
    case "~": {
      if (first === "27") return modifyOtherKeys(parameters, isMeta)
      const modifiers = modifiersOf(second, isMeta)
      const name = numbered[first]
      return name === undefined || modifiers === undefined ? undefined : namedKey(name, modifiers)
    }
    case "^":
    case "$":
    case "@": {
      const name = numbered[first]
      return name === undefined ? undefined : namedKey(name, { ...none, meta: isMeta, ctrl: final !== "$" })
    }
    case "M":
      return _tag === "Ss3" ? namedKey("enter", { ...none, meta: isMeta }) : undefined
    default: {
      const name = finals[final]
      // The modifiers are the second parameter, or the only one.
      const modifiers = modifiersOf(second === "" ? first : second, isMeta)
      if (name === undefined || modifiers === undefined) return undefined
      return namedKey(name, _tag === "Ss3" && /^[cd]$/u.test(final) ? { ...modifiers, ctrl: true } : modifiers)
    }
  }
}

/** A key in the kitty keyboard protocol: `code:shifted;modifiers:event;text`. */
const coded = (parameters: string, isMeta: boolean): Key | undefined => {
  const [codes = "", modifier = "", text = ""] = parameters.split(";")
  const [code = "", shifted = ""] = codes.split(":")
  const modifiers = modifiersOf(modifier, isMeta)
  if (modifiers === undefined) return undefined
  const produced = text.split(":").map(Number)
  if (text !== "" && !modifiers.ctrl && !modifiers.meta) {
    return produced.every(isText) ? typed(String.fromCodePoint(...produced)) : undefined
  }
  return keyOf(Number(code), modifiers.shift && shifted !== "" ? Number(shifted) : Number(code), modifiers)
}

/** `27;modifiers;code`, as xterm sends it with `modifyOtherKeys`. */
const modifyOtherKeys = (parameters: string, isMeta: boolean): Key | undefined => {
  const [, modifier = "", code = ""] = parameters.split(";")
  const modifiers = modifiersOf(modifier, isMeta)
  return modifiers === undefined ? undefined : keyOf(Number(code), Number(code), modifiers)
}

const keyOf = (code: number, shifted: number, modifiers: Modifiers): Key | undefined => {
  const name = named.get(code)
  if (name !== undefined) return namedKey(name, modifiers)
  if (!isText(code) || !isText(shifted)) return undefined
  const [text, whole] = [String.fromCodePoint(code), String.fromCodePoint(shifted)]
  if (modifiers.ctrl || modifiers.meta) return namedKey(text.toLowerCase(), modifiers)
  return typed(modifiers.shift ? whole.toUpperCase() : whole)
}

const isText = (code: number) =>
  code >= 0x20 && code <= 0x10ffff && !(code >= 0x7f && code < 0xa0) && !(code >= 0xd800 && code < 0xf900)

/** The meaning of an event; undefined if it has none. */
const decode = (event: InputEvent): Key | undefined => {
  switch (event._tag) {
    case "Print":
      return typed(event.text)
    case "Control":
      return control(event.code, event.isMeta)
    case "Meta":
      return namedKey(event.text.toLowerCase(), { ...none, meta: true })
    case "Escape":
      return { _tag: "Pressed", key: "escape" }
    case "Csi":
    case "Ss3":
      return sequence(event)
    case "Paste":
      return { _tag: "Pasted", text: event.text.replace(lineEnd, "\n"), isCut: event.isCut }
  }
}

/** Line ends as terminals send them and as files contain them. */
const lineEnd = /\r\n?/gu

/** Whether the terminal has got the focus or has lost it; undefined if an event reports neither. */
const focusOf = (event: InputEvent): boolean | undefined => {
  if (event._tag !== "Csi" || event.parameters + event.intermediates !== "") return undefined
  return event.final === "I" ? true : event.final === "O" ? false : undefined
}

/** Passes on every key, and every change of the focus, until the returned function is called. */
export const listen = (
  input: Readable,
  take: (key: Key) => void,
  takeFocus: (isFocused: boolean) => void = () => {}
): (() => void) => {
  const parser = new InputParser((event) => {
    const isFocused = focusOf(event)
    if (isFocused !== undefined) return takeFocus(isFocused)
    const key = decode(event)
    if (key !== undefined) take(key)
  })
  let timer: NodeJS.Timeout | undefined = undefined
  let reads = 0
  const wait = () => {
    clearTimeout(timer)
    const { patience } = parser
    if (patience === undefined) return
    const before = reads
    timer = setTimeout(() => {
      // Node runs timers before it reads. If the process was stopped or busy, the rest may be waiting to be read.
      setImmediate(() => {
        if (reads !== before) return
        parser.expire()
        wait()
      })
    }, patience)
    timer.unref()
  }
  const read = (chunk: Uint8Array | string) => {
    reads += 1
    parser.push(typeof chunk === "string" ? Buffer.from(chunk) : chunk)
    wait()
  }
  input.on("data", read)
  return () => {
    input.off("data", read)
    clearTimeout(timer)
    reads += 1
  }
}
