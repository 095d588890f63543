import * as Effect from "effect/Effect"
import type { X509Certificate } from "node:crypto"
import * as Fs from "node:fs"
import type { SecureContextOptions } from "node:tls"
import { errorCode } from "./NetSocket.js"
import { TransportError } from "./Transport.js"

/** The files that one side of a TLS connection shows itself by, and believes the other side by. All are PEM. */
export interface Files {
  /** A certificate, and behind it those that lead to its authority. */
  readonly cert?: string | undefined
  /** The key of it, without a passphrase. */
  readonly key?: string | undefined
  /** The authorities whose certificates are believed. */
  readonly ca?: string | undefined
}

export interface Loaded {
  readonly options: SecureContextOptions
  /** Until when the certificate is good. */
  readonly until: Date | undefined
}

/** Loaded when they are needed: whoever does not use TLS does not wait for it at the start. */
export const modules = Effect.sync(() => ({
  tls: process.getBuiltinModule("node:tls"),
  crypto: process.getBuiltinModule("node:crypto")
}))

const read = (path: string | undefined, during: TransportError["during"]) =>
  path === undefined
    ? Effect.succeed(undefined)
    : Effect.try({
        try: () => Fs.readFileSync(path),
        catch: (cause) => wrong(during, path, `it cannot be read (${errorCode(cause) ?? "unknown error"})`, cause)
      })

const parse = <A>(path: string | undefined, during: TransportError["during"], make: () => A, otherwise: string) =>
  Effect.try({ try: make, catch: (cause) => wrong(during, path ?? "", otherwise, cause) })

/** Reads and checks the files. What is wrong with one names it. */
export const load = (files: Files, during: TransportError["during"]): Effect.Effect<Loaded, TransportError> =>
  Effect.gen(function* () {
    const { crypto, tls } = yield* modules
    const [cert, key, ca] = [
      yield* read(files.cert, during),
      yield* read(files.key, during),
      yield* read(files.ca, during)
    ]
    const noCertificate = "it is no certificate in PEM form"
    if (ca !== undefined) yield* parse(files.ca, during, () => new crypto.X509Certificate(ca), noCertificate)
    const own = cert && (yield* parse(files.cert, during, () => new crypto.X509Certificate(cert), noCertificate))
    if (own !== undefined && key !== undefined) {
      const noKey = "it is no private key in PEM form without a passphrase"
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
      secureOptions:
        // To write would have to wait for the peer in the middle of it.
        crypto.constants.SSL_OP_NO_RENEGOTIATION |
        // A session that is taken up again proves nothing: without this, who has no certificate would have one the
        // second time.
        (cert && ca ? crypto.constants.SSL_OP_NO_TICKET : 0)
    }
    // Whatever else is wrong, such as a key that is too weak.
    yield* parse(files.cert ?? files.ca, during, () => tls.createSecureContext(options), "it cannot be used")
    return { options, until: own && untilOf(own) }
  })

const untilOf = (certificate: X509Certificate) => new Date(certificate.validTo)

const wrong = (during: TransportError["during"], path: string, why: string, cause?: unknown) =>
  new TransportError({ during, reason: `${path}: ${why}${detail(cause)}`, code: errorCode(cause), cause })

/** What OpenSSL says of it, without its numbers. */
const detail = (cause: unknown) => {
  const words =
    cause instanceof Error && errorCode(cause)?.startsWith("ERR_OSSL") ? cause.message.split(":").at(-1) : ""
  return words === undefined || words === "" ? "" : ` (${words})`
}
