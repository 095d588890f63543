import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import * as Inspectable from "effect/Inspectable"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import type { Writable } from "node:stream"
import { LiveSource, type Live } from "../../chat/Live.js"
import * as Escape from "../../client/Escape.js"
import { LogLimit } from "./LogLimit.js"

/** How events are written: for people, as `key=value`, or as JSON. Each is one line. */
export const formats = ["pretty", "logfmt", "json"] as const

export type Format = (typeof formats)[number]

/** The levels by the words of `--log-level`. */
export const levels = {
  all: LogLevel.All,
  trace: LogLevel.Trace,
  debug: LogLevel.Debug,
  info: LogLevel.Info,
  warning: LogLevel.Warning,
  error: LogLevel.Error,
  fatal: LogLevel.Fatal,
  none: LogLevel.None
}

export type LevelName = keyof typeof levels

export const levelNames: ReadonlyArray<LevelName> = [
  "all",
  "trace",
  "debug",
  "info",
  "warning",
  "error",
  "fatal",
  "none"
]

/** How much may wait for a reader of the log before events are left out; they are counted. */
const maxWaitingBytes = 1024 * 1024

/** Events are written when they come to so much, also within a turn. */
const writeBytes = 65_536

/** What can change while events are written. */
export interface LogSettings {
  /** Less important events are not written. */
  readonly level: LogLevel.LogLevel
  /** Events of one kind a second; 0 is no limit. */
  readonly rate: number
}

export const defaults: LogSettings = { level: LogLevel.Info, rate: 1_000 }

/** How long after the first event that was over the rate it is told how many there were. */
const tellAfterMillis = 1000

/**
 * Writes events to a stream, which may be closed or stuck: the log never holds the server up, and never ends it. The
 * events of one turn of the event loop are written together, since each client that leaves is an event (benchmark:
 * churn). The level of `settings` takes the place of the fiber's.
 */
export const layer = (
  format: Format,
  stream: Writable & { readonly isTTY?: boolean },
  settings: Live<LogSettings> = new LiveSource(defaults)
): Layer.Layer<never> => {
  const coloured = stream.isTTY === true && (process.env["NO_COLOR"] ?? "") === ""
  const render = { pretty: pretty(coloured), logfmt, json }[format]
  const limit = new LogLimit()
  let waiting = ""
  let left = 0
  let timer: NodeJS.Timeout | undefined = undefined
  const flush = () => {
    if (waiting !== "" && !stream.destroyed) stream.write(waiting)
    waiting = ""
  }
  const write = (entry: Entry) => {
    if (waiting === "") setImmediate(flush)
    waiting += `${render(entry)}\n`
    // A turn may have any number of events; only what the stream does not take counts as waiting.
    if (waiting.length >= writeBytes) flush()
  }
  const tellLeft = () => {
    timer = undefined
    for (const [kind, events] of limit.takeLeft()) {
      const facts = [["kind", kind] as const, ["events", events] as const]
      const date = new Date()
      write({ date, level: LogLevel.Warning, fiber: "#0", words: overRate, facts, cause: undefined })
    }
  }
  const logger = Logger.make<unknown, void>((event) => {
    if (LogLevel.greaterThan(settings.current.level, event.logLevel)) return
    if (stream.writableLength > maxWaitingBytes || stream.destroyed) {
      left += 1
      return
    }
    const entry = entryOf(event)
    if (!limit.admit(entry.words, entry.date.getTime(), settings.current.rate)) {
      timer ??= setTimeout(tellLeft, tellAfterMillis).unref()
      return
    }
    write(entry)
    if (left > 0) {
      const facts = [["events", left] as const]
      left = 0
      write({ ...entry, level: LogLevel.Warning, words: leftOut, facts })
    }
  })
  const finish = () => {
    clearTimeout(timer)
    tellLeft()
    flush()
  }
  const flushAtTheEnd = Layer.scopedDiscard(
    Effect.acquireRelease(
      Effect.sync(() => process.on("exit", finish)),
      () =>
        Effect.sync(() => {
          process.off("exit", finish)
          finish()
        })
    )
  )
  return Layer.mergeAll(
    Layer.provideMerge(Logger.replace(Logger.defaultLogger, logger), flushAtTheEnd),
    // What is written is decided here, and may change; `All` lets it come so far.
    Logger.minimumLogLevel(LogLevel.All)
  )
}

const overRate = "events were left out: more of one kind than --log-rate"

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
    timestamp: date,
    level: level.label,
    fiber,
    message: words,
    ...Object.fromEntries(facts),
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
