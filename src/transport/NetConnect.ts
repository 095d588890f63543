import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Net from "node:net"
import { maxTimerMillis, type Address, type Socket, type TransportError } from "../ports/Transport.js"
import { fromNet, socketOptions } from "./NetSocket.js"
import { errorCode, connectError, type Explain } from "./SystemError.js"

export interface NetConnectOptions {
  readonly address: Address
  /** The target for `node:net`. */
  readonly to: Net.NetConnectOpts
  readonly explain: Explain
  /** Default: the operating system's, which may be minutes. */
  readonly timeout?: Duration.DurationInput | undefined
}

/**
 * Connects with `node:net`. The caller owns the socket: it must `attach` in the same turn, and close it. Interruption
 * cancels the attempt.
 */
export const connect = ({ address, explain, timeout, to }: NetConnectOptions): Effect.Effect<Socket, TransportError> =>
  Effect.async((resume) => {
    const socket = Net.connect({ ...to, ...socketOptions })
    const failed = (cause: Error) => resume(Effect.fail(connectError(address, explain(errorCode(cause)), cause)))
    socket.once("error", failed)
    const giveUp = () => socket.destroy(Object.assign(new Error("connect ETIMEDOUT"), { code: "ETIMEDOUT" }))
    // Part of this effect, not `Effect.timeout` around it: an interruption between the connect and the caller taking
    // over would leak the socket.
    const deadline =
      timeout === undefined ? undefined : setTimeout(giveUp, Math.min(Duration.toMillis(timeout), maxTimerMillis))
    socket.once("close", () => clearTimeout(deadline))
    socket.once("connect", () => {
      clearTimeout(deadline)
      socket.off("error", failed)
      resume(Effect.succeed(fromNet(socket, address.text)))
    })
    return Effect.sync(() => {
      socket.destroy()
    })
  })
