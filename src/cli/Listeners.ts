import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as ChatOptions from "../chat/Options.js"
import * as Proxy from "../transport/Proxy.js"
import type * as ProxyHeader from "../transport/ProxyHeader.js"
import * as Tcp from "../transport/Tcp.js"
import * as Tls from "../transport/Tls.js"
import type { Address, Listen, TransportError } from "../transport/Transport.js"
import * as Unix from "../transport/Unix.js"
import * as Endpoint from "./Endpoint.js"
import * as Flags from "./Flags.js"
import * as Status from "./Status.js"

/** Where a server listens, as its flags say: each place with TLS or without, behind a proxy or not. */

export interface Place {
  readonly address: Address
  /** Connections begin with the header of a proxy. */
  readonly isProxied: boolean
}

const pattern = /^(tcp|tls)(\+proxy)?:\/\/(?:\[([^[\]]+)\]|([^:/[\]]+)):(\d{1,5})$/u

export const parsePlace = (text: string): Either.Either<Place, string> => {
  const [, scheme, proxy, v6, name, port = ""] = pattern.exec(text) ?? []
  const host = v6 ?? name
  if (text.startsWith("unix:") && !text.startsWith("unix://") && text !== "unix:") {
    return Either.right({ address: { _tag: "Unix", path: text.slice("unix:".length) }, isProxied: false })
  }
  if (host === undefined) return Either.left("is none of tcp://HOST:PORT, tls://HOST:PORT and unix:PATH")
  if (Number(port) > Endpoint.highestPort) return Either.left("has a port out of range; allowed: 0 to 65535")
  const _tag = scheme === "tls" ? "Tls" : "Tcp"
  return Either.right({ address: { _tag, host, port: Number(port) }, isProxied: proxy !== undefined })
}

const parseRanges = (text: string): Either.Either<ReadonlyArray<Proxy.Range>, string> => {
  const ranges = text.split(",").map((part) => Proxy.parseRange(part.trim()))
  return ranges.every((range) => range !== undefined)
    ? Either.right(ranges)
    : Either.left("has something that is no range of addresses, such as 10.0.0.0/8 or ::1")
}

const file = (name: string, about: string) => Flags.text(name, "file", { about, fallback: "none" })

export const flags = {
  listen: Flags.list(
    "listen",
    "url",
    {
      about:
        "Where to listen, instead of --host, --port and --unix: tcp://HOST:PORT, tls://HOST:PORT or unix:PATH, several " +
        "times; tcp+proxy:// and tls+proxy:// are for connections through a proxy that tells the client's address",
      fallback: "none"
    },
    parsePlace
  ),
  tlsCert: file("tls-cert", "Certificate of the TLS listeners, and those that lead to its authority, in PEM form"),
  tlsKey: file("tls-key", "Private key of --tls-cert, in PEM form; SIGHUP reads both again"),
  tlsClientCa: file(
    "tls-client-ca",
    "Authorities of the clients' certificates, in PEM form; each client must have one, for its login as common name"
  ),
  handshakeTimeout: Flags.duration(
    "handshake-timeout",
    {
      about: "Time for the TLS handshake, and for the header of a proxy; never longer than --login-timeout",
      fallback: Flags.showDuration(Tls.handshakeTimeout)
    },
    { min: 100, max: 600_000 }
  ),
  proxyProtocol: Flags.toggle("proxy-protocol", "All TCP and TLS listeners are behind a proxy, as with +proxy"),
  proxyFrom: Flags.parsed(
    "proxy-from",
    "cidr",
    { about: "Addresses of the proxies, with commas between them: 10.0.0.0/8,::1", fallback: "none, they are needed" },
    parseRanges
  )
}

export type Given = { readonly [Name in keyof typeof flags]: Flags.Value<(typeof flags)[Name]> } & Endpoint.Given

export interface Listeners {
  readonly listen: Arr.NonEmptyReadonlyArray<Listen>
  /** Reads the certificates again, and logs how that went; undefined where there are none. */
  readonly reload: Effect.Effect<void> | undefined
}

