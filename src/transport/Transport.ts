import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/**
 * The port between the chat and whatever carries its bytes. `Tcp`, `Tls`, `Unix`, `Inherited` and `Memory` are its
 * adapters; the chat itself knows nothing but this file.
 */

/** Where a server listens or a client connects. */
export type Address =
  | { readonly _tag: "Tcp"; readonly host: string; readonly port: number }
  | { readonly _tag: "Tls"; readonly host: string; readonly port: number }
  | { readonly _tag: "Unix"; readonly path: string }
  /** A socket that another program has opened, and its name there. */
  | { readonly _tag: "Inherited"; readonly descriptor: number; readonly name: string }
  | { readonly _tag: "Memory" }

/**
 * An address as a person writes it: `127.0.0.1:8080`, `[::1]:8080`, `tls://[::1]:8443`, `unix:/run/chat.sock`,
 * `fd://chat`.
 */
export const showAddress = (address: Address): string => {
  switch (address._tag) {
    case "Tls":
      return `tls://${showAddress({ ...address, _tag: "Tcp" })}`
    case "Tcp":
      return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
    case "Unix":
      return `unix:${address.path}`
    case "Inherited":
      return `fd://${address.name}`
    case "Memory":
      return "memory"
  }
}

/** Whether only this machine reaches that address. */
export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || host.startsWith("127.") || host.startsWith("::ffff:127.")

/** Something the network or the system did; what a peer says wrong is never one of these. */
export class TransportError extends Data.TaggedError("TransportError")<{
  readonly during: "Listen" | "Connect" | "Read" | "Write"
  /** What happened and what to do about it, in one line. */
  readonly reason: string
  /** The system's name for it (`EADDRINUSE`, `ECONNRESET`), where it has one. */
  readonly code?: string | undefined
  readonly cause?: unknown
}> {
  override get message() {
    return this.reason
  }
}

/** What a socket tells its owner: synchronously, in order, and nothing after `closed`. */
export interface SocketEvents {
  /** Bytes arrived. The array belongs to the handler from now on. */
  readonly data: (bytes: Uint8Array) => void
  /** The peer ended its sending half, in order. It may still read. */
  readonly end: () => void
  /** The connection is gone in both directions; `error` says what broke it, if it was broken. */
  readonly closed: (error: TransportError | undefined) => void
}

/**
 * One connection: bytes in both directions. Bytes to be written travel as strings of one character per byte (latin1),
 * which Node hands to the kernel without converting them.
 */
export interface Socket {
  /** The peer's address for people and logs. */
  readonly remote: string
  /** The peer's host without its port, for limits per address; empty where there is none (a Unix socket). */
  readonly host: string
  /**
   * The name that the peer has proven, as the common name of its certificate; absent where nothing is proven. There when
   * the first bytes are. A peer that has one may log in with it, and with no other.
   */
  readonly identity?: string | undefined
  /** Starts the delivery of events. Called once, in the turn in which the socket was handed over. */
  attach(events: SocketEvents): void
  /** Stops reading; the kernel's window then holds the peer back. Idempotent, as is `resume`. */
  pause(): void
  resume(): void
  /** Finds out whether the peer broke the connection while it was not read from; `closed` tells, if so. */
  probe(): void
  /** Hands bytes over; true when the kernel has taken everything so far. After false, wait for `taken` first. */
  write(bytes: string): boolean
  /** How many of the bytes handed over the kernel has not taken; after the end: had not taken when last known. */
  untaken(): number
  /** Waits until the kernel has taken everything; fails when the connection ends before that. For one waiter at a time. */
  readonly taken: Effect.Effect<void, TransportError>
  /** Shuts the sending half down behind what was written; reading goes on. Idempotent. */
  end(): void
  /**
   * Ends in order: half-closes behind what was written, reads and discards until the peer's end or the deadline, then
   * destroys. Closing with unread input would make the kernel send a reset, which destroys what it had already taken.
   */
  close(linger: Duration.Duration): Effect.Effect<void>
  /** Ends at once; what was not taken is lost. Idempotent. */
  destroy(): void
}

/** What a listener tells the accept loop; none of these ends it. */
export interface ListenerEvents {
  readonly accepted: (socket: Socket) => void
  /** The system refused a connection before this program saw it: over `hardLimit`. */
  readonly dropped: () => void
  /** Accepting failed, for one connection or for want of resources (`EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM`). */
  readonly failed: (error: TransportError) => void
}

export interface Listener {
  /** Where it listens; the port is the real one when 0 was asked for. */
  readonly address: Address
  /** Whether every peer here proves its name (`Socket.identity`). */
  readonly identifies?: boolean
  /** Stops listening; accepted connections stay. */
  readonly suspend: Effect.Effect<void>
  /** Listens again at the same address; absent where that is impossible, and to suspend is for good. */
  readonly resume?: Effect.Effect<void, TransportError>
}

/** Starts to listen; the scope's end stops it. */
export type Listen = (options: {
  readonly events: ListenerEvents
  /** Connections that the system itself stops at, a little above the limit that the server answers at. */
  readonly hardLimit: number
}) => Effect.Effect<Listener, TransportError, Scope.Scope>
