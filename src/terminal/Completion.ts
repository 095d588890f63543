import { commandNames, extents } from "./TypedLine.js"

/** What Tab offers for a line: one choice after another, then the text as typed. */
export interface Completion {
  /** The unchanged text before and after the choice. */
  readonly head: string
  readonly tail: string
  readonly choices: ReadonlyArray<string>
  /** Index of the choice shown now. */
  readonly at: number
}

/** The line with the current choice, and the cursor after it. */
export const apply = ({ at, choices, head, tail }: Completion) => {
  const line = head + (choices[at] ?? "")
  return { text: line + tail, cursor: line.length }
}

/** @param by 1 for the next choice, -1 for the previous one */
export const turn = (completion: Completion, by: 1 | -1): Completion => {
  const { length } = completion.choices
  return { ...completion, at: (completion.at + by + length) % length }
}

/**
 * Completes a command, its argument, a recipient, or a name in a text once part of it is typed; undefined if there is
 * nothing to complete at the cursor.
 *
 * @param names all known names, the likeliest first
 */
export const find = (text: string, cursor: number, names: ReadonlyArray<string>): Completion | undefined => {
  const [before, tail] = [text.slice(0, cursor), text.slice(cursor)]
  const complete = (typed: string, all: ReadonlyArray<string>, suffix: string): Completion | undefined => {
    const start = typed.toLowerCase()
    const matching = all.filter((choice) => choice.toLowerCase().startsWith(start)).map((choice) => choice + suffix)
    if (matching.length === 0) return undefined
    return { head: before.slice(0, cursor - typed.length), tail, choices: [...matching, typed], at: 0 }
  }

  const [, list] = /^\/ignore\s+(.*)$/su.exec(before) ?? []
  const ignored = list?.slice(list.lastIndexOf(",") + 1).trimStart()
  if (ignored !== undefined && !/\s/u.test(ignored)) return complete(ignored, names, "")
  const argument = /^\/(\S+)\s+(\S*)$/u.exec(before)
  if (argument !== null) {
    const [, name = "", typed = ""] = argument
    if (name === "bell" || name === "notify") return complete(typed, extents, "")
    return ["time", "joins"].includes(name) ? complete(typed, ["on", "off"], "") : undefined
  }
  if (before.startsWith("/")) {
    return /\s/u.test(before) ? undefined : complete(before, commandNames, " ")
  }
  const [, recipient] = /^(?:\s*[^:,\s]+\s*,)*\s*([^:,\s]*)$/u.exec(before) ?? []
  const chosen = before.split(",").map((name) => name.trim())
  chosen.pop() // the one being typed
  if (recipient !== undefined && chosen.every((name) => names.includes(name))) {
    const others = names.filter((name) => !chosen.includes(name))
    return complete(recipient, others, tail.startsWith(":") ? "" : ": ")
  }
  const mentioned = before.split(/\s/u).at(-1) ?? ""
  return mentioned === "" ? undefined : complete(mentioned, names, " ")
}
