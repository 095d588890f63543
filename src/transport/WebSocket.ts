import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Http from "node:http"
import type * as Net from "node:net"
import * as MemorySocket from "../ports/MemorySocket.js"
import { isLoopback, type Listen, type ListenOptions, type MemoryUse, type Socket } from "../ports/Transport.js"
import { FramedSocket } from "./FramedSocket.js"
import * as ForwardedFor from "./ForwardedFor.js"
import * as HttpFaults from "./HttpFaults.js"
import * as HttpLimits from "./HttpLimits.js"
import * as NetListener from "./NetListener.js"
import { hostAndPort, isWithinMachine, wrap, type Remote } from "./NetSocket.js"
import * as Pings from "./Pings.js"
import * as Proxy from "./Proxy.js"
import type * as ProxyHeader from "./ProxyHeader.js"
import * as Tcp from "./Tcp.js"
import type * as Tls from "./Tls.js"
import * as TlsHandshakes from "./TlsHandshakes.js"
import { TlsSocket } from "./TlsSocket.js"
import * as WebOrigin from "./WebOrigin.js"
import * as WebSocketHandshake from "./WebSocketHandshake.js"

/** Who sent an HTTP request, and how to reach the chat on its behalf. */
export interface WebClient extends Pick<Socket, "remote" | "host"> {
  /** The name that its certificate proves, which must be its login; undefined without one. */
  readonly identity: string | undefined
  /** Counts the memory of its requests. */
  readonly memory: MemoryUse
  /** Whether nobody else can read the bytes: they are encrypted, or stay within one machine. */
  readonly isPrivate: boolean
  /** How the client reaches the server, or the proxy in front of it. */
  readonly scheme: "http" | "https"
  /**
   * Connects to the chat within this process, with the address of this client: it counts as a connection of the client
   * like any other. Returns the client's end; undefined while the server accepts no connections.
   */
  readonly connect: (
    facts?: Pick<MemorySocket.AcceptedSocket, "identity" | "needsConfirmation">
  ) => MemorySocket.MemorySocket | undefined
}

export type RequestHandler = (request: Http.IncomingMessage, response: Http.ServerResponse, client: WebClient) => void

export interface WebOptions {
  /** Answers the requests that are not for a WebSocket. */
  readonly handler: RequestHandler
  /** Origins of pages that may connect, besides the server's own: `https://chat.example`. */
  readonly origins: ReadonlyArray<string>
  readonly limits: WebLimits
  /** The server's certificate and key; plain HTTP without them. */
  readonly tls?: Omit<Tls.TlsListenOptions, "proxy"> | undefined
  /** If connections come through a proxy that announces the client's address. Default: none. */
  readonly proxy?: ProxyHeader.ProxyOptions | undefined
  /** Proxies of HTTP, whose `X-Forwarded-For` counts. Default: none. */
  readonly forwardedFrom?: ProxyHeader.ProxyOptions["from"] | undefined
}

export interface WebLimits {
  /** Bytes in one message, which may have several lines. */
  readonly maxMessageBytes: number
  /** Connections that are not WebSockets, or not yet. One address may have a quarter of them. */
  readonly maxHttpConnections: number
  /** The time for a request to arrive, and for the next one to begin. */
  readonly requestTimeout: Duration.DurationInput
  /** Time between two Ping frames to one peer. A peer that sends nothing for that long is gone. */
  readonly pingInterval: Duration.DurationInput
}

/** The headers, and the words in `Connection`, with which a client offers another protocol. */
const offer = /^(?:upgrade|http2-settings)$/iu

const unlimited: MemoryUse = { share: Infinity, use: () => {} }

/** For connections within this process. */
const bufferSizes = { bufferBytes: 65_536, readBytes: 65_536 }

/** `http://127.0.0.1:8081`, and with a certificate `https://`. */
const address = (host: string, port: number, isEncrypted: boolean): Tcp.TcpAddress => ({
  ...Tcp.address(host, port),
  text: `${isEncrypted ? "https" : "http"}://${hostAndPort(host, port)}`,
  isEncrypted
})

/**
 * Listens for HTTP/1.1 on a TCP port; 0 takes any free one. A WebSocket at `/chat` is a connection to the chat.
 * Everything else goes to the handler.
 */
