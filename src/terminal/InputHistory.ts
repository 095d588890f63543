/** Lines typed earlier, the newest last. Moving up and down through them preserves the unfinished line. */
export class InputHistory {
  private readonly lines: Array<string>
  /** Current position: after the last line, at the draft, unless the user moved up. */
  private at: number
  private draft = ""

  /** @param maxLines above this number, the oldest lines are dropped */
  constructor(
    lines: ReadonlyArray<string>,
    private readonly maxLines: number
  ) {
    this.lines = lines.slice(-maxLines)
    this.at = this.lines.length
  }

  /** Returns whether the line is new, that is, differs from the line before. */
  add(line: string): boolean {
    const isNew = line !== this.lines.at(-1)
    if (isNew) this.lines.push(line)
    if (this.lines.length > this.maxLines) this.lines.shift()
    this.at = this.lines.length
    return isNew
  }

  /** Moves up and returns the line there; undefined at the first line. */
  up(typed: string): string | undefined {
    if (this.at === 0) return undefined
    if (this.at === this.lines.length) this.draft = typed
    this.at -= 1
    return this.lines[this.at]
  }

  /** Moves down and returns the line there, or the draft after the last line; undefined at the draft. */
  down(): string | undefined {
    if (this.at === this.lines.length) return undefined
    this.at += 1
    return this.at === this.lines.length ? this.draft : this.lines[this.at]
  }

  /** Returns the latest line before an index that contains a text, in any case, and its index. */
  find(text: string, before = this.lines.length): { readonly line: string; readonly index: number } | undefined {
    const wanted = text.toLowerCase()
    for (let index = before - 1; index >= 0; index--) {
      const line = this.lines[index] ?? ""
      if (line.toLowerCase().includes(wanted)) return { line, index }
    }
    return undefined
  }
}
