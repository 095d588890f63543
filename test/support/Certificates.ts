import * as Effect from "effect/Effect"
import { fileURLToPath } from "node:url"
import * as Tls from "../../src/transport/Tls.js"
import type { Address } from "../../src/ports/Transport.js"

/** The certificates of test/certificates, which scripts/test-certificates.sh makes. */
export const path = (name: string): string => fileURLToPath(new URL(`../certificates/${name}.pem`, import.meta.url))

export const pair = (name: string) => ({ cert: path(name), key: path(`${name}.key`) })

/** A TLS server and clients that trust it. */
export const overTls = Effect.map(Tls.credentials(pair("server")), (credentials) => ({
  listen: Tls.listen("127.0.0.1", 0, { credentials }),
  connect: ({ address }: { readonly address: Address }) => Tls.connect(address, { ca: path("ca") })
}))
