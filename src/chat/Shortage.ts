import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { DescriptorProbe } from "../ports/Descriptors.js"
import type { Listener, TransportError } from "../ports/Transport.js"
import { oncePerPeriod } from "./RefusalLog.js"

/** How long accepting pauses while resources are short, and how often descriptors are probed. */
const interval = Duration.millis(500)

/** Errors of the whole process rather than of one connection: accepting further connections would also fail. */
const codes = new Set(["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"])

export const isShortage = ({ code }: TransportError): boolean => codes.has(code ?? "")

interface ShortageOptions {
  readonly descriptors: DescriptorProbe
  /** Number of connections that the server serves, for the log. */
  readonly connections: () => number
  /** Whether the server has stopped listening for good. */
  readonly isStopped: () => boolean
}

/** Pauses one listener while descriptors or memory are short, if it can resume. */
export const pausing = ({ connections, descriptors, isStopped }: ShortageOptions) => {
  const { isShort, limit } = descriptors
  // One log for each listener: one may pause while another, which cannot resume, keeps dropping connections.
  const log = oncePerPeriod<{ readonly listener: Listener; readonly effect: string }>(({ effect, listener }) =>
    Effect.annotateLogs(
      Effect.logWarning(`out of file descriptors: ${effect}; raise the limit (ulimit -n, LimitNOFILE=)`),
      {
        address: listener.address.text,
        limit: limit === Infinity ? "unknown" : limit,
        connections: connections()
      }
    )
  )
  let isPausing = false

  const pause = (listener: Listener): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (isPausing || isStopped()) return Effect.void
      const { resume, suspend } = listener
      if (resume === undefined) return log({ listener, effect: "the operating system drops connections" })
      isPausing = true
      return log({ listener, effect: "accepting pauses" }).pipe(
        Effect.zipRight(suspend),
        Effect.zipRight(resumeWhenPossible(resume)),
        Effect.ensuring(
          Effect.sync(() => {
            isPausing = false
          })
        )
      )
    })

  /** Retries until it succeeds, because listening again also needs a descriptor. */
  const resumeWhenPossible = (resume: Effect.Effect<void, TransportError>) =>
    Effect.suspend((): Effect.Effect<void, unknown> => {
      if (isStopped()) return Effect.void
      return isShort?.() === true ? Effect.fail("still short") : resume
    }).pipe(Effect.delay(interval), Effect.eventually)

  /** Probes, because on Linux a shortage raises no error: libuv accepts the surplus connections and closes them. */
  const watch = (listener: Listener): Effect.Effect<void, never, Scope.Scope> => {
    if (isShort === undefined) return Effect.void
    const check = Effect.suspend(() => (isShort() ? pause(listener) : Effect.void))
    return Effect.asVoid(Effect.forkScoped(Effect.forever(Effect.delay(check, interval))))
  }

  return { pause, watch }
}
