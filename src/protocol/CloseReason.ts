/**
 * Why a connection ended: a closed list. The log line, the metric and the last line to the client (where it gets one)
 * all print it.
 */
export type CloseReason = (typeof all)[number]

export const all = [
  /** The client shut its sending half down, and got everything that was for it. */
  "left",
  /** The same, asked for with `/quit`. */
  "quit",
  /** The connection broke: a reset, a pulled cable. */
  "connection-lost",
  /** Its socket took no byte for the stall timeout. */
  "slow-consumer",
  /** The server ran out of the memory it may use (`--max-memory`), and this connection held a large part of it. */
  "memory",
  /** The first line was no name. */
  "bad-login",
  /** The name, or one that looks the same, was present. */
  "login-in-use",
  /** No login in time. */
  "login-timeout",
  /** The server, or the client's address, has as many connections as it may. */
  "full",
  /** The server shut down, and the connection ended in order. */
  "shutdown",
  /** The server shut down, and the grace time cut the connection off. */
  "cut-off",
  /** A defect of this program. */
  "internal-error"
] as const
