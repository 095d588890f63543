import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Socket, TransportError } from "../ports/Transport.js"
import type * as Encode from "./Encode.js"
import * as Login from "./Login.js"
import * as Received from "./Received.js"

export interface TokenExchangeOptions {
  readonly socket: Effect.Effect<Socket, TransportError>
  /** `alice`, or `alice/phone`: the device that gets the token. */
  readonly login: string
  readonly password: string
  readonly insecure: boolean
}

/**
 * Logs in with a password, requests a token for the login's device, and leaves. The connection only sends, so it is not
 * announced, gets no messages, and replaces no other connection of the device. Undefined if the server issues no token.
 */
export const run = (
  options: TokenExchangeOptions
): Effect.Effect<string | undefined, TransportError | Login.LoginRefused | Encode.Unsendable> =>
  Effect.gen(function* () {
    const { insecure, login, password, socket } = options
    const started = yield* Login.start({ socket, login, secret: Effect.succeed(password), insecure, linger: 1000 })
    const hello = yield* Login.greetOnlySending(started)
    const device = hello._tag === "Some" ? hello.value.device : undefined
    if (device === undefined) return undefined
    return yield* started.connection.ask(`@token /token ${device}\n`, (line) => {
      const received = Received.parse(line)
      if (received._tag === "Notice" && received.code === "token") return Exit.succeed(received.words[1])
      return received._tag === "Refused" ? Exit.succeed(undefined) : undefined
    })
  }).pipe(Effect.scoped)
