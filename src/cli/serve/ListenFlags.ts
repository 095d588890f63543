import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { Hooks } from "../../http/Hooks.js"
import type { Address, Listen, TransportError } from "../../ports/Transport.js"
import * as Proxy from "../../transport/Proxy.js"
import type * as ProxyHeader from "../../transport/ProxyHeader.js"
import * as Tls from "../../transport/Tls.js"
import * as ExitStatus from "../ExitStatus.js"
import * as AddressFlags from "../settings/AddressFlags.js"
import * as Setting from "../settings/Setting.js"
import type { Origin, Resolved } from "../settings/Sources.js"
import * as ListenUrl from "./ListenUrl.js"
import type { ListenTarget } from "./ListenUrl.js"
import * as SystemdSockets from "./SystemdSockets.js"
import * as WebFlags from "./WebFlags.js"

/** The flags about a server's listeners, and the listeners that they describe. */

const parseRanges = (text: string): Either.Either<ReadonlyArray<Proxy.ProxyRange>, string> => {
  const ranges = text.split(",").map((part) => Proxy.parseRange(part.trim()))
  return ranges.every((range) => range !== undefined)
    ? Either.right(ranges)
    : Either.left("is not a list of address ranges such as 10.0.0.0/8,::1")
}

const file = (name: string, about: string) => Setting.text(name, "file", { about, default: undefined })

export const settings = {
  listen: Setting.list(
    "listen",
    "url",
    {
      about:
        "Where to listen, instead of --host, --port and --unix; may be repeated: tcp://HOST:PORT, tls://HOST:PORT, " +
        "unix:PATH, or fd://NAME for the sockets that systemd passes under that FileDescriptorName= (fd:// for all " +
        "of them, tls+fd:// for TLS); tcp+proxy://, tls+proxy://, fd+proxy:// and tls+fd+proxy:// expect a proxy's " +
        "header",
      defaultText: "the sockets that systemd passes, unless --host, --port or --unix is given; else those three"
    },
    ListenUrl.parse
  ),
  tlsCert: file(
    "tls-cert",
    "Certificate of the TLS listeners and the chain to its authority, in PEM form; without --listen, it makes all " +
      "TCP listeners TLS, including sockets that systemd passes"
  ),
  tlsKey: file("tls-key", "Private key of --tls-cert, in PEM form; SIGHUP reads both again"),
  tlsClientCa: file(
    "tls-client-ca",
    "Authorities of the client certificates, in PEM form; each client then needs one, with its login as common name"
  ),
  handshakeTimeout: Setting.duration("handshake-timeout", {
    about: "Time for the TLS handshake, and for the header of a proxy; never longer than --login-timeout",
    default: Tls.handshakeTimeout,
    min: Duration.millis(100),
    max: Duration.minutes(10)
  }),
  proxyProtocol: Setting.toggle(
    "proxy-protocol",
    "Expect the header of a proxy on all TCP and TLS listeners, like +proxy"
  ),
  proxyFrom: Setting.parsed(
    "proxy-from",
    "cidr",
    {
      about: "Addresses of the proxies, separated by commas: 10.0.0.0/8,::1",
      default: undefined,
      defaultText: "none; required behind a proxy"
    },
    parseRanges
  ),
  ...WebFlags.settings
}

export type GivenListen = Resolved<typeof settings> & AddressFlags.GivenAddress

export interface Listeners {
  readonly listen: Arr.NonEmptyReadonlyArray<Listen>
  /**
   * Fails if no listener uses the given certificate. A socket from systemd is known to be TCP, and therefore TLS, only
   * once it listens.
   */
  readonly checkCertificate: (addresses: ReadonlyArray<Address>) => Effect.Effect<void, ExitStatus.Failure>
  /**
   * Reads the certificates again, and logs the result. Returns when the certificate expires, or fails with the reason
   * why the certificates stay as they were. Undefined without certificates.
   */
  readonly reloadCertificates: Effect.Effect<string, string> | undefined
  /** The webhooks of `--hooks`. */
  readonly hooks: Hooks | undefined
}

