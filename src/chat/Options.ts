import * as Duration from "effect/Duration"
import * as Record from "effect/Record"
import { limits, type LimitValues } from "./Limits.js"

/** The options of a server: a value for each row of `Limits`, and `linger`. */
export interface Options extends LimitValues {
  /**
   * How long a closed connection may linger until the client ends its side. Otherwise the kernel would reset a
   * connection whose client is still sending, and the client could lose the last lines.
   */
  readonly linger: Duration.Duration
}

export const defaults: Options = {
  // `Record.map` forgets which value belongs to which key.
  ...(Record.map(limits, (limit) => limit.default) as LimitValues),
  linger: Duration.seconds(5)
}

/** Retry delays announced with `! full` and with `reason=busy`. */
export const retryFull = Duration.seconds(5)
export const retryBusy = Duration.seconds(1)
