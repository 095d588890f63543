import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type { NatsConnection } from "./NatsConnection.js"

/** After a loss and its end are logged, further losses are counted for this time, and then logged as one. */
const period = Duration.seconds(10)

/**
 * Logs that the connection was lost, and that there is one again, until the scope closes: each node goes on after a
 * loss, so an operator would not notice a connection that is lost again and again.
 */
export const report = (
  connection: Pick<NatsConnection, "isUp" | "server" | "use">
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    let losses = 0
    let server: string | undefined = undefined
    const changed = yield* Queue.sliding<void>(1)
    yield* Effect.acquireRelease(
      Effect.sync(() =>
        connection.use({
          up: () => {
            ;({ server } = connection)
            changed.unsafeOffer()
          },
          down: () => {
            losses += 1
            changed.unsafeOffer()
          }
        })
      ),
      (end) => Effect.sync(end)
    )
    const until = (holds: () => boolean) => Effect.repeat(Queue.take(changed), { until: holds })
    let logged = 0
    const next = Effect.gen(function* () {
      if (losses === logged) yield* until(() => losses > logged)
      const suppressed = losses - logged - 1
      logged = losses
      yield* Effect.annotateLogs(Effect.logWarning("the connection to NATS is lost"), { server, suppressed })
      if (!connection.isUp) yield* until(() => connection.isUp)
      yield* Effect.annotateLogs(Effect.logInfo("connected to NATS again"), { server })
      yield* Effect.sleep(period)
    })
    yield* Effect.forkScoped(Effect.forever(next))
  })
