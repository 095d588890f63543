import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import type * as Net from "node:net"
import { TransportError, type Address, type Listen } from "../ports/Transport.js"
import * as NetListener from "./NetListener.js"
import * as Proxy from "./Proxy.js"
import type * as ProxyHeader from "./ProxyHeader.js"
import { listenError, unexplained, type Explanation } from "./SystemError.js"
import * as Tcp from "./Tcp.js"
import * as Tls from "./Tls.js"

/** A listening socket that another program opened, such as systemd, and passed to this process. */
export interface InheritedSocket {
  readonly descriptor: number
  /** Its name in that program. */
  readonly name: string
}

/** The address of an inherited socket while its real one is unknown, and of a Unix socket: `fd://chat`. */
export const address = ({ name }: InheritedSocket): Address => ({
  text: `fd://${name}`,
  isLocal: true,
  isEncrypted: false
})

export interface InheritedListenOptions {
  /** TLS for TCP connections; without it, they are plain. */
  readonly tls?: Omit<Tls.TlsListenOptions, "proxy"> | undefined
  /** If TCP connections come through a proxy that announces the client's address. Default: none. */
  readonly proxy?: ProxyHeader.ProxyOptions | undefined
  /** Rejects a Unix socket, which has neither TLS nor a proxy. Default: false. */
  readonly isTcpOnly?: boolean | undefined
}

/**
 * Listens on a TCP or Unix socket that another program has opened and keeps open. Connections that no server accepts
 * wait in it, so that one server can stop and the next one start without a refused connection. List it last among a
 * server's endpoints: if an endpoint after it failed, the server would take connections from the queue and close them.
 * This process cannot reopen the socket once it has closed it, so such a listener cannot resume.
 */
export const listen =
  (socket: InheritedSocket, { isTcpOnly = false, proxy, tls }: InheritedListenOptions = {}): Listen =>
  (options) =>
    Effect.gen(function* () {
      const passed = address(socket)
      const explain = explainInherited(socket.descriptor)
      // Node must not try: where nothing was inherited, the descriptor may be one of Node's own, which it would close.
      if (!isSocket(socket.descriptor)) return yield* listenError(passed, explain(undefined))
      const plain = proxy === undefined ? NetListener.plain : Proxy.behind(proxy, NetListener.plain)
      let admit = tls === undefined ? plain : yield* Tls.admitting({ ...tls, proxy })
      const addressOf = tls === undefined ? Tcp.address : Tls.address
      // `fd` is documented for `listen`, but missing from its types.
      const listenOptions = { fd: socket.descriptor } as Net.ListenOptions
      const listener = yield* NetListener.listen({
        address: passed,
        options: listenOptions,
        bound: (info) => ({ address: addressOf(info.address, info.port), options: listenOptions }),
        explain,
        bind: (server, where) => {
          server.listen(where)
          // Only a server that listens shows whether its socket is a Unix socket. This is the same turn, so no
          // connection has been accepted yet.
          if (!NetListener.isUnix(server)) return
          admit = NetListener.plain
          if (!isTcpOnly) return
          server.close()
          throw notTcp(passed)
        },
        admit: (...connection) => admit(...connection),
        canResume: false
      })(options)
      return tls === undefined || !listener.address.isEncrypted
        ? listener
        : { ...listener, identifies: tls.credentials.identifies }
    })

const notTcp = ({ text }: Address) => {
  const reason = `cannot listen on ${text}: it is a Unix socket; TLS and a proxy are for TCP`
  return new TransportError({ during: "Listen", reason })
}

/** @internal */
export const explainInherited =
  (descriptor: number) =>
  (code: string | undefined): Explanation => {
    switch (code) {
      // Undefined: the descriptor is closed or not a socket, so `listen` was not called.
      case undefined:
      case "EINVAL":
      case "ENOTSOCK":
        return { why: `descriptor ${descriptor} is not a listening stream socket`, hint: "not-a-listening-socket" }
      default:
        return unexplained(code)
    }
  }

const isSocket = (descriptor: number): boolean => {
  try {
    return Fs.fstatSync(descriptor).isSocket()
  } catch {
    return false
  }
}
