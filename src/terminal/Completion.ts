import * as RoomInput from "./RoomInput.js"
import { commandNames, extents } from "./TypedLine.js"

/** The choices that Tab cycles through, then the text as typed. */
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

/** Everything that can be completed. */
export interface CompletionChoices {
  /** All known users, the likeliest first. */
  readonly names: ReadonlyArray<string>
  /** The user's rooms, if the server has any. */
  readonly rooms?: ReadonlyArray<string> | undefined
  /** All conversations, for `/go`. */
  readonly conversations?: ReadonlyArray<string>
  /** Whether the next line goes to a room: a name at its start is then more likely a mention than a recipient. */
  readonly isInRoom?: boolean
}

/**
 * Completes a command, its argument, a recipient, or a name in a text once part of it is typed; undefined if there is
 * nothing to complete at the cursor.
 */
export const find = (
  text: string,
  cursor: number,
  { conversations = [], isInRoom = false, names, rooms }: CompletionChoices
): Completion | undefined => {
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
  const atRoom = rooms === undefined ? undefined : roomArgument(before)
  if (atRoom !== undefined) {
    const { of, typed } = atRoom
    return complete(typed, of === "conversations" ? conversations : of === "rooms" ? (rooms ?? []) : names, "")
  }
  const argument = /^\/(\S+)\s+(\S*)$/u.exec(before)
  if (argument !== null) {
    const [, name = "", typed = ""] = argument
    if (name === "bell" || name === "notify") return complete(typed, extents, "")
    return ["time", "joins"].includes(name) ? complete(typed, ["on", "off"], "") : undefined
  }
  if (before.startsWith("/")) {
    return /\s/u.test(before) ? undefined : complete(before, commandNames(rooms !== undefined), " ")
  }
  const [, recipient] = /^(?:\s*[^:,\s]+\s*,)*\s*([^:,\s]*)$/u.exec(before) ?? []
  const recipients = rooms === undefined ? names : [...names, ...rooms]
  const chosen = before.split(",").map((name) => name.trim())
  chosen.pop() // the one being typed
  if (recipient !== undefined && chosen.every((name) => recipients.includes(name))) {
    const others = recipients.filter((name) => !chosen.includes(name))
    const isMention = isInRoom && chosen.length === 0 && !recipient.startsWith("#")
    return complete(recipient, others, tail.startsWith(":") ? "" : isMention ? " " : ": ")
  }
  const mentioned = before.split(/\s/u).at(-1) ?? ""
  return mentioned === "" ? undefined : complete(mentioned, recipients, " ")
}

/** The word being typed in a command about conversations, and its possible completions. */
const roomArgument = (before: string) => {
  const [, name = "", rest, typed = ""] = /^(\/\S+)\s+((?:\S+\s+)?)(\S*)$/u.exec(before) ?? []
  if (rest === undefined) return undefined
  if (RoomInput.takesConversation(name)) return rest === "" ? ({ of: "conversations", typed } as const) : undefined
  const of = RoomInput.takes(name)
  if (of === undefined) return undefined
  return { of: rest === "" && (typed.startsWith("#") || of === "rooms") ? "rooms" : "names", typed } as const
}
