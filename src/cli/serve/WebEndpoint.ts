import * as Effect from "effect/Effect"
import * as Door from "../../http/Door.js"
import * as Handler from "../../http/Handler.js"
import type { Hooks } from "../../http/Hooks.js"
import { isLoopback, type Listen } from "../../ports/Transport.js"
import * as WebSocket from "../../transport/WebSocket.js"
import * as TransportAdvice from "../TransportAdvice.js"
import type { Values } from "../settings/Sources.js"
import type * as AdminFlag from "./AdminFlag.js"
import * as DoorFlags from "./DoorFlags.js"
import type * as WebFlags from "./WebFlags.js"

/** The port of `--web`: the page, WebSockets, and the HTTP door. */

export interface WebEndpointOptions {
  readonly at: AdminFlag.HostPort
  readonly values: Values<typeof WebFlags.settings>
  readonly parts: WebFlags.WebParts
  readonly hooks: Hooks | undefined
}

export const serveWeb =
  ({ at, hooks, parts, values }: WebEndpointOptions): Listen =>
  (options) =>
    Effect.gen(function* () {
      const origins = values.webOrigin
      // Made before the port, so that the port's requests end first.
      const door = yield* Door.make({ hooks, origins, limits: DoorFlags.limitsOf(values) })
      const listen = WebSocket.listen(at.host, at.port, {
        handler: Handler.make({ isLocal: isLoopback(at.host), origins, door }),
        limits: {
          maxMessageBytes: values.webMaxMessage,
          maxHttpConnections: values.webMaxConnections,
          requestTimeout: values.webRequestTimeout,
          pingInterval: values.webPing
        },
        origins,
        ...parts
      })
      return yield* Effect.mapError(listen(options), TransportAdvice.toListenForWeb)
    })
