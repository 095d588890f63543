import * as Duration from "effect/Duration"

/** What a server may be told. `cli/` offers each as a flag and an environment variable. */
export interface Options {
  /** Connections served at once; the next one is answered `! full`. */
  readonly maxConnections: number
  /** Connections served at once from one address; 0 is no limit. A Unix socket has no address and no such limits. */
  readonly maxConnectionsPerAddress: number
  /** New connections a minute from one address; 0 is no limit. Above it, `! full`. */
  readonly connectsPerAddress: number
  /** Lines a second that all clients from one address may send together; 0 is no limit. Above it, `! slow-down`. */
  readonly ratePerAddress: number
  /** How many lines they may send at once before that rate counts. */
  readonly burstPerAddress: number
  /** Whether the limits per address hold for the addresses of this machine, too. */
  readonly limitLoopback: boolean
  /** Longest line, in bytes, without its terminator; a longer one is answered `! too-long`. */
  readonly maxLineBytes: number
  /** Most different names in the head of one line; above it, `! too-many-recipients`. */
  readonly maxRecipients: number
  /** From accept to a login; above it, `! login-timeout`. */
  readonly loginTimeout: Duration.Duration
  /** How long a full queue whose socket takes no byte holds its senders, before it answers them `reason=busy`. */
  readonly holdTimeout: Duration.Duration
  /** How long a socket with something to take may take no byte, before it is closed as `slow-consumer`. */
  readonly stallTimeout: Duration.Duration
  /** How long the drain may last, from the signal to the last close. */
  readonly grace: Duration.Duration
  /** When clients may come back after a shutdown began, for the first of them; the last is told twice as much. */
  readonly returnAfter: Duration.Duration
  /** How long a closed connection may linger until the client's own end, so that its last line is not destroyed. */
  readonly linger: Duration.Duration
  /** Lines that a client's queue holds before its senders are held. */
  readonly outboxLines: number
  /** Bytes that a client's queue holds before its senders are held. */
  readonly outboxBytes: number
  /**
   * Outcomes that one client may be waiting for, one for each recipient of its labelled lines, before it is held: they
   * have to be kept for it whatever its own queue holds.
   */
  readonly maxOutcomes: number
  /** Lines a second that one client may send, with a burst of one second; 0 is no limit. Above it, `! slow-down`. */
  readonly rate: number
}

/** What clients are told to wait after `! full`, and after `reason=busy`. */
export const retryFull = Duration.seconds(5)
export const retryBusy = Duration.seconds(1)

export const defaults: Options = {
  maxConnections: 10_000,
  maxConnectionsPerAddress: 0,
  connectsPerAddress: 0,
  ratePerAddress: 0,
  burstPerAddress: 1_000,
  limitLoopback: false,
  maxLineBytes: 65_536,
  maxRecipients: 1_000,
  loginTimeout: Duration.seconds(10),
  holdTimeout: Duration.seconds(2),
  stallTimeout: Duration.seconds(30),
  grace: Duration.seconds(10),
  returnAfter: Duration.seconds(1),
  linger: Duration.seconds(5),
  outboxLines: 16_384,
  outboxBytes: 1_048_576,
  maxOutcomes: 65_536,
  rate: 0
}
