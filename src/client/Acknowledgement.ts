import type { Received } from "./Received.js"

/**
 * Acknowledgements are collected for at least this time, in milliseconds, or for this number of messages. A longer time
 * would slow down the senders: unacknowledged messages take room in the server's queue.
 */
const intervalMillis = 2
const batchMessages = 1000

/**
 * While a client is busy with a message, it repeats its last acknowledgement at this interval. A server closes a client
 * that sends none for its stall timeout.
 */
export const repeatMillis = 1000

/** Whether a line is a server's `hello` that turns acknowledgements on. */
export const turnsOn = (received: Received): boolean =>
  received._tag === "Notice" &&
  received.code === "hello" &&
  received.values.get("on")?.split("+").includes("ack") === true

/**
 * Acknowledges the messages that a client has processed (protocol, section 6): the first at once, later ones together.
 * Does nothing until the server says that it counts acknowledgements; messages before that do not count.
 *
 * Its timer runs in real time: in a test with a `TestClock`, a client acknowledges without that clock moving.
 */
export class Acknowledgement {
  /** Whether the server counts acknowledgements. */
  isOn = false
  /** Whether only part of a line has been sent, so that no acknowledgement may follow. */
  isPaused = false
  private processed = 0
  private sent = 0
  private sentAt = -Infinity
  private timer: ReturnType<typeof setTimeout> | undefined = undefined
  private repeating: ReturnType<typeof setTimeout> | undefined = undefined
  private hasStopped = false

  /** @param send sends a line in wire form, without waiting */
  constructor(private readonly send: (wire: string) => void) {}

  /** More messages have been processed, in the order in which they came. */
  add(messages: number): void {
    if (!this.isOn || messages === 0) return
    this.processed += messages
    this.schedule()
  }

  /** Shows the server that the client is alive while a message takes long to process. */
  repeat(): void {
    if (!this.isOn || this.hasStopped || this.isPaused) return
    if (this.processed > this.sent) this.flush()
    else this.post()
  }

  /** Repeats the last acknowledgement until `stopRepeating`, while the output takes nothing. */
  startRepeating(): void {
    this.repeating ??= setInterval(() => this.repeat(), repeatMillis)
  }

  stopRepeating(): void {
    clearInterval(this.repeating)
    this.repeating = undefined
  }

  /** Sends what is due immediately. */
  flush(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    if (this.hasStopped || this.isPaused || this.processed <= this.sent) return
    this.sent = this.processed
    this.sentAt = performance.now()
    this.post()
  }

  /** Sends what is due, and nothing after that. */
  stop(): void {
    this.stopRepeating()
    this.flush()
    this.hasStopped = true
  }

  private post() {
    this.send(`/ack ${this.sent}\n`)
  }

  private schedule() {
    if (this.hasStopped || this.processed <= this.sent) return
    if (this.processed - this.sent >= batchMessages) return this.flush()
    if (this.timer !== undefined) return
    const wait = Math.max(0, this.sentAt + intervalMillis - performance.now())
    this.timer = setTimeout(() => this.flush(), wait)
  }
}

/**
 * Whether acknowledgements count a line: a message, a line that another device of the account has sent, or stored lines
 * that return (protocol, sections 4 and 10).
 */
export const isMessage = (line: string): boolean =>
  line.startsWith("from ") || line.startsWith("* sent ") || isReturn(line)

const isReturn = (line: string) =>
  line.startsWith("! undelivered ") && /^! undelivered [^\s@]\S* reason=\S+ first=\d+ last=\d+ count=\d+:/u.test(line)
