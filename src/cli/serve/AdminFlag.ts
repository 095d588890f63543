import type * as ValidationError from "@effect/cli/ValidationError"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { ServerHandle } from "../../chat/Server.js"
import { isLoopback, showAddress } from "../../transport/Transport.js"
import * as Endpoint from "../settings/AddressFlags.js"
import * as Flags from "../settings/Flags.js"
import * as Status from "../ExitStatus.js"

/** The flag that opens the server to those who watch it. */
export const flag: Flags.Flag<HostPort> = Flags.parsed(
  "admin",
  "host:port",
  {
    about: "Serve metrics, health and a page about the server over HTTP; a port alone is on 127.0.0.1",
    fallback: "off"
  },
  (text) => parse(text)
)

export interface Given {
  readonly admin: Flags.Value<typeof flag>
}

interface HostPort {
  readonly host: string
  readonly port: number
}

const form = /^(?:(?:\[([\da-f:.]+)\]|([^\s:]+)):)?(\d{1,5})$/iu

/** `9090`, `127.0.0.1:9090`, `[::1]:9090`. */
export const parse = (text: string): Either.Either<HostPort, string> => {
  const [, bracketed, plain, port] = form.exec(text) ?? []
  return port === undefined || Number(port) > Endpoint.highestPort
    ? Either.left("is not a port or an address such as 9090, 127.0.0.1:9090 or [::1]:9090")
    : Either.right({ host: bracketed ?? plain ?? Endpoint.defaultHost, port: Number(port) })
}

/** Serves in the scope, if it was asked for. Loaded only then: half of the program's start-up would be HTTP. */
export const serve = (
  { admin }: Given,
  server: ServerHandle,
  descriptorLimit: number
): Effect.Effect<void, Status.Failure | ValidationError.ValidationError, Scope.Scope> =>
  Option.match(admin, {
    onNone: () => Effect.void,
    onSome: ({ value }) =>
      Effect.gen(function* () {
        const Admin = yield* Effect.promise(() => import("../../admin/Admin.js"))
        const address = yield* Effect.mapError(
          Admin.serve({ ...value, server, version: ACHAT_VERSION, descriptorLimit }),
          Status.asMisuse
        )
        yield* Effect.annotateLogs(Effect.logInfo("admin listening"), { address: showAddress(address) })
        if (!isLoopback(value.host)) {
          yield* Effect.logWarning("anybody who reaches the admin port sees who is here and from where")
        }
      })
  })

/** Of package.json; the build puts it here. */
declare const ACHAT_VERSION: string
