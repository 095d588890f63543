import * as Readline from "node:readline"
import type { Readable } from "node:stream"
import type { Edit } from "./Editor.js"

/** What the user does at the keyboard. */
export type Key =
  | { readonly _tag: "Typed"; readonly text: string }
  /** A complete paste; its line ends are LF. */
  | { readonly _tag: "Pasted"; readonly text: string }
  | { readonly _tag: "Edit"; readonly edit: Edit }
  | { readonly _tag: "Pressed"; readonly key: Press }

export type Press =
  | "enter"
  | "up"
  | "down"
  | "complete"
  | "completeBack"
  | "resend"
  | "drop"
  | "redraw"
  | "suspend"
  | "escape"
  /** Ctrl-C. */
  | "leave"
  /** Ctrl-D: deletes if there is something to delete, otherwise leaves. */
  | "endOrDelete"

/** As in a shell (Emacs style). */
const edits: Readonly<Record<string, Edit>> = {
  left: "left",
  "ctrl-b": "left",
  right: "right",
  "ctrl-f": "right",
  "ctrl-left": "wordLeft",
  "meta-left": "wordLeft",
  "meta-b": "wordLeft",
  "ctrl-right": "wordRight",
  "meta-right": "wordRight",
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
  "ctrl-r": "resend",
  "ctrl-x": "drop",
  "ctrl-l": "redraw",
  "ctrl-z": "suspend",
  escape: "escape",
  "meta-escape": "escape",
  "ctrl-c": "leave",
  "ctrl-d": "endOrDelete"
}

// oxlint-disable-next-line no-control-regex
const control = /[\x00-\x1f\x7f-\x9f]/u

/** The meaning of a key; undefined if it has none. Node has already parsed the escape sequences. */
export const decode = (text: string | undefined, key: Readline.Key): Key | undefined => {
  const name = `${key.ctrl === true ? "ctrl-" : ""}${key.meta === true ? "meta-" : ""}${key.name ?? ""}`
  const shifted = key.shift === true && key.name === "tab" ? "shift-tab" : name
  if (Object.hasOwn(edits, name)) return { _tag: "Edit", edit: edits[name] as Edit } // `hasOwn` has just checked
  if (Object.hasOwn(presses, shifted)) return { _tag: "Pressed", key: presses[shifted] as Press } // as above
  const plain = key.ctrl !== true && key.meta !== true && text !== undefined && text !== "" && !control.test(text)
  return plain ? { _tag: "Typed", text } : undefined
}

/** Line ends as terminals send them and as files contain them. */
const lineEnd = /\r\n?/gu

/** Passes on every key until the returned function is called. */
export const listen = (input: Readable, take: (key: Key) => void): (() => void) => {
  let pasted: Array<string> | undefined = undefined
  const press = (text: string | undefined, key: Readline.Key) => {
    if (key.name === "paste-start") pasted = []
    else if (key.name === "paste-end") {
      const whole = (pasted ?? []).join("").replace(lineEnd, "\n")
      pasted = undefined
      if (whole !== "") take({ _tag: "Pasted", text: whole })
    } else if (pasted === undefined) {
      const decoded = decode(text, key)
      if (decoded !== undefined) take(decoded)
    } else pasted.push(key.sequence ?? text ?? "")
  }
  Readline.emitKeypressEvents(input)
  input.on("keypress", press)
  return () => input.off("keypress", press)
}
