import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Net from "node:net"
import type * as NodeTls from "node:tls"
import { maxTimerMillis, type Address, type Socket, type TransportError } from "../ports/Transport.js"
import { remoteOf, socketOptions } from "./NetSocket.js"
import { errorCode, connectError, type Explanation } from "./SystemError.js"
import * as Tcp from "./Tcp.js"
import { TlsSocket } from "./TlsSocket.js"

/** Time for the handshake, on either side. */
export const handshakeTimeout = Duration.seconds(10)

export interface HandshakeOptions {
  readonly address: Address & { readonly host: string; readonly port: number }
  /** The name that the server's certificate must have. */
  readonly serverName: string
  readonly timeout: Duration.DurationInput
  readonly context: NodeTls.SecureContext
}

/** Connects, and returns the socket once the handshake has finished. */
export const handshake = (
  tls: typeof NodeTls,
  { address, context, serverName, timeout }: HandshakeOptions
): Effect.Effect<Socket, TransportError> =>
  Effect.async((resume) => {
    const { host, port } = address
    const socket = Net.connect({ host, port, ...socketOptions })
    let secured: NodeTls.TLSSocket | undefined = undefined
    const giveUp = () => {
      clearTimeout(deadline)
      // Only one of the two: Node crashes if the TCP socket is destroyed before the TLS socket above it.
      ;(secured ?? socket).destroy()
    }
    const failed = (cause: Error) => {
      giveUp()
      const code = errorCode(cause)
      const explanation = (secured && explainTls(code, cause, serverName)) ?? Tcp.explainConnect(code)
      resume(Effect.fail(connectError(address, explanation, cause)))
    }
    const late = () => failed(Object.assign(new Error("no handshake"), { code: "ETIMEDOUT" }))
    const deadline = setTimeout(late, Math.min(Duration.toMillis(timeout), maxTimerMillis))
    socket.on("error", failed)
    // Only now: while Node tries the host's addresses in turn, it replaces the handle that TLS would be built on.
    socket.once("connect", () => {
      // SNI takes no IP addresses.
      const sni = Net.isIP(serverName) === 0 ? { servername: serverName } : {}
      const client = tls.connect({ socket, host: serverName, ...sni, secureContext: context })
      secured = client
      client.on("error", failed)
      client.once("secureConnect", () => {
        clearTimeout(deadline)
        client.off("error", failed)
        socket.off("error", failed).on("error", () => {})
        resume(Effect.succeed(new TlsSocket(client, remoteOf(client, host))))
      })
    })
    return Effect.sync(giveUp)
  })

/** The failure of a handshake in words; undefined if it has nothing to do with TLS. */
const explainTls = (code: string | undefined, cause: Error, serverName: string): Explanation | undefined => {
  switch (code) {
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return { why: `the server's certificate is not for ${serverName}`, hint: "other-certificate-name" }
    case "CERT_HAS_EXPIRED":
      return { why: "the server's certificate has expired" }
    case "CERT_NOT_YET_VALID":
      return { why: "the server's certificate is not valid yet; is the clock right?" }
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
      return { why: "no trusted authority has signed the server's certificate", hint: "untrusted-certificate" }
    case "ERR_SSL_WRONG_VERSION_NUMBER":
    case "ERR_SSL_PACKET_LENGTH_TOO_LONG":
    case "EPROTO":
      return { why: "the server does not speak TLS there", hint: "not-tls" }
    case "ECONNRESET":
      return { why: "the server closed the connection during the handshake; does it speak TLS there?" }
    case "ETIMEDOUT":
      return { why: "the handshake took too long; does the server speak TLS there?" }
    default:
      return code?.startsWith("ERR_SSL_") === true
        ? { why: `TLS failed (${cause.message.split(":").at(5) ?? code})` }
        : undefined
  }
}
