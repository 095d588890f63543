import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Net from "node:net"
import {
  ignoreEvents,
  isLoopback,
  maxTimerMillis,
  TransportError,
  type Socket,
  type SocketEvents
} from "../ports/Transport.js"
import * as Wire from "../protocol/Wire.js"
import { Endings } from "./Endings.js"
import * as NodeInternals from "./NodeInternals.js"
import { errorCode } from "./SystemError.js"

/** Idle time after which the kernel probes a silent peer. Without probes, a pulled cable would never be noticed. */
const keepAliveDelay = Duration.seconds(60)

/** The options of every socket, accepted or connected. */
export const socketOptions = {
  // Without half-open sockets, a peer that ends its sending half would miss the replies to its last lines.
  allowHalfOpen: true,
  // With Nagle's algorithm small messages wait up to 40 ms for a delayed acknowledgement.
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: Duration.toMillis(keepAliveDelay)
} as const

const connectionReset = () => Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" })

/** A linger time passes in this many steps. */
const lingerSteps = 5

/**
 * Calls `over` after the linger time; returns a function that cancels this. Time in which the process was stopped, or
 * had no CPU, counts as at most one step. Otherwise the timer would fire before the peer's end is read, although it has
 * already arrived, and the peer's last bytes would be answered with a reset.
 */
export const startLinger = (linger: Duration.Duration, over: () => void): (() => void) => {
  let left = lingerSteps
  const step = () => {
    left -= 1
    if (left > 0) return
    clearInterval(timer)
    over()
  }
  const timer = setInterval(step, Math.min(Duration.toMillis(linger) / lingerSteps, maxTimerMillis))
  return () => clearInterval(timer)
}

/** Shared by all sockets of the process, since its event loop is. */
const endings = new Endings()

/** The property of a `net.Socket` that holds the `NetSocket` around it. */
const around = Symbol("a-chat/NetSocket")

type Wrapped = Net.Socket & { [around]: NetSocket | undefined }

/** The `NetSocket` around a socket, until `forget`. */
export const wrapperOf = (socket: Net.Socket): NetSocket | undefined => (socket as Wrapped)[around]

// Functions shared by all sockets instead of closures for each: there may be 100,000 sockets (benchmark: idle memory).

function onError(this: Net.Socket, error: Error) {
  wrapperOf(this)?.failed(error)
}

function onClose(this: Net.Socket) {
  wrapperOf(this)?.closed()
}

function onEnd(this: Net.Socket) {
  wrapperOf(this)?.ended()
}

function onData(this: Net.Socket, bytes: Buffer) {
  wrapperOf(this)?.events.data(bytes)
}

/** Whether a connection stays within one machine: it uses the loopback interface, or has one address at both ends. */
export const isWithinMachine = (socket: Net.Socket, host: string): boolean =>
  host === "" || isLoopback(host) || host === socket.localAddress

/** The `Socket` of the port over a `net.Socket`. */
export class NetSocket implements Socket {
  events: SocketEvents = ignoreEvents
  private error: Error | undefined = undefined
  protected lastUntaken = 0
  private waiting: ((isOver?: boolean) => void) | undefined = undefined
  private isClosed = false
  private madeOnWritten: (() => void) | undefined = undefined

  constructor(
    /** Node's socket below this one. */
    readonly socket: Net.Socket,
    readonly remote: string,
    readonly host: string
  ) {
    ;(socket as Wrapped)[around] = this
    // Registered first: an 'error' event without a listener ends the process. The 'close' event that follows does the
    // work.
    socket.on("error", onError)
    socket.on("close", onClose)
  }

  get isPrivate(): boolean {
    return isWithinMachine(this.socket, this.host)
  }

  attach(events: SocketEvents) {
    if (this.isClosed) return events.closed(this.lost("Read"))
    this.events = events
    this.socket.on("end", onEnd)
    this.socket.on("data", onData)
  }

  failed(error: Error) {
    this.error = error
  }

  closed() {
    if (this.events === ignoreEvents && this.waiting === undefined) {
      this.isClosed = true
      return
    }
    endings.report(() => {
      this.isClosed = true
      this.events.closed(this.error === undefined ? undefined : this.lost("Read"))
      this.events = ignoreEvents
      this.wake()
    })
  }

  /** Removes the reference from Node's socket to this one. Later events have no effect. */
  protected forget() {
    ;(this.socket as Wrapped)[around] = undefined
  }

  private lost(during: "Read" | "Write") {
    const code = errorCode(this.error)
    return new TransportError({ during, ...this.explain(code), code, cause: this.error })
  }

  /** The reason reported for a broken connection. */
  protected explain(code: string | undefined): Pick<TransportError, "reason" | "hint"> {
    return { reason: `the connection was lost (${code ?? "closed"})` }
  }

  ended() {
    // When the last bytes and a reset arrive together, libuv reports an orderly end.
    if (!this.hasReset()) endings.report(() => this.events.end())
    else if (this.error === undefined) this.socket.destroy(connectionReset())
  }

  /** Before this side has ended, only a reset makes the kernel forget the peer. */
  protected hasReset(): boolean {
    if (!this.socket.writable) return false
    const hasPeer = NodeInternals.hasPeer(this.socket)
    if (hasPeer !== undefined) return !hasPeer
    this.probe()
    return this.socket.errored !== null
  }

  pause() {
    this.socket.pause()
  }

  resume() {
    this.socket.resume()
  }

  write(bytes: string) {
    // Until something shows that the kernel took them, all bytes count as untaken.
    this.lastUntaken = bytes.length
    if (this.isBroken) return false
    this.put(bytes)
    // Already zero if the kernel took everything, the usual case, which needs no waiting. Also zero after a write that
    // failed immediately.
    if (this.socket.writableLength > 0 || this.isBroken) return false
    this.lastUntaken = 0
    return true
  }

