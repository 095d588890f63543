import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"

/** Where a server under test listens. */
export interface Listening {
  readonly address: { readonly port?: number | undefined }
}

/** Bytes on a TCP connection to a server under test, for what no client would send. */

/** The host of a request to the server. */
export const hostOf = ({ address }: Listening): string => `127.0.0.1:${address.port}`

/** Connects with TCP. */
export const dial = ({ address }: Listening): Effect.Effect<Net.Socket, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<Net.Socket>((resume) => {
      const socket = Net.connect({ host: "127.0.0.1", port: address.port ?? 0 })
      socket.on("error", () => {})
      socket.once("connect", () => resume(Effect.succeed(socket)))
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

/** Everything that the server sends on a connection until it ends it. */
export const exchange = (server: Listening, bytes: string | Uint8Array): Effect.Effect<string> =>
  Effect.gen(function* () {
    const socket = yield* dial(server)
    return yield* Effect.async<string>((resume) => {
      let text = ""
      socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")))
      socket.on("end", () => socket.end())
      socket.on("close", () => resume(Effect.succeed(text)))
      socket.write(bytes)
    })
  }).pipe(Effect.scoped)
