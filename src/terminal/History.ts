/** The lines typed before, the newest last, and a way up and down among them that does not forget the one begun. */
export class History {
  private readonly lines: Array<string>
  /** Where one stands: behind the last line, with the draft, unless one went up. */
  private at: number
  private draft = ""

  /** @param maxLines the oldest are forgotten beyond this */
  constructor(
    lines: ReadonlyArray<string>,
    private readonly maxLines: number
  ) {
    this.lines = lines.slice(-maxLines)
    this.at = this.lines.length
  }

  /** Whether it is new: not the same as the line before. */
  add(line: string): boolean {
    const isNew = line !== this.lines.at(-1)
    if (isNew) this.lines.push(line)
    if (this.lines.length > this.maxLines) this.lines.shift()
    this.at = this.lines.length
    return isNew
  }

  /** The line before; undefined at the first. */
  up(typed: string): string | undefined {
    if (this.at === 0) return undefined
    if (this.at === this.lines.length) this.draft = typed
    this.at -= 1
    return this.lines[this.at]
  }

  /** The line behind; behind the last one the draft, and undefined there. */
  down(): string | undefined {
    if (this.at === this.lines.length) return undefined
    this.at += 1
    return this.at === this.lines.length ? this.draft : this.lines[this.at]
  }
}
