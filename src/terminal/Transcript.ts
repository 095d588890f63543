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

const shown = (time: Date) =>
  [time.getHours(), time.getMinutes()].map((part) => String(part).padStart(2, "0")).join(":")

const width = "00:00 ".length