  /** Without a callback, which would cost an object and a `nextTick` for each write (benchmarks: mesh, 1 to 100). */
  protected put(bytes: string) {
    this.socket.write(bytes, "latin1")
  }

  /** True as soon as a write has failed; Node destroys the socket and emits the events later. */
  protected get isBroken() {
    return this.socket.destroyed || this.socket.errored !== null
  }

  /** Made when first needed: the kernel accepts most writes at once (benchmark: idle memory, 1 %). */
  protected get onWritten(): () => void {
    return (this.madeOnWritten ??= () => this.wakeIfWritten())
  }

  /** Waits again if there was another write meanwhile, which has no callback. */
  private wakeIfWritten() {
    if (this.waiting === undefined) return
    if (this.socket.writableLength === 0) this.wake()
    else this.awaitWritten()
  }

  /**
   * Asks Node to call back once the writes so far are done, which is when it calls back for an empty write. 'drain'
   * would not do: Node emits it only after a write above the high-water mark. After the end, no write is allowed.
   */
  protected awaitWritten() {
    if (this.socket.writable) this.socket.write("", this.onWritten)
    else this.socket.once("finish", this.onWritten)
  }

  untaken() {
    if (this.isBroken || this.socket.writableLength === 0) return this.lastUntaken
    // The only figure that shows progress within one write.
    this.lastUntaken = NodeInternals.queuedBytes(this.socket) ?? this.lastUntaken
    return this.lastUntaken
  }

  get taken() {
    return Effect.async<void, TransportError>((resume) => {
      const check = (isOver = false) => {
        // The socket's state decides, not the callback: after a destroy, Node calls back without an error.
        if (isOver || this.isBroken) return resume(Effect.fail(this.lost("Write")))
        if (this.socket.writableLength === 0) {
          this.lastUntaken = 0
          return resume(Effect.void)
        }
        this.waiting = check
        this.untaken()
        return
      }
      check()
      if (this.waiting !== undefined) this.awaitWritten()
      return Effect.sync(() => {
        this.waiting = undefined
      })
    })
  }

  private wake(isOver = false) {
    const waiting = this.waiting
    this.waiting = undefined
    waiting?.(isOver)
  }

  /** Makes waiters for `taken` fail, as if the connection had ended. */
  stopWaiting() {
    this.wake(true)
  }

  /**
   * An empty write fails after a reset. While another write is under way it would only queue, but then that one fails.
   */
  probe() {
    if (this.socket.writable && this.socket.writableLength === 0) this.socket.write("")
  }

  end() {
    this.socket.end()
  }

  /** Ends this side if nothing is left to wait for: the peer has ended and the kernel has taken everything. */
  protected endsAtOnce(): boolean {
    return this.socket.readableEnded && this.socket.writableLength === 0
  }

  close(linger: Duration.Duration) {
    return Effect.suspend(() => {
      if (this.isClosed) return Effect.void
      if (!this.endsAtOnce()) return this.endAndLinger(linger)
      // No unread input can turn this close into a reset. Saves one system call and two turns (benchmark: churn).
      this.events = ignoreEvents
      this.socket.destroy()
      return Effect.void
    })
  }

  private endAndLinger(linger: Duration.Duration) {
    return Effect.async<void>((resume) => {
      const cancel = startLinger(linger, () => this.socket.destroy())
      const done = () => {
        cancel()
        resume(Effect.void)
      }
      this.events = { ...ignoreEvents, closed: done }
      this.socket.end()
      this.socket.resume()
      return Effect.sync(() => {
        cancel()
        this.socket.destroy()
      })
    })
  }

  destroy() {
    this.untaken()
    this.socket.destroy()
  }
}

/** A connection from a proxy, which carries the bytes only part of the way. */
class ProxiedSocket extends NetSocket {
  constructor(
    socket: Net.Socket,
    remote: Remote,
    private readonly wasPrivate: boolean
  ) {
    super(socket, remote.remote, remote.host)
  }

  override get isPrivate(): boolean {
    return this.wasPrivate
  }
}

/** The other end of a connection, as `Socket` describes it. */
export interface Remote extends Pick<Socket, "remote" | "host"> {
  /** Whether the bytes were encrypted or local on their way from the client to a proxy; undefined without a proxy. */
  readonly isPrivateToProxy?: boolean
}

/** `127.0.0.1:8080`, `[::1]:8080`. */
export const hostAndPort = (host: string, port: number): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`

/** V8 would keep a concatenation together with its parts, so the text is copied (benchmark: idle memory, 0.5 %). */
export const remoteAt = (host: string, port: number): Remote => ({ remote: Wire.copy(hostAndPort(host, port)), host })

/**
 * The other end of a `net.Socket`.
 *
 * @param nameless what to call an end without an address: a client of a Unix socket, or a TCP client that has already
 *   sent a reset
 */
export const remoteOf = (socket: Net.Socket, nameless: string): Remote => {
  const host = socket.remoteAddress
  return host === undefined ? { remote: nameless, host: "" } : remoteAt(host, socket.remotePort ?? 0)
}

/** Wraps a socket. Must run in the turn in which Node handed the socket over, or events are missed. */
export const fromNet = (socket: Net.Socket, nameless: string): Socket => wrap(socket, remoteOf(socket, nameless))

export const wrap = (socket: Net.Socket, remote: Remote): NetSocket => {
  const { host, isPrivateToProxy } = remote
  return isPrivateToProxy === undefined
    ? new NetSocket(socket, remote.remote, host)
    : new ProxiedSocket(socket, remote, isPrivateToProxy)
}
