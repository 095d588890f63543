import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Time from "../ports/Time.js"

/** Each kind of entry is logged at most once in this period, with the number of entries suppressed since the last. */
const period = Duration.seconds(10)

/** Logs why clients cannot connect, so that a flood of refusals does not fill the log. */
export interface RefusalLog {
  /** The server refuses clients: it has reached its limit of connections, or used up its memory. */
  readonly full: Effect.Effect<void>
  /** A host has reached one of its limits. */
  readonly crowded: (host: string) => Effect.Effect<void>
  /** Connections are dropped without a reply: even the refusals have reached their limit. */
  readonly dropped: Effect.Effect<void>
  readonly failed: (reason: string) => Effect.Effect<void>
}

/** @param usage the server's current usage, for the log */
export const make = (usage: () => { readonly connections: number; readonly memoryBytes: number }): RefusalLog => {
  const full = oncePerPeriod<void>(() =>
    Effect.annotateLogs(
      Effect.logWarning("full: clients are refused; raise max-connections or max-memory, or check who is connecting"),
      usage()
    )
  )
  const crowded = oncePerPeriod<string>((host) =>
    Effect.annotateLogs(Effect.logWarning("an address is refused: too many connections, or too many new ones"), {
      host
    })
  )
  const dropped = oncePerPeriod<void>(() =>
    Effect.annotateLogs(Effect.logWarning("full: the operating system drops connections without a reply"), {
      connections: usage().connections
    })
  )
  const failed = oncePerPeriod<string>((reason) => Effect.logWarning(reason))
  return { full: full(), crowded, dropped: dropped(), failed }
}

/** Logs at most once in a period, and annotates the entry with the number suppressed since the last one. */
export const oncePerPeriod = <A>(log: (about: A) => Effect.Effect<void>): ((about: A) => Effect.Effect<void>) => {
  let last = -Infinity
  let suppressed = 0
  return (about) =>
    Effect.clockWith((clock) => {
      const now = Time.of(clock).now()
      if (now - last < Duration.toMillis(period)) {
        suppressed += 1
        return Effect.void
      }
      const annotated = Effect.annotateLogs(log(about), { suppressed })
      last = now
      suppressed = 0
      return annotated
    })
}
