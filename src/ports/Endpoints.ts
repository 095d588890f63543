import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Memory from "./Memory.js"
import type { Listen } from "./Transport.js"

/**
 * Where a server listens: at least one endpoint of any transport. The server starts them in this order, and one limit
 * of connections covers them all.
 */
export class Endpoints extends Context.Tag("a-chat/Endpoints")<Endpoints, NonEmptyReadonlyArray<Listen>>() {}

/** Several endpoints: `Endpoints.layer(Tcp.listen("::", 8080), Unix.listen("/run/chat.sock"))`. */
export const layer = (...endpoints: NonEmptyReadonlyArray<Listen>): Layer.Layer<Endpoints> =>
  Layer.succeed(Endpoints, endpoints)

/**
 * One endpoint on a network of its own inside the process, for tests without sockets. They connect through
 * `Memory.MemoryNetwork`.
 */
export const memory = (options: Memory.NetworkOptions = {}): Layer.Layer<Endpoints | Memory.MemoryNetwork> =>
  Layer.effectContext(
    Effect.map(Memory.make(options), (network) =>
      Context.make(Memory.MemoryNetwork, network).pipe(Context.add(Endpoints, [network.listen]))
    )
  )
