import type { FramedSocket } from "./FramedSocket.js"

/** Time between two Ping frames to one peer, in seconds; a peer that gives no sign of life for that long is gone. */
const seconds = 30

/**
 * Asks each WebSocket for a sign of life from time to time: a browser that vanished behind a proxy leaves no other trace.
 * One timer for all, because each would cost an idle connection 0.2 KB.
 */
export class Pings {
  /** The peers to ask in one second each. */
  private readonly slots = Array.from({ length: seconds }, () => new Set<FramedSocket>())
  private second = 0
  private timer: NodeJS.Timeout | undefined = undefined

  add(socket: FramedSocket) {
    this.timer ??= setInterval(this.tick, 1000)
    // Those before the current slot: the last ones to be asked.
    this.slots[(this.second + seconds - 1) % seconds]?.add(socket)
  }

  stop() {
    clearInterval(this.timer)
  }

  private readonly tick = () => {
    this.second = (this.second + 1) % seconds
    const slot = this.slots[this.second]
    for (const socket of slot ?? []) {
      if (socket.socket.destroyed) slot?.delete(socket)
      else socket.ping()
    }
  }
}
