import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Socket } from "./Transport.js"

/** What the operating system reports about the bytes that it has taken for one socket. */
export interface Transmission {
  /** Bytes that the peer's kernel has not acknowledged, sent or not. At least 1. */
  readonly unacknowledged: number
  /**
   * How many bytes the peer's kernel has acknowledged, on the scale of `ReachabilityProbe.handed`. The two differ if
   * bytes were written while the check was under way.
   */
  readonly acknowledged: { readonly atLeast: number; readonly atMost: number }
  /**
   * How many retransmissions or probes the peer's kernel has left without an answer; it starts again at 0 with each
   * answer. It is 0 for a peer that is alive but does not read: its kernel says that its window is zero.
   */
  readonly attempts: number
  /**
   * For how many milliseconds the system knows at least that attempts have been left without an answer; 0 if it keeps
   * no record. A window is probed ever more rarely, so a check finds out about this silence long after it began.
   */
  readonly silentMillis: number
}

/** What a check has found out about one socket. */
export type Finding =
  | Transmission
  /** The operating system could not be asked. */
  | "unknown"

export interface ReachabilityProbe {
  /**
   * How many bytes the operating system has taken for the socket, as it counts them (over TLS, ciphertext). Undefined
   * if it reports nothing about this socket: then the server never asks `check` about it. Called about once in two
   * seconds for a socket that is written to.
   */
  readonly handed: (socket: Socket) => number | undefined
  /**
   * Returns what the operating system reports about those of the sockets that have unacknowledged bytes. May take some
   * time, during which it must not block the event loop. It never fails: sockets about which nothing could be learned
   * are `unknown`. Those that are left out have no unacknowledged bytes, or are gone.
   */
  readonly check: (sockets: ReadonlyArray<Socket>) => Effect.Effect<ReadonlyMap<Socket, Finding>>
}

/**
 * The port through which a server notices that a peer has vanished: a laptop was closed, a cable was pulled. The kernel
 * takes every small write to such a peer, and keeps retransmitting for a quarter of an hour before it reports an
 * error.
 */
export class Reachability extends Context.Tag("a-chat/Reachability")<Reachability, ReachabilityProbe>() {}

/** Reports nothing, so no peer is ever found to have vanished. */
export const unknownProbe: ReachabilityProbe = { handed: () => undefined, check: () => Effect.succeed(new Map()) }

/** `unknownProbe`, as a layer: for systems other than Linux, and for servers in memory or on Unix sockets only. */
export const none: Layer.Layer<Reachability> = Layer.succeed(Reachability, unknownProbe)
