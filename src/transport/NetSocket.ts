import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Net from "node:net"
import { showAddress, TransportError, type Address, type Socket, type SocketEvents } from "./Transport.js"

/** Idle time after which the kernel probes a silent peer, so that a pulled cable is noticed at all. */
const keepAliveDelay = Duration.seconds(60)

/** The longest time that a timer of Node's can wait; a longer one would go off at once. */
const maxTimerMillis = 2 ** 31 - 1

/** The options that every socket of ours has, accepted or connected. */
export const socketOptions = {
  // A peer that shuts down its sending half still receives the answers to its last lines.
  allowHalfOpen: true,
  // With Nagle's algorithm small messages wait up to 40 ms for a delayed acknowledgement.
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: Duration.toMillis(keepAliveDelay)
} as const

/** Longest path of a Unix socket, in bytes. libuv would cut a longer one short, and use another file without a word. */
const maxPathBytes = process.platform === "linux" ? 107 : 103

/** Why an address cannot be used whatever the system says, if so. */
export const impossible = (address: Address): string | undefined =>
  address._tag === "Unix" && Buffer.byteLength(address.path) > maxPathBytes
    ? `the path is longer than ${maxPathBytes} bytes; choose a shorter one`
    : undefined

/** The code of a system error (`ECONNRESET`), if it is one. */
export const errorCode = (cause: unknown): string | undefined =>
  typeof cause === "object" && cause !== null && "code" in cause && typeof cause.code === "string"
    ? cause.code
    : undefined

const discard: SocketEvents = { data: () => {}, end: () => {}, closed: () => {} }

/** What Node has of a socket behind its interface. It is not documented, so there may be nothing. */
export const handleOf = (socket: Net.Socket) =>
  Reflect.get(socket, "_handle") as Readonly<Record<string, unknown>> | null | undefined

const connectionReset = () => Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" })

/** Where a `net.Socket` keeps the `NetSocket` around it. */
const around = Symbol("a-chat/NetSocket")

type Wrapped = Net.Socket & { [around]: NetSocket }

// One function for all sockets, and not a closure for each: there may be 100,000 (benchmark: idle memory).

function onError(this: Net.Socket, error: Error) {
  ;(this as Wrapped)[around].failed(error)
}

function onClose(this: Net.Socket) {
  ;(this as Wrapped)[around].closed()
}

function onEnd(this: Net.Socket) {
  ;(this as Wrapped)[around].ended()
}

function onData(this: Net.Socket, bytes: Buffer) {
  ;(this as Wrapped)[around].events.data(bytes)
}

/** The `Socket` of the port over a `net.Socket`. */
export class NetSocket implements Socket {
  events: SocketEvents = discard
  private error: Error | undefined = undefined
  protected lastUntaken = 0
  private waiting: (() => void) | undefined = undefined
  private isClosed = false

  constructor(
    protected readonly socket: Net.Socket,
    readonly remote: string,
    readonly host: string
  ) {
    ;(socket as Wrapped)[around] = this
    // First of all: an 'error' without a listener ends the process. 'close' follows it and does the work.
    socket.on("error", onError)
    socket.on("close", onClose)
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
    this.isClosed = true
    this.events.closed(this.error === undefined ? undefined : this.lost("Read"))
    this.events = discard
    this.wake()
  }

  private lost(during: "Read" | "Write") {
    const code = errorCode(this.error)
    return new TransportError({ during, reason: this.describe(code), code, cause: this.error })
  }

  /** What to say of a connection that broke. */
  protected describe(code: string | undefined): string {
    return `the connection was lost (${code ?? "closed"})`
  }

  ended() {
    // When the last bytes and a reset arrive together, libuv tells of an end in order.
    if (!this.hasReset()) this.events.end()
    else if (this.error === undefined) this.socket.destroy(connectionReset())
  }

