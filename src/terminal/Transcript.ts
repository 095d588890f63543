import { span, type Row } from "./Row.js"

/** The scrollback. Shows the time before a row when the minute has changed. */
export class Transcript {
  withTime = true
  private minute = ""

  /**
   * @param write adds rows to the scrollback
   * @param now the time, in milliseconds since 1970
   */
  constructor(
    private readonly write: (rows: ReadonlyArray<Row>) => void,
    private readonly now: () => number
  ) {}

  print(...rows: ReadonlyArray<Row>): void {
    this.write(this.withTime ? rows.map((row) => [span(this.time(), "quiet"), ...row]) : rows)
  }

  /**
   * Prints a row about a message. If it was stored more than a minute ago, the row shows that time instead of the
   * current one.
   *
   * @param at in milliseconds since 1970; undefined if the message was not kept
   */
  printAt(at: number | undefined, row: Row): void {
    const now = this.now()
    if (at === undefined || !this.withTime || now - at < recentMillis) return this.print(row)
    const [then, today] = [new Date(at), new Date(now)]
    const isToday = dayOf(then) === dayOf(today)
    const minute = isToday ? shown(then) : `${dayOf(then)} ${shown(then)}`
    const isSame = minute === this.minute
    this.minute = minute
    this.write([[span(isSame ? this.margin : `${minute} `, "quiet"), ...row]])
  }

  /** Spaces as wide as the time, to align rows without a time. */
  get margin(): string {
    return this.withTime ? " ".repeat(width) : ""
  }

  private time(): string {
    const minute = shown(new Date(this.now()))
    const isSame = minute === this.minute
    this.minute = minute
    return isSame ? this.margin : `${minute} `
  }
}

/** A moment in local time, in milliseconds since 1970: `2026-11-28 09:05`. */
export const moment = (at: number): string => {
  const time = new Date(at)
  return `${dayOf(time)} ${shown(time)}`
}

const shown = (time: Date) =>
  [time.getHours(), time.getMinutes()].map((part) => String(part).padStart(2, "0")).join(":")

/** The day in local time. */
const dayOf = (time: Date) =>
  [time.getFullYear(), time.getMonth() + 1, time.getDate()].map((part) => String(part).padStart(2, "0")).join("-")

/** A message stored within this time is shown like one that has just arrived. */
const recentMillis = 60_000

const width = "00:00 ".length
