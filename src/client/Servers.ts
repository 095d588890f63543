import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { TransportError, type Socket } from "../ports/Transport.js"
import type { LoginRefused } from "./Login.js"

/** The servers of one chat. A client can connect to any of them. */

/** The other servers, for a client that has lost a server, or was refused by it. */
export interface Elsewhere {
  /** The number of servers besides the one that the client uses. */
  readonly others: number
  /** Whether the latest attempt has tried every server, and none accepted the connection. */
  readonly hasTriedAll: () => boolean
  /** Moves the server of the latest attempt to the end of the order, and shuffles the others before it. */
  readonly leave: Effect.Effect<void>
}

export interface Servers<R = never> extends Elsewhere {
  /**
   * Connects to the first server that accepts the connection, in the given order, or the one that `leave` has set. If
   * none does, fails with all their reasons.
   */
  readonly socket: Effect.Effect<Socket, TransportError, R>
}

/** @param connects for each server, the effect that connects to it */
export const make = <R>(connects: NonEmptyReadonlyArray<Effect.Effect<Socket, TransportError, R>>): Servers<R> => {
  let order: ReadonlyArray<Effect.Effect<Socket, TransportError, R>> = connects
  let current = 0
  let hasTriedAll = false
  const from = (at: number, failures: ReadonlyArray<TransportError>): Effect.Effect<Socket, TransportError, R> =>
    Effect.suspend(() => {
      const connect = order[at]
      if (connect === undefined) {
        hasTriedAll = true
        return Effect.fail(together(failures))
      }
      current = at
      return Effect.catchAll(connect, (error) => from(at + 1, [...failures, error]))
    })
  return {
    others: connects.length - 1,
    socket: Effect.suspend(() => {
      hasTriedAll = false
      return from(0, [])
    }),
    hasTriedAll: () => hasTriedAll,
    leave: Effect.suspend(() => {
      const others = order.filter((_, at) => at !== current)
      return Effect.map(Random.shuffle(others), (shuffled) => {
        order = [...Chunk.toReadonlyArray(shuffled), ...order.slice(current, current + 1)]
        current = order.length - 1
      })
    })
  }
}

/** Combines failures into one: all reasons, the hint if all have the same, and the last cause. */
const together = (failures: ReadonlyArray<TransportError>): TransportError => {
  const [first, ...others] = failures
  const last = failures.at(-1)
  if (first === undefined || last === undefined || others.length === 0) return last ?? noServers
  return new TransportError({
    during: "Connect",
    reason: failures.map(({ reason }) => reason).join("; "),
    hint: others.every(({ hint }) => hint === first.hint) ? first.hint : undefined,
    code: last.code,
    cause: last.cause
  })
}

const noServers = new TransportError({ during: "Connect", reason: "there is no server to connect to" })

/**
 * Whether another server may accept a client that this one did not: this one was reachable but did not answer, or its
 * refusal is temporary.
 */
export const mayTake = ({ hasTriedAll, others }: Elsewhere, error: TransportError | LoginRefused): boolean =>
  others > 0 && (error._tag === "LoginRefused" ? error.retryMillis !== undefined : !hasTriedAll())

/**
 * The time before a client connects to another server: random, up to half a second, so that the clients of a lost
 * server do not all reach the others at the same moment.
 */
export const pause: Effect.Effect<Duration.Duration> = Effect.map(Random.next, (part) => Duration.millis(500 * part))
