import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Net from "node:net"
import type * as NodeTls from "node:tls"
import { TurnoverMap } from "../concurrency/Turnover.js"
import { TransportError, type ListenerEvents } from "../ports/Transport.js"
import * as Certificates from "./Certificates.js"
import * as NodeInternals from "./NodeInternals.js"
import { socketOptions, type Remote } from "./NetSocket.js"
import type { TlsListenOptions } from "./Tls.js"
import * as TlsConnect from "./TlsConnect.js"

/** The handshakes of a server that serves TLS. */

/** The outcomes of a handshake. All but `secured` are reported to `failed` first. */
export interface HandshakeEvents extends Pick<ListenerEvents, "failed"> {
  /** It has finished. The identity is the name in the client's certificate, if clients need one. */
  readonly secured: (tls: NodeTls.TLSSocket, identity: string | undefined) => void
  /** It has finished, but the client has not proven its name. Called from inside OpenSSL. */
  readonly unproven: (tls: NodeTls.TLSSocket, why: string) => void
  /** The client does not speak TLS. */
  readonly plain: () => void
  /** It took too long. */
  readonly late: () => void
}

/** Begins the handshake with a client that has connected. */
export type Begin = (raw: Net.Socket, remote: Remote, events: HandshakeEvents) => void

/** Node would set a timer of its own for each handshake. With 0, it takes its default. */
const noTimeout = -1

/** The first byte of a TLS connection: the type of a handshake record. */
const handshakeRecord = 0x16

/** The property of a connection that holds its handshake until that is over. */
const pending = Symbol("a-chat/Handshake")

type Accepted = Net.Socket & { [pending]: Handshake | undefined }

const handshakeOf = (raw: Net.Socket): Handshake | undefined => (raw as Accepted)[pending]

// Functions shared by all connections. A closure would also keep the client's whole state alive for as long as the
// socket, and V8 frees a socket of Node only when it collects the old generation (benchmark: churn over TLS).

const ignore = () => {}

function onClose(this: Net.Socket) {
  handshakeOf(this)?.over()
}

/**
 * Replaces `push` of a connection that has not sent anything. A reader for the first byte, such as `FirstBytes`, would
 * need listeners, and turns of Node's stream (benchmark: churn over TLS).
 */
function pushFirst(this: Net.Socket, chunk: Uint8Array | null, encoding?: BufferEncoding): boolean {
  const { push } = Net.Socket.prototype
  // The client has left without sending anything. The half-open socket would otherwise stay open forever.
  if (chunk === null) this.destroy()
  this.push = push
  const result = push.call(this, chunk, encoding)
  if (chunk !== null) handshakeOf(this)?.begins(chunk[0] === handshakeRecord)
  return result
}

/** No other open connection has the same two ends. */
const endsOf = ({ localAddress, localPort, remoteAddress, remotePort }: Net.Socket) =>
  `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`

/** Finds the connection whose handshake has finished. */
const below = (tls: NodeTls.TLSSocket, handshaking: TurnoverMap<Net.Socket, unknown>): Net.Socket | undefined => {
  const known = NodeInternals.socketBelow(tls)
  if (known !== undefined) return known
  const ends = endsOf(tls)
  return [...handshaking.keys()].find((raw) => endsOf(raw) === ends)
}

