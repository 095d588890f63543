import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Net from "node:net"
import type * as NodeTls from "node:tls"
import { TurnoverMap } from "../concurrency/Turnover.js"
import { TransportError, type ListenerEvents } from "../ports/Transport.js"
import * as Certificates from "./Certificates.js"
import * as NodeInternals from "./NodeInternals.js"
import { socketOptions, type Remote } from "./NetSocket.js"
import type { TlsListenOptions } from "./Tls.js"
import * as TlsConnect from "./TlsConnect.js"

/** The handshakes of a server that serves TLS. */

/** What becomes of one handshake. Each but `late` reports a failure first. */
export interface HandshakeEvents extends Pick<ListenerEvents, "failed"> {
  /** It has finished. The identity is the name in the client's certificate, where clients need one. */
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

/** The first byte of a TLS connection: the type of a handshake record. */
const handshakeRecord = 0x16

/**
 * Calls `found` once the client has sent something. The next reader gets these bytes, if it starts to read within the
 * call. Unlike `FirstBytes`, this needs no event 'readable', for which Node runs five callbacks (benchmark: churn over
 * TLS).
 */
const speaksTls = (raw: Net.Socket, found: (isTls: boolean) => void) => {
  const data = (bytes: Buffer) => {
    raw.off("data", data)
    raw.off("end", ended)
    raw.pause() // otherwise Node discards what is put back, because nothing listens
    raw.unshift(bytes)
    found(bytes[0] === handshakeRecord)
  }
  // The client has ended without a word. The half-open socket would otherwise stay open forever.
  const ended = () => raw.destroy()
  raw.on("data", data)
  raw.on("end", ended)
}

/**
 * Not a closure in `begin`: that would keep the client's whole state alive for as long as the socket. V8 frees a socket
 * of Node only when it collects the old generation (benchmark: churn over TLS).
 */
const ignore = () => {}

/** No other open connection has the same two ends. */
const endsOf = ({ localAddress, localPort, remoteAddress, remotePort }: Net.Socket) =>
  `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`

/** The connection whose handshake has finished, among those in their handshakes. */
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
    const handshaking = new TurnoverMap<Net.Socket, (tls: NodeTls.TLSSocket) => unknown>()
    // This server never listens: it gets connections whose first bytes have been checked. It requests certificates but
    // accepts a handshake without a valid one, so that it can send the client the reason for the refusal.
    const server = tls.createServer({ requestCert: credentials.identifies, rejectUnauthorized: false })
    yield* Effect.acquireRelease(
      Effect.sync(() => credentials.use(server)),
      (undo) => Effect.sync(undo)
    )
    server.on("secureConnection", (socket) => {
      const raw = below(socket, handshaking)
      const secure = raw && handshaking.get(raw)
      if (secure === undefined) return socket.destroy() // reset in the meantime
      socket.allowHalfOpen = socketOptions.allowHalfOpen
      return secure(socket)
    })

    const begin: Begin = (raw, remote, events) => {
      const failed = (why: string) =>
        events.failed(new TransportError({ during: "Listen", reason: `no TLS with ${remote.remote}: ${why}` }))
      // Registered first: an 'error' event without a listener ends the process.
      raw.on("error", ignore)
      const deadline = setTimeout(() => {
        failed("the handshake took too long")
        events.late()
      }, timeoutMillis)
      const done = () => {
        clearTimeout(deadline)
        handshaking.delete(raw)
      }
      raw.once("close", done)
      speaksTls(raw, (isTls) => {
        if (!isTls) {
          failed("the client does not speak TLS")
          return events.plain()
        }
        handshaking.set(raw, (secured) => {
          done()
          if (!credentials.identifies) return events.secured(secured, undefined)
          const { common, why } = identityOf(secured)
          if (why === undefined) return events.secured(secured, common)
          failed(why)
          return events.unproven(secured, why)
        })
        // While TLS lasts, the end of one direction is the end of both.
        raw.allowHalfOpen = false
        return server.emit("connection", raw)
      })
    }
    return begin
  })

/** The client's name, or why it has not proven one. */
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