  /**
   * While this side has not ended, only a connection that was reset has no other end any more. To ask for it is not
   * documented, but a probe would cost a tenth of what a connection does (benchmark: churn).
   */
  private hasReset() {
    if (!this.socket.writable) return false
    const handle = handleOf(this.socket)
    const getpeername = handle?.["getpeername"]
    if (typeof getpeername === "function") return Reflect.apply(getpeername, handle, [{}]) !== 0
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
    // Nothing of it is known to be taken until something says so.
    this.lastUntaken = bytes.length
    if (this.isBroken) return false
    this.socket.write(bytes, "latin1", this.onWritten)
    // Zero at once when the kernel took it all, which is the usual case and needs no waiting; but a write that failed
    // at once leaves zero, too.
    if (this.socket.writableLength > 0 || this.isBroken) return false
    this.lastUntaken = 0
    return true
  }

  /** A write that fails at once shows here first, the destruction and its events follow later. */
  protected get isBroken() {
    return this.socket.destroyed || this.socket.errored !== null
  }

  /** 'drain' comes only after a write above the high-water mark; the callback comes after every one. */
  private readonly onWritten = () => {
    if (this.waiting !== undefined && this.socket.writableLength === 0) this.wake()
  }

  untaken() {
    if (this.isBroken || this.socket.writableLength === 0) return this.lastUntaken
    // The only figure that shows progress within one write. Node's own idle timer reads it too, but it is not
    // documented: without it, progress is seen once a write.
    const queued = handleOf(this.socket)?.["writeQueueSize"]
    if (typeof queued === "number") this.lastUntaken = queued
    return this.lastUntaken
  }

  get taken() {
    return Effect.async<void, TransportError>((resume) => {
      const answer = () => {
        // After a destroy Node calls back without an error, so the socket is asked, not the callback.
        if (this.isBroken) return resume(Effect.fail(this.lost("Write")))
        if (this.socket.writableLength === 0) {
          this.lastUntaken = 0
          return resume(Effect.void)
        }
        this.waiting = answer
        this.untaken()
        return
      }
      answer()
      return Effect.sync(() => {
        this.waiting = undefined
      })
    })
  }

  private wake() {
    const waiting = this.waiting
    this.waiting = undefined
    waiting?.()
  }

  /** A write of nothing fails after a reset. Behind a write that is under way nobody can tell, but that fails itself. */
  probe() {
    if (this.socket.writable && this.socket.writableLength === 0) this.socket.write("")
  }

  end() {
    this.socket.end()
  }

  protected get isDone() {
    return this.socket.readableEnded && this.socket.writableLength === 0
  }

  close(linger: Duration.Duration) {
    return Effect.async<void>((resume) => {
      if (this.isClosed) return resume(Effect.void)
      let deadline: NodeJS.Timeout | undefined = undefined
      const done = () => {
        clearTimeout(deadline)
        resume(Effect.void)
      }
      this.events = { data: discard.data, end: discard.end, closed: done }
      // The peer has ended and the kernel has all that was written: there is nothing left to wait for, and nothing unread
      // that would make it a reset. One system call and one turn less (benchmark: churn).
      if (this.isDone) this.socket.destroy()
      else {
        deadline = setTimeout(() => this.socket.destroy(), Math.min(Duration.toMillis(linger), maxTimerMillis))
        this.socket.end()
        this.socket.resume()
      }
      return Effect.sync(() => {
        clearTimeout(deadline)
        this.socket.destroy()
      })
    })
  }

  destroy() {
    this.untaken()
    this.socket.destroy()
  }
}

/** Who is at the other end, as `Socket` tells it. */
export type Peer = Pick<Socket, "remote" | "host">

export const peerAt = (host: string, port: number): Peer => ({ remote: showAddress({ _tag: "Tcp", host, port }), host })

/** @param nameless what to call a peer without an address: on a Unix socket all of them, else one that has reset already */
export const peerOf = (socket: Net.Socket, nameless: string): Peer => {
  const host = socket.remoteAddress
  return host === undefined ? { remote: nameless, host: "" } : peerAt(host, socket.remotePort ?? 0)
}

/** Wraps a socket in the turn in which Node handed it over, so that no event is missed. */
export const fromNet = (socket: Net.Socket, nameless: string): Socket => wrap(socket, peerOf(socket, nameless))

export const wrap = (socket: Net.Socket, { host, remote }: Peer): Socket => new NetSocket(socket, remote, host)