export const make = ({ credentials, ...options }: Omit<TlsListenOptions, "proxy">) =>
  Effect.gen(function* () {
    const { tls } = yield* Certificates.modules
    const timeoutMillis = Duration.toMillis(options.handshakeTimeout ?? TlsConnect.handshakeTimeout)
    const handshaking = new TurnoverMap<Net.Socket, Handshake>()
    // This server never listens: it gets connections whose first bytes have been checked. It requests certificates but
    // accepts a handshake without a valid one, so that it can send the client the reason for the refusal.
    const server = tls.createServer({
      requestCert: credentials.identifies,
      rejectUnauthorized: false,
      handshakeTimeout: noTimeout
    })
    yield* Effect.acquireRelease(
      Effect.sync(() => credentials.use(server)),
      (undo) => Effect.sync(undo)
    )
    server.on("secureConnection", (socket) => {
      const raw = below(socket, handshaking)
      const handshake = raw && handshaking.get(raw)
      if (handshake === undefined) return socket.destroy() // reset in the meantime
      socket.allowHalfOpen = socketOptions.allowHalfOpen
      return handshake.secured(socket)
    })

    const shared = { handshaking, identifies: credentials.identifies, server, timeoutMillis }
    const begin: Begin = (raw, remote, events) => {
      const handshake = new Handshake(raw, remote, events, shared)
      // Bytes that followed a proxy's header have already arrived.
      const first = raw.readableLength === 0 ? null : (raw.read() as Buffer | null)
      if (first === null) return handshake.awaits()
      raw.unshift(first)
      handshake.begins(first[0] === handshakeRecord)
    }
    return begin
  })

/** State shared by the handshakes of a server. */
interface Shared {
  readonly handshaking: TurnoverMap<Net.Socket, Handshake>
  readonly identifies: boolean
  readonly server: NodeTls.Server
  readonly timeoutMillis: number
}

/** One handshake, from the accept on. */
class Handshake {
  private readonly deadline: NodeJS.Timeout

  constructor(
    private readonly raw: Net.Socket,
    private readonly remote: Remote,
    private readonly events: HandshakeEvents,
    private readonly shared: Shared
  ) {
    ;(raw as Accepted)[pending] = this
    // Registered first: an 'error' event without a listener ends the process.
    raw.on("error", ignore)
    raw.on("close", onClose)
    this.deadline = setTimeout(() => this.isLate(), shared.timeoutMillis)
  }

  /** Nothing has arrived yet. */
  awaits() {
    this.raw.push = pushFirst
  }

  /** The first bytes have arrived. Node's TLS gets them, if it starts to read within this turn. */
  begins(isTls: boolean) {
    const { events, raw, shared } = this
    if (!isTls) {
      this.failed("the client does not speak TLS")
      return events.plain()
    }
    shared.handshaking.set(raw, this)
    // While TLS lasts, the end of one direction is the end of both.
    raw.allowHalfOpen = false
    shared.server.emit("connection", raw)
  }

  secured(tls: NodeTls.TLSSocket) {
    this.over()
    if (!this.shared.identifies) return this.events.secured(tls, undefined)
    const { common, why } = identityOf(tls)
    if (why === undefined) return this.events.secured(tls, common)
    this.failed(why)
    return this.events.unproven(tls, why)
  }

  /** It has finished, or the connection has ended. */
  over() {
    clearTimeout(this.deadline)
    this.shared.handshaking.delete(this.raw)
    ;(this.raw as Accepted)[pending] = undefined
  }

  private isLate() {
    this.failed("the handshake took too long")
    this.events.late()
  }

  private failed(why: string) {
    const reason = `no TLS with ${this.remote.remote}: ${why}`
    this.events.failed(new TransportError({ during: "Listen", reason }))
  }
}

/** The client's proven name, or the reason why there is none. */
const identityOf = (socket: NodeTls.TLSSocket) => {
  // Empty without a certificate, although its type does not say so.
  const certificate = socket.getPeerCertificate() as Partial<NodeTls.PeerCertificate> | null
  // Node returns an array if there are several common names.
  const common: unknown = certificate?.subject?.CN
  if (certificate?.subject === undefined) return { common: undefined, why: "there is no client certificate" }
  // Declared as an Error, but in fact an error code.
  const error = String(socket.authorizationError)
  if (!socket.authorized) return { common: undefined, why: `the client certificate is not trusted (${error})` }
  if (typeof common !== "string") return { common: undefined, why: "the client certificate has no one common name" }
  return { common, why: undefined }
}
