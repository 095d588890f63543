import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Net from "node:net"
import * as NetListener from "./NetListener.js"
import { errorCode, fromNet, impossible, socketOptions } from "./NetSocket.js"
import * as Proxy from "./Proxy.js"
import type * as ProxyHeader from "./ProxyHeader.js"
import { showAddress, TransportError, type Address, type Listen, type Socket } from "./Transport.js"

/**
 * Listens on a TCP port; 0 takes any free one, which `Listener.address` then tells.
 *
 * @param proxy where connections come through a proxy that tells for whom
 */
export const listen =
  (host: string, port: number, proxy?: ProxyHeader.Options): Listen =>
  (options) =>
    NetListener.listen(
      { _tag: "Tcp", host, port },
      (server, where) => server.listen(where),
      proxy === undefined ? NetListener.plain : Proxy.behind(proxy, NetListener.plain)
    )(options)

/** What to do about an attempt that failed. */
export const advice = (code: string | undefined) => {
  switch (code) {
    case "ECONNREFUSED":
      return "nobody listens there; start the server, or check --host and --port (or --unix)"
    case "ENOENT":
      return "there is no such socket; start the server, or check --unix"
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "the host name cannot be resolved; check --host"
    case "ETIMEDOUT":
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return "the host does not answer; check --host and the network"
    case "EACCES":
      return "permission denied; the socket belongs to another user"
    default:
      return code ?? "unknown error"
  }
}

export const connectError = (address: Address, why: string, cause?: unknown): TransportError => {
  const reason = `cannot connect to ${showAddress(address)}: ${why}`
  return new TransportError({ during: "Connect", reason, code: errorCode(cause), cause })
}

/**
 * Connects to a TCP or Unix address. The caller owns the socket: it must `attach` in the same turn and end it.
 * Interrupting gives the attempt up.
 *
 * @param timeout as long as the system tries, which may be minutes, unless given
 */
export const connect = (address: Address, timeout?: Duration.DurationInput): Effect.Effect<Socket, TransportError> =>
  Effect.async((resume) => {
    const fail = (why: string, cause?: unknown) => resume(Effect.fail(connectError(address, why, cause)))
    if (address._tag === "Memory") return fail("a network in memory has a connect of its own")
    if (address._tag === "Tls") return fail("it speaks TLS; see Tls.connect")
    if (address._tag === "Inherited") return fail("only who opened it knows where it is")
    const hopeless = impossible(address)
    if (hopeless !== undefined) return fail(hopeless)
    const { _tag, ...where } = address
    const socket = Net.connect({ ...where, ...socketOptions })
    const failed = (cause: Error) => fail(advice(errorCode(cause)), cause)
    socket.once("error", failed)
    const giveUp = () => socket.destroy(Object.assign(new Error("connect ETIMEDOUT"), { code: "ETIMEDOUT" }))
    // In this very effect, and not around it: who is interrupted between the socket and its owner would lose it.
    const deadline = timeout === undefined ? undefined : setTimeout(giveUp, Duration.toMillis(timeout))
    socket.once("close", () => clearTimeout(deadline))
    socket.once("connect", () => {
      clearTimeout(deadline)
      socket.off("error", failed)
      resume(Effect.succeed(fromNet(socket, showAddress(address))))
    })
    return Effect.sync(() => {
      socket.destroy()
    })
  })
