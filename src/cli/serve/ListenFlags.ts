import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Order from "effect/Order"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as ChatOptions from "../../chat/Options.js"
import * as Inherited from "../../transport/Inherited.js"
import * as Proxy from "../../transport/Proxy.js"
import type * as ProxyHeader from "../../transport/ProxyHeader.js"
import * as Tcp from "../../transport/Tcp.js"
import * as Tls from "../../transport/Tls.js"
import type { Address, Listen, TransportError } from "../../transport/Transport.js"
import * as Unix from "../../transport/Unix.js"
import * as Activation from "./SystemdSockets.js"
import * as Endpoint from "../settings/AddressFlags.js"
import * as Flags from "../settings/Flags.js"
import * as Places from "./ListenUrl.js"
import type { Place } from "./ListenUrl.js"
import * as Status from "../ExitStatus.js"

/** The listeners of a server, as its flags say. */

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
        "times; tcp+proxy:// and tls+proxy:// are for connections through a proxy that tells the client's address; " +
        "fd://NAME, with tls+ or +proxy as well, are sockets that systemd passes, by their FileDescriptorName=, and " +
        "fd:// is all",
      fallback: "the sockets that systemd passes, unless --host, --port or --unix is given; else those three"
    },
    Places.parse
  ),
  tlsCert: file(
    "tls-cert",
    "Certificate of the TLS listeners, and those that lead to its authority, in PEM form; without --listen all TCP is " +
      "TLS then, also sockets that systemd passes"
  ),
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
  /** Fails if a certificate is given for nothing. What sockets that were passed are is known once all of it listens. */
  readonly check: (addresses: ReadonlyArray<Address>) => Effect.Effect<void, Status.Failure>
  /** Reads the certificates again, and logs how that went; undefined where there are none. */
  readonly reload: Effect.Effect<void> | undefined
}

/** @param loginTimeout within which everything before the login must be done; the chat's own if undefined */
export const resolve = (
  given: Given,
  loginTimeout = ChatOptions.defaults.loginTimeout
): Effect.Effect<Listeners, Status.Failure> =>
  Effect.gen(function* () {
    const all = yield* places(given, yield* Activation.sockets)
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
    const listen = (place: Place): Listen => {
      const { address, isTcpOnly } = place
      const proxy = isProxied(place) ? proxyOptions : undefined
      const tls = place.isTls && credentials !== undefined ? { credentials, handshakeTimeout: timeout } : undefined
      if (address._tag === "Unix") return Unix.listen(address.path)
      if (address._tag === "Inherited") return Inherited.listen(address, { tls, proxy, isTcpOnly })
      const { host, port } = address
      return tls === undefined ? Tcp.listen(host, port, proxy) : Tls.listen(host, port, { ...tls, proxy })
    }
    // Where clients may be waiting already comes last: whatever else is in use, they wait on for the next start.
    const ordered = Arr.sortWith(all, ({ address }) => address._tag === "Inherited", Order.boolean)
    return {
      listen: Arr.map(ordered, listen),
      check: (addresses) =>
        isCertificateFlag(given) && !addresses.some(({ _tag }) => _tag === "Tls") ? unusedCertificate : Effect.void,
      reload: credentials && reloading(credentials)
    }
  })

const places = (
  given: Given,
  sockets: Activation.Sockets
): Effect.Effect<Arr.NonEmptyReadonlyArray<Place>, Status.Failure> => {
  const { host, listen, port, unix } = given
  const shortRank = Math.max(rankOf(host), rankOf(port), rankOf(unix))
  const longRank = rankOf(listen)
  // The variables of the short form are those of the clients, too, and may stand in anybody's environment.
  if (shortRank === longRank && longRank !== ranks.none && longRank !== ranks.environment) {
    return Status.misused("--listen takes the place of --host, --port and --unix; give one or the other")
  }
  const long = Flags.valueOr<ReadonlyArray<Place | Places.Passed>>(listen, [])
  if (Arr.isNonEmptyReadonlyArray(long) && longRank >= shortRank) return Places.claim(long, sockets)
  const hasCertificate = Option.isSome(given.tlsCert)
  return sockets.length > 0 && shortRank === ranks.none
    ? Places.claim([Places.allPassed(hasCertificate)], sockets)
    : Places.claim(Places.short(given, hasCertificate), sockets)
}

/** Which of two settings that exclude each other counts. */
const ranks = { none: 0, file: 1, environment: 2, flag: 3 }

const rankOf = (given: Option.Option<Flags.Given<unknown>>): number =>
  ranks[Option.isSome(given) ? given.value.by : "none"]

const isCertificateFlag = ({ tlsCert, tlsClientCa, tlsKey }: Given) =>
  [tlsCert, tlsKey, tlsClientCa].some(Endpoint.isFlag)

const unusedCertificate = Status.misused("a certificate is given, but no listener speaks TLS")

const credentialsOf = (
  given: Given,
  all: ReadonlyArray<Place>
): Effect.Effect<Tls.Credentials | undefined, Status.Failure> => {
  const { tlsCert, tlsClientCa, tlsKey } = given
  const needed = all.some(({ isTls }) => isTls)
  if (!needed) return isCertificateFlag(given) ? unusedCertificate : Effect.succeed(undefined)
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