export const listen =
  (host: string, port: number, options: WebOptions): Listen =>
  ({ events, hardLimit, memory = unlimited }) =>
    Effect.gen(function* () {
      const { limits, proxy, tls } = options
      const isEncrypted = tls !== undefined
      const binding = (host: string, port: number) => ({
        address: address(host, port, isEncrypted),
        options: { host, port }
      })
      const web = new WebListener(options, isLoopback(host), { events, memory })
      yield* Effect.addFinalizer(() => Effect.sync(() => web.close()))
      const admit: NetListener.Admit =
        tls === undefined ? (socket, remote) => web.admit(socket, remote, undefined) : yield* web.securing(tls)
      const listener = yield* NetListener.listen({
        ...binding(host, port),
        bound: (info) => binding(info.address, info.port),
        explain: Tcp.explainListen,
        admit: proxy === undefined ? admit : Proxy.behind(proxy, admit)
      })({ events, hardLimit: hardLimit + limits.maxHttpConnections })
      return {
        ...listener,
        identifies: tls?.credentials.identifies ?? false,
        suspend: Effect.zipRight(
          listener.suspend,
          Effect.sync(() => web.setOpen(false))
        ),
        ...(listener.resume && { resume: Effect.tap(listener.resume, () => web.setOpen(true)) })
      }
    })

/** The facts about a connection before its first request. */
interface Carrier {
  readonly remote: Remote
  readonly identity: string | undefined
}

/** The HTTP server of one port. */
class WebListener {
  private readonly http: Http.Server
  private readonly carriers = new WeakMap<Net.Socket, Carrier>()
  private readonly pings: Pings.Pings
  private isOpen = true
  private readonly answers = new HttpLimits.PipelinedAnswers()
  private readonly room: HttpLimits.ConnectionRoom

  constructor(
    private readonly options: WebOptions,
    private readonly isLocal: boolean,
    private readonly server: Required<Pick<ListenOptions, "events" | "memory">>
  ) {
    const answer: Http.RequestListener = (request, response) => {
      if (!this.isOpen) response.setHeader("connection", "close")
      WebOrigin.toOriginForm(request)
      options.handler(request, response, this.clientOf(request))
    }
    const { maxHttpConnections, pingInterval, requestTimeout } = options.limits
    this.pings = new Pings.Pings(Duration.toMillis(pingInterval))
    const millis = Duration.toMillis(requestTimeout)
    this.http = Http.createServer(
      HttpLimits.options(millis),
      HttpLimits.oneAtATime(answer, { from: "end", millis }, this.answers)
    )
    this.room = HttpLimits.makeRoom(this.http, maxHttpConnections, {
      hostOf: (socket) => this.carrierOf(socket).remote.host,
      most: (host) => (this.isShared(host) ? Infinity : Math.ceil(maxHttpConnections / 4))
    })
    // Node declares a Duplex, because an application may hand any to its server.
    this.http.on("upgrade", (request, socket, head) => this.upgrade(request, socket as Net.Socket, head))
    // Node looks for requests that take too long only once a server listens, and this one never does: the listener
    // below hands it the connections.
    this.http.emit("listening")
    // Without this listener, Node would request the body before the handler has decided whether to accept it.
    this.http.on("checkContinue", (request, response) => void this.http.emit("request", request, response))
    HttpFaults.refuse(this.http, this.answers)
  }

  /** Whether many clients may share this address: this machine's own, or that of an HTTP proxy. */
  private isShared(host: string) {
    const { forwardedFrom } = this.options
    return isLoopback(host) || forwardedFrom?.check(host, Proxy.familyOf(host)) === true
  }

  /** Admits a connection, which carries HTTP from now on. */
  admit(socket: Net.Socket, remote: Remote, identity: string | undefined) {
    this.carriers.set(socket, { remote, identity })
    // Node removes its own listener before it emits `upgrade` or `connect`. Without any, a reset would end the process.
    socket.on("error", () => {})
    this.http.emit("connection", socket)
  }

  /** Admits connections with TLS. */
  securing(tls: Omit<Tls.TlsListenOptions, "proxy">) {
    return Effect.map(TlsHandshakes.make(tls), (begin): NetListener.Admit => (raw, remote, { failed }) => {
      begin(raw, remote, {
        failed,
        late: () => raw.destroy(),
        plain: () => HttpFaults.turnAway(raw, { status: 400, why: "this port speaks HTTPS" }),
        secured: (tls, identity) => this.admit(tls, remote, identity),
        unproven: (tls, why) => setImmediate(() => HttpFaults.turnAway(tls, { status: 403, why }))
      })
    })
  }

  /** While it is closed, requests are still answered, but reach no chat. */
  setOpen(isOpen: boolean) {
    this.isOpen = isOpen
    if (!isOpen) this.http.closeIdleConnections()
  }