/** @param loginTimeout the time for everything before the login, TLS included */
export const resolve = (
  given: GivenListen,
  loginTimeout: Duration.Duration
): Effect.Effect<Listeners, ExitStatus.Failure> =>
  Effect.gen(function* () {
    const { origins, values } = given
    const targets = yield* targetsOf(given, yield* SystemdSockets.sockets)
    const timeout = Duration.min(values.handshakeTimeout, loginTimeout)
    const isProxied = (target: ListenTarget) => target.isProxied || (values.proxyProtocol && target.isTcp)
    const from = values.proxyFrom
    if (targets.some(isProxied) && from === undefined) {
      return yield* ExitStatus.misused(
        "a listener is behind a proxy; give the addresses of the proxies with --proxy-from"
      )
    }
    if (!targets.some(isProxied) && values.web === undefined && origins.proxyFrom === "flag") {
      return yield* ExitStatus.misused("--proxy-from is given, but no listener is behind a proxy; see --proxy-protocol")
    }
    const proxyOptions: ProxyHeader.ProxyOptions = { from: Proxy.ranges(from ?? []), timeout }
    const credentials = yield* credentialsOf(given, targets)
    const tls = credentials && { credentials, handshakeTimeout: timeout }
    const listen = (target: ListenTarget): Listen =>
      target.listen({
        proxy: isProxied(target) ? proxyOptions : undefined,
        tls: target.isTls ? tls : undefined
      })
    const web = yield* WebFlags.resolve(values, {
      tls,
      proxy: values.proxyProtocol ? proxyOptions : undefined,
      forwardedFrom: from && proxyOptions.from
    })
    // Clients may already be waiting on a socket from systemd. If another target fails first, they wait for the next
    // start.
    const [own, passed] = Arr.partition(targets, ({ socket }) => socket !== undefined)
    return {
      // Never empty, since there is a target.
      listen: [
        ...own.map(listen),
        ...web.listen,
        ...passed.map(listen)
      ] as unknown as Arr.NonEmptyReadonlyArray<Listen>,
      checkCertificate: (addresses) =>
        isCertificateFlag(given) && !addresses.some(({ isEncrypted }) => isEncrypted) ? unusedCertificate : Effect.void,
      reloadCertificates: credentials && reloading(credentials),
      hooks: web.hooks
    }
  })

const targetsOf = (
  given: GivenListen,
  sockets: SystemdSockets.Sockets
): Effect.Effect<Arr.NonEmptyReadonlyArray<ListenTarget>, ExitStatus.Failure> => {
  const { origins, values } = given
  const shortRank = Math.max(ranks[origins.host], ranks[origins.port], ranks[origins.unix])
  const longRank = ranks[origins.listen]
  // Clients also use the variables of the short flags, so the environment may have both.
  if (shortRank === longRank && longRank !== ranks.default && longRank !== ranks.environment) {
    return ExitStatus.misused("--listen replaces --host, --port and --unix; give one or the other")
  }
  const { listen } = values
  if (Arr.isNonEmptyReadonlyArray(listen) && longRank >= shortRank) return SystemdSockets.claim(listen, sockets)
  const hasCertificate = values.tlsCert !== undefined
  if (sockets.length > 0 && shortRank === ranks.default) {
    return SystemdSockets.claim([ListenUrl.systemd(hasCertificate)], sockets)
  }
  const short = Arr.map(AddressFlags.addresses(given), (address) =>
    "path" in address ? ListenUrl.unix(address.path) : ListenUrl.tcp(address.host, address.port, hasCertificate)
  )
  return SystemdSockets.claim(short, sockets)
}

/** The precedence of two settings that exclude each other: the higher rank wins. */
const ranks: Readonly<Record<Origin, number>> = { default: 0, file: 1, environment: 2, flag: 3 }

const isCertificateFlag = ({ origins }: GivenListen) =>
  [origins.tlsCert, origins.tlsKey, origins.tlsClientCa].includes("flag")

const unusedCertificate = ExitStatus.misused("a certificate is given, but no listener uses TLS")

const credentialsOf = (
  given: GivenListen,
  targets: ReadonlyArray<ListenTarget>
): Effect.Effect<Tls.Credentials | undefined, ExitStatus.Failure> => {
  const { tlsCert, tlsClientCa, tlsKey, web } = given.values
  const isUsed = targets.some(({ isTls }) => isTls) || (web !== undefined && tlsCert !== undefined)
  if (!isUsed) {
    return isCertificateFlag(given) ? unusedCertificate : Effect.succeed(undefined)
  }
  if (tlsCert === undefined || tlsKey === undefined) {
    return ExitStatus.misused("a TLS listener needs both --tls-cert and --tls-key")
  }
  return Tls.credentials({ cert: tlsCert, key: tlsKey, clientCa: tlsClientCa }).pipe(
    Effect.mapError(ExitStatus.asMisuse),
    Effect.tap((credentials) =>
      (credentials.until()?.getTime() ?? Infinity) < Date.now()
        ? Effect.logWarning("the certificate has expired; clients will reject it")
        : Effect.void
    )
  )
}

const reloading = (credentials: Tls.Credentials): Effect.Effect<string, string> =>
  credentials.reload.pipe(
    Effect.map(() => credentials.until()?.toISOString() ?? ""),
    Effect.mapError(({ message }: TransportError) => message),
    Effect.tapBoth({
      onFailure: (reason) => Effect.annotateLogs(Effect.logWarning("the certificates stay as they were"), { reason }),
      onSuccess: (until) => Effect.annotateLogs(Effect.logInfo("certificates read again"), { until })
    })
  )
