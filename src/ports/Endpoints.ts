import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import type { Listen } from "./Transport.js"

/**
 * Where a server listens: at least one endpoint of any transport. The server starts them in this order, and one limit
 * of connections covers them all.
 */
export class Endpoints extends Context.Tag("a-chat/Endpoints")<Endpoints, NonEmptyReadonlyArray<Listen>>() {}

/** Several endpoints: `Endpoints.layer(Tcp.listen("::", 8080), Unix.listen("/run/chat.sock"))`. */
export const layer = (...endpoints: NonEmptyReadonlyArray<Listen>): Layer.Layer<Endpoints> =>
  Layer.succeed(Endpoints, endpoints)
