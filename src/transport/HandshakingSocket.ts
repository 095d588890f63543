import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Net from "node:net"
import type { TLSSocket } from "node:tls"
import { ignoreEvents, TransportError, type Socket, type SocketEvents } from "../ports/Transport.js"
import { startLinger, type Remote } from "./NetSocket.js"
import { TlsSocket } from "./TlsSocket.js"

const noHandshake = new TransportError({ during: "Read", reason: "the TLS handshake failed" })

/** The property of an accepted connection that holds the `HandshakingSocket` around it. */
const around = Symbol("a-chat/HandshakingSocket")

type Carrier = Net.Socket & { [around]: HandshakingSocket | undefined }

/** Not a closure, for the reason given in `TlsHandshakes`. */
function onClose(this: Net.Socket) {
  const carrier = this as Carrier
  carrier[around]?.lost()
  carrier[around] = undefined
}

/** Those whose handshakes have finished in this turn: one immediate is for all of them (benchmark: churn over TLS). */
let secured: Array<HandshakingSocket> = []

const nextTurn = () => {
  const sockets = secured
  secured = []
  for (const socket of sockets) socket.mayEnd()
}

/**
 * A TLS connection from its accept on: it counts against the limits, and its login deadline runs during the handshake.
 * Calls that need TLS take effect once the handshake has finished.
 */
export class HandshakingSocket implements Socket {
  readonly remote: string
  readonly host: string
  readonly isPrivate = true
  identity: string | undefined = undefined
  /** The TLS socket, once the handshake has finished. */
  private tls: TlsSocket | undefined = undefined
  /** The same socket, once it may be ended. */
  private endable: TlsSocket | undefined = undefined
  private events: SocketEvents = ignoreEvents
  /** Text written before the end of the handshake, and not passed on yet. */
  private unsent = ""
  private isPaused = false
  private hasEnded = false
  private isOver = false
  private waiting: Set<() => void> | undefined = undefined

  /** @param outermost the socket to destroy */
  constructor(
    private outermost: Net.Socket,
    { host, remote }: Remote
  ) {
    this.remote = remote
    this.host = host
    ;(outermost as Carrier)[around] = this
    outermost.on("close", onClose)
  }

  /** The connection has ended. */
  lost() {
    if (this.tls !== undefined) return // the TLS socket reports its own end
    this.isOver = true
    this.events.closed(noHandshake)
    this.events = ignoreEvents
    this.wake()
  }

  /** The TLS socket, if all earlier writes have been passed on to it. */
  private get writable(): TlsSocket | undefined {
    return this.unsent === "" ? this.tls : undefined
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
   * an end that arrives with the handshake would be missed. Writing may start at once: in a crowd, the first reply is
   * written before the immediate below runs, and would otherwise have to wake the writer's fiber (benchmark: churn over
   * TLS). Ending starts in the next turn: this call comes from inside OpenSSL, which would silently ignore an end now.
   */
  secured(tls: TLSSocket, identity: string | undefined) {
    this.identity = identity
    const socket = new TlsSocket(tls, this)
    this.tls = socket
    if (this.isPaused) socket.pause()
    socket.attach(this.events)
    this.events = ignoreEvents // Node's socket refers to this one, and V8 frees it late: see `TlsHandshakes`
    if (secured.push(this) === 1) setImmediate(nextTurn)
  }

  /** The turn in which the handshake has finished is over. */
  mayEnd() {
    const { tls } = this
    if (tls === undefined) return
    this.endable = tls
    if (this.unsent !== "") tls.write(this.unsent)
    this.unsent = ""
    if (this.hasEnded) tls.end()
    this.wake()
  }

  private wake() {
    const { waiting } = this
    this.waiting = undefined
    if (waiting !== undefined) for (const wake of waiting) wake()
  }

  /** Waits until all writes have been passed on, and the socket may be ended. */
  private get started() {
    return Effect.async<TlsSocket, TransportError>((resume) => {
      const check = () => {
        if (this.endable !== undefined) resume(Effect.succeed(this.endable))
        else if (this.isOver) resume(Effect.fail(noHandshake))
        else (this.waiting ??= new Set()).add(check)
      }
      check()
      return Effect.sync(() => this.waiting?.delete(check))
    })
  }

  attach(events: SocketEvents) {
    if (this.isOver) return events.closed(noHandshake)
    if (this.tls === undefined) this.events = events
    else this.tls.attach(events)
  }

  pause() {
    this.isPaused = true
    this.tls?.pause()
  }

  resume() {
    this.isPaused = false
    this.tls?.resume()
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
    this.endable?.end()
  }

  close(linger: Duration.Duration) {
    return Effect.suspend(() => {
      if (this.endable !== undefined) return this.endable.close(linger)
      if (this.isOver) return Effect.void
      // Within this time, the client may still finish the handshake, and then receives the earlier writes.
      const cancel = startLinger(linger, () => this.destroy())
      return Effect.either(this.started).pipe(
        Effect.flatMap((started) => (started._tag === "Right" ? started.right.close(linger) : Effect.void)),
        Effect.onInterrupt(() => Effect.sync(() => this.destroy())),
        Effect.ensuring(Effect.sync(cancel))
      )
    })
  }

  destroy() {
    ;(this.tls ?? this.outermost).destroy()
  }
}
