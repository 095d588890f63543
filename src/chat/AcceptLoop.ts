import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import * as Reply from "../protocol/Reply.js"
import * as Metrics from "../telemetry/Metrics.js"
import { showAddress, type Listen, type Listener, type Socket, type TransportError } from "../transport/Transport.js"
import type { Addresses } from "./Addresses.js"
import { connectionBytes, type Budget } from "./Budget.js"
import { retryFull, type Options } from "./Options.js"

/** What the accept loop asks about file descriptors. */
export interface DescriptorProbe {
  /** The limit of this process, for the hint in the log. */
  readonly limit: number
  /** False when no descriptor is left. */
  readonly available: () => boolean
}

/** How long accepting pauses when resources are short, and how often the probe looks. */
const pause = Duration.millis(500)

/** A full server, or a shortage at a listener, is logged once in this time, however many clients it concerns. */
const logPeriod = Duration.seconds(10)

/** How many connections above the limit are answered `! full` at a time; beyond them the system drops without a word. */
export const refusalSlots = (maxConnections: number): number => Math.min(1024, Math.max(16, maxConnections >> 4))

/** How long a refused client may take to read why. */
const refusalLinger = Duration.seconds(1)

/** What concerns the whole process, and not one connection: accepting more would fail, too. */
const shortages = new Set(["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"])

/**
 * Accepts connections on any number of listeners, up to one limit over all of them. Nothing that goes wrong with one
 * connection ends it; a shortage of descriptors or memory pauses each listener that can go on later.
 */
export interface AcceptLoop {
  /** Listens until the scope ends. */
  readonly listen: (listen: Listen) => Effect.Effect<Listener, TransportError, Scope.Scope>
  /** Stops listening everywhere, for good. */
  readonly stop: Effect.Effect<void>
}

