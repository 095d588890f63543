import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { ignoreEvents, TransportError, type Socket, type SocketEvents } from "../../../src/ports/Transport.js"
import type { SimulatedLoop } from "../SimulatedLoop.js"

const lost = new TransportError({ during: "Read", reason: "the connection was lost (ECONNRESET)", code: "ECONNRESET" })

/** The client's end of a simulated connection. The methods of the second half are the actions of the server. */
export class ClientEnd implements Socket {
  readonly remote = "sim"
  readonly host = ""
  /** What the client has read, and when it read last. */
  delivered = ""
  isOver = false
  /** The client has ended its half. */
  hasEnded = false
  /** Bytes from the client that the server has not read. */
  outgoing = ""
  private events: SocketEvents = ignoreEvents
  private isPaused = false
  private incoming = ""
  private serverEnds = false
  private sawEnd = false
  private isReset = false
  private isTold = false

  constructor(
    private readonly loop: SimulatedLoop,
    private readonly cut: number
  ) {}

  attach(events: SocketEvents) {
    this.events = events
  }

  pause() {
    this.isPaused = true
  }

  resume() {
    this.isPaused = false
  }

  probe() {}

  write(bytes: string) {
    if (this.isOver) return false
    this.outgoing += bytes
    return true
  }

  untaken() {
    return 0
  }

  readonly taken = Effect.suspend(() => (this.isOver ? Effect.fail(lost) : Effect.void))

  end() {
    this.hasEnded = true
  }

  close(linger: Duration.Duration) {
    return Effect.async<void>((resume) => {
      if (this.isOver) return resume(Effect.void)
      const cancel = this.loop.after(Duration.toMillis(linger), () => this.destroy())
      this.events = {
        ...ignoreEvents,
        closed: () => {
          cancel()
          resume(Effect.void)
        }
      }
      this.hasEnded = true
      this.isPaused = false
      return Effect.sync(() => this.destroy())
    })
  }

  destroy() {
    this.isOver = true
  }

  // The server.

  send(bytes: string) {
    if (!this.serverEnds && !this.isReset) this.incoming += bytes
  }

  /** Ends the connection after everything that was sent. */
  finish(how: "reset" | "end") {
    if (how === "reset") this.isReset = true
    else this.serverEnds = true
  }

  get isFinished(): boolean {
    return this.isReset || this.serverEnds || this.isOver
  }

  /** Reads what the client has sent. */
  take(): string {
    const bytes = this.outgoing.slice(0, this.cut)
    this.outgoing = this.outgoing.slice(bytes.length)
    return bytes
  }

  /** Delivers one event to the client. Returns whether there was one. */
  poll(): boolean {
    if (this.isTold) return false
    if (this.isOver) return this.tell(undefined)
    if (this.isPaused) return false
    if (this.incoming !== "") {
      const bytes = this.incoming.slice(0, this.cut)
      this.incoming = this.incoming.slice(bytes.length)
      this.delivered += bytes
      this.events.data(Buffer.from(bytes, "latin1"))
      return true
    }
    if (this.isReset) {
      this.isOver = true
      return this.tell(lost)
    }
    if (this.serverEnds && !this.sawEnd) {
      this.sawEnd = true
      this.events.end()
      return true
    }
    if (!this.sawEnd || !this.hasEnded) return false
    this.isOver = true
    return this.tell(undefined)
  }

  private tell(error: TransportError | undefined): boolean {
    this.isTold = true
    this.events.closed(error)
    return true
  }
}
