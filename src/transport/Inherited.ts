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
  readonly isTcpOnly?: boolean | undefined
}

/**
 * Listens on a TCP or Unix socket that another program has opened and goes on holding, such as systemd. Connections
 * that nobody accepts wait in it, so that one server can stop and the next one start without a refused connect: a server
 * should listen here last, or its failure to listen elsewhere costs those who wait. To stop is for good: what this
 * process closes it cannot open again.
 */
export const listen =
  (address: Inherited, { isTcpOnly = false, proxy, tls }: ListenOptions = {}): Listen =>
  (options) =>
    Effect.gen(function* () {
      // Not left to Node: where nothing was inherited, the descriptor may be one of its own, which it would close.
      if (!isSocket(address.descriptor)) return yield* NetListener.listenError(address, undefined)
      const plain = proxy === undefined ? NetListener.plain : Proxy.behind(proxy, NetListener.plain)
      const tcp = tls === undefined ? plain : yield* Tls.admitting({ ...tls, proxy })
      let admit = tcp
      const listener = yield* NetListener.listen(
        address,
        (server, where) => {
          server.listen(where)
          // Only Node's listening tells whether it is a Unix socket: in this very turn, before any connection is accepted.
          if (!NetListener.isUnix(server)) return
          admit = NetListener.plain
          if (!isTcpOnly) return
          server.close()
          throw notTcp(address)
        },
        (...connection) => admit(...connection)
      )(options)
      if (listener.address._tag !== "Tcp" || tls === undefined) return listener
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
