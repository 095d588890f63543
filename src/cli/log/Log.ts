import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as HashSet from "effect/HashSet"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Struct from "effect/Struct"
import type { Writable } from "node:stream"
import { LiveSource, type Live } from "../../chat/Live.js"
import * as LogEvent from "../../telemetry/LogEvent.js"
import * as LogFormat from "./LogFormat.js"
import { LogLimit } from "./LogLimit.js"

/** The levels, by the words of `--log-level`. */
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

export const levelNames = Struct.keys(levels)

/** The most bytes that may wait for the reader of the log. Beyond them, events are dropped and counted. */
const maxWaitingBytes = 1024 * 1024

/** A batch of this size is written at once. */
const batchBytes = 65_536

/** For how long after a write further events are collected. */
const collectMillis = 10

/** Settings that can change while the log is written. */
export interface LogSettings {
  /** Less important events are not written. */
  readonly level: LogLevel.LogLevel
  /** Events of one kind per second; 0 is no limit. */
  readonly rate: number
}

export const defaults: LogSettings = { level: LogLevel.Info, rate: 1_000 }

/** How long after the first event beyond the rate the number of such events is logged. */
const reportDelayMillis = 1000

/**
 * Writes events to a stream that may be closed or stuck: the log never delays the server, and never ends it. Each
 * client that leaves is an event. After a silence, the events of one turn of the event loop are written together, and
 * then those of 10 ms, since each write is a system call (benchmark: churn over TLS).
 * The level of `settings` replaces that of the fiber.
 */
export const layer = (
  format: LogFormat.LogFormat,
  stream: Writable & { readonly isTTY?: boolean },
  settings: Live<LogSettings> = new LiveSource(defaults)
): Layer.Layer<never> => {
  const isColoured = stream.isTTY === true && (process.env["NO_COLOR"] ?? "") === ""
  const render = LogFormat.renderer(format, isColoured)
  const limit = new LogLimit()
  let batch = ""
  let omitted = 0
  let timer: NodeJS.Timeout | undefined = undefined
  let isCollecting = false
  const flush = () => {
    if (batch !== "" && !stream.destroyed) stream.write(batch)
    batch = ""
  }
  const flushAndCollect = () => {
    isCollecting = batch !== ""
    flush()
    if (isCollecting) setTimeout(flushAndCollect, collectMillis).unref()
  }
  const write = (entry: LogFormat.LogEntry) => {
    if (!isCollecting) setImmediate(flushAndCollect)
    isCollecting = true
    batch += `${render(entry)}\n`
    // One turn can have any number of events, and only bytes in the stream count as waiting.
    if (batch.length >= batchBytes) flush()
  }
  const reportOverRate = () => {
    timer = undefined
    for (const [kind, events] of limit.takeOmitted()) {
      const annotations = { kind, events }
      const date = new Date()
      write({ date, level: LogLevel.Warning, fiber: "#0", message: overRate, annotations, cause: undefined })
    }
  }
  const isWritten = (level: LogLevel.LogLevel, message: string) => {
    if (LogLevel.lessThan(level, settings.current.level)) return false
    if (stream.writableLength > maxWaitingBytes || stream.destroyed) {
      omitted += 1
      return false
    }
    if (limit.admit(message, performance.now(), settings.current.rate)) return true
    timer ??= setTimeout(reportOverRate, reportDelayMillis).unref()
    return false
  }
  const logger = Logger.make<unknown, void>((event) => {
    if (!LogEvent.isSelected(event) && !isWritten(event.logLevel, LogFormat.messageOf(event))) return
    const entry = LogFormat.entryOf(event)
    write(entry)
    if (omitted > 0) {
      const annotations = { events: omitted }
      omitted = 0
      write({ ...entry, level: LogLevel.Warning, message: notRead, annotations })
    }
  })
  const finish = () => {
    clearTimeout(timer)
    reportOverRate()
    flush()
  }
  const finishAtTheEnd = Effect.acquireRelease(
    Effect.sync(() => process.on("exit", finish)),
    () =>
      Effect.sync(() => {
        process.off("exit", finish)
        finish()
      })
  )
  // One layer and not one for each of these (benchmark: start-up, 2 ms).
  return Layer.scopedDiscard(
    Effect.gen(function* () {
      yield* finishAtTheEnd
      // This program is not traced, and Effect's own logger for traces would read every event (benchmark: churn).
      const replaced = [Logger.defaultLogger, Logger.tracerLogger]
      yield* Effect.locallyScopedWith(FiberRef.currentLoggers, (loggers) =>
        HashSet.add(HashSet.difference(loggers, replaced), logger)
      )
      // Effect passes all events to the logger, which selects them by a level that can change.
      yield* Effect.locallyScoped(FiberRef.currentMinimumLogLevel, LogLevel.All)
      yield* Effect.locallyScoped(LogEvent.selection, isWritten)
    })
  )
}

const overRate = "events were left out: more of one kind than --log-rate"

const notRead = "events were left out: the log was not read"
