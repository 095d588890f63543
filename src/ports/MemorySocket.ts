import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { ignoreEvents, TransportError, type Socket, type SocketEvents } from "./Transport.js"

/** The two ends of a connection inside one process. */

/** A socket of the port that can also break the connection. */
export interface MemorySocket extends Socket {
  /** Breaks the connection: bytes on their way are lost, and the other side gets `ECONNRESET`. */
  reset(): void
  /** Confirms that these bytes have reached their destination. Needed only with `AcceptedSocket.needsConfirmation`. */
  confirm(bytes: number): void
}

/** Properties of the accepted end that describe its client. */
export interface AcceptedSocket extends Pick<Socket, "remote" | "identity"> {
  /** Default: empty. */
  readonly host?: string | undefined
  /** Default: true. */
  readonly isPrivate?: boolean | undefined
  /**
   * Whether bytes for the client count as taken only once it confirms them. For a client that forwards them to a socket
   * of its own: the bytes that this socket had not taken when the connection ended are then known exactly. False by
   * default.
   */
  readonly needsConfirmation?: boolean | undefined
}

export interface BufferSizes {
  /** How many bytes each direction buffers while the other side does not read, like a kernel. */
  readonly bufferBytes: number
  /** Most bytes in one `data` event. */
  readonly readBytes: number
}

/** Two connected ends: the client's and the accepted one. `released` is called once the accepted one is gone. */
export const pair = (
  sizes: BufferSizes,
  from: AcceptedSocket,
  released: () => void
): [client: MemorySocket, accepted: MemorySocket] => {
  const there = new Pipe(sizes.bufferBytes, false)
  const back = new Pipe(sizes.bufferBytes, from.needsConfirmation === true)
  const client = new End(there, back, sizes.readBytes, { remote: "memory" }, () => {})
  const accepted = new End(back, there, sizes.readBytes, from, released)
  client.other = accepted
  accepted.other = client
  return [client, accepted]
}

/** One direction of a connection. */
class Pipe {
  /** Handed over by the sender, but not yet taken. */
  pending = ""
  /** Taken, but not yet read by the receiver: what a kernel would hold. */
  held = ""
  /** Taken, but not confirmed; always 0 without `needsConfirmation`. */
  unconfirmed = 0
  /** The sender has ended its half. */
  ended = false

  constructor(
    private readonly bufferBytes: number,
    private readonly needsConfirmation: boolean
  ) {}

  /** Takes as many bytes as there is room for. True if that is at least one. */
  fill(): boolean {
    const room = this.bufferBytes - this.held.length
    if (room <= 0 || this.pending === "") return false
    const before = this.held.length
    this.held += this.pending.slice(0, room)
    this.pending = this.pending.slice(room)
    if (this.needsConfirmation) this.unconfirmed += this.held.length - before
    return true
  }

  /** How many bytes the sender must consider lost if the connection ends now. */
  get untaken(): number {
    return this.pending.length + this.unconfirmed
  }

  read(most: number): string {
    const bytes = this.held.slice(0, most)
    this.held = this.held.slice(most)
    return bytes
  }
}

class End implements MemorySocket {
  readonly remote: string
  readonly host: string
  readonly identity: string | undefined
  readonly isPrivate: boolean
  /** Set by `pair`, which creates both ends. */
  other: End | undefined = undefined
  /** Gone in both directions, though `closed` may not have been called yet. */
  isOver = false
  private error: TransportError | undefined = undefined
  private events: SocketEvents | undefined = undefined
  private isPaused = false
  private sawEnd = false
  private isScheduled = false
  /** Bytes handed over that will never be taken. */
  private refusedBytes = 0
  private readonly waiting = new Set<() => void>()

  constructor(
    private readonly out: Pipe,
    private readonly input: Pipe,
    private readonly readBytes: number,
    { host = "", identity, isPrivate = true, remote }: AcceptedSocket,
    private readonly released: () => void
  ) {
    this.remote = remote
    this.host = host
    this.identity = identity
    this.isPrivate = isPrivate
  }

  attach(events: SocketEvents) {
    this.events = events
    this.schedule()
  }

  /** Not needed, because a break is always noticed here. */
  probe() {}

