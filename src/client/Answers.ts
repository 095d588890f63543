/** The answers to a question: which lines belong to them, and when they are complete. */

export interface AnswersOptions {
  /** The recipients of the question, in the form in which the server names senders. */
  readonly recipients: ReadonlyArray<string>
  /** Number of lines in an answer; `Infinity` if only silence ends it. */
  readonly lines: number
  /** Silence after which an answer is also complete, in milliseconds; `Infinity` for never. */
  readonly quietMillis: number
  /** Whether the answer of one recipient is enough. */
  readonly any: boolean
}

/** The answer of one recipient. */
interface Answer {
  lines: number
  lastAt: number
  isComplete: boolean
}

export class Answers {
  private readonly answers = new Map<string, Answer>()
  /** The recipients that the question did not reach. */
  private readonly unreached = new Set<string>()

  constructor(private readonly options: AnswersOptions) {}

  /**
   * Counts a line; returns whether it belongs to an answer. A line that follows a complete answer does not.
   *
   * @param now in milliseconds
   */
  take(from: string, now: number): boolean {
    const { lines, recipients } = this.options
    if (this.isComplete || !recipients.includes(from)) return false
    this.endQuiet(now)
    const answer = this.answers.get(from) ?? { lines: 0, lastAt: now, isComplete: false }
    if (answer.isComplete) return false
    answer.lines += 1
    answer.lastAt = now
    answer.isComplete = answer.lines >= lines
    this.answers.set(from, answer)
    return true
  }

  /** The question was returned for these recipients. A recipient that has answered got it all the same. */
  fail(names: ReadonlyArray<string>): void {
    for (const name of names) if (!this.answers.has(name)) this.unreached.add(name)
  }

  /** Ends the answers that have been silent for long enough. */
  endQuiet(now: number): void {
    for (const answer of this.answers.values()) {
      if (now - answer.lastAt >= this.options.quietMillis) answer.isComplete = true
    }
  }

  /** The time until `endQuiet` may end an answer, in milliseconds; undefined if none has begun. */
  quietLeft(now: number): number | undefined {
    const open = [...this.answers.values()].filter(({ isComplete }) => !isComplete)
    if (open.length === 0) return undefined
    return Math.min(...open.map(({ lastAt }) => lastAt + this.options.quietMillis - now))
  }

  /** Whether a recipient has answered, at least in part. */
  hasBegun(name: string): boolean {
    return this.answers.has(name)
  }

  /** Whether the question did not reach a recipient. */
  get hasFailed(): boolean {
    return this.unreached.size > 0
  }

  /** Whether nothing more is expected. */
  get isComplete(): boolean {
    return this.isEnough || this.missing.length === 0
  }

  /** Whether every answer that was asked for is complete. */
  get isEnough(): boolean {
    const { any, recipients } = this.options
    const complete = recipients.filter((name) => this.answers.get(name)?.isComplete === true)
    return any ? complete.length > 0 : complete.length === recipients.length
  }

  /** The recipients whose answers are still to come. */
  get missing(): ReadonlyArray<string> {
    return this.options.recipients.filter(
      (name) => !this.unreached.has(name) && this.answers.get(name)?.isComplete !== true
    )
  }
}
