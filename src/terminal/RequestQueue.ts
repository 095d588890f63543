import type { Received } from "../client/Received.js"

/** The most requests of the program that are remembered. */
const maxAsked = 256

/** A request of the program that the server has postponed. */
export interface PostponedRequest {
  readonly label: string
  readonly command: string
  readonly retryMillis: number
}

/** Lines for the server other than messages, in the order in which they are sent. */
export class RequestQueue {
  private waiting: Array<string> = []
  /** The commands that the program has sent by itself, by their labels. */
  private readonly asked = new Map<string, string>()
  private last = 0

  /** @param wake called when there is something to send */
  constructor(private readonly wake: () => void) {}

  /** Sends a line of the user. */
  add(line: string): void {
    this.waiting.push(line)
    this.wake()
  }

  /**
   * Sends a command of the program, and repeats it if the server refuses it as too fast, which the user would not know.
   */
  ask(label: string, command: string): void {
    this.asked.delete(label)
    this.asked.set(label, command)
    if (this.asked.size > maxAsked) for (const oldest of this.asked.keys()) if (this.asked.delete(oldest)) break
    this.add(`@${label} ${command}`)
  }

  /** Sends a command of the program with a unique label that starts with `kind`. */
  askAs(kind: string, command: string): void {
    this.last += 1
    this.ask(`${kind}-${this.last}`, command)
  }

  /** The command of the program that has this label. */
  command(label: string): string | undefined {
    return this.asked.get(label)
  }

  /** Takes all queued lines. */
  take(): ReadonlyArray<string> {
    return this.waiting.splice(0)
  }

  /** Drops unsent lines: a new connection has other requests. */
  clear(): void {
    this.waiting = []
    this.asked.clear()
  }

  /** The command of the program that the server refuses for now; undefined if it is another line. */
  postponed(received: Received): PostponedRequest | undefined {
    if (received._tag !== "Refused" || received.code !== "slow-down" || received.label === undefined) return undefined
    const command = this.asked.get(received.label)
    const { label, retryMillis } = received
    return command === undefined || retryMillis === undefined ? undefined : { label, command, retryMillis }
  }
}
