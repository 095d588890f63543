import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { eventually } from "./Eventually.js"
import { dial, hostOf, type Listening } from "./RawExchange.js"
import { clientFrame, type ClientFrame } from "./WebSocketFrames.js"
import * as WebSocketStream from "./WebSocketStream.js"

/** A WebSocket, frame by frame. */
export const open = (
  server: Listening,
  options: WebSocketStream.UpgradeOptions = {}
): Effect.Effect<WebSocketStream.WebSocketStream, never, Scope.Scope> =>
  Effect.flatMap(dial(server), (socket) =>
    Effect.async<WebSocketStream.WebSocketStream>((resume) =>
      WebSocketStream.open(
        socket,
        WebSocketStream.upgradeRequest(hostOf(server), options),
        (stream) => {
          stream.on("error", () => {})
          resume(Effect.succeed(stream))
        },
        (response) => resume(Effect.die(new Error(response)))
      )
    )
  )

/** Sends frames, and waits for the code of the server's Close frame. */
export const codeAfter = (
  server: Listening,
  ...frames: ReadonlyArray<ClientFrame>
): Effect.Effect<number | undefined> =>
  Effect.gen(function* () {
    const stream = yield* open(server)
    stream.below.write(Buffer.concat(frames.map(clientFrame)))
    yield* eventually(() => stream.closeCode !== undefined, "no Close frame came")
    return stream.closeCode
  }).pipe(Effect.scoped)
