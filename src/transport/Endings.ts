/** Ends and closes reported in one turn of the event loop. Each takes the server about 100 µs. */
const atOnce = 32

/**
 * Spreads the ends and closes of sockets over the turns of the event loop. libuv delivers all of the kernel's events
 * before anything else runs: if thousands of clients left at once, every other client would wait until the last of them
 * is gone (fairness: disconnects). The first few of a turn are reported immediately, and the order is kept.
 */
export class Endings {
  private reported = 0
  private isCounting = false
  private readonly waiting: Array<() => void> = []

  report(ending: () => void) {
    if (!this.isCounting) {
      this.isCounting = true
      setImmediate(this.nextTurn)
    }
    if (this.reported >= atOnce || this.waiting.length > 0) {
      this.waiting.push(ending)
      return
    }
    this.reported += 1
    ending()
  }

  private readonly nextTurn = () => {
    this.reported = 0
    this.isCounting = this.waiting.length > 0
    if (!this.isCounting) return
    setImmediate(this.nextTurn) // first, so that an ending that throws does not suppress the others
    for (; this.reported < atOnce; this.reported++) {
      const ending = this.waiting.shift()
      if (ending === undefined) return
      ending()
    }
  }
}
