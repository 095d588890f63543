/** Up to which message a client acknowledges. */
export type Acknowledged = "all" | "half" | "next" | "tooMany"

/**
 * Whether a line counts for `/ack`: a message, a copy of what another device of the account has sent, or a kept return.
 */
export const isCounted = (line: string): boolean =>
  line.startsWith("from ") || line.startsWith("* sent ") || /^! undelivered [^@ ]+ reason=\w+ first=/u.test(line)

/** The messages that a client has received, and those of them that it has acknowledged. */
export class ClientAcks {
  acknowledged = 0
  /** How far the bytes that it has taken are counted: it is asked at each step whether it has messages. */
  private readonly counted = { to: 0, isAsked: false, messages: 0 }
  /** The client has sent a part of a line, which what it sends next belongs to. */
  private isInLine = false

  /** Bytes that the client sends. */
  sent(bytes: string) {
    if (bytes !== "") this.isInLine = !bytes.endsWith("\n")
  }

  /**
   * The line that acknowledges messages.
   *
   * @param taken everything that the client has received
   */
  acknowledge(which: Acknowledged, taken: string): string {
    const messages = this.messagesIn(taken)
    const next = Math.min(messages, this.acknowledged + 1)
    const count = { all: messages, half: Math.ceil(messages / 2), next, tooMany: 1_000_000 + messages }[which]
    if (which !== "tooMany" && !this.isInLine) this.acknowledged = Math.max(this.acknowledged, count)
    return `/ack ${count}\n`
  }

  /** The messages that the client has received since the server's `* hello` with `ack`. */
  messagesIn(taken: string): number {
    const { counted } = this
    for (let end = 0; (end = taken.indexOf("\n", counted.to)) >= 0; counted.to = end + 1) {
      const line = taken.slice(counted.to, end)
      if (counted.isAsked) counted.messages += isCounted(line) ? 1 : 0
      else counted.isAsked = /^\* hello [^:\n]* on=\S*\back\b/u.test(line)
    }
    return counted.messages
  }
}
