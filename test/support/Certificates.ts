import * as Effect from "effect/Effect"
import { fileURLToPath } from "node:url"
import * as Tls from "../../src/transport/Tls.js"
import type { Address } from "../../src/ports/Transport.js"

/** The certificates in test/certificates, made by scripts/test-certificates.sh. */
export const path = (name: string): string => fileURLToPath(new URL(`../certificates/${name}.pem`, import.meta.url))

export const pair = (name: string) => ({ cert: path(name), key: path(`${name}.key`) })

export const serverCredentials = Tls.credentials(pair("server"))

/** A TLS listener, and a connect that trusts its certificate. */
export const overTls = Effect.map(serverCredentials, (credentials) => ({
  listen: Tls.listen("127.0.0.1", 0, { credentials }),
  connect: ({ address }: { readonly address: Address }) => Tls.connect(address, { ca: path("ca") })
}))