/** @param loginTimeout within which everything before the login must be done; the chat's own if undefined */
export const resolve = (
  given: Given,
  loginTimeout = ChatOptions.defaults.loginTimeout
): Effect.Effect<Listeners, Status.Failure> =>
  Effect.gen(function* () {
    const all = yield* places(given)
    const isBehind = Flags.valueOr(given.proxyProtocol, false)
    const timeout = Duration.min(Flags.valueOr(given.handshakeTimeout, Tls.handshakeTimeout), loginTimeout)
    const isProxied = (place: Place) => place.isProxied || (isBehind && place.address._tag !== "Unix")
    const from = Flags.value(given.proxyFrom)
    if (all.some(isProxied) && from === undefined) {
      return yield* Status.misused("a listener is behind a proxy, but --proxy-from does not tell whom to believe")
    }
    if (!all.some(isProxied) && Endpoint.isFlag(given.proxyFrom)) {
      return yield* Status.misused("--proxy-from is given, but no listener is behind a proxy; see --proxy-protocol")
    }
    const proxyOptions: ProxyHeader.Options = { from: Proxy.ranges(from ?? []), timeout }
    const credentials = yield* credentialsOf(given, all)
    const listen = ({ address, ...place }: Place): Listen => {
      const proxy = isProxied({ address, ...place }) ? proxyOptions : undefined
      if (address._tag === "Unix") return Unix.listen(address.path)
      const { host, port } = address._tag === "Memory" ? { host: "", port: 0 } : address
      return address._tag === "Tls" && credentials !== undefined
        ? Tls.listen(host, port, { credentials, handshakeTimeout: timeout, proxy })
        : Tcp.listen(host, port, proxy)
    }
    return { listen: Arr.map(all, listen), reload: credentials && reloading(credentials) }
  })

/** The short form, `--host` and `--port`, is TLS when there is a certificate: whoever gives one wants no plain port. */
const places = (given: Given): Effect.Effect<Arr.NonEmptyReadonlyArray<Place>, Status.Failure> => {
  const short = Arr.map(Endpoint.addresses(given), (address): Place => ({
    address: address._tag === "Tcp" && Option.isSome(given.tlsCert) ? { ...address, _tag: "Tls" } : address,
    isProxied: false
  }))
  const isShortByFlag = [given.host, given.port, given.unix].some((one) => Endpoint.isFlag<unknown>(one))
  if (isShortByFlag && Endpoint.isFlag(given.listen)) {
    return Status.misused("--listen takes the place of --host, --port and --unix; give one or the other")
  }
  const long = Flags.valueOr<ReadonlyArray<Place>>(given.listen, [])
  return Effect.succeed(Arr.isNonEmptyReadonlyArray(long) && !isShortByFlag ? long : short)
}

const credentialsOf = (
  { tlsCert, tlsClientCa, tlsKey }: Given,
  all: ReadonlyArray<Place>
): Effect.Effect<Tls.Credentials | undefined, Status.Failure> => {
  const needed = all.some(({ address }) => address._tag === "Tls")
  if (!needed) {
    const isGiven = [tlsCert, tlsKey, tlsClientCa].some(Endpoint.isFlag)
    return isGiven ? Status.misused("a certificate is given, but no listener speaks TLS") : Effect.succeed(undefined)
  }
  if (Option.isNone(tlsCert) || Option.isNone(tlsKey)) {
    return Status.misused("a TLS listener needs both --tls-cert and --tls-key")
  }
  const clientCa = Flags.value(tlsClientCa)
  return Tls.credentials({ cert: tlsCert.value.value, key: tlsKey.value.value, clientCa }).pipe(
    Effect.mapError(Status.asMisuse),
    Effect.tap((credentials) =>
      (credentials.until()?.getTime() ?? Infinity) < Date.now()
        ? Effect.logWarning("the certificate has expired; clients will not believe it")
        : Effect.void
    )
  )
}

const reloading = (credentials: Tls.Credentials): Effect.Effect<void> =>
  Effect.matchEffect(credentials.reload, {
    onFailure: ({ message }: TransportError) =>
      Effect.annotateLogs(Effect.logWarning("the certificates stay as they were"), { reason: message }),
    onSuccess: () =>
      Effect.annotateLogs(Effect.logInfo("certificates read again"), {
        until: credentials.until()?.toISOString() ?? ""
      })
  })

/** Does something at each SIGHUP, which ends the program otherwise. Signals that come in the meantime are one. */
export const atHangUp = (reload: Effect.Effect<void>): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const signals = yield* Queue.sliding<void>(1)
    const signalled = () => signals.unsafeOffer(undefined)
    yield* Effect.acquireRelease(
      Effect.sync(() => process.on("SIGHUP", signalled)),
      () => Effect.sync(() => process.off("SIGHUP", signalled))
    )
    yield* Effect.forkScoped(Effect.forever(Effect.zipRight(Queue.take(signals), reload)))
  })
