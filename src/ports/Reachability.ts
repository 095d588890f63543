import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Socket } from "./Transport.js"

/** The operating system's report about the bytes that it has taken for one socket. */
export interface Transmission {
  /** Bytes that the peer's kernel has not acknowledged, sent or not. At least 1. */
  readonly unacknowledged: number
  /**
   * How many bytes the peer's kernel has acknowledged, on the scale of `ReachabilityProbe.handed`. The two differ if
   * bytes were written while the check was under way.
   */
  readonly acknowledged: { readonly atLeast: number; readonly atMost: number }
  /**
   * How many consecutive retransmissions or probes the peer's kernel has not answered. It is 0 for a peer that is alive
   * but does not read, because its kernel announces a zero window.
   */
  readonly attempts: number
  /**
   * For how many milliseconds, at least, attempts have been unanswered; 0 if the system keeps no record. Zero windows
   * are probed at growing intervals, so a check may notice this silence long after it began.
   */
  readonly silentMillis: number
}

/** The result of a check of one socket. */
export type Finding =
  | Transmission
  /** The operating system could not be asked. */
  | "unknown"

export interface ReachabilityProbe {
  /**
   * How many bytes the operating system has taken for the socket, by its own count (over TLS, ciphertext). Undefined if
   * it reports nothing about this socket, which is then never passed to `check`. Called about every two seconds for a
   * socket that is written to.
   */
  readonly handed: (socket: Socket) => number | undefined
  /**
   * Returns the operating system's report for each socket with unacknowledged bytes. May take some time, but must not
   * block the event loop. Never fails: sockets without a report are `unknown`. Omitted sockets have no unacknowledged
   * bytes, or are gone.
   */
  readonly check: (sockets: ReadonlyArray<Socket>) => Effect.Effect<ReadonlyMap<Socket, Finding>>
}

/**
 * The port through which a server notices that a peer has vanished, because a laptop was closed or a cable pulled. The
 * kernel accepts small writes to such a peer and retransmits for a quarter of an hour before it reports an error.
 */
export class Reachability extends Context.Tag("a-chat/Reachability")<Reachability, ReachabilityProbe>() {}

/** Reports nothing, so no peer is ever found to have vanished. */
export const unknownProbe: ReachabilityProbe = { handed: () => undefined, check: () => Effect.succeed(new Map()) }

/** `unknownProbe`, as a layer: for systems other than Linux, and for servers in memory or on Unix sockets only. */
export const none: Layer.Layer<Reachability> = Layer.succeed(Reachability, unknownProbe)
