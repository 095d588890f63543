import type * as Duration from "effect/Duration"
import * as Escape from "../../client/Escape.js"
import * as Outcomes from "../../client/Outcomes.js"
import type { SendTotals } from "../../client/SendingOptions.js"
import type { SentLineOutcome } from "../../client/SentLine.js"
import * as Units from "../settings/Units.js"

/** Reports of outcomes: JSON objects on standard output, or undelivered lines on standard error. */
export interface SendReport {
  readonly add: (outcome: SentLineOutcome) => void
  /** A summary of unknown outcomes to print at the end; undefined if there are none. */
  readonly summary: () => string | undefined
  /** A summary of the lines that were not received, to print at the end. */
  readonly unreceived: (patience: Duration.Duration) => string
}

export interface SendReportOptions {
  readonly json: boolean
  /** Whether reports include line numbers, because there may be several lines. */
  readonly numbered: boolean
  readonly output: (lines: string) => void
  readonly errors: (lines: string) => void
}

export const make = ({ errors, json, numbered, output }: SendReportOptions): SendReport => {
  const unknown = { count: 0, first: Infinity }
  const unreceived = { count: 0, names: new Set<string>(), isWritten: false }
  // One read may bring hundreds of outcomes. They are written together.
  let lines = ""
  const write = json ? output : errors
  const print = (text: string) => {
    if (text === "") return
    if (lines === "") queueMicrotask(flush)
    lines += text
  }
  const flush = () => {
    const text = lines
    lines = ""
    write(text)
  }
  return {
    add: (outcome) => {
      if (outcome.outcome._tag === "Unknown") {
        unknown.count += 1
        unknown.first = Math.min(unknown.first, outcome.line)
      }
      if (outcome.outcome._tag === "Written" && outcome.outcome.code !== "received") {
        const { code, names } = outcome.outcome
        unreceived.count += names.length
        unreceived.isWritten ||= code !== "stored"
        for (const name of names) if (unreceived.names.size <= maxNamed) unreceived.names.add(name)
      }
      print(json ? jsonOf(outcome) : textOf(outcome, numbered))
    },
    summary: () => {
      if (unknown.count === 0) return undefined
      if (!numbered) return "the message may have arrived or not"
      if (unknown.count === 1) return `line ${unknown.first} may have arrived or not`
      return `${Units.showCount(unknown.count)} lines may have arrived or not, the first of them line ${unknown.first}`
    },
    unreceived: (patience) => {
      const { count, isWritten, names } = unreceived
      const who = names.size > maxNamed ? "recipients" : Escape.show([...names].join(", "))
      const what = numbered ? `${Units.showCount(count)} ${count === 1 ? "line was" : "lines were"}` : "the message was"
      return isWritten
        ? `${who}: ${what} delivered, but not every recipient acknowledges what it receives`
        : `${who}: ${what} stored, and not received within ${Units.showDuration(patience)}`
    }
  }
}

/** The most names listed. */
const maxNamed = 10

const jsonOf = (outcome: SentLineOutcome): string => objects(outcome, { line: outcome.line })

/** An object for each recipient, one per line, in which `head` comes first. */
export const objects = ({ names, outcome }: Omit<SentLineOutcome, "line">, head: object = {}): string => {
  const facts = {
    outcome: outcome._tag === "Written" ? (outcome.code ?? "written") : outcome._tag.toLowerCase(),
    ...(outcome._tag === "Written" ? place(outcome) : {}),
    ...(outcome._tag === "Written" || outcome._tag === "Unknown"
      ? {}
      : { reason: outcome.reason, ...retry(outcome.retryMillis) })
  }
  return names.map((to) => `${JSON.stringify({ ...head, to, ...facts, ...like(outcome, to) })}\n`).join("")
}

const place = ({ again, at, seq }: Outcomes.StoredPlace) => ({
  ...(seq === undefined ? {} : { seq }),
  ...(at === undefined ? {} : { at: new Date(at).toISOString() }),
  ...(again === undefined ? {} : { again })
})

const like = (outcome: Outcomes.Outcome, to: string) => {
  const suggested = Outcomes.suggested(outcome, to)
  return suggested === undefined ? {} : { like: suggested }
}

const retry = (millis: number | undefined) => (millis === undefined ? {} : { retry: millis })

/** Advice for the user, by the reason of a return. */
const advice = new Map([
  ["not-member", "; with --join, the command enters the room first"],
  ["no-room", "; check the name: with --join, the command creates the room"]
])

/** The failures as lines of text; empty for other outcomes. */
export const textOf = ({ line, outcome }: Pick<SentLineOutcome, "line" | "outcome">, numbered: boolean): string => {
  const head = numbered ? `a-chat: line ${line}: ` : "a-chat: "
  switch (outcome._tag) {
    case "Returned":
      // A suggestion in the text may be for only some of the names.
      return (outcome.like === undefined ? outcome.names : [outcome.names.join(", ")])
        .map((to) =>
          Escape.show(`${head}${to}: ${outcome.reason}: ${outcome.text}${advice.get(outcome.reason) ?? ""}\n`)
        )
        .join("")
    case "Refused":
      return Escape.show(`${head}${outcome.reason}: ${outcome.text}\n`)
    default:
      return ""
  }
}

export const progress = ({ lines, refused, returned }: SendTotals, seconds: number): string =>
  `${Units.showCount(lines)} lines, ${Units.showCount(Math.round(lines / seconds))}/s, ` +
  `${Units.showCount(returned + refused)} returned`
