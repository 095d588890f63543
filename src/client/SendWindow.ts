/**
 * Outcomes that may be outstanding: a sixteenth of the server's limit. A larger window is faster with a distant server,
 * but slower with any other, because more waiting lines outlive V8's young generation.
 */
const maxOutcomes = 4096

/** Bytes of text that may wait for outcomes. */
const maxBytes = 4 * 1024 * 1024

/**
 * The lines that may wait for outcomes. If a line may be sent again, the window starts at one line, and returns to one
 * when a line is refused, so that few later lines are under way at a refusal. If the server announces a rate, it stays
 * at one: any line may be refused, and no later line may overtake it.
 */
export class SendWindow {
  private most: number
  private lines = 0
  private bytes = 0

  /** @param mayResend whether a line may be sent again */
  constructor(
    /** The recipients of a line. */
    private readonly recipients: number,
    mayResend: boolean
  ) {
    this.most = mayResend ? 1 : maxOutcomes
  }

  get isEmpty(): boolean {
    return this.lines === 0
  }

  get hasRoom(): boolean {
    return this.lines < this.most && this.lines * this.recipients < maxOutcomes && this.bytes < maxBytes
  }

  /** Adds a line of this length, which waits for its outcomes. */
  add(bytes: number): void {
    this.lines += 1
    this.bytes += bytes
  }

  /** Removes a line of this length, which has its outcomes. */
  remove(bytes: number): void {
    this.lines -= 1
    this.bytes -= bytes
  }

  grow(): void {
    if (this.most < maxOutcomes) this.most += 1
  }

  shrink(): void {
    this.most = 1
  }
}
