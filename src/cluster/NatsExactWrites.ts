import { lastSequenceIn } from "./NatsJetStream.js"

/**
 * How often a write is tried again because other nodes change the stream meanwhile. A node nearer to the leader may win
 * as long as it has something to write.
 */
const maxTries = 1_000

export interface ExactWrite {
  readonly subject: string
  /** undefined: a marker. */
  readonly value: string | undefined
  /** The number that the last message of the subject has. */
  readonly expected: number
}

export interface NatsExactWritesOptions {
  /**
   * Writes if the last message of the subject is the expected one, and the last of the whole stream has this number.
   */
  readonly send: (write: ExactWrite, last: number) => Promise<number>
  /** The highest number of the stream that is known. */
  readonly last: () => number
  /** The stream has this number, at least. */
  readonly saw: (last: number) => void
  /** Changes when the stream has lost its messages: what was to be written then is about messages that are gone. */
  readonly losses: () => number
}

interface Waiting extends ExactWrite {
  readonly losses: number
  readonly resolve: (sequence: number) => void
  readonly reject: (error: unknown) => void
}

/**
 * Writes that also require the number of the last message of the whole stream. Each is refused if another one comes
 * first, and so a node sends one after the other: all at once would need as many attempts as the square of their
 * number, and a leader that has not caught up after its election would get thousands each second, and never catch up.
 *
 * Not even those of a node may expect each other's numbers: if another node's write has the number of the first one,
 * what the second one expects is true again, although the other node may have changed just that subject.
 */
export class NatsExactWrites {
  private readonly waiting: Array<Waiting> = []
  private isBusy = false

  constructor(private readonly options: NatsExactWritesOptions) {}

  /** Returns the number of the written message. Fails as `send` does if the subject has another last message. */
  write(write: ExactWrite): Promise<number> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ ...write, losses: this.options.losses(), resolve, reject })
      if (!this.isBusy) void this.run()
    })
  }

  private async run(): Promise<void> {
    this.isBusy = true
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        next.resolve(await this.attempt(next))
      } catch (error) {
        next.reject(error)
        // Nobody answers: those that wait would only wait longer, and end for the same reason.
        if (lastSequenceIn(error) === undefined) for (const other of this.waiting.splice(0)) other.reject(error)
      }
    }
    this.isBusy = false
  }

  private async attempt(write: Waiting): Promise<number> {
    let last = Math.max(write.expected, this.options.last())
    for (let i = 0; i < maxTries; i++) {
      if (write.losses !== this.options.losses()) throw new Error("the directory was lost")
      try {
        // oxlint-disable-next-line no-await-in-loop -- the next one needs the answer
        const sequence = await this.options.send(write, last)
        this.options.saw(sequence)
        return sequence
      } catch (error) {
        const found = lastSequenceIn(error)
        // A lower one is that of the subject, which has changed, or of the stream, if it was emptied.
        if (found === undefined || found <= last) throw error
        last = found
        this.options.saw(found)
      }
    }
    throw new Error("other nodes change the directory all the time")
  }
}
