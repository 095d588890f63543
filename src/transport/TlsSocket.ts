import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Net from "node:net"
import type { TLSSocket } from "node:tls"
import { handleOf, NetSocket, type Peer } from "./NetSocket.js"
import { TransportError, type Socket, type SocketEvents } from "./Transport.js"

/** What a record carries, unless it is the last one of a write. Around it comes the same in each (RFC 8446, 5.1). */
const plainRecordBytes = 16_384

/** The TCP connection below, as Node's own code sees it. It is not documented, so there may be nothing. */
const carrierOf = (tls: Net.Socket) => {
  const handle = handleOf(tls)
  const carrier = handle?.["_parent"] as Readonly<Record<string, unknown>> | null | undefined
  const [pending, handed, queued] = [handle?.["writeQueueSize"], carrier?.["bytesWritten"], carrier?.["writeQueueSize"]]
  if (typeof pending !== "number" || typeof handed !== "number" || typeof queued !== "number") return undefined
  return {
    /** Bytes of ciphertext that are not known to be taken. */
    pending,
    /** Bytes of ciphertext that were handed to the kernel, of which `queued` wait until it takes them. */
    handed,
    queued
  }
}

/**
 * Whether the TCP connection has ended, now that TLS tells of an end: then it ended without TLS's own end, and anybody on
 * the way could have cut it off. Node tells both alike. But below it goes on reading in the one case, and to start what is
 * started already is an error; and whoever does not read at present cannot have come to the end of TCP.
 */
const isCutShort = (tls: Net.Socket) => {
  const handle = handleOf(tls)
  const carrier = handle?.["_parent"] as Readonly<Record<string, unknown>> | null | undefined
  const readStart = carrier?.["readStart"]
  if (handle?.["reading"] !== true || typeof readStart !== "function") return false
  return Reflect.apply(readStart, carrier, []) === 0
}

const cutShort = () => Object.assign(new Error("no close_notify"), { code: "ECUTSHORT" })

const explanations: Readonly<Record<string, string>> = {
  ECUTSHORT: "the connection was cut off: it ended without the end that TLS asks for",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: "the server asks for a certificate; give --cert and --key",
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: "the other side does not trust our certificate"
}

/** The `Socket` of the port over TLS that is there. */
export class TlsSocket extends NetSocket {
  private wasCutShort = false
  /** How the last write lies among the ciphertext of the connection; undefined while that is not known. */
  private record: { readonly begin: number; readonly end: number; readonly bytes: number } | undefined = undefined
  private written = 0

  constructor(tls: Net.Socket, { host, remote }: Peer) {
    super(tls, remote, host)
    // Looked at when the end comes in, not when it is told: behind a pause that may be long after.
    const push = tls.push.bind(tls)
    tls.push = (chunk: unknown, encoding?: BufferEncoding) => {
      if (chunk === null) this.wasCutShort = isCutShort(tls)
      return push(chunk, encoding)
    }
  }

  override ended() {
    if (this.wasCutShort) this.socket.destroy(cutShort())
    else super.ended()
  }

  /** TLS has an end of its own, and the peer would take its absence for a break. */
  protected override get isDone() {
    return false
  }

  protected override describe(code: string | undefined) {
    return explanations[code ?? ""] ?? super.describe(code)
  }

  /** Node tells of a write over TLS a turn later, though the kernel mostly has all of it at once. */
  override write(bytes: string) {
    const isIdle = this.socket.writableLength === 0
    const before = carrierOf(this.socket)
    if (super.write(bytes)) return true
    const after = carrierOf(this.socket)
    if (before === undefined || after === undefined || this.isBroken) return false
    this.written = bytes.length
    this.record = undefined
    // It is not encrypted before what is under way was told of.
    if (!isIdle) return false
    const around = (after.pending - bytes.length) / Math.ceil(bytes.length / plainRecordBytes)
    // Something else is under way, such as tickets for the next session.
    if (!Number.isInteger(around) || around <= 0) return false
    const end = before.handed + after.pending
    this.record = { begin: before.handed, end, bytes: plainRecordBytes + around }
    if (after.handed < end || after.queued > 0) return false
    this.lastUntaken = 0
    return true
  }

  /** A record that the kernel has not taken whole cannot be read by the peer, so nothing of it counts as taken. */
  override untaken() {
    if (this.isBroken || this.socket.writableLength === 0 || this.lastUntaken === 0) return this.lastUntaken
    const now = this.record && carrierOf(this.socket)
    if (now === undefined || this.record === undefined) return this.lastUntaken
    const { begin, bytes, end } = this.record
    const taken = now.handed - now.queued
    const whole = Math.floor((taken - begin) / bytes) * plainRecordBytes
    this.lastUntaken = taken >= end ? 0 : Math.max(0, this.written - Math.max(0, whole))
    return this.lastUntaken
  }
}

