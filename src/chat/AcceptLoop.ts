import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as LogLevel from "effect/LogLevel"
import type * as Scope from "effect/Scope"
import type { DescriptorProbe } from "../ports/Descriptors.js"
import * as Time from "../ports/Time.js"
import { ignoreEvents, type Listen, type Listener, type Socket, type TransportError } from "../ports/Transport.js"
import * as FatalReply from "../protocol/FatalReply.js"
import * as LogEvent from "../telemetry/LogEvent.js"
import * as Metrics from "../telemetry/Metrics.js"
import type { Bans } from "./Bans.js"
import type { Budget } from "./Budget.js"
import type { HostLimits } from "./HostLimits.js"
import { refusalSlots } from "./Limits.js"
import type { Live } from "./Live.js"
import { retryFull, type Options } from "./Options.js"
import * as RefusalLog from "./RefusalLog.js"
import * as Shortage from "./Shortage.js"

/** Time for a refused client to read the refusal. */
const refusalLinger = Duration.seconds(1)

/**
 * Accepts connections on any number of listeners, up to one limit for all of them. The failure of one connection does
 * not end the loop; a shortage of descriptors or memory pauses each listener that can resume.
 */
export interface AcceptLoop {
  /** Listens until the scope closes. */
  readonly listen: (listen: Listen) => Effect.Effect<Listener, TransportError, Scope.Scope>
  /** Stops listening everywhere, for good. */
  readonly stop: Effect.Effect<void>
}

export interface AcceptLoopOptions {
  readonly bans: Pick<Bans, "ofHost">
  readonly limits: Live<Pick<Options, "maxConnections">>
  readonly hostLimits: HostLimits
  readonly budget: Budget
  readonly descriptors: DescriptorProbe
  /** Starts the fiber of a connection. */
  readonly fork: (effect: Effect.Effect<unknown>) => Fiber.RuntimeFiber<unknown>
  /** Serves an admitted connection until it ends. */
  readonly serve: (socket: Socket) => Effect.Effect<unknown>
}

export const make = ({
  bans,
  budget,
  descriptors,
  fork,
  hostLimits,
  limits,
  serve
}: AcceptLoopOptions): Effect.Effect<AcceptLoop, never, Scope.Scope> =>
  Effect.gen(function* () {
    const slots = refusalSlots(limits.current.maxConnections)
    const background = yield* FiberSet.makeRuntime<never>()
    const listeners: Array<Listener> = []
    let served = 0
    let refused = 0
    let stopped = false
    const log = RefusalLog.make(() => ({ connections: served, memoryBytes: budget.used }))

    const accepted = (socket: Socket) => {
      const { host } = socket
      const banned = bans.ofHost(host)
      const isFull = served >= limits.current.maxConnections || budget.isExhausted
      // These skip `enter`: refusals must not use up the host's allowance of new connections.
      const refusal = banned ?? (isFull ? fullFor(Duration.toMillis(retryFull)) : fullFor(hostLimits.enter(host)))
      if (refusal === undefined) {
        served += 1
        budget.connectionOpens()
        Metrics.opened()
        fork(serve(socket)).addObserver(() => {
          served -= 1
          budget.connectionEnds()
          hostLimits.leave(host)
        })
      } else if (refused < slots) {
        refused += 1
        Metrics.opened()
        if (banned === undefined) background(isFull ? log.full : log.crowded(host))
        fork(refuse(socket, refusal)).addObserver(() => {
          refused -= 1
        })
      } else {
        // `hardLimit` applies to each listener; several together may accept more connections than there are slots.
        dropped()
        socket.destroy()
      }
    }

    const dropped = () => {
      Metrics.dropped()
      background(log.dropped)
    }

    const listen = (start: Listen) =>
      Effect.gen(function* () {
        const shortage = Shortage.pausing({ descriptors, connections: () => served, isStopped: () => stopped })
        const failed = (error: TransportError) =>
          background(
            Shortage.isShortage(error)
              ? shortage.pause(listener)
              : isGone(error)
                ? Effect.logDebug(error.reason)
                : log.failed(error.reason)
          )
        const listener = yield* start({
          hardLimit: limits.current.maxConnections + slots,
          events: { accepted, dropped, failed },
          memory: budget.listeners
        })
        listeners.push(listener)
        yield* shortage.watch(listener)
        return listener
      })

    const stop = Effect.suspend(() => {
      stopped = true
      return Effect.forEach(listeners, (listener) => listener.suspend, { discard: true })
    })

    return { listen, stop }
  })

/** The client broke the connection before it was accepted: nothing is wrong here, and health checks do so all day. */
const isGone = ({ code }: TransportError) => code === "ECONNRESET" || code === "ECONNABORTED"

const fullFor = (retryMillis: number) => (retryMillis === 0 ? undefined : FatalReply.full(retryMillis))

/** Sends the refusal, then closes the connection. */
const refuse = (socket: Socket, { line, reason }: FatalReply.Fatal) =>
  Effect.suspend(() => {
    socket.attach(ignoreEvents)
    socket.write(line(undefined))
    Metrics.refused(reason)
    Metrics.closed(reason)
    const { remote } = socket
    return Effect.zipRight(
      socket.close(refusalLinger),
      Effect.clockWith((clock) =>
        LogEvent.log({
          // Unlike other closed connections: a flood of refused clients must not fill the log.
          level: LogLevel.Debug,
          message: "connection closed",
          facts: () => ({ remote, reason }),
          at: Time.of(clock).wall()
        })
      )
    )
  })
