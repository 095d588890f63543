import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"
import type * as NodeTls from "node:tls"
import * as Reply from "../protocol/Reply.js"
import * as Certificates from "./Certificates.js"
import * as FirstBytes from "./FirstBytes.js"
import * as NetListener from "./NetListener.js"
import { errorCode, peerOf, socketOptions } from "./NetSocket.js"
import * as Proxy from "./Proxy.js"
import type * as ProxyHeader from "./ProxyHeader.js"
import * as Tcp from "./Tcp.js"
import { HandshakingSocket, TlsSocket } from "./TlsSocket.js"
import { TransportError, type Address, type Listen, type Socket } from "./Transport.js"

/** From the accept to the end of the handshake; who is no further by then is cut off. */
export const handshakeTimeout = Duration.seconds(10)

/** How long somebody who is turned away may take to read why. */
const refusalMillis = 1000

/** What all TLS listeners of a server show themselves by. */
export interface Credentials {
  /** Whether clients must show a certificate, whose common name is then their login. */
  readonly identifies: boolean
  /** Until when the certificate is good. */
  readonly until: () => Date | undefined
  /** Reads the files again, for new connections; those that are there stay. If something is wrong, nothing changes. */
  readonly reload: Effect.Effect<void, TransportError>
  /** Takes part in what is loaded; answers how to stop that. Any `tls.Server` of Node can. */
  readonly use: (server: SecureServer) => () => void
}

/** What of a `tls.Server` is needed; its own type would ask for Node's in the library's declarations. */
export interface SecureServer {
  readonly setSecureContext: (options: object) => void
}

export interface CredentialFiles {
  /** A certificate, and behind it those that lead to its authority; PEM. */
  readonly cert: string
  readonly key: string
  /** The authorities of the clients' certificates; without them, clients show none. */
  readonly clientCa?: string | undefined
}

/** Reads and checks the files; fails with what is wrong, and in which. */
export const credentials = (files: CredentialFiles): Effect.Effect<Credentials, TransportError> =>
  Effect.gen(function* () {
    const load = Certificates.load({ cert: files.cert, key: files.key, ca: files.clientCa }, "Listen")
    const servers = new Set<SecureServer>()
    let loaded = yield* load
    return {
      identifies: files.clientCa !== undefined,
      until: () => loaded.until,
      reload: Effect.gen(function* () {
        const fresh = yield* load
        if (fresh.until !== undefined && fresh.until.getTime() < Date.now()) {
          const reason = `${files.cert}: it has expired, on ${fresh.until.toISOString()}`
          return yield* new TransportError({ during: "Listen", reason })
        }
        loaded = fresh
        for (const server of servers) server.setSecureContext(fresh.options)
      }),
      use: (server) => {
        servers.add(server)
        server.setSecureContext(loaded.options)
        return () => servers.delete(server)
      }
    }
  })

export interface ListenOptions {
  readonly credentials: Credentials
  readonly handshakeTimeout?: Duration.DurationInput | undefined
  /** Where connections come through a proxy that tells for whom. */
  readonly proxy?: ProxyHeader.Options | undefined
}

/** Listens for TLS, 1.2 and up, on a TCP port; 0 takes any free one, which `Listener.address` then tells. */
export const listen =
  (host: string, port: number, options: ListenOptions): Listen =>
  (given) =>
    Effect.gen(function* () {
      const admit = yield* admitting(options)
      const listener = yield* NetListener.listen(
        { _tag: "Tls", host, port },
        (server, where) => server.listen(where),
        admit
      )(given)
      return { ...listener, identifies: options.credentials.identifies }
    })

/**
 * Admits connections with TLS, whatever they come from.
 *
 * @internal its type would ask for those of Node in the library's declarations
 */
export const admitting = ({
  proxy,
  ...options
}: ListenOptions): Effect.Effect<NetListener.Admit, TransportError, Scope.Scope> =>
  Effect.map(securing(options), (secured) => (proxy === undefined ? secured : Proxy.behind(proxy, secured)))

/** The first byte of whatever speaks TLS: a record of a handshake. */
const handshakeRecord = 0x16