const nobody: SocketEvents = { data: () => {}, end: () => {}, closed: () => {} }

const noHandshake = new TransportError({ during: "Read", reason: "the TLS handshake failed" })

/** The longest time that a timer of Node's can wait; a longer one would go off at once. */
const maxTimerMillis = 2 ** 31 - 1

/**
 * An accepted connection, from its accept on: so it counts against the limits, and the time to log in runs. What is asked
 * of it before TLS is there, is kept until then.
 */
export class HandshakingSocket implements Socket {
  readonly remote: string
  readonly host: string
  identity: string | undefined = undefined
  /** Over TLS, once that is there. */
  private heard: TlsSocket | undefined = undefined
  /** The same, once something may be said. */
  private tls: TlsSocket | undefined = undefined
  private events = nobody
  private kept = ""
  private isPaused = false
  private hasEnded = false
  private isOver = false
  private readonly waiting = new Set<() => void>()

  /** @param top what to destroy */
  constructor(
    private top: Net.Socket,
    { host, remote }: Peer
  ) {
    this.remote = remote
    this.host = host
    top.once("close", () => {
      if (this.heard !== undefined) return // which tells of it itself
      this.isOver = true
      this.events.closed(noHandshake)
      this.settle()
    })
  }

  /** TLS is there, but this is not for the chat. Only `tls` may be destroyed: Node crashes when what is below goes first. */
  refused(tls: TLSSocket) {
    this.top = tls
  }

  /**
   * TLS is there, and nothing below it may be destroyed any more. It hears at once, or it would miss an end that comes
   * with the handshake; but that TLS is there comes from inside OpenSSL, which would not take an end now and say nothing
   * of it, so nothing is said before the next turn.
   */
  secured(tls: TLSSocket, identity: string | undefined) {
    this.identity = identity
    const heard = new TlsSocket(tls, this)
    this.heard = heard
    if (this.isPaused) heard.pause()
    heard.attach(this.events)
    setImmediate(() => {
      this.tls = heard
      if (this.kept !== "") heard.write(this.kept)
      if (this.hasEnded) heard.end()
      this.kept = ""
      this.settle()
    })
  }

  private settle() {
    for (const wake of this.waiting) wake()
    this.waiting.clear()
  }

  /** Waits for TLS. */
  private get started() {
    return Effect.async<TlsSocket, TransportError>((resume) => {
      const answer = () => {
        if (this.tls !== undefined) resume(Effect.succeed(this.tls))
        else if (this.isOver) resume(Effect.fail(noHandshake))
        else this.waiting.add(answer)
      }
      answer()
      return Effect.sync(() => this.waiting.delete(answer))
    })
  }

  attach(events: SocketEvents) {
    this.events = events
    if (this.isOver) return events.closed(noHandshake)
    this.heard?.attach(events)
  }

  pause() {
    this.isPaused = true
    this.heard?.pause()
  }

  resume() {
    this.isPaused = false
    this.heard?.resume()
  }

  probe() {
    this.tls?.probe()
  }

  write(bytes: string) {
    if (this.tls !== undefined) return this.tls.write(bytes)
    this.kept += bytes
    return false
  }

  untaken() {
    return this.tls === undefined ? this.kept.length : this.tls.untaken()
  }

  get taken() {
    return this.tls === undefined ? Effect.flatMap(this.started, (tls) => tls.taken) : this.tls.taken
  }

  end() {
    this.hasEnded = true
    this.tls?.end()
  }

  close(linger: Duration.Duration) {
    return Effect.suspend(() => {
      if (this.tls !== undefined) return this.tls.close(linger)
      if (this.isOver) return Effect.void
      // The client may be through with it, and wait to be told; within the same time.
      const deadline = setTimeout(() => this.destroy(), Math.min(Duration.toMillis(linger), maxTimerMillis))
      return Effect.either(this.started).pipe(
        Effect.flatMap((started) => (started._tag === "Right" ? started.right.close(linger) : Effect.void)),
        Effect.onInterrupt(() => Effect.sync(() => this.destroy())),
        Effect.ensuring(Effect.sync(() => clearTimeout(deadline)))
      )
    })
  }

  destroy() {
    ;(this.heard ?? this.top).destroy()
  }
}
