import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Path from "node:path"
import type { MessageFate } from "../client/Client.js"
import * as Escape from "../client/Escape.js"
import type { Message } from "../client/Received.js"
import * as RoomReports from "../client/RoomReports.js"
import * as Name from "../protocol/Name.js"
import * as Wire from "../protocol/Wire.js"
import * as LogFile from "./LogFile.js"

export interface ConversationLogOptions {
  readonly folder: string
  /** The server's address, for people. */
  readonly where: string
  /** The user's name. */
  readonly own: () => string
  /** The time, in milliseconds since 1970. */
  readonly now: () => number
  /** Called once for each error that prevents logging, and at the end if lines are missing. */
  readonly warn: (text: string) => void
  /** Appends lines to a file of the folder; `LogFile.append` by default. */
  readonly append?: typeof LogFile.append | undefined
}

/** Outcomes of the user's messages, including those that no server reports. */
export type LoggedOutcome =
  | MessageFate
  /** `Sent` to a server that reports no outcomes. */
  | { readonly _tag: "Sent" | "Unsent" }

/**
 * A log of the user's own conversations, a file for each:
 *
 *     2026-11-26T20:04:17.123Z * alice at 127.0.0.1:8080
 *     2026-11-26T20:04:18.001Z from bob to=carol: lunch?
 *     2026-11-26T20:04:19.310Z from bob #ops: all quiet
 *     2026-11-26T20:04:21.950Z to bob+carol written: at noon
 *     2026-11-26T20:04:30.004Z to dave returned reason=offline: hi
 *
 * A line is a time (UTC), a head without colons, and the text, in which control characters are escaped. The chat never
 * waits for the files.
 */
export interface ConversationLog {
  readonly received: (message: Message) => void
  /** The user's own message, with its outcomes. */
  readonly sent: (
    message: { readonly to: ReadonlyArray<string>; readonly text: string },
    outcomes: ReadonlyArray<LoggedOutcome>
  ) => void
}

export const none: ConversationLog = { received: () => {}, sent: () => {} }

/** While the disk is stuck, lines beyond this number of waiting code units are dropped, and counted. */
export const maxWaiting = 4 * 1024 * 1024

/** How long the end waits for lines to be written. */
const flushMillis = 2_000

/** Lines that wait to be written to a file. */
interface Waiting {
  lines: string
  count: number
  /** The line that introduces the user, if it is in an earlier write and not in `lines`. */
  introduction: string | undefined
}

/** Writes a log. Closing the scope waits until everything is written. */
export const make = (options: ConversationLogOptions): Effect.Effect<ConversationLog, never, Scope.Scope> =>
  Effect.gen(function* () {
    const writer = new Writer(options)
    const ready = yield* Effect.either(
      Effect.tryPromise({ try: () => LogFile.prepare(options.folder), catch: (cause) => cause })
    )
    if (ready._tag === "Left") {
      options.warn(`nothing is logged: ${options.folder}: ${messageOf(ready.left)}`)
      return none
    }
    yield* Effect.addFinalizer(() => writer.end)
    return {
      received: ({ from, room, text, to = [] }) => {
        const where = room === undefined ? "" : ` ${shown(room)}`
        const others = to.length === 0 ? "" : ` to=${joined(to)}`
        writer.add(room === undefined ? [from, ...to] : [room], [`from ${shown(from)}${where}${others}: ${text}`])
      },
      sent: ({ text, to }, outcomes) =>
        writer.add(
          to,
          outcomes.map((outcome) => `to ${joined("names" in outcome ? outcome.names : to)} ${wordOf(outcome)}: ${text}`)
        )
    }
  })

/** A name without blanks and colons, as replies of the server show it. */
const shown = (name: string): string =>
  RoomReports.isRoom(name) ? `#${shown(name.slice(1))}` : Wire.decode(Name.show(Wire.encode(name)))

const joined = (names: ReadonlyArray<string>) => names.map(shown).join("+")

const wordOf = (outcome: LoggedOutcome): string => {
  switch (outcome._tag) {
    case "Written":
      return outcome.code ?? "written"
    case "Returned":
      return `returned reason=${shown(outcome.reason)}`
    case "Refused":
      return `refused reason=${shown(outcome.reason)}`
    case "Unknown":
    case "Sent":
    case "Unsent":
      return outcome._tag.toLowerCase()
  }
}

/** Only text escaped like this reaches a file, so that `cat` can show it safely. */
const safe = (text: string) => Escape.show(text).replaceAll("\n", "\\x0a")

