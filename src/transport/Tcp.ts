import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Net from "node:net"
import * as Endpoints from "../ports/Endpoints.js"
import { isLoopback, type Address, type Listen, type Socket, type TransportError } from "../ports/Transport.js"
import * as NetConnect from "./NetConnect.js"
import * as NetListener from "./NetListener.js"
import { hostAndPort } from "./NetSocket.js"
import * as Proxy from "./Proxy.js"
import type * as ProxyHeader from "./ProxyHeader.js"
import * as SystemError from "./SystemError.js"

export interface TcpAddress extends Address {
  readonly host: string
  readonly port: number
}

/** A TCP address; an IPv6 host is written without brackets. */
export const address = (host: string, port: number): TcpAddress => ({
  text: hostAndPort(host, port),
  isLocal: isLoopback(host),
  isEncrypted: false,
  host,
  port
})

/**
 * Listens on a TCP port; 0 takes any free one, which `Listener.address` then shows.
 *
 * @param proxy if connections come through a proxy that announces the client's address; none by default
 */
export const listen = (host: string, port: number, proxy?: ProxyHeader.ProxyOptions): Listen =>
  NetListener.listen({
    ...binding(host, port),
    bound: (info) => binding(info.address, info.port),
    explain: explainListen,
    admit: proxy === undefined ? NetListener.plain : Proxy.behind(proxy, NetListener.plain)
  })

/** `listen` as a layer. */
export const layer = (host: string, port: number, proxy?: ProxyHeader.ProxyOptions): Layer.Layer<Endpoints.Endpoints> =>
  Endpoints.layer(listen(host, port, proxy))

/**
 * Connects over TCP. The caller owns the socket: it must `attach` in the same turn, and close it. Interruption cancels
 * the attempt.
 *
 * @param timeout by default the operating system's, which may be minutes
 */
export const connect = (address: Address, timeout?: Duration.DurationInput): Effect.Effect<Socket, TransportError> => {
  const { host, isEncrypted, port } = address
  if (host === undefined || port === undefined) return cannotConnect(address, "it has no TCP port")
  if (isEncrypted) return cannotConnect(address, "it is encrypted, so TCP alone cannot connect to it")
  return NetConnect.connect({ address, to: { host, port }, explain: explainConnect, timeout })
}

const cannotConnect = (address: Address, why: string) => Effect.fail(SystemError.connectError(address, { why }))

const binding = (host: string, port: number): NetListener.Binding => ({
  address: address(host, port),
  options: { host, port } satisfies Net.ListenOptions
})

/**
 * The error for a failure to listen on a TCP port.
 *
 * @internal
 */
export const failedToListen = (host: string, port: number, cause: unknown): TransportError =>
  SystemError.listenError(address(host, port), explainListen(SystemError.errorCode(cause)), cause)

/** @internal */
export const explainListen = (code: string | undefined): SystemError.Explanation => {
  switch (code) {
    case "EADDRINUSE":
      return { why: "the address is in use", hint: "port-in-use" }
    case "EACCES":
      return { why: "permission denied", hint: "port-not-permitted" }
    case "EADDRNOTAVAIL":
      return { why: "no network interface of this machine has that address", hint: "no-such-interface" }
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return { why: "the host name cannot be resolved", hint: "unknown-host" }
    default:
      return SystemError.unexplained(code)
  }
}

/** @internal */
export const explainConnect = (code: string | undefined): SystemError.Explanation => {
  switch (code) {
    case "ECONNREFUSED":
      return { why: "no server is listening there", hint: "no-server" }
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return { why: "the host name cannot be resolved", hint: "unknown-host" }
    case "ETIMEDOUT":
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return { why: "the host does not reply", hint: "unreachable" }
    case "EACCES":
      return { why: "permission denied" }
    default:
      return SystemError.unexplained(code)
  }
}
