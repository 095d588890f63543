import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Net from "node:net"
import type { TLSSocket } from "node:tls"
import { ignoreEvents, TransportError, type Socket, type SocketEvents } from "../ports/Transport.js"
import { startLinger, type Remote } from "./NetSocket.js"
import { TlsSocket } from "./TlsSocket.js"

const noHandshake = new TransportError({ during: "Read", reason: "the TLS handshake failed" })

/**
 * A TLS connection from its accept on, so that it counts against the limits and its login deadline runs during the
 * handshake. Calls that need TLS take effect once the handshake has finished.
 */
export class HandshakingSocket implements Socket {
  readonly remote: string
  readonly host: string
  readonly isPrivate = true
  identity: string | undefined = undefined
  /** The TLS socket to read from, once the handshake has finished. */
  private readable: TlsSocket | undefined = undefined
  /** The same socket, once it may be written to. */
  private writable: TlsSocket | undefined = undefined
  private events: SocketEvents = ignoreEvents
  /** Written before the handshake has finished. */
  private unsent = ""
  private isPaused = false
  private hasEnded = false
  private isOver = false
  private readonly waiting = new Set<() => void>()

  /** @param outermost the socket to destroy */
  constructor(
    private outermost: Net.Socket,
    { host, remote }: Remote
  ) {
    this.remote = remote
    this.host = host
    outermost.once("close", () => {
      if (this.readable !== undefined) return // the TLS socket reports its own end
      this.isOver = true
      this.events.closed(noHandshake)
      this.wake()
    })
  }

  /** The TLS socket below this one, once it may be written to. */
  get socket(): Net.Socket | undefined {
    return this.writable?.socket
  }

  /**
   * The handshake has succeeded, but the client is refused. From now on only `tls` may be destroyed: Node crashes if
   * the TCP socket below is destroyed first.
   */
  refused(tls: TLSSocket) {
    this.outermost = tls
  }

  /**
   * The handshake has succeeded. From now on only `tls` may be destroyed, as in `refused`. Reading starts at once, or
   * an end that arrives with the handshake would be missed. Writing starts in the next turn: this call comes from
   * inside OpenSSL, which would silently ignore an end now.
   */
  secured(tls: TLSSocket, identity: string | undefined) {
    this.identity = identity
    const socket = new TlsSocket(tls, this)
    this.readable = socket
    if (this.isPaused) socket.pause()
    socket.attach(this.events)
    setImmediate(() => {
      this.writable = socket
      if (this.unsent !== "") socket.write(this.unsent)
      if (this.hasEnded) socket.end()
      this.unsent = ""
      this.wake()
    })
  }

  private wake() {
    for (const wake of this.waiting) wake()
    this.waiting.clear()
  }

  /** Waits until the socket can be written to. */
  private get started() {
    return Effect.async<TlsSocket, TransportError>((resume) => {
      const check = () => {
        if (this.writable !== undefined) resume(Effect.succeed(this.writable))
        else if (this.isOver) resume(Effect.fail(noHandshake))
        else this.waiting.add(check)
      }
      check()
      return Effect.sync(() => this.waiting.delete(check))
    })
  }

  attach(events: SocketEvents) {
    this.events = events
    if (this.isOver) return events.closed(noHandshake)
    this.readable?.attach(events)
  }

  pause() {
    this.isPaused = true
    this.readable?.pause()
  }

  resume() {
    this.isPaused = false
    this.readable?.resume()
  }

  probe() {
    this.writable?.probe()
  }

  write(bytes: string) {
    if (this.writable !== undefined) return this.writable.write(bytes)
    this.unsent += bytes
    return false
  }

  untaken() {
    return this.writable === undefined ? this.unsent.length : this.writable.untaken()
  }

  get taken() {
    return this.writable === undefined ? Effect.flatMap(this.started, (tls) => tls.taken) : this.writable.taken
  }

  end() {
    this.hasEnded = true
    this.writable?.end()
  }

  close(linger: Duration.Duration) {
    return Effect.suspend(() => {
      if (this.writable !== undefined) return this.writable.close(linger)
      if (this.isOver) return Effect.void
      // The client may finish the handshake meanwhile, and then receives what was written to it; within the same time.
      const cancel = startLinger(linger, () => this.destroy())
      return Effect.either(this.started).pipe(
        Effect.flatMap((started) => (started._tag === "Right" ? started.right.close(linger) : Effect.void)),
        Effect.onInterrupt(() => Effect.sync(() => this.destroy())),
        Effect.ensuring(Effect.sync(cancel))
      )
    })
  }

  destroy() {
    ;(this.readable ?? this.outermost).destroy()
  }
}
