import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import { Server } from "../../chat/Server.js"
import { isLoopback } from "../../ports/Transport.js"
import * as ExitStatus from "../ExitStatus.js"
import * as TransportAdvice from "../TransportAdvice.js"
import * as AddressFlags from "../settings/AddressFlags.js"
import * as Setting from "../settings/Setting.js"

/** `--admin`: metrics, health and a page about the server, over HTTP. */

interface HostPort {
  readonly host: string
  readonly port: number
}

const form = /^(?:(?:\[([\da-f:.]+)\]|([^\s:]+)):)?(\d{1,5})$/iu

/** `9090`, `127.0.0.1:9090`, `[::1]:9090`. */
export const parse = (text: string): Either.Either<HostPort, string> => {
  const [, bracketed, plain, port] = form.exec(text) ?? []
  return port === undefined || Number(port) > AddressFlags.highestPort
    ? Either.left("is not a port or an address such as 9090, 127.0.0.1:9090 or [::1]:9090")
    : Either.right({ host: bracketed ?? plain ?? AddressFlags.defaultHost, port: Number(port) })
}

export const setting = Setting.parsed(
  "admin",
  "host:port",
  {
    about: "Serve metrics, health and a page about the server over HTTP; a port alone is on 127.0.0.1",
    default: undefined,
    defaultText: "off"
  },
  parse
)

/** The admin server, or nothing where it is off. */
export const layer = (
  at: HostPort | undefined,
  descriptorLimit: number
): Layer.Layer<never, ExitStatus.Failure, Server> => (at === undefined ? Layer.empty : serving(at, descriptorLimit))

const serving = (at: HostPort, descriptorLimit: number) =>
  Layer.scopedDiscard(
    Effect.gen(function* () {
      const server = yield* Server
      // Imported only here: loading HTTP takes as long as the rest of the program's start.
      const Admin = yield* Effect.promise(() => import("../../admin/Admin.js"))
      const address = yield* Effect.mapError(
        Admin.serve({ ...at, server, version: ACHAT_VERSION, descriptorLimit }),
        (error) => ExitStatus.asMisuse(TransportAdvice.toListenForAdmin(error))
      )
      yield* Effect.annotateLogs(Effect.logInfo("admin listening"), { address: address.text })
      if (!isLoopback(at.host)) {
        yield* Effect.logWarning("anyone who can reach the admin port sees who is connected, and from where")
      }
    })
  )

/** The version in package.json. The build replaces this constant. */
declare const ACHAT_VERSION: string
