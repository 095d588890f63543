import * as Duration from "effect/Duration"
import * as Record from "effect/Record"
import { limits, type LimitValues } from "./Limits.js"

/** The options of a server: a value for each row of `Limits`, and `linger`. */
export interface Options extends LimitValues {
  /**
   * How long a closed connection may linger until the client ends its side. The kernel would otherwise destroy the last
   * line on its way to a client that is still sending.
   */
  readonly linger: Duration.Duration
}

export const defaults: Options = {
  // `Record.map` forgets which value belongs to which key.
  ...(Record.map(limits, (limit) => limit.default) as LimitValues),
  linger: Duration.seconds(5)
}

/** The delay before a retry that accompanies `! full`, and `reason=busy`. */
export const retryFull = Duration.seconds(5)
export const retryBusy = Duration.seconds(1)
