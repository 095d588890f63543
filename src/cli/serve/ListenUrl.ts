import * as Either from "effect/Either"
import type { Listen } from "../../ports/Transport.js"
import * as Inherited from "../../transport/Inherited.js"
import type * as ProxyHeader from "../../transport/ProxyHeader.js"
import * as Tcp from "../../transport/Tcp.js"
import * as Tls from "../../transport/Tls.js"
import * as Unix from "../../transport/Unix.js"
import { highestPort } from "../settings/AddressFlags.js"

/** The URLs of `--listen`, and the targets that they name. */

/** Something to listen on. */
export interface ListenTarget extends Mode {
  /** The target as people write it, for messages. */
  readonly text: string
  /** The socket, if systemd passed it. */
  readonly socket?: Inherited.InheritedSocket
  readonly listen: (options: TargetOptions) => Listen
}

/** Sockets that systemd passed under a name, or all of them if the name is empty. */
export interface SystemdTarget extends Mode {
  readonly socketName: string
}

export interface TargetOptions {
  readonly tls: Omit<Tls.TlsListenOptions, "proxy"> | undefined
  readonly proxy: ProxyHeader.ProxyOptions | undefined
}

/** TLS and proxies are for TCP. A Unix socket that systemd passes has neither, whatever `isTls` and `isProxied` say. */
interface Mode {
  /** Whether TLS and proxies are possible. True for a socket of systemd, whose kind is known only once it listens. */
  readonly isTcp: boolean
  readonly isTls: boolean
  /** Whether connections begin with the header of a proxy. */
  readonly isProxied: boolean
  /** Whether the URL itself asks for TLS or a proxy, so that a Unix socket would be a mistake. */
  readonly isTcpOnly: boolean
}

const mode = (isTls: boolean, isProxied: boolean): Mode => ({
  isTcp: true,
  isTls,
  isProxied,
  isTcpOnly: isTls || isProxied
})

const plain = mode(false, false)

const tcpPattern = /^(tcp|tls)(\+proxy)?:\/\/(?:\[([^[\]]+)\]|([^:/[\]]+)):(\d{1,5})$/u

const systemdPattern = /^(tls\+)?fd(\+proxy)?:\/\/([^:]*)$/u

const forms =
  "tcp://HOST:PORT, tls://HOST:PORT, unix:PATH, fd://NAME and tls+fd://NAME (and with +proxy: tcp+proxy://, " +
  "tls+proxy://, fd+proxy://, tls+fd+proxy://)"

/** Returns the target that a URL names, or the mistake in it. */
export const parse = (text: string): Either.Either<ListenTarget | SystemdTarget, string> => {
  const [isSystemd, withTls, withProxy, socketName = ""] = systemdPattern.exec(text) ?? []
  if (isSystemd !== undefined) {
    return Either.right({ socketName, ...mode(withTls !== undefined, withProxy !== undefined) })
  }
  if (text.startsWith("unix:") && !text.startsWith("unix://") && text !== "unix:") {
    return Either.right(unix(text.slice("unix:".length)))
  }
  const [, scheme, proxy, v6, name, port = ""] = tcpPattern.exec(text) ?? []
  const host = v6 ?? name
  if (host === undefined) return Either.left(`is none of ${forms}`)
  if (Number(port) > highestPort) return Either.left(`has a port out of range; allowed: 0 to ${highestPort}`)
  return Either.right(tcpIn(mode(scheme === "tls", proxy !== undefined), host, Number(port)))
}

export const unix = (path: string): ListenTarget => ({
  ...plain,
  isTcp: false,
  text: Unix.address(path).text,
  listen: () => Unix.listen(path)
})

/** The target of `--host` and `--port`. With a certificate it is TLS. */
export const tcp = (host: string, port: number, hasCertificate: boolean): ListenTarget =>
  tcpIn({ ...plain, isTls: hasCertificate }, host, port)

const tcpIn = (mode: Mode, host: string, port: number): ListenTarget => ({
  ...mode,
  text: (mode.isTls ? Tls.address : Tcp.address)(host, port).text,
  listen: ({ proxy, tls }) =>
    tls === undefined ? Tcp.listen(host, port, proxy) : Tls.listen(host, port, { ...tls, proxy })
})

/** All sockets that systemd passed. With a certificate, those of TCP are TLS. */
export const systemd = (hasCertificate: boolean): SystemdTarget => ({ socketName: "", ...plain, isTls: hasCertificate })

/** One socket that systemd passed, in the mode of the URL that named it. */
export const inherited = (socket: Inherited.InheritedSocket, mode: SystemdTarget): ListenTarget => {
  const { isProxied, isTcp, isTcpOnly, isTls } = mode
  return {
    isTcp,
    isTls,
    isProxied,
    isTcpOnly,
    text: Inherited.address(socket).text,
    socket,
    listen: ({ proxy, tls }) => Inherited.listen(socket, { tls, proxy, isTcpOnly })
  }
}
