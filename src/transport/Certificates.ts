import * as Effect from "effect/Effect"
import type { X509Certificate } from "node:crypto"
import type { SecureContextOptions } from "node:tls"
import { TransportError } from "../ports/Transport.js"
import * as RegularFile from "../process/RegularFile.js"
import { errorCode } from "./SystemError.js"

/** The files with which one side of a TLS connection identifies itself and verifies the other. All are PEM. */
export interface PemFiles {
  /** A certificate, followed by the intermediate ones up to its authority. */
  readonly cert?: string | undefined
  /** The key of `cert`, without a passphrase. */
  readonly key?: string | undefined
  /** The authorities that may have signed the other side's certificate. */
  readonly ca?: string | undefined
}

export interface LoadedCertificates {
  readonly options: SecureContextOptions
  /** When the certificate expires. */
  readonly until: Date | undefined
}

/** Loaded on first use: a program without TLS starts faster. */
export const modules = Effect.sync(() => ({
  tls: process.getBuiltinModule("node:tls"),
  crypto: process.getBuiltinModule("node:crypto")
}))

const read = (path: string | undefined, during: TransportError["during"]) =>
  path === undefined
    ? Effect.succeed(undefined)
    : Effect.tryPromise({
        try: () => RegularFile.read(path, maxPemBytes),
        catch: (cause) => wrong(during, path, unreadable(cause), cause)
      })

/** Enough for a bundle of all public authorities. */
const maxPemBytes = 1024 * 1024

const unreadable = (cause: unknown) => {
  const code = errorCode(cause)
  if (code !== undefined) return `it cannot be read (${code})`
  return cause instanceof Error ? cause.message : "it cannot be read"
}

const parse = <A>(path: string | undefined, during: TransportError["during"], make: () => A, otherwise: string) =>
  Effect.try({ try: make, catch: (cause) => wrong(during, path ?? "", otherwise, cause) })

/** Reads and checks the files. The error names the file that is wrong. */
export const load = (
  files: PemFiles,
  during: TransportError["during"]
): Effect.Effect<LoadedCertificates, TransportError> =>
  Effect.gen(function* () {
    const { crypto, tls } = yield* modules
    const [cert, key, ca] = [
      yield* read(files.cert, during),
      yield* read(files.key, during),
      yield* read(files.ca, during)
    ]
    const noCertificate = "it is not a certificate in PEM form"
    if (ca !== undefined) yield* parse(files.ca, during, () => new crypto.X509Certificate(ca), noCertificate)
    const own = cert && (yield* parse(files.cert, during, () => new crypto.X509Certificate(cert), noCertificate))
    if (own !== undefined && key !== undefined) {
      const noKey = "it is not a private key in PEM form without a passphrase"
      const secret = yield* parse(files.key, during, () => crypto.createPrivateKey(key), noKey)
      if (!own.checkPrivateKey(secret)) {
        return yield* wrong(during, files.key ?? "", `it is not the key of the certificate in ${files.cert}`)
      }
    }
    const options: SecureContextOptions = {
      ...(cert && { cert }),
      ...(key && { key }),
      ...(ca && { ca }),
      minVersion: "TLSv1.2",
      ciphers,
      secureOptions:
        // During a renegotiation, a write would have to wait for the peer.
        crypto.constants.SSL_OP_NO_RENEGOTIATION |
        // The certificate is not verified again for a resumed session: without this, a client with a bad certificate
        // would pass the second time.
        (cert && ca ? crypto.constants.SSL_OP_NO_TICKET : 0)
    }
    // Finds all other mistakes, such as a key that is too weak.
    yield* parse(files.cert ?? files.ca, during, () => tls.createSecureContext(options), "it cannot be used")
    return { options, until: own && untilOf(own) }
  })

/**
 * The ciphers of TLS 1.3, and those of TLS 1.2 with forward secrecy. Node's own list contains others for RSA
 * certificates.
 */
const ciphers = [
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "TLS_AES_128_GCM_SHA256",
  "ECDHE+AESGCM",
  "ECDHE+CHACHA20"
].join(":")

const untilOf = (certificate: X509Certificate) => new Date(certificate.validTo)

const wrong = (during: TransportError["during"], path: string, why: string, cause?: unknown) =>
  new TransportError({ during, reason: `${path}: ${why}${detail(cause)}`, code: errorCode(cause), cause })

/** OpenSSL's explanation, without its error numbers. */
const detail = (cause: unknown) => {
  const words =
    cause instanceof Error && errorCode(cause)?.startsWith("ERR_OSSL") ? cause.message.split(":").at(-1) : ""
  return words === undefined || words === "" ? "" : ` (${words})`
}
