/**
 * Why a connection ended: a closed list. The log, the metric and the last line to the client, if it gets one, all use
 * these words.
 */
export type CloseReason = (typeof closeReasons)[number]

export const closeReasons = [
  /** The client shut down its sending half, and received everything that was queued for it. */
  "left",
  /** The same, requested with `/quit`. */
  "quit",
  /** The connection broke: a reset, a pulled cable. */
  "connection-lost",
  /** Its socket accepted no byte for the stall timeout. */
  "slow-consumer",
  /** Its kernel, or with `ack` the client itself, acknowledged nothing for the stall timeout. */
  "unreachable",
  /** The server ran out of the memory it may use (`--max-memory`), and this connection held a large part of it. */
  "memory",
  /** The first line was not a name. */
  "bad-login",
  /** The name, or one that looks the same, was already present. */
  "login-in-use",
  /** The client did not log in before the login timeout. */
  "login-timeout",
  /** The server, or the client's address, has reached its limit of connections. */
  "full",
  /** The login needs a password, or the one that it has is wrong; or the name has become that of an account. */
  "unauthorized",
  /** Another connection took the place of this device, or the device may no longer be logged in. */
  "logged-out",
  /** The operator disconnected the client. */
  "kicked",
  /** The operator has banned the client's address or name. */
  "banned",
  /** The server shut down and closed the connection in order. */
  "shutdown",
  /** The server shut down, and the connection was still open at the end of the grace time. */
  "cut-off",
  /** A defect in this program. */
  "internal-error"
] as const

/** Whether the server ended the connection without waiting for the client. */
export const isExpulsion = (reason: CloseReason | undefined): boolean =>
  reason === "kicked" || reason === "banned" || reason === "logged-out" || reason === "unauthorized"
