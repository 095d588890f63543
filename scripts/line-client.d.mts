import type { Socket } from "node:net"

/** Cuts text that arrives in pieces into lines. */
export declare class LineCutter {
  /** The text after the last LF. */
  readonly rest: string
  /** @param take called with each whole line, without its LF */
  constructor(take: (line: string) => void)
  push(text: string): void
}

/**
 * The receiving side of a raw chat client: it knows bytes and lines, and nothing of the protocol but LF. When the
 * server ends its side, the client ends its own, as programs do.
 */
export declare class LineClient {
  /** @param socket with `allowHalfOpen`, connected or connecting */
  constructor(socket: Socket)
  readonly socket: Socket
  /**
   * How the server's stream ended: in order, or with the code of the error that broke it. Undefined while it is open.
   */
  readonly ending: "end" | "ECONNRESET" | "EPIPE" | "destroyed" | undefined
  readonly bytesReceived: number
  /** What came after the last LF, one character per byte. */
  readonly partial: string
  /** Called with each whole line, decoded from UTF-8 and without its LF. */
  protected received(line: string): void
  /** Called after each read and when the stream has ended. */
  protected changed(): void
}
