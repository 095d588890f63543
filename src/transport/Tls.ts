import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Net from "node:net"
import type * as NodeTls from "node:tls"
import * as Endpoints from "../ports/Endpoints.js"
import { TransportError, type Address, type Listen, type ListenerEvents, type Socket } from "../ports/Transport.js"
import * as FatalReply from "../protocol/FatalReply.js"
import * as Certificates from "./Certificates.js"
import { HandshakingSocket } from "./HandshakingSocket.js"
import * as NetListener from "./NetListener.js"
import { startLinger } from "./NetSocket.js"
import * as Proxy from "./Proxy.js"
import type * as ProxyHeader from "./ProxyHeader.js"
import { connectError } from "./SystemError.js"
import * as Tcp from "./Tcp.js"
import * as TlsConnect from "./TlsConnect.js"
import * as TlsHandshakes from "./TlsHandshakes.js"

/** Time from accept to a finished handshake; slower clients are disconnected. */
export const handshakeTimeout = TlsConnect.handshakeTimeout

/** Time for a refused client to read the refusal. */
const refusalLinger = Duration.seconds(1)

/** A TCP address where a server speaks TLS: `tls://[::1]:8443`. */
export const address = (host: string, port: number): Tcp.TcpAddress => {
  const tcp = Tcp.address(host, port)
  return { ...tcp, text: `tls://${tcp.text}`, isEncrypted: true }
}

/** The certificate and the key that all TLS listeners of a server share. */
export interface Credentials {
  /** Whether clients must present a certificate. Its common name is then their login. */
  readonly identifies: boolean
  /** When the certificate expires. */
  readonly until: () => Date | undefined
  /** Reads the files again for new connections; existing ones continue. If a file is invalid, nothing changes. */
  readonly reload: Effect.Effect<void, TransportError>
  /**
   * Gives a server, which may be any `tls.Server` of Node, the credentials now and after each reload. Returns a
   * function that undoes this.
   */
  readonly use: (server: SecureServer) => () => void
}

/**
 * The part of a `tls.Server` that is needed. With Node's own type, the library's declarations would require
 * @types/node.
 */
export interface SecureServer {
  readonly setSecureContext: (options: object) => void
}

export interface CredentialFiles {
  /** A certificate, followed by the intermediate ones up to its authority; PEM. */
  readonly cert: string
  readonly key: string
  /** The authorities that sign the clients' certificates; without them, clients need none. */
  readonly clientCa?: string | undefined
}

/** Reads and checks the files. The error names the file and what is wrong with it. */
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
          const reason = `${files.cert}: the certificate expired on ${fresh.until.toISOString()}`
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

export interface TlsListenOptions {
  /** The server's certificate and key. */
  readonly credentials: Credentials
  /** Time from accept to the end of the handshake. Default: 10 s. */
  readonly handshakeTimeout?: Duration.DurationInput | undefined
  /** If connections come through a proxy that announces the client's address. Default: none. */
  readonly proxy?: ProxyHeader.ProxyOptions | undefined
}

/** Listens for TLS 1.2 and later on a TCP port; 0 takes any free one, which `Listener.address` then shows. */
export const listen =
  (host: string, port: number, options: TlsListenOptions): Listen =>
  (listenOptions) =>
    Effect.gen(function* () {
      const listener = yield* NetListener.listen({
        ...binding(host, port),
        bound: (info) => binding(info.address, info.port),
        explain: Tcp.explainListen,
        admit: yield* admitting(options)
      })(listenOptions)
      return { ...listener, identifies: options.credentials.identifies }
    })

const binding = (host: string, port: number) => ({ address: address(host, port), options: { host, port } })

/** `listen` as a layer, with the credentials in these files. */
export const layer = (
  host: string,
  port: number,
  { files, ...options }: Omit<TlsListenOptions, "credentials"> & { readonly files: CredentialFiles }
): Layer.Layer<Endpoints.Endpoints, TransportError> =>
  Layer.unwrapEffect(
    Effect.map(credentials(files), (credentials) => Endpoints.layer(listen(host, port, { ...options, credentials })))
  )