const messageOf = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause))

class Writer {
  private readonly waiting = new Map<string, Waiting>()
  private units = 0
  private writing: Promise<void> | undefined = undefined
  /** The user and the server as last written to each file. */
  private readonly introduced = new Map<string, string>()
  private readonly missing = new Map<string, number>()
  /** Number of lines that are being written. */
  private underWay = 0
  private lost = 0
  private readonly reported = new Set<string>()

  constructor(private readonly options: ConversationLogOptions) {}

  add(names: ReadonlyArray<string>, lines: ReadonlyArray<string>): void {
    const { now, own, where } = this.options
    const others = names.filter((name) => name !== own())
    const file = LogFile.nameOf(others.length === 0 ? [own()] : others)
    const time = new Date(now()).toISOString()
    const introduction = `${shown(own())} at ${where}`
    const written = (line: string) => `${time} ${safe(line)}\n`
    const head = written(`* ${introduction}`)
    const isIntroduced = this.introduced.get(file) === introduction
    const text = (isIntroduced ? "" : head) + lines.map(written).join("")
    if (this.units + text.length > maxWaiting) {
      this.lose(file, lines.length)
      return this.report(file, new Error("the disk takes too long"))
    }
    if (this.introduced.size >= maxFiles) this.introduced.clear()
    this.introduced.set(file, introduction)
    this.units += text.length
    const waiting = this.waiting.get(file)
    if (waiting === undefined) {
      this.waiting.set(file, { lines: text, count: lines.length, introduction: isIntroduced ? head : undefined })
    } else {
      waiting.lines += text
      waiting.count += lines.length
    }
    this.writing ??= this.write()
  }

  private async write(): Promise<void> {
    const { append = LogFile.append } = this.options
    for (const [file, { count, lines }] of this.waiting) {
      this.waiting.delete(file)
      this.underWay = count
      const missing = this.missing.get(file) ?? 0
      const gap =
        missing === 0 ? "" : `${new Date(this.options.now()).toISOString()} * lines missing here: ${missing}\n`
      try {
        await append(Path.join(this.options.folder, file), gap + lines)
        if (missing > 0) this.missing.set(file, (this.missing.get(file) ?? 0) - missing)
        if (this.missing.get(file) === 0) this.missing.delete(file)
      } catch (error) {
        this.lose(file, count)
        this.introduceAgain(file)
        this.report(file, error as NodeJS.ErrnoException)
      }
      this.underWay = 0
      this.units -= lines.length
    }
    this.writing = undefined
  }

  private lose(file: string, count: number) {
    this.lost += count
    if (this.missing.size < maxFiles) this.missing.set(file, (this.missing.get(file) ?? 0) + count)
  }

  /** The lost lines may include the introduction, so the next lines need a new one. */
  private introduceAgain(file: string) {
    const waiting = this.waiting.get(file)
    if (waiting === undefined) this.introduced.delete(file)
    else if (waiting.introduction !== undefined) {
      this.units += waiting.introduction.length
      waiting.lines = waiting.introduction + waiting.lines
      waiting.introduction = undefined
    }
  }

  private report(file: string, error: NodeJS.ErrnoException) {
    const what = ofDevice.has(error.code ?? "") ? (error.code ?? "") : `${file} ${error.message}`
    if (this.reported.has(what) || this.reported.size === maxReports) return
    this.reported.add(what)
    this.options.warn(`not logged: ${Path.join(this.options.folder, file)}: ${error.message}`)
  }

  /**
   * Uses Node's timers: finalisers of an interrupted fiber are uninterruptible, so Effect's timeouts do not work there.
   */
  readonly end: Effect.Effect<void> = Effect.suspend(() => {
    const { writing } = this
    if (writing === undefined) return Effect.sync(() => this.reportLost())
    return Effect.async<void>((resume) => {
      const over = () => {
        clearTimeout(deadline)
        this.reportLost()
        resume(Effect.void)
      }
      const deadline = setTimeout(over, flushMillis)
      void writing.then(over)
    })
  })

  private reportLost() {
    let lost = this.lost + this.underWay
    for (const { count } of this.waiting.values()) lost += count
    if (lost > 0) this.options.warn(lost === 1 ? "1 line was not logged" : `${lost} lines were not logged`)
  }
}

/** Bounded, because a client may run for months, and other users choose the names. */
const maxFiles = 1_000

const maxReports = 100

/** Errors that concern all files alike. */
const ofDevice: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT", "EROFS", "EIO"])
