import * as Escape from "../client/Escape.js"
import * as Completion from "./Completion.js"
import * as Editor from "./Editor.js"
import type { InputHistory } from "./InputHistory.js"
import { maxPaste } from "./InputParser.js"
import type { Key, Press } from "./Keys.js"
import * as Width from "./Width.js"

/** What the user entered. */
export type Entered =
  /** `isNew`: add the line to the history file. */
  | { readonly _tag: "Line"; readonly line: string; readonly isNew: boolean }
  /** Pasted lines. `isHeaded`: the first starts with text that was typed before the paste. */
  | { readonly _tag: "Lines"; readonly lines: ReadonlyArray<string>; readonly isHeaded: boolean }
  /** The user's decision about lines whose outcome is unknown. */
  | { readonly _tag: "Resend" | "Drop" }
  /** The answer to `askSecret`; undefined if the user does not want to answer. */
  | { readonly _tag: "Secret"; readonly secret: string | undefined }

export interface PromptOptions {
  readonly history: InputHistory
  readonly choices: () => Completion.CompletionChoices
  readonly enter: (entered: Entered) => void
  /** Called when Enter is pressed in an empty line. */
  readonly hurry: () => void
  /** Whether a line needs a second Enter. */
  readonly doubts: (line: string) => boolean
  /** Called a second time if the user does not want to wait. */
  readonly leave: () => void
  readonly isLeaving: () => boolean
  /** Called when part of a paste was dropped. */
  readonly cut: () => void
  readonly redraw: () => void
  readonly suspend: () => void
  /** Goes to a conversation; returns whether the server has rooms. If not, the key edits the line instead. */
  readonly go: (to: ConversationMove) => boolean
  /** Shows earlier lines of the conversation. */
  readonly earlier: () => void
}

/**
 * The target of a key for conversations: a number in the list, a neighbour of the current one, or the next with unread
 * lines.
 */
export type ConversationMove = Extract<Key, { readonly _tag: "Go" }>["to"] | "unread"

/**
 * Pasted lines that wait for confirmation. When they are sent, the text after the cursor is appended to the last line.
 */
export interface Paste {
  readonly lines: ReadonlyArray<string>
  readonly isHeaded: boolean
}

/** A search in the history. */
export interface Search {
  readonly text: string
  /** The line found, which the editor shows; undefined if none contains the text. */
  readonly found: { readonly line: string; readonly index: number } | undefined
  /** The line being typed before the search. */
  readonly draft: Editor.Editor
}

/** The line being typed, and the effect of keys on it. */
export class Prompt {
  editor = Editor.empty
  paste: Paste | undefined = undefined
  search: Search | undefined = undefined
  /** Whether the prompt asks for the login, which stays out of the history and is not completed by Tab. */
  asksLogin = false
  /** The question for a secret, which is neither shown nor kept; undefined if there is none. */
  secretQuestion: string | undefined = undefined
  /** The login that Enter alone chooses. */
  suggestedLogin: string | undefined = undefined
  private completion: Completion.Completion | undefined = undefined

  constructor(private readonly options: PromptOptions) {}

  askLogin(suggested: string | undefined, asks = true): void {
    this.asksLogin = asks
    this.suggestedLogin = suggested
    this.search = undefined
    if (asks) this.clear()
  }

  /** Asks for a secret. Undefined ends the question. */
  askSecret(question: string | undefined): void {
    this.secretQuestion = question
    this.search = undefined
    this.paste = undefined
    // The text typed so far is not kept for Ctrl-Y either.
    this.editor = Editor.empty
  }

  /** Whether the typed text answers a question, and is not a line of the chat. */
  private get isAsking(): boolean {
    return this.asksLogin || this.secretQuestion !== undefined
  }

