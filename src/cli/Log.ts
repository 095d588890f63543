import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import * as Inspectable from "effect/Inspectable"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import type { Writable } from "node:stream"
import * as Escape from "../client/Escape.js"

/** How events are written: for people, as `key=value`, or as JSON. Each is one line. */
export const formats = ["pretty", "logfmt", "json"] as const

export type Format = (typeof formats)[number]

/** How much may wait for a reader of the log before events are left out; they are counted. */
const maxWaitingBytes = 1024 * 1024

/** Events are written when they come to so much, also within a turn. */
const writeBytes = 65_536

/**
 * Writes events to a stream, which may be closed or stuck: the log never holds the server up, and never ends it. The
 * events of one turn of the event loop are written together, since each client that leaves is an event (benchmark:
 * churn).
 */
export const layer = (format: Format, stream: Writable & { readonly isTTY?: boolean }): Layer.Layer<never> => {
  const coloured = stream.isTTY === true && (process.env["NO_COLOR"] ?? "") === ""
  const render = { pretty: pretty(coloured), logfmt, json }[format]
  let waiting = ""
  let left = 0
  const flush = () => {
    if (waiting !== "" && !stream.destroyed) stream.write(waiting)
    waiting = ""
  }
  const logger = Logger.make<unknown, void>((event) => {
    if (stream.writableLength > maxWaitingBytes || stream.destroyed) {
      left += 1
      return
    }
    if (waiting === "") setImmediate(flush)
    const entry = entryOf(event)
    waiting += `${render(entry)}\n`
    if (left > 0) {
      waiting += `${render({ ...entry, level: LogLevel.Warning, words: leftOut, facts: [["events", left]] })}\n`
      left = 0
    }
    // A turn may have any number of events; only what the stream does not take counts as waiting.
    if (waiting.length >= writeBytes) flush()
  })
  const flushAtTheEnd = Layer.scopedDiscard(
    Effect.acquireRelease(
      Effect.sync(() => process.on("exit", flush)),
      () =>
        Effect.sync(() => {
          process.off("exit", flush)
          flush()
        })
    )
  )
  return Layer.provideMerge(Logger.replace(Logger.defaultLogger, logger), flushAtTheEnd)
}

const leftOut = "events were left out: the log was not read"

/** An event as all formats write it. */
interface Entry {
  readonly date: Date
  readonly level: LogLevel.LogLevel
  readonly fiber: string
  readonly words: string
  readonly facts: ReadonlyArray<readonly [string, unknown]>
  readonly cause: string | undefined
}

const entryOf = ({ annotations, cause, date, fiberId, logLevel, message }: Logger.Logger.Options<unknown>): Entry => ({
  date,
  level: logLevel,
  // Nearly always one fiber's, which needs no set of them (benchmark: churn).
  fiber: fiberId._tag === "Runtime" ? `#${fiberId.id}` : FiberId.threadName(fiberId),
  words: Arr.ensure(message).map(text).join(" "),
  facts: [...annotations],
  cause: Cause.isEmpty(cause) ? undefined : Cause.pretty(cause)
})

const text = (value: unknown): string => Inspectable.toStringUnknown(value, 0)

/** `timestamp=… level=INFO fiber=#7 message=listening address=127.0.0.1:8080`, with quotes where a value needs them. */
const logfmt = ({ cause, date, facts, fiber, level, words }: Entry): string => {
  let line = `timestamp=${date.toISOString()} level=${level.label} fiber=${fiber} message=${quoted(words)}`
  for (const [key, value] of facts) line += ` ${quoted(key)}=${quoted(value)}`
  return cause === undefined ? line : `${line} cause=${quoted(cause)}`
}

const plain = /^[\w.:/+#@,[\]-]+$/

const quoted = (value: unknown): string => {
  if (typeof value === "number") return String(value)
  const word = text(value)
  return plain.test(word) ? word : Escape.show(JSON.stringify(word))
}

const json = ({ cause, date, facts, fiber, level, words }: Entry): string =>
  JSON.stringify({
    ...Object.fromEntries(facts),
    timestamp: date,
    level: level.label,
    fiber,
    message: words,
    ...(cause === undefined ? {} : { cause })
  })

const colours: Readonly<Record<string, number>> = { Debug: 34, Info: 32, Warning: 33, Error: 31, Fatal: 31 }

/** `12:34:56.789 INFO  listening address=127.0.0.1:8080`; Effect's own writes an event on many lines. */
const pretty =
  (coloured: boolean) =>
  ({ cause, date, facts, level, words }: Entry): string => {
    const paint = coloured ? inColour : inNone
    return [
      paint(grey, date.toISOString().slice(11, 23)),
      paint(colours[level._tag], level.label.padEnd(5)),
      oneLine(words),
      ...facts.map(([key, value]) => `${paint(grey, `${key}=`)}${oneLine(text(value))}`),
      ...(cause === undefined ? [] : [oneLine(cause)])
    ].join(" ")
  }

const inColour = (code: number | undefined, text: string) => (code === undefined ? text : `\x1b[${code}m${text}\x1b[0m`)

const inNone = (_code: number | undefined, text: string) => text

const grey = 90

const oneLine = (text: string): string => Escape.show(text.replaceAll("\n", " | "))
