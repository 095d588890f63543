import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as LogLevel from "effect/LogLevel"
import type { CloseReason } from "../protocol/CloseReason.js"
import * as Wire from "../protocol/Wire.js"
import * as Metrics from "../telemetry/Metrics.js"
import type { Socket } from "../transport/Transport.js"
import type { Broker } from "./Broker.js"
import type { Options } from "./Options.js"
import { Outbox } from "./Outbox.js"
import type { Peer } from "./Peer.js"

/**
 * Runs one connection from its accept to its end, and returns why it ended. Never fails.
 *
 * The writer ends a connection, nobody else: whatever else comes to an end ends the outbox, the writer sends what is
 * left, the broker is told, and the scope closes the socket.
 */
export const run = (socket: Socket, broker: Broker, options: Options): Effect.Effect<CloseReason> =>
  Effect.scoped(
    Effect.flatMap(acquire(socket, broker, options), (peer) => {
      read(peer, broker)
      // Awaited and not joined: its fiber refs are of no use here, and to inherit them costs (benchmark: churn).
      return Effect.flatMap(Effect.forkScoped(write(peer, broker)), (writer) => Effect.flatten(Fiber.await(writer)))
    })
  )

/** The peer of a connection; its release tells of the departure, so that the name is free, and closes the socket. */
const acquire = (socket: Socket, broker: Broker, options: Options) =>
  Effect.acquireRelease(
    Effect.map(Outbox.queue<Peer>(options.outboxBytes), (queue) => broker.open(socket, queue)),
    (peer, exit) =>
      depart(peer, broker, exit).pipe(
        // A connection that was interrupted does not linger at all.
        Effect.zipRight(Effect.interruptible(socket.close(options.linger))),
        Effect.ensuring(Effect.sync(() => socket.destroy()))
      )
  )

/** Reading needs no fiber of its own: the socket hands over what it reads, and the inlet holds it back. */
const read = (peer: Peer, broker: Broker) => {
  const { inlet, outbox, socket } = peer
  socket.attach({
    data: (bytes) => {
      // Behind its end nothing is heard; it is read all the same, so that the end can be orderly.
      if (peer.leaving !== undefined) return inlet.skip(bytes)
      inlet.read(bytes)
      broker.read(peer)
    },
    end: () => {
      inlet.end()
      broker.read(peer)
    },
    closed: () => outbox.break("connection-lost")
  })
}

const write = (peer: Peer, broker: Broker): Effect.Effect<CloseReason> =>
  Effect.gen(function* () {
    const { outbox, socket } = peer
    for (;;) {
      const batch = yield* outbox.take
      if (outbox.broken) break
      const isTaken = batch.text === "" || socket.write(batch.text)
      batch.offered = true
      if (!isTaken) {
        broker.blocked(peer)
        const taken = yield* Effect.either(socket.taken)
        broker.unblocked(peer)
        if (taken._tag === "Left") {
          outbox.break("connection-lost")
          break
        }
      }
      broker.wrote(peer, batch)
      if (batch.last) break
    }
    return outbox.ended ?? "internal-error"
  }).pipe(
    Effect.catchAllDefect((defect) => {
      peer.outbox.break("internal-error")
      return Effect.as(Effect.logError("a defect in a writer", Cause.die(defect)), "internal-error" as const)
    })
  )

/** Tells the broker, the log and the metrics of the end, once, whatever the end was. */
const depart = (peer: Peer, broker: Broker, exit: Exit.Exit<unknown, unknown>) =>
  Effect.suspend(() => {
    const { outbox, socket } = peer
    // Its writer did not come to its end: the server gave up waiting.
    if (Exit.isFailure(exit)) outbox.break("cut-off")
    const reason = outbox.ended ?? "internal-error"
    const inHand = outbox.inHand
    const unfinished = inHand && {
      batch: inHand,
      taken: inHand.offered ? inHand.text.length - socket.untaken() : 0
    }
    Metrics.closed(reason)
    return Effect.zipRight(
      Effect.map(outbox.leftOver, (queued) => broker.leave(peer, { reason, unfinished, queued })),
      Effect.whenLogLevel(log(peer, reason), LogLevel.Info)
    )
  })

const log = (peer: Peer, reason: CloseReason) =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    Effect.annotateLogs(Effect.logInfo("connection closed"), {
      remote: peer.socket.remote,
      ...(peer.name === "" ? {} : { name: Wire.decode(peer.name) }),
      reason,
      duration: Duration.format(Duration.millis(now - peer.since)),
      linesIn: peer.linesIn,
      linesOut: peer.linesOut,
      bytesIn: peer.inlet.bytesRead,
      bytesOut: peer.bytesOut
    })
  )
