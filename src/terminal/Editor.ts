import * as Width from "./Width.js"

/** A line being typed. */
export interface Editor {
  readonly text: string
  /** Index into `text`, between two characters. */
  readonly cursor: number
  /** The text killed last, for `yank`. */
  readonly killed: string
}

export const empty: Editor = { text: "", cursor: 0, killed: "" }

/** Replaces the line and puts the cursor at its end. */
export const set = (editor: Editor, text: string): Editor => ({ ...editor, text, cursor: text.length })

export const insert = (editor: Editor, text: string): Editor => {
  const head = editor.text.slice(0, editor.cursor) + text
  return { ...editor, text: head + editor.text.slice(editor.cursor), cursor: head.length }
}

/** The editing commands. */
export type Edit = keyof typeof edits

export const edit = (editor: Editor, name: Edit): Editor => edits[name](editor)

const moved =
  (to: (text: string, cursor: number) => number) =>
  (editor: Editor): Editor => ({ ...editor, cursor: to(editor.text, editor.cursor) })

const removed =
  (to: (text: string, cursor: number) => number, keep: boolean) =>
  (editor: Editor): Editor => {
    const end = to(editor.text, editor.cursor)
    const [from, until] = end < editor.cursor ? [end, editor.cursor] : [editor.cursor, end]
    if (from === until) return editor
    const text = editor.text.slice(0, from) + editor.text.slice(until)
    return { text, cursor: from, killed: keep ? editor.text.slice(from, until) : editor.killed }
  }

/**
 * The start of the text that a pattern matches just before the cursor. The patterns are sticky lookbehinds: one that
 * ends in `$` would be tried at each earlier index, which takes minutes in a long line.
 */
const startOf =
  (behind: RegExp) =>
  (text: string, cursor: number): number => {
    behind.lastIndex = cursor
    return cursor - (behind.exec(text)?.[1]?.length ?? 0)
  }

const wordStart = startOf(/(?<=([\p{L}\p{M}\p{N}_]*[^\p{L}\p{M}\p{N}_]*))/uy)

const wordEnd = (text: string, cursor: number): number =>
  cursor + (/^[^\p{L}\p{M}\p{N}_]*[\p{L}\p{M}\p{N}_]*/u.exec(text.slice(cursor))?.[0].length ?? 0)

/** As in a shell: up to white space. */
const blankStart = startOf(/(?<=(\S*\s*))/uy)

const start = () => 0

const end = (text: string) => text.length

const edits = {
  left: moved(Width.before),
  right: moved(Width.after),
  wordLeft: moved(wordStart),
  wordRight: moved(wordEnd),
  home: moved(start),
  end: moved(end),
  backspace: removed(Width.before, false),
  delete: removed(Width.after, false),
  killWord: removed(blankStart, true),
  killWordLeft: removed(wordStart, true),
  killWordRight: removed(wordEnd, true),
  killStart: removed(start, true),
  killEnd: removed(end, true),
  yank: (editor: Editor) => insert(editor, editor.killed)
} as const
