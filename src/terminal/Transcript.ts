import { span, type Row } from "./Row.js"

/** What was said, from the first line on: the scrollback, with the time in front where the minute changes. */
export class Transcript {
  withTime = true
  private minute = ""

  /**
   * @param write takes rows to the scrollback
   * @param now tells the time, in milliseconds since 1970
   */
  constructor(
    private readonly write: (rows: ReadonlyArray<Row>) => void,
    private readonly now: () => number
  ) {}

  print(...rows: ReadonlyArray<Row>): void {
    this.write(this.withTime ? rows.map((row) => [span(this.time(), "quiet"), ...row]) : rows)
  }

  /** Blanks as wide as the time, for rows that are to stand below those with one. */
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
