import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TransportError, type Listen, type Socket, type SocketEvents } from "./Transport.js"

/**
 * Connections inside one process, so that an application can test its chat without sockets. They behave as TCP does
 * where a program can tell, and deadlines are those of Effect's clock, so that a test clock moves them.
 */
export interface Network {
  /** At most one server listens at a time; a second one fails with `EADDRINUSE`. */
  readonly listen: Listen
  /**
   * Fails with `ECONNREFUSED` while nobody listens. The caller owns the socket: it must `attach` in the same turn and
   * end it. Over the listener's hard limit the connection breaks at once.
   */
  readonly connect: Effect.Effect<MemorySocket, TransportError>
}

/** A socket of the port, and what else one peer may do to the other. */
export interface MemorySocket extends Socket {
  /** Breaks the connection: both sides lose what is under way, and the other one sees `ECONNRESET`. */
  reset(): void
}

export interface Options {
  /** Bytes that each direction takes while the other side does not read, like a kernel's buffers; 64 KiB. */
  readonly bufferBytes?: number
  /** Most bytes that one `data` event brings, as a network may cut them; 64 KiB. */
  readonly readBytes?: number
}

/** A network of its own: nobody else can reach it. */
export const make = (options: Options = {}): Effect.Effect<Network> =>
  Effect.sync(() => {
    const sizes = { bufferBytes: 65_536, readBytes: 65_536, ...options }
    let listening: Server | undefined = undefined
    let connections = 0
    let connected = 0

    const accept = ({ events, hardLimit }: Server): MemorySocket => {
      const [client, accepted] = pair(sizes, `memory:${++connected}`, () => (connections -= 1))
      connections += 1
      if (connections > hardLimit) {
        accepted.reset()
        events.dropped()
      } else events.accepted(accepted)
      return client
    }

    return {
      listen: (server) =>
        Effect.gen(function* () {
          const resume = Effect.suspend(() => {
            if (listening !== undefined && listening !== server) return Effect.fail(inUse)
            listening = server
            return Effect.void
          })
          const suspend = Effect.sync(() => {
            if (listening === server) listening = undefined
          })
          yield* Effect.acquireRelease(resume, () => suspend)
          return { address: { _tag: "Memory" }, suspend, resume }
        }),
      connect: Effect.async<MemorySocket, TransportError>((resume) => {
        let client: MemorySocket | undefined = undefined
        const turn = setImmediate(() => {
          if (listening === undefined) return resume(Effect.fail(refused))
          client = accept(listening)
          return resume(Effect.succeed(client))
        })
        return Effect.sync(() => {
          clearImmediate(turn)
          client?.destroy()
        })
      })
    }
  })

type Server = Parameters<Listen>[0]

const inUse = new TransportError({
  during: "Listen",
  reason: "cannot listen on memory: a server listens on this network already",
  code: "EADDRINUSE"
})

const refused = new TransportError({
  during: "Connect",
  reason: "cannot connect to memory: nobody listens on this network",
  code: "ECONNREFUSED"
})

const lost = (during: "Read" | "Write", code?: string) =>
  new TransportError({ during, reason: `the connection was lost (${code ?? "closed"})`, code })

/** Two connected ends; `released` is called when the second one, the accepted one, is gone. */
const pair = (sizes: Required<Options>, remote: string, released: () => void): [MemorySocket, MemorySocket] => {
  const [there, back] = [new Pipe(sizes.bufferBytes), new Pipe(sizes.bufferBytes)]
  const client = new End(there, back, sizes.readBytes, "memory", () => {})
  const accepted = new End(back, there, sizes.readBytes, remote, released)
  client.other = accepted
  accepted.other = client
  return [client, accepted]
}

/** One direction of a connection. */
class Pipe {
  /** Handed over by the sender, but not taken. */
  pending = ""
  /** Taken, but not read by the receiver: what a kernel holds. */
  held = ""
  /** The sender puts nothing behind this. */
  ended = false

  constructor(private readonly bufferBytes: number) {}

  /** Takes what there is room for; true if that is anything. */
  fill(): boolean {
    const room = this.bufferBytes - this.held.length
    if (room <= 0 || this.pending === "") return false
    this.held += this.pending.slice(0, room)
    this.pending = this.pending.slice(room)
    return true
  }

  read(most: number): string {
    const bytes = this.held.slice(0, most)
    this.held = this.held.slice(most)
    return bytes
  }
}

const discard: SocketEvents = { data: () => {}, end: () => {}, closed: () => {} }

class End implements MemorySocket {
  readonly host = ""
  /** Set by `pair`, which makes both. */
  other: End | undefined = undefined
  /** Gone in both directions, though its owner may not have been told yet. */
  isOver = false
  private error: TransportError | undefined = undefined
  private events: SocketEvents | undefined = undefined
  private isPaused = false
  private sawEnd = false
  private isScheduled = false
  /** Bytes that were handed over and will never be taken. */
  private refusedBytes = 0
  private readonly waiting = new Set<() => void>()

  constructor(
    private readonly out: Pipe,
    private readonly input: Pipe,
    private readonly readBytes: number,
    readonly remote: string,
    private readonly released: () => void
  ) {}

  attach(events: SocketEvents) {
    this.events = events
    this.schedule()
  }

  /** Here a break is always noticed. */
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
    return this.out.pending === ""
  }

  untaken() {
    return this.refusedBytes + this.out.pending.length
  }

  get taken() {
    return Effect.async<void, TransportError>((resume) => {
      const answer = () => {
        if (this.untaken() > 0 && !this.isOver) return
        this.waiting.delete(answer)
        resume(this.untaken() === 0 ? Effect.void : Effect.fail(this.error ?? lost("Write")))
      }
      this.waiting.add(answer)
      answer()
      return Effect.sync(() => this.waiting.delete(answer))
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
      this.events = { ...discard, closed: () => resume(Effect.void) }
      this.end()
      this.resume()
      return Effect.sync(() => this.destroy())
    })
    // A fiber of its own, and not a timeout: this runs in finalisers, where nothing can be interrupted.
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
    // As close(2) does: what was taken still arrives, with an end behind it, unless there is unread input.
    if (this.input.held !== "") return this.reset()
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
    this.refusedBytes += this.out.pending.length
    this.out.pending = ""
    this.input.held = ""
    this.released()
    for (const answer of this.waiting) answer()
    this.schedule()
  }

  /** Moves on what fits: after a write of this side, or a read of the other. */
  private push() {
    const moved = this.out.fill()
    if (moved && this.other?.isOver === true) return this.finish(lost("Write", "ECONNRESET"))
    this.other?.schedule()
    if (this.out.pending !== "") return
    for (const answer of this.waiting) answer()
    if (this.out.ended) this.schedule()
  }

  /** Events come in a turn of their own, never from inside a call of the owner or of the other side. */
  private schedule() {
    if (this.isScheduled) return
    this.isScheduled = true
    setImmediate(() => {
      this.isScheduled = false
      this.deliver()
    })
  }

  /** One event; the next one comes in the next turn. */
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
    if (this.sawEnd && this.out.ended && this.out.pending === "") this.finish(undefined)
  }
}
