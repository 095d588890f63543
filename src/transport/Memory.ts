import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { Endpoints } from "../ports/Endpoints.js"
import {
  ignoreEvents,
  TransportError,
  type Address,
  type Listen,
  type ListenOptions,
  type Socket,
  type SocketEvents
} from "../ports/Transport.js"

/**
 * Connections inside one process, so that an application can test its chat without sockets. They behave like TCP, and
 * their deadlines follow Effect's clock, so that a test can use a `TestClock`.
 */
export interface Network {
  /** At most one server listens at a time; a second one fails with `EADDRINUSE`. */
  readonly listen: Listen
  /**
   * Fails with `ECONNREFUSED` while no server listens. The caller owns the socket: it must `attach` in the same turn,
   * and close it. Above the listener's hard limit, the connection breaks immediately.
   */
  readonly connect: Effect.Effect<MemorySocket, TransportError>
}

/** A socket of the port that can also break the connection. */
export interface MemorySocket extends Socket {
  /** Breaks the connection: bytes on their way are lost, and the other side gets `ECONNRESET`. */
  reset(): void
}

export interface NetworkOptions {
  /** Bytes that each direction buffers while the other side does not read, like a kernel; 64 KiB. */
  readonly bufferBytes?: number
  /** Most bytes in one `data` event; 64 KiB. Small values cut lines as a network may. */
  readonly readBytes?: number
}

/** A server on this network listens here. */
export const address: Address = { text: "memory", isLocal: true, isEncrypted: false }

/** Makes a network. Networks are separate: a client reaches only the server on its own. */
export const make = (options: NetworkOptions = {}): Effect.Effect<Network> =>
  Effect.sync(() => {
    const sizes = { bufferBytes: 65_536, readBytes: 65_536, ...options }
    let listening: ListenOptions | undefined = undefined
    let connections = 0
    let connected = 0

    const accept = ({ events, hardLimit }: ListenOptions): MemorySocket => {
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
          return { address, suspend, resume }
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

const inUse = new TransportError({
  during: "Listen",
  reason: "cannot listen on memory: another server listens on this network",
  hint: "port-in-use",
  code: "EADDRINUSE"
})

const refused = new TransportError({
  during: "Connect",
  reason: "cannot connect to memory: no server listens on this network",
  hint: "no-server",
  code: "ECONNREFUSED"
})

const lost = (during: "Read" | "Write", code?: string) =>
  new TransportError({ during, reason: `the connection was lost (${code ?? "closed"})`, code })

/** The network of `layer`. */
export class MemoryNetwork extends Context.Tag("a-chat/MemoryNetwork")<MemoryNetwork, Network>() {}

/** A server on its own network, to which tests connect with `MemoryNetwork.connect`. */
export const layer = (options: NetworkOptions = {}): Layer.Layer<Endpoints | MemoryNetwork> =>
  Layer.effectContext(
    Effect.map(make(options), (network) =>
      Context.add(Context.make(MemoryNetwork, network), Endpoints, [network.listen])
    )
  )

/** Two connected ends: the client's and the accepted one. `released` is called once the accepted one is gone. */
const pair = (sizes: Required<NetworkOptions>, remote: string, released: () => void): [MemorySocket, MemorySocket] => {
  const [there, back] = [new Pipe(sizes.bufferBytes), new Pipe(sizes.bufferBytes)]
  const client = new End(there, back, sizes.readBytes, "memory", () => {})
  const accepted = new End(back, there, sizes.readBytes, remote, released)
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
  /** The sender has ended its half. */
  ended = false

  constructor(private readonly bufferBytes: number) {}

  /** Takes as many bytes as there is room for. True if that is at least one. */
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

class End implements MemorySocket {
  readonly host = ""
  /** Set by `pair`, which makes both ends. */
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
    readonly remote: string,
    private readonly released: () => void
  ) {}

  attach(events: SocketEvents) {
    this.events = events
    this.schedule()
  }

  /** Not needed: here a break is always noticed. */
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
    for (const check of this.waiting) check()
    this.schedule()
  }

  /** Moves bytes that fit, after a write on this side or a read on the other. */
  private push() {
    const moved = this.out.fill()
    if (moved && this.other?.isOver === true) return this.finish(lost("Write", "ECONNRESET"))
    this.other?.schedule()
    if (this.out.pending !== "") return
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
    if (this.sawEnd && this.out.ended && this.out.pending === "") this.finish(undefined)
  }
}
