import * as Duration from "effect/Duration"
import { defaultLimit } from "./Budget.js"

/**
 * The limits of a server, one row each. Everything else is derived from these rows: the type `Options` and its
 * defaults, the flags of `a-chat serve` with their ranges and help texts, the settings file, which limits can change
 * while a server runs, and the table in the documentation.
 */

interface Row<A> {
  /** One sentence without its period: what is limited, in which unit, and what happens beyond it. */
  readonly about: string
  readonly default: A
  /** The default in words, if it depends on the machine. */
  readonly defaultText?: string
  /** Whether it can change while the server runs. */
  readonly live: boolean
}

interface Range<A> extends Row<A> {
  /** The smallest and the largest value allowed. */
  readonly min: A
  readonly max: A
  /** Whether 0 is also allowed. It is written `off` and means no limit. */
  readonly off?: boolean
}

interface Named {
  /** The name of the flag without its dashes, and of the setting in a file: `max-line`. */
  readonly name: string
}

interface Count extends Range<number>, Named {
  readonly kind: "count"
}

interface Bytes extends Range<number>, Named {
  readonly kind: "bytes"
}

interface Time extends Range<Duration.Duration>, Named {
  readonly kind: "duration"
}

interface Toggle extends Row<boolean>, Named {
  readonly kind: "toggle"
}

export type Limit = Count | Bytes | Time | Toggle

const count = (name: string, row: Range<number>): Count => ({ kind: "count", name, ...row })
const bytes = (name: string, row: Range<number>): Bytes => ({ kind: "bytes", name, ...row })
const duration = (name: string, row: Range<Duration.Duration>): Time => ({ kind: "duration", name, ...row })
/** A boolean flag takes no value, so it can only turn something on. */
const toggle = (name: string, row: Omit<Row<boolean>, "default">): Toggle => ({
  kind: "toggle",
  name,
  default: false,
  ...row
})

const KiB = 2 ** 10
const MiB = 2 ** 20
const GiB = 2 ** 30

export const limits = {
  maxConnections: count("max-connections", {
    about: "Connections served at once; further clients get `! full`",
    default: 10_000,
    min: 1,
    max: 100_000,
    live: true
  }),
  /** Does not apply to clients of a Unix socket, which have no address. */
  maxConnectionsPerAddress: count("max-connections-per-address", {
    about: "Connections served at once from one address (IPv6: one /64 network); further clients get `! full`",
    default: 0,
    min: 1,
    max: 100_000,
    off: true,
    live: true
  }),
  connectsPerAddress: count("connects-per-address", {
    about: "New connections per minute from one address; further clients get `! full`",
    default: 0,
    min: 1,
    max: 1_000_000,
    off: true,
    live: true
  }),
  ratePerAddress: count("rate-per-address", {
    about: "Lines per second from all clients of one address together; beyond it they get `! slow-down`",
    default: 0,
    min: 1,
    max: 10_000_000,
    off: true,
    live: true
  }),
  burstPerAddress: count("burst-per-address", {
    about: "Lines that the clients of one address may send at once before --rate-per-address applies",
    default: 1_000,
    min: 1,
    max: 10_000_000,
    live: true
  }),
  limitLoopback: toggle("limit-loopback", {
    about: "Apply the limits per address to this machine's own addresses, too",
    live: true
  }),
  /** A change applies to connections accepted afterwards. */
  maxLineBytes: bytes("max-line", {
    about: "Bytes in a line, without its terminator; a longer line is skipped and gets `! too-long`",
    default: 64 * KiB,
    min: 64,
    max: MiB,
    live: true
  }),
  maxRecipients: count("max-recipients", {
    about: "Recipients of one line; a line with more gets `! too-many-recipients`",
    default: 1_000,
    min: 1,
    max: 100_000,
    live: true
  }),
  loginTimeout: duration("login-timeout", {
    about: "Time from connecting to the login; slower clients get `! login-timeout` and are closed",
    default: Duration.seconds(10),
    min: Duration.millis(100),
    max: Duration.minutes(10),
    live: true
  }),
  holdTimeout: duration("hold-timeout", {
    about: "Time for which a recipient that takes nothing holds its senders; then their lines come back as `busy`",
    default: Duration.seconds(2),
    min: Duration.millis(10),
    max: Duration.minutes(10),
    live: true
  }),
  stallTimeout: duration("stall-timeout", {
    about:
      "Time after which a recipient that takes nothing, or whose kernel acknowledges nothing, is closed and its " +
      "queue is returned; at least --hold-timeout",
    default: Duration.seconds(30),
    min: Duration.millis(100),
    max: Duration.minutes(60),
    live: true
  }),
  grace: duration("grace", {
    about: "Time to deliver accepted lines at shutdown; the rest is then returned, counted and logged",
    default: Duration.seconds(10),
    min: Duration.zero,
    max: Duration.minutes(10),
    live: true
  }),
  returnAfter: duration("return-after", {
    about: "Reconnect delay announced at shutdown to clients that sent /hello; spread between this and twice this",
    default: Duration.seconds(1),
    min: Duration.zero,
    max: Duration.minutes(60),
    live: true
  }),
  outboxLines: count("outbox-lines", {
    about: "Lines that wait for one recipient; beyond it, its senders are held until there is room",
    default: 16_384,
    min: 16,
    max: 10_000_000,
    live: true
  }),
  outboxBytes: bytes("outbox-bytes", {
    about: "Bytes that wait for one recipient; beyond it, its senders are held until there is room",
    default: MiB,
    min: KiB,
    max: GiB,
    live: true
  }),
  /** A labelled line has one outcome for each recipient. Outcomes may exceed the bounds of the sender's queue. */
  maxOutcomes: count("max-outcomes", {
    about:
      "Outcomes of labelled lines to others that one client waits for; beyond it, the client is held until half " +
      "have arrived",
    default: 65_536,
    min: 1,
    max: 10_000_000,
    live: true
  }),
  /** See `Budget`. */
  maxMemory: bytes("max-memory", {
    about:
      "Memory for queues, unfinished lines, HTTP requests and connections together; near it the largest queues stop " +
      "growing, then new connections get `! full` and senders `busy`, and at last the largest connections are closed",
    default: defaultLimit(),
    defaultText: "two fifths of the heap limit of V8, or of the control group",
    min: MiB,
    max: 1_024 * GiB,
    live: true
  }),
  /** For clients that may read the history. The burst is one second's worth. */
  searchRate: count("search-rate", {
    about: "Searches per second from one client; beyond it `/search` is refused as `limit`",
    default: 4,
    min: 1,
    max: 1_000,
    off: true,
    live: true
  }),
  /** The burst is one second's worth. */
  rate: count("rate", {
    about: "Lines per second from one client; beyond it the client gets `! slow-down`",
    default: 0,
    min: 1,
    max: 1_000_000,
    off: true,
    live: true
  })
}

export type Limits = typeof limits

/** The values of the limits. */
export type LimitValues = { readonly [Name in keyof Limits]: Limits[Name]["default"] }

/**
 * The number of connections above the limit that can be refused with `! full` at the same time. Further connections are
 * dropped without a reply.
 */
export const refusalSlots = (maxConnections: number): number => Math.min(1024, Math.max(16, maxConnections >> 4))
