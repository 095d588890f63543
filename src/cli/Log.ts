import * as Cause from "effect/Cause"
import * as HashMap from "effect/HashMap"
import * as Inspectable from "effect/Inspectable"
import type * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import type { Writable } from "node:stream"
import * as Escape from "../client/Escape.js"

/** How events are written: for people, as `key=value`, or as JSON. Each is one line. */
export const formats = ["pretty", "logfmt", "json"] as const

export type Format = (typeof formats)[number]

/** How much may wait for a reader of the log before events are left out; they are counted. */
const maxWaitingBytes = 1024 * 1024

/**
 * Writes events to a stream, which may be closed or stuck: the log never holds the server up, and never ends it.
 */
export const layer = (format: Format, stream: Writable & { readonly isTTY?: boolean }): Layer.Layer<never> => {
  const coloured = stream.isTTY === true && (process.env["NO_COLOR"] ?? "") === ""
  const logger = { pretty: pretty(coloured), logfmt, json: Logger.jsonLogger }[format]
  let left = 0
  const write = Logger.make<unknown, void>((event) => {
    if (stream.writableLength > maxWaitingBytes || stream.destroyed) {
      left += 1
      return
    }
    stream.write(`${logger.log(event)}\n`)
    if (left === 0) return
    const annotations = HashMap.make(["events", left] as const)
    stream.write(`${logger.log({ ...event, annotations, logLevel: LogLevel.Warning, message: leftOut })}\n`)
    left = 0
  })
  return Logger.replace(Logger.defaultLogger, write)
}

const leftOut = "events were left out: the log was not read"

/** Effect's own writes control characters as they are. */
const logfmt = Logger.map(Logger.logfmtLogger, Escape.show)

const colours: Readonly<Record<string, number>> = { Debug: 34, Info: 32, Warning: 33, Error: 31, Fatal: 31 }

/** `12:34:56.789 INFO  listening address=127.0.0.1:8080`; Effect's own writes an event on many lines. */
const pretty = (coloured: boolean): Logger.Logger<unknown, string> =>
  Logger.make(({ annotations, cause, date, logLevel, message }) => {
    const paint = coloured ? inColour : inNone
    const words = (Array.isArray(message) ? message : [message]).map(show)
    const facts = [...HashMap.entries(annotations)].map(([key, value]) => `${paint(grey, `${key}=`)}${show(value)}`)
    const why = Cause.isEmpty(cause) ? [] : [Cause.pretty(cause)]
    const time = date.toISOString().slice(11, 23)
    const level = paint(colours[logLevel._tag], logLevel.label.padEnd(5))
    return [paint(grey, time), level, ...words, ...facts, ...why.map(oneLine)].join(" ")
  })

const inColour = (code: number | undefined, text: string) => (code === undefined ? text : `\x1b[${code}m${text}\x1b[0m`)

const inNone = (_code: number | undefined, text: string) => text

const grey = 90

const show = (value: unknown): string => oneLine(Inspectable.toStringUnknown(value, 0))

const oneLine = (text: string): string => Escape.show(text.replaceAll("\n", " | "))
