import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as NetListener from "./NetListener.js"
import * as Proxy from "./Proxy.js"
import type * as ProxyHeader from "./ProxyHeader.js"
import * as Tls from "./Tls.js"
import { showAddress, TransportError, type Address, type Listen } from "./Transport.js"

export type Inherited = Extract<Address, { readonly _tag: "Inherited" }>

export interface ListenOptions {
  /** What TCP connections are secured by; plain without it. */
  readonly tls?: Omit<Tls.ListenOptions, "proxy"> | undefined
  /** Where TCP connections come through a proxy that tells for whom. */
  readonly proxy?: ProxyHeader.Options | undefined
  /** Refuses a Unix socket, which has neither TLS nor a proxy. */
  readonly tcpOnly: boolean
}

/**
 * Listens on a TCP or Unix socket that another program has opened and goes on holding, such as systemd. Connections
 * that nobody accepts wait in it, so that one server can stop and the next one start without a refused connect. To stop
 * is for good: what this process closes it cannot open again.
 */
export const listen =
  (address: Inherited, { proxy, tcpOnly, tls }: ListenOptions): Listen =>
  (options) =>
    Effect.gen(function* () {
      // Not left to Node: where nothing was inherited, the descriptor may be one of its own, which it would close.
      if (!isSocket(address.descriptor)) return yield* NetListener.listenError(address, undefined)
      const plain = proxy === undefined ? NetListener.plain : Proxy.behind(proxy, NetListener.plain)
      const tcp = tls === undefined ? plain : yield* Tls.admitting({ ...tls, proxy })
      const unix: NetListener.Admit = (socket, peer, events) =>
        tcpOnly ? socket.destroy() : NetListener.plain(socket, { ...peer, remote: "unix" }, events)
      let admit = unix
      const listener = yield* NetListener.listen(
        address,
        (server, where) => {
          // Which of the two it is tells its address, that of a Unix socket is not known: before any connection comes.
          server.once("listening", () => (admit = server.address() === null ? unix : tcp))
          server.listen(where)
        },
        (...connection) => admit(...connection)
      )(options)
      if (listener.address._tag !== "Tcp") return tcpOnly ? yield* notTcp(address) : listener
      if (tls === undefined) return listener
      return { ...listener, address: { ...listener.address, _tag: "Tls" }, identifies: tls.credentials.identifies }
    })

const notTcp = (address: Inherited) => {
  const reason = `cannot listen on ${showAddress(address)}: it is a Unix socket; TLS and a proxy are for TCP`
  return new TransportError({ during: "Listen", reason })
}

const isSocket = (descriptor: number): boolean => {
  try {
    return Fs.fstatSync(descriptor).isSocket()
  } catch {
    return false
  }
}
