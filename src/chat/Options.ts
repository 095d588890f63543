import * as Duration from "effect/Duration"
import * as Record from "effect/Record"
import { limits, type LimitValues } from "./Limits.js"

/**
 * The options of a server: a value for each row of `Limits`, and `linger`. The comments repeat the rows, so that an
 * editor shows them; a test compares the two.
 */
export interface Options extends LimitValues {
  /** Connections served at once; further clients get `! full`. Default: 10,000. */
  readonly maxConnections: number
  /**
   * Connections served at once from one address (IPv6: one /64 network); further clients get `! full`. Default: 0,
   * which means off.
   */
  readonly maxConnectionsPerAddress: number
  /** New connections per minute from one address; further clients get `! full`. Default: 0, which means off. */
  readonly connectsPerAddress: number
  /**
   * Lines per second from all clients of one address together; beyond it they get `! slow-down`. Default: 0, which
   * means off.
   */
  readonly ratePerAddress: number
  /** Lines that the clients of one address may send at once before --rate-per-address applies. Default: 1,000. */
  readonly burstPerAddress: number
  /** Apply the limits per address to this machine's own addresses, too. Default: off. */
  readonly limitLoopback: boolean
  /** Bytes in a line, without its terminator; a longer line is skipped and gets `! too-long`. Default: 64 KiB. */
  readonly maxLineBytes: number
  /** Recipients of one line; a line with more gets `! too-many-recipients`. Default: 1,000. */
  readonly maxRecipients: number
  /** Time from connecting to the login; slower clients get `! login-timeout` and are closed. Default: 10 s. */
  readonly loginTimeout: Duration.Duration
  /**
   * Time for which a recipient that takes nothing holds its senders; then their lines come back as `busy`. Default: 2
   * s.
   */
  readonly holdTimeout: Duration.Duration
  /**
   * Time after which a recipient that takes nothing, or whose kernel acknowledges nothing, is closed and its queue is
   * returned; at least --hold-timeout. Default: 30 s.
   */
  readonly stallTimeout: Duration.Duration
  /** Time to deliver accepted lines at shutdown; the rest is then returned, counted and logged. Default: 10 s. */
  readonly grace: Duration.Duration
  /**
   * Reconnect delay announced at shutdown to clients that sent /hello; spread between this and twice this. Default: 1
   * s.
   */
  readonly returnAfter: Duration.Duration
  /** Lines that wait for one recipient; beyond it, its senders are held until there is room. Default: 16,384. */
  readonly outboxLines: number
  /** Bytes that wait for one recipient; beyond it, its senders are held until there is room. Default: 1 MiB. */
  readonly outboxBytes: number
  /**
   * Outcomes of labelled lines to others that one client waits for; beyond it, the client is held until half have
   * arrived. Default: 65,536.
   */
  readonly maxOutcomes: number
  /**
   * Memory for queues, unfinished lines, HTTP requests and connections together; near it the largest queues stop
   * growing, then new connections get `! full` and senders `busy`, and at last the largest connections are closed.
   * Default: two fifths of the heap limit of V8, or of the control group.
   */
  readonly maxMemory: number
  /** Searches per second from one client; beyond it `/search` is refused as `limit`. Default: 4. */
  readonly searchRate: number
  /** Lines per second from one client; beyond it the client gets `! slow-down`. Default: 0, which means off. */
  readonly rate: number
  /**
   * How long a closed connection may linger until the client ends its side. Otherwise the kernel would reset a
   * connection whose client is still sending, and the client could lose the last lines. Default: 5 s.
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
