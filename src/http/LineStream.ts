import type { ServerResponse } from "node:http"
import type { MemorySocket } from "../ports/MemorySocket.js"

/**
 * Lines as they are, for `curl -N`: messages, and what concerns the client itself. A client cannot show that it has
 * them. So the chat takes a line for written when the socket of the response has taken it, and one that it did not take
 * before the connection ended returns to its sender.
 */
export class LineStream {
  constructor(
    private readonly response: ServerResponse,
    private readonly socket: Pick<MemorySocket, "confirm" | "reset">
  ) {
    response.writeHead(200, { "content-type": "text/plain; charset=utf-8", "x-accel-buffering": "no" })
    // curl shows nothing of a response without its headers.
    response.flushHeaders()
    response.on("close", () => socket.reset())
  }

  /**
   * @param lines in wire form
   * @param bytes what they have taken on the connection to the chat, together with lines that are left out
   */
  take(lines: ReadonlyArray<string>, bytes: number): void {
    const shown = lines.filter((line) => line.startsWith("from ") || line.startsWith("! "))
    if (shown.length === 0) return this.socket.confirm(bytes)
    this.response.write(`${shown.join("\n")}\n`, "latin1", (error) => {
      if (error === null || error === undefined) this.socket.confirm(bytes)
    })
  }

  end(): void {
    this.response.end()
  }
}