  pause() {
    this.isPaused = true
  }

  resume() {
    this.isPaused = false
    this.schedule()
  }

  write(bytes: string) {
    if (this.isOver || this.out.ended) {
      this.refusedBytes += bytes.length
      return false
    }
    this.out.pending += bytes
    this.push()
    return this.out.untaken === 0
  }

  untaken() {
    return this.refusedBytes + this.out.untaken
  }

  confirm(bytes: number) {
    const { input, other } = this
    if (this.isOver || input.unconfirmed === 0) return
    input.unconfirmed = Math.max(0, input.unconfirmed - bytes)
    if (input.unconfirmed > 0) return
    other?.checkTaken()
    this.schedule()
  }

  get taken() {
    return Effect.async<void, TransportError>((resume) => {
      const check = () => {
        if (this.untaken() > 0 && !this.isOver) return
        this.waiting.delete(check)
        resume(this.untaken() === 0 ? Effect.void : Effect.fail(this.error ?? lost("Write")))
      }
      this.waiting.add(check)
      check()
      return Effect.sync(() => this.waiting.delete(check))
    })
  }

  end() {
    this.out.ended = true
    this.schedule()
    this.other?.schedule()
  }

  close(linger: Duration.Duration) {
    const closed = Effect.async<void>((resume) => {
      if (this.isOver) return resume(Effect.void)
      this.events = { ...ignoreEvents, closed: () => resume(Effect.void) }
      this.end()
      this.resume()
      return Effect.sync(() => this.destroy())
    })
    // A separate fiber rather than a timeout: no timeout would work in a finaliser, which cannot be interrupted.
    return Effect.flatMap(
      Effect.fork(
        Effect.interruptible(
          Effect.delay(
            Effect.sync(() => this.destroy()),
            linger
          )
        )
      ),
      (deadline) => Effect.ensuring(closed, Fiber.interrupt(deadline))
    )
  }

  destroy() {
    // Like close(2): what was taken still arrives, followed by an end, unless there is unread input.
    if (this.input.held !== "" || this.input.unconfirmed > 0) return this.reset()
    this.finish(undefined)
    this.out.ended = true
    this.other?.schedule()
  }

  reset() {
    if (this.isOver) return
    this.finish(undefined)
    this.other?.finish(lost("Read", "ECONNRESET"))
  }

  private finish(error: TransportError | undefined) {
    if (this.isOver) return
    this.isOver = true
    this.error = error
    this.refusedBytes += this.out.untaken
    this.out.pending = ""
    this.out.unconfirmed = 0
    this.input.held = ""
    this.released()
    for (const check of this.waiting) check()
    this.schedule()
  }

  /** Moves bytes that fit, after a write on this side or a read on the other. */
  private push() {
    const moved = this.out.fill()
    if (moved && this.other?.isOver === true) return this.finish(lost("Write", "ECONNRESET"))
    this.other?.schedule()
    this.checkTaken()
  }

  private checkTaken() {
    if (this.out.untaken > 0) return
    for (const check of this.waiting) check()
    if (this.out.ended) this.schedule()
  }

  /** Events arrive in a separate turn, never within a call by the owner or the other side. */
  private schedule() {
    if (this.isScheduled) return
    this.isScheduled = true
    setImmediate(() => {
      this.isScheduled = false
      this.deliver()
    })
  }

  /** Delivers one event; the next one follows in the next turn. */
  private deliver() {
    const { events, input } = this
    if (events === undefined) return
    if (this.isOver) {
      this.events = undefined
      return events.closed(this.error)
    }
    if (this.isPaused) return
    const bytes = input.read(this.readBytes)
    if (bytes !== "") {
      this.other?.push()
      this.schedule()
      return events.data(Buffer.from(bytes, "latin1"))
    }
    if (input.ended && input.pending === "" && !this.sawEnd) {
      this.sawEnd = true
      this.schedule()
      return events.end()
    }
    const isTaken = this.out.untaken === 0 && this.input.unconfirmed === 0
    if (this.sawEnd && this.out.ended && isTaken) this.finish(undefined)
  }
}

const lost = (during: "Read" | "Write", code?: string) =>
  new TransportError({ during, reason: `the connection was lost (${code ?? "closed"})`, code })
