import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { Listen } from "../../ports/Transport.js"
import * as Inherited from "../../transport/Inherited.js"
import type * as ProxyHeader from "../../transport/ProxyHeader.js"
import * as Tcp from "../../transport/Tcp.js"
import * as Tls from "../../transport/Tls.js"
import * as Unix from "../../transport/Unix.js"
import type { Sockets } from "./SystemdSockets.js"
import * as Endpoint from "../settings/AddressFlags.js"
import * as Status from "../ExitStatus.js"

/** Where a server listens: each place with TLS or without, behind a proxy or not. */
export interface Place extends Manner {
  /** As people write it, for messages. */
  readonly text: string
  /** The socket that systemd passed, if it is one. */
  readonly socket?: Inherited.InheritedSocket
  readonly listen: (options: PlaceOptions) => Listen
}

export interface PlaceOptions {
  readonly tls: Omit<Tls.TlsListenOptions, "proxy"> | undefined
  readonly proxy: ProxyHeader.ProxyOptions | undefined
}

interface Manner {
  /** Connections may be TLS, and come through a proxy: all but those of a Unix socket. */
  readonly isTcp: boolean
  /** Connections are TLS, but for those of a Unix socket. */
  readonly isTls: boolean
  /** Connections begin with the header of a proxy, but for those of a Unix socket. */
  readonly isProxied: boolean
  /** A Unix socket would be a mistake. */
  readonly isTcpOnly: boolean
}

/** Sockets that were passed to this program, by their name; all, if it is empty. */
export interface Passed extends Manner {
  readonly passed: string
}

const pattern = /^(tcp|tls)(\+proxy)?:\/\/(?:\[([^[\]]+)\]|([^:/[\]]+)):(\d{1,5})$/u

const passedPattern = /^(tls\+)?fd(\+proxy)?:\/\/([^:]*)$/u

const forms =
  "tcp://HOST:PORT, tls://HOST:PORT, unix:PATH, fd://NAME and tls+fd://NAME (and with +proxy: tcp+proxy://, " +
  "tls+proxy://, fd+proxy://, tls+fd+proxy://)"

export const parse = (text: string): Either.Either<Place | Passed, string> => {
  const [isPassed, secured, behind, passed = ""] = passedPattern.exec(text) ?? []
  if (isPassed !== undefined) return Either.right({ passed, ...manner(secured !== undefined, behind !== undefined) })
  if (text.startsWith("unix:") && !text.startsWith("unix://") && text !== "unix:") {
    return Either.right(unixPlace(text.slice("unix:".length)))
  }
  const [, scheme, proxy, v6, name, port = ""] = pattern.exec(text) ?? []
  const host = v6 ?? name
  if (host === undefined) return Either.left(`is none of ${forms}`)
  if (Number(port) > Endpoint.highestPort) return Either.left("has a port out of range; allowed: 0 to 65535")
  const isTls = scheme === "tls"
  return Either.right(tcpPlace(host, Number(port), manner(isTls, proxy !== undefined)))
}

const manner = (isTls: boolean, isProxied: boolean): Manner => ({
  isTcp: true,
  isTls,
  isProxied,
  isTcpOnly: isTls || isProxied
})

const plain = manner(false, false)

/** The places of `--host`, `--port` and `--unix`. With a certificate TCP is TLS: whoever gives one wants no plain port. */
export const short = (given: Endpoint.Given, hasCertificate: boolean): Arr.NonEmptyReadonlyArray<Place> =>
  Arr.map(Endpoint.addresses(given), (address) =>
    "path" in address
      ? unixPlace(address.path)
      : tcpPlace(address.host, address.port, { ...plain, isTls: hasCertificate })
  )

const unixPlace = (path: string): Place => ({
  ...plain,
  isTcp: false,
  text: Unix.address(path).text,
  listen: () => Unix.listen(path)
})

const tcpPlace = (host: string, port: number, manner: Manner): Place => ({
  ...manner,
  text: (manner.isTls ? Tls.address : Tcp.address)(host, port).text,
  listen: ({ proxy, tls }) =>
    tls === undefined ? Tcp.listen(host, port, proxy) : Tls.listen(host, port, { ...tls, proxy })
})

const inheritedPlace = (socket: Inherited.InheritedSocket, manner: Manner): Place => ({
  ...manner,
  text: Inherited.address(socket).text,
  socket,
  listen: ({ proxy, tls }) => Inherited.listen(socket, { tls, proxy, isTcpOnly: manner.isTcpOnly })
})

/** All sockets that were passed; with a certificate those of TCP are TLS here, too. */
export const allPassed = (hasCertificate: boolean): Passed => ({ passed: "", ...plain, isTls: hasCertificate })

/** Gives the sockets to those who ask for them by name: none to two, and each that there is to one. */
export const claim = (
  asked: Arr.NonEmptyReadonlyArray<Place | Passed>,
  sockets: Sockets
): Effect.Effect<Arr.NonEmptyReadonlyArray<Place>, Status.Failure> =>
  Effect.gen(function* () {
    const places = Arr.flatten(yield* Effect.forEach(asked, (one) => found(one, sockets)))
    const taken = new Set<Inherited.InheritedSocket>()
    for (const { socket, text } of places) {
      if (socket === undefined) continue
      if (taken.has(socket)) return yield* Status.misused(`${text} is asked for twice`)
      taken.add(socket)
    }
    const forgotten = sockets.find((socket) => !taken.has(socket))
    return forgotten === undefined ? places : yield* Status.misused(forgottenMessage(Inherited.address(forgotten).text))
  })

const found = (
  one: Place | Passed,
  sockets: Sockets
): Effect.Effect<Arr.NonEmptyReadonlyArray<Place>, Status.Failure> => {
  if ("text" in one) return Effect.succeed([one])
  const { passed, ...manner } = one
  const named = sockets.filter(({ name }) => passed === "" || name === passed)
  return Arr.isNonEmptyReadonlyArray(named)
    ? Effect.succeed(Arr.map(named, (socket) => inheritedPlace(socket, manner)))
    : Status.misused(`fd://${passed}: ${missingMessage(sockets)}`)
}

const forgottenMessage = (socket: string) =>
  `nothing listens on the socket ${socket}, which was passed; add --listen ${socket}, or leave out --listen, --host, ` +
  "--port and --unix"

const missingMessage = (sockets: Sockets) =>
  sockets.length === 0
    ? "no socket was passed; start the server through a .socket unit, or with systemd-socket-activate"
    : `no socket of that name was passed, only ${sockets.map(({ name }) => name).join(", ")}; see FileDescriptorName=`
