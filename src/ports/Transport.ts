import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/**
 * The port between the chat and its transports. The folder `transport/` has the adapters; the chat imports only this
 * file.
 */

/** Where a server listens or a client connects. Adapters create addresses, and may add fields. */
export interface Address {
  /** The address as people write it: `127.0.0.1:8080`, `tls://[::1]:8443`, `unix:/run/chat.sock`. */
  readonly text: string
  /** Whether only programs on this machine can connect. */
  readonly isLocal: boolean
  /** Whether the bytes are encrypted on their way. */
  readonly isEncrypted: boolean
  /** The host to connect to, where the address has one. */
  readonly host?: string | undefined
  /** The port to connect to, where the address has one. A listener's address has the real port in place of 0. */
  readonly port?: number | undefined
}

/** Whether the host is this machine. */
export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || host.startsWith("127.") || host.startsWith("::ffff:127.")

/** The usual remedy for a `TransportError`, which a program words in terms of its own settings. */
export type Hint =
  /** Another program listens on that port. */
  | "port-in-use"
  /** That port needs a privilege (below 1024). */
  | "port-not-permitted"
  /** No network interface of this machine has that address. */
  | "no-such-interface"
  /** The host name cannot be resolved. */
  | "unknown-host"
  /** The host does not reply. */
  | "unreachable"
  /** The host refuses the connection: no program listens on that port. */
  | "no-server"
  /** The path of the Unix socket does not exist. */
  | "no-such-path"
  /** The path of the Unix socket is taken, by another server or by a file of another kind. */
  | "path-in-use"
  /** The file system does not allow this user to use the path. */
  | "path-not-permitted"
  /** The operating system does not support a path of that length for a Unix socket. */
  | "path-too-long"
  /** The inherited descriptor is not a listening stream socket. */
  | "not-a-listening-socket"
  /** The server does not speak TLS. */
  | "not-tls"
  /** The server's certificate is for another name. */
  | "other-certificate-name"
  /** No trusted authority has signed the server's certificate. */
  | "untrusted-certificate"
  /** The server requires a client certificate. */
  | "client-certificate-required"

/** A failure of the network or the operating system, never a mistake of the peer. */
export class TransportError extends Data.TaggedError("TransportError")<{
  readonly during: "Listen" | "Connect" | "Read" | "Write"
  /** What happened, in one line. */
  readonly reason: string
  readonly hint?: Hint | undefined
  /** The operating system's name of the error (`EADDRINUSE`, `ECONNRESET`), where it has one. */
  readonly code?: string | undefined
  readonly cause?: unknown
}> {
  override get message() {
    return this.reason
  }
}

/** The events of a socket, reported to its owner synchronously and in order. None after `closed`. */
export interface SocketEvents {
  /** Bytes arrived. The handler owns the array from now on. */
  readonly data: (bytes: Uint8Array) => void
  /** The peer ended its sending half in an orderly way. It may still read. */
  readonly end: () => void
  /** The connection is gone in both directions. `error` is what broke it; undefined after an orderly end. */
  readonly closed: (error: TransportError | undefined) => void
}

/** For a socket whose events no longer matter. */
export const ignoreEvents: SocketEvents = { data: () => {}, end: () => {}, closed: () => {} }

/** The longest delay of a Node timer. Node fires a timer with a longer delay immediately. */
export const maxTimerMillis = 2 ** 31 - 1

/**
 * One connection: bytes in both directions. Bytes to write are strings with one character per byte (latin1), which Node
 * passes to the kernel without converting them.
 */
export interface Socket {
  /** The peer's address, for people and logs. */
  readonly remote: string
  /** The peer's host without its port, for limits per host; empty where there is none (a Unix socket). */
  readonly host: string
  /**
   * The name that the peer has proven: the common name of its certificate. Absent where nothing is proven. Known before
   * the first bytes arrive. A peer that has one may log in under that name only.
   */
  readonly identity?: string | undefined
  /**
   * Whether nobody else can read the bytes, because they are encrypted or stay within one machine. Absent means no.
   * Known before the first bytes arrive.
   */
  readonly isPrivate?: boolean
  /** Starts the delivery of events. Must be called once, in the turn in which the socket was handed over. */
  attach(events: SocketEvents): void
  /** Stops reading; the peer is then held back by the kernel's window. Idempotent, like `resume`. */
  pause(): void
  /** Reads again. */
  resume(): void
  /** Checks whether the peer broke the connection while it was paused. If so, `closed` follows. */
  probe(): void
  /**
   * Hands bytes over. True if the kernel has taken everything so far; after false, wait for `taken` before the next
   * write.
   */
  write(bytes: string): boolean
  /**
   * How many of the bytes handed over the kernel has not taken; once the connection has ended: the last known number.
   */
  untaken(): number
  /**
   * Whether the server itself withholds bytes that were handed over, so that the peer is not to blame if none are
   * taken. Absent means no.
   */
  readonly isHeld?: boolean
  /**
   * Waits until the kernel has taken everything. Fails if the connection ends first. Only one fiber may wait at a time.
   */
  readonly taken: Effect.Effect<void, TransportError>
  /** Ends the sending half after what was written; reading continues. Idempotent. */
  end(): void
  /**
   * Closes in an orderly way: ends the sending half after what was written, reads and discards until the peer's end or
   * the deadline, then destroys. If a socket with unread input were closed, the kernel would send a reset, which
   * destroys what it has taken but not yet delivered.
   */
  close(linger: Duration.Duration): Effect.Effect<void>
  /** Closes immediately; bytes that the kernel has not taken are lost. Idempotent. */
  destroy(): void
}

/** The events of a listener. None of them ends it. */
export interface ListenerEvents {
  /** A client has connected. The handler owns the socket, and must `attach` in the same turn. */
  readonly accepted: (socket: Socket) => void
  /** The operating system dropped a connection that this process never saw: it was over `hardLimit`. */
  readonly dropped: () => void
  /** Accepting failed, for one connection or for lack of resources (`EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM`). */
  readonly failed: (error: TransportError) => void
}

export interface Listener {
  /** Where it listens, with the real port in place of 0. */
  readonly address: Address
  /** Whether every peer proves its name (`Socket.identity`). */
  readonly identifies?: boolean
  /** Stops listening; accepted connections stay. */
  readonly suspend: Effect.Effect<void>
  /** Listens again at the same address. Absent where that is impossible: then `suspend` is final. */
  readonly resume?: Effect.Effect<void, TransportError>
}

/** Memory that a listener uses for anything but chat connections, such as HTTP requests. */
export interface MemoryUse {
  /** How many more bytes it may use now. */
  readonly share: number
  /** Adds to the bytes in use; a negative number releases bytes. */
  readonly use: (bytes: number) => void
}

export interface ListenOptions {
  readonly events: ListenerEvents
  /** Part of the server's memory budget. Absent: unlimited. */
  readonly memory?: MemoryUse
  /**
   * Connections above which the operating system drops new ones. A little above the limit at which the server refuses.
   */
  readonly hardLimit: number
}

/** Starts to listen, until the scope closes. */
export type Listen = (options: ListenOptions) => Effect.Effect<Listener, TransportError, Scope.Scope>
