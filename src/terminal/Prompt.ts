import * as Escape from "../client/Escape.js"
import * as Completion from "./Completion.js"
import * as Editor from "./Editor.js"
import type { History } from "./History.js"
import { maxPaste } from "./InputParser.js"
import type { Key, Press } from "./Keys.js"

/** What the user entered. */
export type Entered =
  /** `isNew`: to be added to the history file. */
  | { readonly _tag: "Line"; readonly line: string; readonly isNew: boolean }
  /** Pasted lines. `isHeaded`: the first starts with text that was typed before the paste. */
  | { readonly _tag: "Lines"; readonly lines: ReadonlyArray<string>; readonly isHeaded: boolean }
  /** The user's decision about lines whose outcome is unknown. */
  | { readonly _tag: "Resend" | "Drop" }

export interface PromptOptions {
  readonly history: History
  /** Names for completion, the likeliest first. */
  readonly names: () => ReadonlyArray<string>
  readonly enter: (entered: Entered) => void
  /** Whether a line needs a second Enter. */
  readonly doubts: (line: string) => boolean
  /** Called a second time if the user does not want to wait. */
  readonly leave: () => void
  /** Called when part of a paste was dropped. */
  readonly cut: () => void
  readonly redraw: () => void
  readonly suspend: () => void
}

/**
 * Pasted lines that wait for confirmation. When they are sent, the text after the cursor is appended to the last line.
 */
export interface Paste {
  readonly lines: ReadonlyArray<string>
  readonly isHeaded: boolean
}

/** The line being typed, and the effect of keys on it. */
export class Prompt {
  editor = Editor.empty
  paste: Paste | undefined = undefined
  /** Whether the prompt asks for the login, which is not kept in the history and not completed by Tab. */
  asksLogin = false
  private completion: Completion.Completion | undefined = undefined

  constructor(private readonly options: PromptOptions) {}

  press(key: Key): void {
    if (this.paste !== undefined) return this.answer(this.paste, key)
    const { completion } = this
    this.completion = undefined
    switch (key._tag) {
      case "Typed":
        this.type(key.text, completion)
        break
      case "Pasted":
        if (key.isCut) this.options.cut()
        this.insertPaste(linesOf(key.text))
        break
      case "Edit":
        this.editor = Editor.edit(this.editor, key.edit)
        break
      case "Pressed":
        this.act(key.key, completion)
    }
  }

  private type(text: string, completion: Completion.Completion | undefined) {
    // After a completed `bob: `, a comma means that another name follows.
    const isList = text === "," && completion?.choices[completion.at]?.endsWith(": ") === true
    if (isList) this.editor = Editor.edit(Editor.edit(this.editor, "backspace"), "backspace")
    this.editor = Editor.insert(this.editor, isList ? ", " : text)
  }

  private insertPaste(lines: ReadonlyArray<string>) {
    if (lines.length === 1 || this.asksLogin) {
      this.editor = Editor.insert(this.editor, lines[0] ?? "")
      return
    }
    const head = this.editor.text.slice(0, this.editor.cursor)
    const [first = "", ...rest] = lines
    this.paste = { lines: [head + first, ...rest], isHeaded: head.trim() !== "" }
  }

  private answer(paste: Paste, key: Key) {
    if (key._tag === "Pasted") {
      const lines = [...paste.lines, ...linesOf(key.text)]
      const isTooLong = lengthOf(lines) > maxPaste
      if (isTooLong || key.isCut) this.options.cut()
      if (!isTooLong) this.paste = { ...paste, lines }
      return
    }
    const isYes = key._tag === "Typed" && key.text.toLowerCase() === "y"
    const isNo =
      (key._tag === "Typed" && key.text.toLowerCase() === "n") ||
      (key._tag === "Pressed" && ["escape", "leave", "endOrDelete"].includes(key.key))
    if (isYes) {
      const tail = this.editor.text.slice(this.editor.cursor)
      this.editor = Editor.set(this.editor, "")
      this.options.enter({ _tag: "Lines", ...paste, lines: withTail(paste.lines, tail) })
    }
    if (isYes || isNo) this.paste = undefined
  }

  private act(press: Press, completion: Completion.Completion | undefined) {
    switch (press) {
      case "enter":
        return this.enter()
      case "up":
      case "down":
        return this.recall(press)
      case "complete":
      case "completeBack":
        return this.complete(completion, press === "complete" ? 1 : -1)
      case "resend":
        return this.options.enter({ _tag: "Resend" })
      case "drop":
        return this.options.enter({ _tag: "Drop" })
      case "redraw":
        return this.options.redraw()
      case "suspend":
        return this.options.suspend()
      case "leave":
        return this.options.leave()
      case "endOrDelete":
        if (this.editor.text === "") return this.options.leave()
        this.editor = Editor.edit(this.editor, "delete")
        return
      case "escape":
        // Ends the completion, as any key does.
        return
    }
  }

  private enter() {
    const line = this.editor.text
    if (!this.asksLogin && this.options.doubts(line)) return
    this.editor = Editor.set(this.editor, "")
    if (line.trim() === "") return
    const isNew = !this.asksLogin && this.options.history.add(line)
    this.options.enter({ _tag: "Line", line, isNew })
  }

  private recall(direction: "up" | "down") {
    const { history } = this.options
    const line = this.asksLogin ? undefined : direction === "up" ? history.up(this.editor.text) : history.down()
    if (line !== undefined) this.editor = Editor.set(this.editor, line)
  }

  private complete(completion: Completion.Completion | undefined, by: 1 | -1) {
    if (this.asksLogin) return
    const { cursor, text } = this.editor
    const found = completion === undefined ? Completion.find(text, cursor, this.options.names()) : completion
    if (found === undefined) return
    this.completion = completion === undefined && by === 1 ? found : Completion.turn(found, by)
    this.editor = { ...this.editor, ...Completion.apply(this.completion) }
  }
}

/** Control characters cannot be sent, so they are inserted in their escaped form. */
const linesOf = (pasted: string): ReadonlyArray<string> => pasted.replace(/\n+$/u, "").split("\n").map(Escape.controls)

const lengthOf = (lines: ReadonlyArray<string>) => lines.reduce((sum, line) => sum + line.length + 1, 0)

const withTail = (lines: ReadonlyArray<string>, tail: string): ReadonlyArray<string> => [
  ...lines.slice(0, -1),
  (lines.at(-1) ?? "") + tail
]