const look = (bytes: Uint8Array): FirstBytes.Verdict<boolean> => ({ taken: 0, found: bytes[0] === handshakeRecord })

/** Which connection it is: as long as it lasts, no other has the same ends. */
const keyOf = ({ localAddress, localPort, remoteAddress, remotePort }: Net.Socket) =>
  `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`

const securing = ({ credentials, ...options }: ListenOptions) =>
  Effect.gen(function* () {
    const { tls } = yield* Certificates.modules
    const timeoutMillis = Duration.toMillis(options.handshakeTimeout ?? handshakeTimeout)
    const handshaking = new Map<string, (tls: NodeTls.TLSSocket) => unknown>()
    // It never listens itself: what comes before TLS has been read by then. It asks for certificates, but does not refuse
    // a client in the handshake, so that the client can be told why.
    const server = tls.createServer({ requestCert: credentials.identifies, rejectUnauthorized: false })
    yield* Effect.acquireRelease(
      Effect.sync(() => credentials.use(server)),
      (stop) => Effect.sync(stop)
    )
    server.on("secureConnection", (socket) => {
      const secure = handshaking.get(keyOf(socket))
      if (secure === undefined) return socket.destroy() // reset meanwhile
      socket.allowHalfOpen = socketOptions.allowHalfOpen
      return secure(socket)
    })

    const admit: NetListener.Admit = (raw, peer, events) => {
      const failed = (why: string) =>
        events.failed(new TransportError({ during: "Listen", reason: `no TLS with ${peer.remote}: ${why}` }))
      // First of all: an 'error' without a listener ends the process.
      raw.on("error", () => {})
      const key = keyOf(raw)
      const socket = new HandshakingSocket(raw, peer)
      const deadline = setTimeout(() => {
        failed("the handshake took too long")
        socket.destroy()
      }, timeoutMillis)
      const done = () => {
        clearTimeout(deadline)
        handshaking.delete(key)
      }
      raw.once("close", done)
      FirstBytes.read(raw, look, (isTls) => {
        if (!isTls) {
          failed("the client does not speak it")
          return turnAway(raw, Reply.tlsOnly)
        }
        handshaking.set(key, (secured) => {
          done()
          if (!credentials.identifies) return socket.secured(secured, undefined)
          const { common, why } = identityOf(secured)
          if (why === undefined) return socket.secured(secured, common)
          failed(why)
          // Not at once: this comes from inside OpenSSL, which would not take an end now.
          socket.refused(secured)
          secured.on("error", () => {})
          return setImmediate(() => turnAway(secured, Reply.badCertificate(why)))
        })
        // As long as it lasts, the end of the one side is that of both.
        raw.allowHalfOpen = false
        server.emit("connection", raw)
      })
      events.accepted(socket)
    }
    return admit
  })

/** Says why, and closes; not at once, or the reset would destroy what was said. */
const turnAway = (socket: Net.Socket, why: Reply.Fatal) => {
  socket.on("error", () => {})
  socket.end(why.line(undefined), "latin1")
  socket.resume()
  const deadline = setTimeout(() => socket.destroy(), refusalMillis)
  socket.once("close", () => clearTimeout(deadline))
}

/** Who the client is, or why that is not known. */
const identityOf = (socket: NodeTls.TLSSocket) => {
  // Empty if there is none, though its type does not say so.
  const certificate = socket.getPeerCertificate() as Partial<NodeTls.PeerCertificate> | null
  // Of several common names Node makes an array.
  const common: unknown = certificate?.subject?.CN
  if (certificate?.subject === undefined) return { common: undefined, why: "there is no client certificate" }
  if (!socket.authorized) return { common: undefined, why: `the client certificate is not trusted (${codeOf(socket)})` }
  if (typeof common !== "string") return { common: undefined, why: "the client certificate has no one common name" }
  return { common, why: undefined }
}

/** An error by its type, but in fact the name of one. */
const codeOf = (socket: NodeTls.TLSSocket) => String(socket.authorizationError)

