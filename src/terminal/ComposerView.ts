import type * as Effect from "effect/Effect"
import * as RoomReports from "../client/RoomReports.js"
import type { Marks } from "./Display.js"
import * as Format from "./Format.js"
import type { LiveView } from "./LiveRegion.js"
import type { Outgoing, SettledMessage } from "./Outgoing.js"
import type { People } from "./People.js"
import type { Prompt } from "./Prompt.js"
import { span, type Row } from "./Row.js"
import type { Transcript } from "./Transcript.js"

/** The rows below the scrollback: messages without an outcome, questions to the user, and the prompt. */

/** State of the connection to the server. */
export type ComposerPhase =
  | { readonly _tag: "Login" }
  /**
   * `why` is shown above the prompt, with the time until the next attempt to connect (`until`, in monotonic
   * milliseconds), and below it the reason of the last failure.
   */
  | { readonly _tag: "Away"; readonly why: string; readonly reason?: string; readonly until?: number }
  | {
      readonly _tag: "Here"
      /** Whether the server reports outcomes, and which clients are connected. */
      readonly reportsOutcomes: boolean
      /** Whether messages wait for their turn, since the server announced a rate. */
      readonly isPaced: boolean
      /** Leaves in an orderly way, so that sent lines reach the server. */
      readonly end: Effect.Effect<void>
      /** Why no password may be sent; undefined if it may. */
      readonly whyNoSecrets?: string | undefined
    }

/** A line that Enter did not send, and those of its names that were never here. */
export interface DoubtedLine {
  readonly line: string
  readonly strangers: ReadonlyArray<string>
}

export interface ComposerState {
  readonly outgoing: Outgoing
  /** Stored messages that may soon be received. */
  readonly stored: ReadonlyArray<SettledMessage>
  readonly phase: ComposerPhase
  /** Whether the client only waits for outcomes. */
  readonly isLeaving: boolean
  /** Recipients of a line that names none. */
  readonly to: ReadonlyArray<string>
  readonly doubted: DoubtedLine | undefined
  /** The conversations with unread lines. */
  readonly unread?: Row | undefined
  /** Pasted lines that wait for an answer, their recipients, and those of these that were never here. */
  readonly paste:
    | { readonly lines: number; readonly to: ReadonlyArray<string>; readonly strangers: ReadonlyArray<string> }
    | undefined
}

export interface ComposerViewOptions {
  readonly marks: Marks
  readonly people: People
  readonly prompt: Prompt
  readonly transcript: Transcript
  /** Monotonic milliseconds. */
  readonly now: () => number
}

export const make = (state: ComposerState, options: ComposerViewOptions): LiveView => {
  const { marks, prompt } = options
  const { cursor, text } = prompt.editor
  const { search } = prompt
  // Nothing of a secret is shown, not even its length.
  if (prompt.secretQuestion !== undefined) {
    return { above: [], prompt: [span(`${prompt.secretQuestion}: `, "strong")], text: "", cursor: 0 }
  }
  const pending = messages(state, options)
  const above = state.unread === undefined ? pending : [...pending, state.unread]
  if (prompt.asksLogin) {
    const { suggestedLogin } = prompt
    const question = suggestedLogin === undefined ? "login: " : `login (${suggestedLogin}): `
    // If a later login is refused, lines may still wait for the next one.
    return { above, prompt: [span(question, "strong")], text, cursor }
  }
  const status = questions(state, options)
  if (state.isLeaving) return { above, status, prompt: [], text: "", cursor: 0 }
  const start =
    search === undefined
      ? Format.prompt(state.to, marks)
      : Format.search(search.text, search.text === "" || search.found !== undefined, marks)
  return { above, status, prompt: start, text, cursor }
}

/** The most messages shown; the others are only counted. */
const maxMessages = 4

/** The messages that are not in the scrollback yet. */
const messages = (state: ComposerState, { marks, people, transcript }: ComposerViewOptions): ReadonlyArray<Row> => {
  const { outgoing } = state
  const margin = span(transcript.margin)
  const stored = state.stored
    .slice(0, maxMessages)
    .map((settled): Row => [margin, ...Format.settled(Format.ownAction(settled, people.own), marks)])
  const pending = outgoing.first(maxMessages).map((message): Row => {
    const note = message.phase === "waiting" ? waitingNote(message.to, state, people) : ""
    return [margin, ...Format.pending(Format.ownAction(message, people.own), marks, note)]
  })
  const rows = [...stored, ...pending]
  const more = outgoing.size + state.stored.length - rows.length
  return more === 0 ? rows : [...rows, [margin, span(`${marks.more} ${more} more`, "quiet")]]
}

/** Why a message to these recipients is not sent yet. */
const waitingNote = (to: ReadonlyArray<string>, { outgoing, phase }: ComposerState, people: People): string => {
  if (phase._tag !== "Here") return "not sent yet"
  const absent = to.filter((name) => people.isExpected(name))
  if (absent.length > 0) return `waiting for ${absent.join(", ")}`
  return phase.isPaced || outgoing.isHeld(to) ? "waiting" : ""
}

/** Each row starts with the keys. */
const questions = (state: ComposerState, { marks, now, prompt }: ComposerViewOptions): ReadonlyArray<Row> => {
  const { doubted, isLeaving, outgoing, paste, phase, to } = state
  const rows: Array<Row> = []
  const unknown = outgoing.count("unknown")
  if (unknown > 0) {
    const what = unknown === 1 ? "1 line that" : `${unknown} lines that`
    rows.push([span(`Ctrl-T resends, Ctrl-X drops ${what} may or may not have arrived`, "strong")])
  }
  if (isLeaving) rows.push([span(`waiting for outcomes: ${outgoing.size - unknown}; Ctrl-C leaves now`, "quiet")])
  else if (phase._tag === "Away" && phase.why !== "") {
    const left = Math.ceil(((phase.until ?? 0) - now()) / 1000)
    const when = left > 0 ? ` ${marks.dash} next try in ${left} s; Enter tries now` : ""
    rows.push([span(phase.why + when, "quiet")])
    if ((phase.reason ?? "") !== "") rows.push([span(phase.reason ?? "", "quiet")])
  }
  if (paste !== undefined) {
    const { lines, strangers } = paste
    const doubt = strangers.length === 0 ? "" : `, although no one named ${strangers.join(" or ")} was here`
    const recipients = paste.to.length === 0 ? "" : ` to ${paste.to.join(", ")}`
    rows.push([span(`y/n: send ${lines} lines${recipients}${doubt}?`, "strong")])
  }
  if (doubted !== undefined && doubted.line === prompt.editor.text) {
    const who = doubted.strangers.join(", ")
    const why = doubted.strangers.every(RoomReports.isRoom) ? "you are not in it" : "no one of that name was here"
    const question = `Enter sends it to ${who} although ${why}; a blank before it, to ${to.join(", ")}`
    rows.push([span(question, "strong")])
  }
  return rows
}
