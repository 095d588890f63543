import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { ReachabilityProbe } from "../ports/Reachability.js"
import { TransportError, type Listen, type Socket, type SocketEvents } from "../ports/Transport.js"
import { endOfLines } from "./Contents.js"

/**
 * About how many bytes a lagging socket is given at once. Node writes what the kernel has not taken as soon as it can,
 * even if the gate has shut in the meantime.
 */
const pieceBytes = 8_192

/**
 * Keeps messages from all clients while this node must not write any. It is at the sockets, since their writers go on
 * by themselves: in a process that was stopped, they may run before anything else finds out that it was.
 *
 * To the chat it looks as if the kernel took nothing. Replies of the server pass, unless they follow a message.
 */
export class Gate {
  private held = new Set<GatedSocket>()

  /** @param isShut asked before each write of messages */
  constructor(readonly isShut: () => boolean) {}

  /** A place to listen whose sockets have this gate. */
  listen(listen: Listen): Listen {
    return (options) => {
      const { accepted } = options.events
      return listen({
        ...options,
        events: { ...options.events, accepted: (socket) => accepted(new GatedSocket(socket, this)) }
      })
    }
  }

  /** A probe that knows the sockets behind the gate. */
  probe({ check, handed }: ReachabilityProbe): ReachabilityProbe {
    return {
      handed: (socket) => handed(behind(socket)),
      check: (sockets) =>
        Effect.map(check(sockets.map(behind)), (found) => {
          const outer = new Map(sockets.map((socket) => [behind(socket), socket]))
          return new Map(Array.from(found, ([socket, finding]) => [outer.get(socket) ?? socket, finding]))
        })
    }
  }

  holds(socket: GatedSocket) {
    this.held.add(socket)
  }

  isHolding(socket: GatedSocket): boolean {
    return this.held.has(socket)
  }

  releases(socket: GatedSocket) {
    this.held.delete(socket)
  }

  /** Writes what was held. */
  open() {
    const { held } = this
    this.held = new Set()
    for (const socket of held) socket.pass()
  }
}

const behind = (socket: Socket) => (socket instanceof GatedSocket ? socket.socket : socket)

/** Whether a batch of lines has a message: all other lines begin with `*` or `!`. */
const hasMessages = (lines: string) => lines.startsWith("from ") || lines.includes("\nfrom ")

class GatedSocket implements Socket {
  /** What was handed over and not passed on: because the gate is shut, or because the socket lags. */
  private held = ""
  /** The kernel has not taken all of the last write at once. */
  private lags = false
  private waiting: ((result: Effect.Effect<void, TransportError>) => void) | undefined = undefined

  constructor(
    readonly socket: Socket,
    private readonly gate: Gate
  ) {}

  get remote() {
    return this.socket.remote
  }

  get host() {
    return this.socket.host
  }

  get identity() {
    return this.socket.identity
  }

  get isPrivate() {
    return this.socket.isPrivate === true
  }

  attach(events: SocketEvents) {
    this.socket.attach({
      data: (bytes) => events.data(bytes),
      end: () => events.end(),
      closed: (error) => {
        this.fail(error)
        events.closed(error)
      }
    })
  }

  pause() {
    this.socket.pause()
  }

  resume() {
    this.socket.resume()
  }

  probe() {
    this.socket.probe()
  }

  get isHeld(): boolean {
    return this.gate.isHolding(this)
  }

  /** A socket that keeps up is given whole batches, since each write is a system call. */
  write(bytes: string): boolean {
    const isInPieces = hasMessages(bytes) && (this.gate.isShut() || (this.lags && bytes.length > pieceBytes))
    if (!isInPieces) return this.passOn(bytes)
    this.held = bytes
    return this.goOn()
  }

  private passOn(bytes: string): boolean {
    const isTaken = this.socket.write(bytes)
    this.lags = !isTaken
    return isTaken
  }

  /**
   * Passes on what it holds, until the kernel takes no more or the gate is shut. Returns whether the kernel has taken
   * all.
   */
  private goOn(): boolean {
    while (this.held !== "") {
      if (this.gate.isShut()) {
        this.gate.holds(this)
        return false
      }
      const end = endOfLines(this.held, 0, pieceBytes)
      const piece = this.held.slice(0, end)
      this.held = this.held.slice(end)
      if (!this.passOn(piece)) return false
    }
    return true
  }

  untaken(): number {
    return this.held.length + this.socket.untaken()
  }

  get taken(): Effect.Effect<void, TransportError> {
    return this.takenFromNow()
  }

  private takenFromNow(): Effect.Effect<void, TransportError> {
    return Effect.suspend(() => {
      if (this.isHeld) return this.passed
      return Effect.flatMap(this.socket.taken, () => (this.goOn() ? Effect.void : this.takenFromNow()))
    })
  }

  private get passed() {
    return Effect.async<void, TransportError>((resume) => {
      this.waiting = resume
    })
  }

  /** The gate is open. */
  pass() {
    const { waiting } = this
    this.waiting = undefined
    waiting?.(this.goOn() ? Effect.void : this.takenFromNow())
  }

  private fail(error: TransportError | undefined) {
    const { waiting } = this
    this.gate.releases(this)
    this.waiting = undefined
    waiting?.(Effect.fail(error ?? new TransportError({ during: "Write", reason: "the connection is closed" })))
  }

  end() {
    this.socket.end()
  }

  close(linger: Duration.Duration): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.gate.releases(this) // its writer has ended, and the lines have returned
      return this.socket.close(linger)
    })
  }

  destroy() {
    this.socket.destroy()
    this.fail(undefined)
  }
}