  press(key: Key): void {
    if (this.paste !== undefined) return this.answer(this.paste, key)
    if (this.search !== undefined && this.searchOn(this.search, key)) return
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
      case "Go":
        if (!this.isAsking && this.options.go(key.to)) break
        if (key.edit !== undefined) this.editor = Editor.edit(this.editor, key.edit)
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
    if (lines.length === 1 || this.isAsking) {
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
    if (key._tag === "Pressed" && key.key === "leave") this.clear() // or a third Ctrl-C would be needed to leave
  }

  /** Applies a key to a search. Returns whether the key was meant for it; any other ends it with the line found. */
  private searchOn(search: Search, key: Key): boolean {
    if (key._tag === "Typed") this.find(search, search.text + key.text)
    else if (key._tag === "Edit" && key.edit === "backspace") {
      this.find(search, search.text.slice(0, Width.before(search.text, search.text.length)))
    } else if (key._tag === "Pressed" && key.key === "search") {
      const next = this.options.history.find(search.text, search.found?.index)
      if (next !== undefined && search.text !== "") this.showFound({ ...search, found: next })
    } else {
      this.search = undefined
      const isOver = key._tag === "Pressed" && ["escape", "leave", "endOrDelete"].includes(key.key)
      if (isOver) this.editor = search.draft
      return isOver || (key._tag === "Pressed" && ["enter", "complete"].includes(key.key))
    }
    return true
  }

  private find(search: Search, text: string) {
    this.showFound({ ...search, text, found: text === "" ? undefined : this.options.history.find(text) })
  }

  private showFound(search: Search) {
    this.search = search
    const { found, text } = search
    const at = found?.line.toLowerCase().indexOf(text.toLowerCase()) ?? 0
    this.editor = { ...this.editor, text: found?.line ?? "", cursor: Math.max(0, at) }
  }

  /** Replaces the line being edited, and returns the old one. */
  exchange(text: string): string {
    const before = this.editor.text
    this.editor = Editor.set(this.editor, text)
    return before
  }

  private clear() {
    this.editor = { ...Editor.empty, killed: this.editor.text }
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
      case "search":
        if (!this.isAsking) this.find({ text: "", found: undefined, draft: this.editor }, "")
        return
      case "resend":
        return this.options.enter({ _tag: "Resend" })
      case "drop":
        return this.options.enter({ _tag: "Drop" })
      case "redraw":
        return this.options.redraw()
      case "suspend":
        return this.options.suspend()
      case "earlier":
        if (!this.isAsking) this.options.earlier()
        return
      case "unread":
        if (!this.isAsking) this.options.go("unread")
        return
      case "leave":
        if (this.secretQuestion !== undefined) return this.answerSecret(undefined)
        if (this.editor.text === "" || this.options.isLeaving()) return this.options.leave()
        return this.clear()
      case "endOrDelete":
        if (this.secretQuestion !== undefined && this.editor.text === "") return this.answerSecret(undefined)
        if (this.editor.text === "") return this.options.leave()
        this.editor = Editor.edit(this.editor, "delete")
        return
      case "escape":
        if (this.secretQuestion !== undefined) return this.answerSecret(undefined)
        // Ends the completion, as any key does.
        return
    }
  }

  private answerSecret(secret: string | undefined) {
    this.askSecret(undefined)
    this.options.enter({ _tag: "Secret", secret })
  }

  private enter() {
    if (this.secretQuestion !== undefined) {
      const { text } = this.editor
      return this.answerSecret(text === "" ? undefined : text)
    }
    const line = this.editor.text === "" && this.asksLogin ? (this.suggestedLogin ?? "") : this.editor.text
    if (!this.asksLogin && this.options.doubts(line)) return
    this.editor = Editor.set(this.editor, "")
    if (line.trim() === "") return this.options.hurry()
    const isNew = !this.asksLogin && !hasSecret(line) && this.options.history.add(line)
    this.options.enter({ _tag: "Line", line, isNew })
  }

  private recall(direction: "up" | "down") {
    const { history } = this.options
    const line = this.isAsking ? undefined : direction === "up" ? history.up(this.editor.text) : history.down()
    if (line !== undefined) this.editor = Editor.set(this.editor, line)
  }

  private complete(completion: Completion.Completion | undefined, by: 1 | -1) {
    if (this.isAsking) return
    const { cursor, text } = this.editor
    const found = completion === undefined ? Completion.find(text, cursor, this.options.choices()) : completion
    if (found === undefined) return
    this.completion = completion === undefined && by === 1 ? found : Completion.turn(found, by)
    this.editor = { ...this.editor, ...Completion.apply(this.completion) }
  }
}

/** Lines that may contain a password are never kept. */
const hasSecret = (line: string): boolean => /^\s*\/(?:register|password)\b/iu.test(line)

/** Control characters cannot be sent, so they are inserted in their escaped form. */
const linesOf = (pasted: string): ReadonlyArray<string> =>
  pasted.replace(lastBlankLines, "").split("\n").map(Escape.controls)

/** Without the lookbehind, V8 would scan to the end of a run from each of its line ends. */
const lastBlankLines = /(?<!\n)\n+$/u

const lengthOf = (lines: ReadonlyArray<string>) => lines.reduce((sum, line) => sum + line.length + 1, 0)

const withTail = (lines: ReadonlyArray<string>, tail: string): ReadonlyArray<string> => [
  ...lines.slice(0, -1),
  (lines.at(-1) ?? "") + tail
]
