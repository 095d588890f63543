import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as FiberId from "effect/FiberId"
import * as Inspectable from "effect/Inspectable"
import type * as Logger from "effect/Logger"
import type * as LogLevel from "effect/LogLevel"
import * as Escape from "../../client/Escape.js"
import * as LogEvent from "../../telemetry/LogEvent.js"

/** How events are written: for people, as `key=value`, or as JSON. Each event is one line. */
export const formats = ["pretty", "logfmt", "json"] as const

export type LogFormat = (typeof formats)[number]

/** An event, ready for any format. */
export interface LogEntry {
  readonly date: Date
  readonly level: LogLevel.LogLevel
  readonly fiber: string
  readonly message: string
  readonly annotations: LogEvent.LogFacts
  readonly cause: string | undefined
}

/** The function that writes an entry as one line, without its terminator. */
export const renderer = (format: LogFormat, isColoured: boolean): ((entry: LogEntry) => string) =>
  ({ pretty: pretty(isColoured ? inColour : inNone), logfmt, json })[format]

export const entryOf = (event: Logger.Logger.Options<unknown>): LogEntry => {
  const { cause, date, fiberId, logLevel } = event
  return {
    date,
    level: logLevel,
    // An event nearly always has a single fiber. `threadName` would make a set of them (benchmark: churn).
    fiber: fiberId._tag === "Runtime" ? `#${fiberId.id}` : FiberId.threadName(fiberId),
    message: messageOf(event),
    annotations: LogEvent.annotationsOf(event),
    cause: Cause.isEmpty(cause) ? undefined : Cause.pretty(cause)
  }
}

export const messageOf = ({ message }: Logger.Logger.Options<unknown>): string =>
  Arr.ensure(message).map(text).join(" ")

const text = (value: unknown): string => Inspectable.toStringUnknown(value, 0)

/** `timestamp=… level=INFO fiber=#7 message=listening address=127.0.0.1:8080`, quoted where necessary. */
const logfmt = ({ annotations, cause, date, fiber, level, message }: LogEntry): string => {
  let line = `timestamp=${date.toISOString()} level=${level.label} fiber=${fiber} message=${quoted(message)}`
  for (const key of Object.keys(annotations)) line += ` ${quoted(key)}=${quoted(annotations[key])}`
  return cause === undefined ? line : `${line} cause=${quoted(cause)}`
}

const needsNoQuotes = /^[\w.:/+#@,[\]-]+$/

/** Matches most messages, which contain nothing to escape (benchmark: churn, 1 %). */
const needsQuotesOnly = /^[\w.:/+#@,[\]; -]+$/

const quoted = (value: unknown): string => {
  if (typeof value === "number") return String(value)
  const word = text(value)
  if (needsNoQuotes.test(word)) return word
  return needsQuotesOnly.test(word) ? `"${word}"` : Escape.show(JSON.stringify(word))
}

const json = ({ annotations, cause, date, fiber, level, message }: LogEntry): string =>
  JSON.stringify({
    timestamp: date,
    level: level.label,
    fiber,
    message,
    ...annotations,
    ...(cause === undefined ? {} : { cause })
  })

type Paint = (colour: number | undefined, text: string) => string

/** `12:34:56.789 INFO  listening address=127.0.0.1:8080`. Effect's own pretty logger writes several lines per event. */
const pretty =
  (paint: Paint) =>
  ({ annotations, cause, date, level, message }: LogEntry): string =>
    [
      paint(grey, date.toISOString().slice(11, 23)),
      paint(levelColours[level._tag], level.label.padEnd(5)),
      oneLine(message),
      ...Object.entries(annotations).map(([key, value]) => `${paint(grey, `${key}=`)}${oneLine(text(value))}`),
      ...(cause === undefined ? [] : [oneLine(cause)])
    ].join(" ")

const levelColours: Readonly<Record<string, number>> = { Debug: 34, Info: 32, Warning: 33, Error: 31, Fatal: 31 }

const grey = 90

const inColour: Paint = (colour, text) => (colour === undefined ? text : `\x1b[${colour}m${text}\x1b[0m`)

const inNone: Paint = (_, text) => text

const oneLine = (text: string): string => Escape.show(text.replaceAll("\n", " | "))
