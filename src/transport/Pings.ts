import type { FramedSocket } from "./FramedSocket.js"

/** Parts of the interval. The server pings one share of the peers in each. */
const parts = 30

/**
 * Pings each WebSocket periodically: a browser that vanishes behind a proxy leaves no other trace. One timer for all,
 * because a timer for each would cost an idle connection 0.2 KB.
 */
export class Pings {
  private readonly sockets = Array.from({ length: parts }, () => new Set<FramedSocket>())
  private current = 0
  private timer: NodeJS.Timeout | undefined = undefined

  /** @param interval time between two Ping frames to one peer, in milliseconds */
  constructor(private readonly interval: number) {}

  add(socket: FramedSocket) {
    this.timer ??= setInterval(this.next, this.interval / parts)
    // The current part is due again after a whole interval.
    this.sockets[this.current]?.add(socket)
  }

  stop() {
    clearInterval(this.timer)
  }

  private readonly next = () => {
    this.current = (this.current + 1) % parts
    const sockets = this.sockets[this.current]
    for (const socket of sockets ?? []) {
      if (socket.socket.destroyed) sockets?.delete(socket)
      else socket.ping()
    }
  }
}