  close() {
    this.pings.stop()
    this.http.closeAllConnections()
    this.room.closeAnswering()
    this.http.close()
  }

  private upgrade(request: Http.IncomingMessage, socket: Net.Socket, head: Uint8Array) {
    // A second request before the answer to the first: both answers would be on one connection.
    const awaited = this.answers.of(socket)
    if (awaited !== undefined) return void this.answers.endAfter(socket, awaited)
    if (request.url !== WebSocketHandshake.path && request.headers.upgrade?.toLowerCase() !== "websocket") {
      return this.ignoreUpgrade(request, socket, head)
    }
    WebOrigin.toOriginForm(request)
    const client = this.clientOf(request)
    const response = this.refusalOf(request, client) ?? WebSocketHandshake.respond(request)
    if (typeof response !== "string") return HttpFaults.turnAway(socket, response)
    this.room.forget(socket)
    if (head.length > 0) socket.unshift(head)
    socket.setTimeout(0)
    const { identity } = this.carrierOf(socket)
    this.carriers.delete(socket)
    const below = this.options.tls === undefined ? wrap(socket, client) : new TlsSocket(socket, client)
    const framed = new FramedSocket(below, {
      greeting: response,
      identity,
      isPrivate: client.isPrivate,
      maxMessageBytes: this.options.limits.maxMessageBytes
    })
    this.pings.add(framed)
    return this.server.events.accepted(framed)
  }

  /**
   * Ignores the offer of another protocol, such as that of HTTP/2 by `curl --http2` (RFC 9110, 7.8). Node no longer
   * parses the connection, so the request is put back without the offer.
   */
  private ignoreUpgrade(
    { httpVersion, method, rawHeaders, url }: Http.IncomingMessage,
    socket: Net.Socket,
    head: Uint8Array
  ) {
    const lines = [`${method} ${url} HTTP/${httpVersion}`]
    for (let index = 0; index < rawHeaders.length; index += 2) {
      const [name = "", value = ""] = rawHeaders.slice(index, index + 2)
      if (offer.test(name)) continue
      const options = value.split(",").filter((option) => !offer.test(option.trim()))
      lines.push(`${name}: ${/^connection$/iu.test(name) ? options.join(",") : value}`)
    }
    socket.unshift(Buffer.concat([Buffer.from([...lines, "", ""].join("\r\n"), "latin1"), head]))
    this.room.forget(socket) // it is counted as a new one
    this.http.emit("connection", socket)
  }

  /** The reason to refuse a page or a program a WebSocket. */
  private refusalOf(
    request: Http.IncomingMessage,
    { scheme }: WebClient
  ): WebSocketHandshake.UpgradeRefusal | undefined {
    const { origins } = this.options
    if (!this.isOpen) return { status: 503, why: "the server is shutting down" }
    if (!WebOrigin.isHostAllowed(request, this.isLocal, origins)) {
      return { status: 421, why: "unknown host; use an IP address or localhost" }
    }
    if (WebOrigin.isAllowed(request, { origins, scheme })) return undefined
    return { status: 403, why: "pages of this origin may not connect; see --web-origin" }
  }

  private clientOf(request: Http.IncomingMessage): WebClient & Remote {
    const { forwardedFrom, tls } = this.options
    const { identity, remote } = this.carrierOf(request.socket)
    const isEncrypted = tls !== undefined
    const forwarded = forwardedFrom && ForwardedFor.clientOf(request, remote, forwardedFrom)
    const { isPrivateToProxy, ...peer } = forwarded ?? remote
    const isPrivate = isPrivateToProxy ?? (isEncrypted || isWithinMachine(request.socket, peer.host))
    const scheme = forwarded?.scheme ?? (isEncrypted ? "https" : "http")
    const client = { ...peer, identity, isPrivate, scheme, memory: this.server.memory }
    return { ...client, connect: (facts) => this.connect({ ...client, ...facts }) }
  }

  private carrierOf(socket: Net.Socket): Carrier {
    return this.carriers.get(socket) ?? unknownCarrier
  }

  private connect(from: MemorySocket.AcceptedSocket): MemorySocket.MemorySocket | undefined {
    if (!this.isOpen) return undefined
    const [client, accepted] = MemorySocket.pair(bufferSizes, from, () => {})
    this.server.events.accepted(accepted)
    return client
  }
}

/** For a socket that was destroyed in the meantime. */
const unknownCarrier: Carrier = { remote: { remote: "unknown", host: "" }, identity: undefined }