/**
 * Admits connections with TLS, wherever they are accepted.
 *
 * @internal because its types would make the library's declarations require @types/node
 */
export const admitting = ({
  proxy,
  ...options
}: TlsListenOptions): Effect.Effect<NetListener.Admit, TransportError, Scope.Scope> =>
  Effect.map(securing(options), (secured) => (proxy === undefined ? secured : Proxy.behind(proxy, secured)))

const securing = (options: Omit<TlsListenOptions, "proxy">) =>
  Effect.map(TlsHandshakes.make(options), (begin): NetListener.Admit => (raw, remote, events) => {
    const socket = new HandshakingSocket(raw, remote)
    begin(raw, remote, new Securing(raw, socket, events))
    events.accepted(socket)
  })

/**
 * Handles the outcome of one connection's handshake. A class, because five closures would take more memory (benchmark:
 * churn over TLS).
 */
class Securing implements TlsHandshakes.HandshakeEvents {
  constructor(
    private readonly raw: Net.Socket,
    private readonly socket: HandshakingSocket,
    private readonly events: Pick<ListenerEvents, "failed">
  ) {}

  failed(error: TransportError) {
    this.events.failed(error)
  }

  late() {
    this.socket.destroy()
  }

  plain() {
    turnAway(this.raw, FatalReply.tlsOnly)
  }

  secured(tls: NodeTls.TLSSocket, identity: string | undefined) {
    this.socket.secured(tls, identity)
  }

  unproven(tls: NodeTls.TLSSocket, why: string) {
    // In the next turn: this call comes from inside OpenSSL, which would ignore an end now.
    this.socket.refused(tls)
    tls.on("error", () => {})
    setImmediate(() => turnAway(tls, FatalReply.badCertificate(why)))
  }
}

/** Sends the refusal and closes. Closing immediately would cause a reset, and the client could lose the refusal. */
const turnAway = (socket: Net.Socket, why: FatalReply.Fatal) => {
  socket.on("error", () => {})
  socket.end(why.line(undefined), "latin1")
  socket.resume()
  socket.once(
    "close",
    startLinger(refusalLinger, () => socket.destroy())
  )
}

export interface TlsConnectOptions {
  /**
   * A PEM file with the authorities that may have signed the server's certificate; by default, those that Node trusts.
   */
  readonly ca?: string | undefined
  /**
   * A PEM file with the certificate to present, followed by the intermediate ones up to its authority; none by default.
   */
  readonly cert?: string | undefined
  /** A PEM file with the key of `cert`, without a passphrase. */
  readonly key?: string | undefined
  /** The name that the server's certificate must have; the host by default. */
  readonly serverName?: string | undefined
  /** Time from the first packet to the end of the handshake; 10 s by default. */
  readonly timeout?: Duration.DurationInput | undefined
}

/**
 * Connects with TLS to the host and port of an address. The server's certificate must be signed by an authority of
 * `ca`, and be for the host's name. The caller owns the socket: it must `attach` in the same turn, and close it.
 * Interruption cancels the attempt.
 */
export const connect = (to: Address, options: TlsConnectOptions = {}): Effect.Effect<Socket, TransportError> =>
  Effect.gen(function* () {
    const { host, port } = to
    if (host === undefined || port === undefined) return yield* connectError(to, { why: "TLS needs a TCP port" })
    const { tls } = yield* Certificates.modules
    const loaded = yield* Certificates.load(options, "Connect")
    return yield* TlsConnect.handshake(tls, {
      address: address(host, port),
      serverName: options.serverName ?? host,
      timeout: options.timeout ?? handshakeTimeout,
      context: tls.createSecureContext(loaded.options)
    })
  })
