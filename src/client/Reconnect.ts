import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Time from "../ports/Time.js"
import { TransportError } from "../ports/Transport.js"
import * as Backoff from "./Backoff.js"
import { LoginRefused } from "./Client.js"
import * as Servers from "./Servers.js"
import type { Elsewhere } from "./Servers.js"

/** The connection ended, and reconnecting is off. */
export class ConnectionGone extends Data.TaggedError("ConnectionGone")<{
  readonly cause: TransportError | LoginRefused
}> {
  override get message() {
    return this.cause.message
  }
}

export type ReconnectEvent =
  /** The connection is lost; the next attempt follows after `delay`. */
  | {
      readonly _tag: "Lost"
      readonly why: string
      readonly delay: Duration.Duration
      readonly cause: TransportError | LoginRefused
    }
  /** The client is connected again. */
  | { readonly _tag: "Back" }

export interface ReconnectOptions<A, E, R> {
  /**
   * Runs one connection from beginning to end. Calls `up` once the login is accepted, and `closing` with the delay that
   * the server requests when it shuts down. Fails if the connection ends before the work is done.
   */
  readonly session: (
    up: Effect.Effect<void>,
    closing: (returnMillis: number | undefined) => void
  ) => Effect.Effect<A, E | TransportError | LoginRefused, R | Scope.Scope>
  /** If false, the end of the first connection is final: `ConnectionGone`. */
  readonly reconnect: boolean
  readonly report: (event: ReconnectEvent) => Effect.Effect<void>
  /**
   * The delays between attempts; by default `Backoff.schedule`. When the schedule ends, the end of a connection is
   * final.
   */
  readonly backoff?: Schedule.Schedule<unknown> | undefined
  /** The other servers of the same chat; none by default. */
  readonly elsewhere?: Elsewhere | undefined
}

/**
 * Runs sessions one after another until one succeeds. An error before the first session is up means that the flags are
 * wrong or that no server is there, so it fails with that error, unless another server may take the client.
 */
export const keep = <A, E, R>(
  options: ReconnectOptions<A, E, R>
): Effect.Effect<A, E | TransportError | LoginRefused | ConnectionGone, Exclude<R, Scope.Scope>> =>
  Effect.gen(function* () {
    let wasUp = false
    let upSince: number | undefined = undefined
    let returnMillis: number | undefined = undefined
    const { elsewhere = nowhere } = options
    let untried = elsewhere.others
    const backoff = yield* Backoff.make(options.backoff, elsewhere.others)

    const up = Effect.suspend(() => {
      if (upSince !== undefined) return Effect.void
      const again = wasUp
      wasUp = true
      return Effect.flatMap(Time.now, (now) => {
        upSince = now
        return again ? options.report({ _tag: "Back" }) : Effect.void
      })
    })

    const lost = (error: E | TransportError | LoginRefused) =>
      Effect.gen(function* () {
        if (!isLoss(error)) return yield* Effect.fail(error)
        if (!wasUp && (untried === 0 || !Servers.mayTake(elsewhere, error))) return yield* Effect.fail(error)
        if (wasUp && !options.reconnect) return yield* new ConnectionGone({ cause: error })
        if (error._tag === "LoginRefused" && !mayPass(error)) return yield* Effect.fail(error)
        if (!wasUp) untried -= 1
        const upMillis = upSince === undefined ? 0 : (yield* Time.now) - upSince
        const retryMillis = error._tag === "LoginRefused" ? error.retryMillis : undefined
        const end = { upMillis, returnMillis, retryMillis, hasTriedAll: elsewhere.hasTriedAll() }
        upSince = undefined
        returnMillis = undefined
        const report = (delay: Duration.Duration) =>
          options.report({ _tag: "Lost", why: error.message, delay, cause: error })
        yield* elsewhere.leave
        yield* Effect.orElseFail(backoff.wait(end, report), () => error)
        return Option.none<A>()
      })

    const closing = (millis: number | undefined) => void (returnMillis = millis)

    for (;;) {
      const result = yield* Effect.catchAll(Effect.asSome(Effect.scoped(options.session(up, closing))), lost)
      if (Option.isSome(result)) return result.value
    }
  })

const nowhere: Elsewhere = { others: 0, hasTriedAll: () => false, leave: Effect.void }

const isLoss = (error: unknown): error is TransportError | LoginRefused =>
  error instanceof TransportError || error instanceof LoginRefused

/**
 * Whether a refusal is temporary. `login-in-use` is: the server may not yet have noticed that our old connection ended.
 */
export const mayPass = (refused: LoginRefused): boolean =>
  refused.code === "login-in-use" || refused.retryMillis !== undefined