export const make = (options: {
  /** They may change while it runs. */
  readonly limits: Pick<Options, "maxConnections">
  readonly addresses: Addresses
  readonly budget: Budget
  readonly descriptors: DescriptorProbe | undefined
  readonly fork: (effect: Effect.Effect<unknown>) => Fiber.RuntimeFiber<unknown>
  readonly serve: (socket: Socket) => Effect.Effect<unknown>
}): Effect.Effect<AcceptLoop, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { addresses, budget, descriptors, fork, limits, serve } = options
    const slots = refusalSlots(limits.maxConnections)
    const background = yield* FiberSet.makeRuntime<never>()
    let served = 0
    let refused = 0

    const logFull = oncePer(logPeriod, (suppressed) =>
      Effect.annotateLogs(
        Effect.logWarning(
          "full: clients are refused; raise --max-connections or --max-memory, or check who is connecting"
        ),
        {
          connections: served,
          memoryBytes: budget.used,
          suppressed
        }
      )
    )
    const logCrowded = oncePer(logPeriod, (suppressed, host) =>
      Effect.annotateLogs(
        Effect.logWarning("an address has too many connections, or too many new ones; it is refused"),
        {
          host,
          suppressed
        }
      )
    )
    const logDropped = oncePer(logPeriod, (suppressed) =>
      Effect.annotateLogs(Effect.logWarning("full: the system drops connections without a word"), {
        connections: served,
        suppressed
      })
    )
    const logFailed = oncePer(logPeriod, (suppressed, reason) =>
      Effect.annotateLogs(Effect.logWarning(reason), { suppressed })
    )
    const dropped = () => {
      Metrics.dropped()
      background(logDropped())
    }

    const accepted = (socket: Socket) => {
      const { host } = socket
      // A full server is full for everybody, whoever asks how often.
      const isFull = served >= limits.maxConnections || budget.isExhausted
      const wait = isFull ? Duration.toMillis(retryFull) : addresses.enter(host)
      if (wait === 0) {
        served += 1
        budget.used += connectionBytes
        Metrics.opened()
        fork(serve(socket)).addObserver(() => {
          served -= 1
          budget.used -= connectionBytes
          addresses.leave(host)
        })
      } else if (refused < slots) {
        refused += 1
        Metrics.opened()
        background(isFull ? logFull() : logCrowded(host))
        fork(refuse(socket, wait)).addObserver(() => {
          refused -= 1
        })
      } else {
        // The hard limit is one of each listener; together they might take more than there are descriptors.
        dropped()
        socket.destroy()
      }
    }

    const listeners: Array<Listener> = []
    let stopped = false

    const listen = (start: Listen) =>
      Effect.gen(function* () {
        // For each listener, as one may pause while another one, which cannot, drops connections.
        const logShortage = oncePer(logPeriod, (suppressed, what) =>
          Effect.annotateLogs(
            Effect.logWarning(`out of file descriptors: ${what}; raise the limit (ulimit -n, LimitNOFILE=)`),
            {
              address: showAddress(listener.address),
              limit: descriptors?.limit ?? "unknown",
              connections: served,
              suppressed
            }
          )
        )
        let pausing = false
        const pauseAccepting: Effect.Effect<void> = Effect.suspend(() => {
          if (pausing || stopped) return Effect.void
          const { resume, suspend } = listener
          if (resume === undefined) return logShortage("the system drops connections")
          pausing = true
          return logShortage("accepting pauses").pipe(
            Effect.zipRight(suspend),
            Effect.zipRight(goOn(resume)),
            Effect.ensuring(
              Effect.sync(() => {
                pausing = false
              })
            )
          )
        })
        // To listen again needs a descriptor, too, so it may have to wait for longer.
        const goOn = (resume: Effect.Effect<void, TransportError>) =>
          Effect.suspend((): Effect.Effect<void, unknown> => {
            if (stopped) return Effect.void
            return descriptors?.available() === false ? Effect.fail("still short") : resume
          }).pipe(Effect.delay(pause), Effect.eventually)

        const listener = yield* start({
          hardLimit: limits.maxConnections + slots,
          events: {
            accepted,
            dropped,
            failed: (error) => background(shortages.has(error.code ?? "") ? pauseAccepting : logFailed(error.reason))
          }
        })
        listeners.push(listener)
        // On Linux a shortage raises no error: the system accepts and closes behind the program's back. So it looks.
        if (descriptors !== undefined) {
          const look = Effect.suspend(() => (descriptors.available() ? Effect.void : pauseAccepting))
          yield* Effect.forkScoped(Effect.forever(Effect.delay(look, pause)))
        }
        return listener
      })

    const stop = Effect.suspend(() => {
      stopped = true
      return Effect.forEach(listeners, (listener) => listener.suspend, { discard: true })
    })

    return { listen, stop }
  })

/** Tells a client that there is no place for it, and when to come again. */
const refuse = (socket: Socket, retryMillis: number) =>
  Effect.suspend(() => {
    const full = Reply.full(retryMillis)
    socket.attach({ data: () => {}, end: () => {}, closed: () => {} })
    socket.write(full.line(undefined))
    Metrics.refused(full.reason)
    Metrics.closed(full.reason)
    const remote = socket.remote
    return Effect.zipRight(
      socket.close(refusalLinger),
      // Not at the level of the others: a crowd at the door must not fill the log.
      Effect.annotateLogs(Effect.logDebug("connection closed"), { remote, reason: full.reason })
    )
  })

/** Logs an event of a kind at most once in a period, with how many were kept quiet in between. */
const oncePer = (period: Duration.Duration, log: (suppressed: number, what: string) => Effect.Effect<void>) => {
  let last = -Infinity
  let suppressed = 0
  return (what = ""): Effect.Effect<void> =>
    Effect.flatMap(Effect.clock, (clock) => {
      const now = clock.unsafeCurrentTimeMillis()
      if (now - last < Duration.toMillis(period)) {
        suppressed += 1
        return Effect.void
      }
      const quiet = suppressed
      last = now
      suppressed = 0
      return log(quiet, what)
    })
}