export interface ConnectOptions {
  /** The authorities that the server's certificate may be signed by, a PEM file; those that Node trusts, unless given. */
  readonly ca?: string | undefined
  /** The certificate to show, and behind it those that lead to its authority, a PEM file; none, unless given. */
  readonly cert?: string | undefined
  /** The key of it, without a passphrase, a PEM file. */
  readonly key?: string | undefined
  /** The name that the server's certificate must have; else the host. */
  readonly serverName?: string | undefined
  /** From the first packet to the end of the handshake; 10 s. */
  readonly timeout?: Duration.DurationInput | undefined
}

/**
 * Connects with TLS to the host and port of an address. The server's certificate must be good: signed by an authority of
 * `ca`, and for the host's name. The caller owns the socket: it must `attach` in the same turn and end it. Interrupting
 * gives the attempt up.
 */
export const connect = (address: Address, options: ConnectOptions = {}): Effect.Effect<Socket, TransportError> =>
  Effect.gen(function* () {
    if (!("port" in address)) return yield* Tcp.connectError(address, "there is no TLS but over TCP")
    const { tls } = yield* Certificates.modules
    const loaded = yield* Certificates.load(options, "Connect")
    const context = tls.createSecureContext(loaded.options)
    return yield* handshake(tls, address.host, address.port, { ...options, context })
  })

const handshake = (
  tls: typeof NodeTls,
  host: string,
  port: number,
  options: ConnectOptions & { readonly context: NodeTls.SecureContext }
): Effect.Effect<Socket, TransportError> =>
  Effect.async((resume) => {
    const name = options.serverName ?? host
    const socket = Net.connect({ host, port, ...socketOptions })
    let secured: NodeTls.TLSSocket | undefined = undefined
    const giveUp = () => {
      clearTimeout(deadline)
      // Not both: Node crashes when the one below is destroyed before the other.
      ;(secured ?? socket).destroy()
    }
    const failed = (cause: Error) => {
      giveUp()
      const code = errorCode(cause)
      const why = (secured && trouble(code, cause, name)) ?? Tcp.advice(code)
      resume(Effect.fail(Tcp.connectError({ _tag: "Tls", host, port }, why, cause)))
    }
    const late = () => failed(Object.assign(new Error("no handshake"), { code: "ETIMEDOUT" }))
    const deadline = setTimeout(late, Duration.toMillis(options.timeout ?? handshakeTimeout))
    socket.on("error", failed)
    // Not before: while it tries one address after the other, Node changes what TLS would build on.
    socket.once("connect", () => {
      // An address is no name to ask a server for.
      const named = Net.isIP(name) === 0 ? { servername: name } : {}
      const client = tls.connect({ socket, host: name, ...named, secureContext: options.context })
      secured = client
      client.on("error", failed)
      client.once("secureConnect", () => {
        clearTimeout(deadline)
        client.off("error", failed)
        socket.off("error", failed).on("error", () => {})
        resume(Effect.succeed(new TlsSocket(client, peerOf(client, host))))
      })
    })
    return Effect.sync(giveUp)
  })

/** What is wrong with TLS there, and what to do about it; undefined if it is not TLS that is wrong. */
const trouble = (code: string | undefined, cause: Error, name: string): string | undefined => {
  switch (code) {
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return `the server's certificate is not for ${name}; check --host, or give --server-name`
    case "CERT_HAS_EXPIRED":
      return "the server's certificate has expired"
    case "CERT_NOT_YET_VALID":
      return "the server's certificate is not valid yet; is the clock right?"
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
      return "nobody who is trusted here has signed the server's certificate; name its authority with --ca"
    case "ERR_SSL_WRONG_VERSION_NUMBER":
    case "ERR_SSL_PACKET_LENGTH_TOO_LONG":
    case "EPROTO":
      return "the server does not speak TLS there; leave out --tls"
    case "ECONNRESET":
      return "the server closed the connection in the handshake; does it speak TLS there?"
    case "ETIMEDOUT":
      return "the handshake took too long; does the server speak TLS there?"
    default:
      return code?.startsWith("ERR_SSL_") === true
        ? `TLS failed (${cause.message.split(":").at(5) ?? code})`
        : undefined
  }
}
