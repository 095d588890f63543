import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { CloseReason } from "../protocol/CloseReason.js"
import * as Wire from "../protocol/Wire.js"
import * as Metrics from "../telemetry/Metrics.js"
import type { Socket } from "../transport/Transport.js"
import type { Broker } from "./Broker.js"
import type { Options } from "./Options.js"
import type { Peer } from "./Peer.js"

/**
 * Runs one connection from its accept to its end, and returns why it ended. Never fails.
 *
 * The writer ends a connection, nobody else: whatever else comes to an end ends the outbox, the writer sends what is
 * left, and the broker is told. The scope's finalisers see to it that this happens and that the socket is closed,
 * however the connection ends.
 */
export const run = (socket: Socket, broker: Broker, options: Options): Effect.Effect<CloseReason> =>
  Effect.acquireUseRelease(
    open(socket, broker),
    ({ peer, scope }) => {
      read(peer, broker)
      return Effect.forkIn(write(peer, broker), scope).pipe(
        Effect.flatMap(ended),
        Effect.zipRight(depart(peer, broker)),
        Effect.flatMap((reason) => Effect.as(socket.close(options.linger), reason))
      )
    },
    ({ scope }, exit) => Scope.close(scope, exit)
  )

/** The scope is made by hand: through the context it would cost as much as both fibers (benchmark: churn). */
const open = (socket: Socket, broker: Broker) =>
  Effect.flatMap(Scope.make(), (scope) => {
    const peer = broker.open(socket)
    const reap = Effect.suspend(() => {
      if (peer.departed) return Effect.sync(() => socket.destroy())
      // Its writer did not come to its end: the server gave up waiting, and there is no lingering either.
      peer.outbox.break("cut-off")
      return Effect.map(depart(peer, broker), () => socket.destroy())
    })
    return Effect.as(Scope.addFinalizer(scope, reap), { peer, scope })
  })

/** Waits for a fiber's end. To watch it costs less than to await it, which is a message to it. */
const ended = (fiber: Fiber.RuntimeFiber<unknown>): Effect.Effect<void> =>
  Effect.async((resume) => {
    fiber.addObserver(() => resume(Effect.void))
  })

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

const write = (peer: Peer, broker: Broker): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { outbox, socket } = peer
    for (;;) {
      const batch = outbox.ready() ?? (yield* outbox.next)
      if (outbox.broken) return
      const isTaken = batch.text === "" || socket.write(batch.text)
      batch.offered = true
      if (!isTaken) {
        broker.blocked(peer)
        const taken = yield* Effect.either(socket.taken)
        broker.unblocked(peer)
        if (taken._tag === "Left") return outbox.break("connection-lost")
      }
      broker.wrote(peer, batch)
      if (batch.last) return
    }
  }).pipe(
    Effect.catchAllDefect((defect) => {
      peer.outbox.break("internal-error")
      return Effect.logError("a defect in a writer", Cause.die(defect))
    })
  )

/** Tells the broker, the log and the metrics of the end, whatever the end was. */
const depart = (peer: Peer, broker: Broker): Effect.Effect<CloseReason> =>
  Effect.suspend(() => {
    const { outbox, socket } = peer
    peer.departed = true
    const reason = outbox.ended ?? "internal-error"
    const inHand = outbox.inHand
    const unfinished = inHand && {
      batch: inHand,
      taken: inHand.offered ? inHand.text.length - socket.untaken() : 0
    }
    Metrics.closed(reason)
    return Effect.flatMap(outbox.leftOver, (queued) => {
      broker.leave(peer, { reason, unfinished, queued })
      return Effect.as(log(peer, reason, broker.now() - peer.since), reason)
    })
  })

const log = (peer: Peer, reason: CloseReason, millis: number) =>
  Effect.logInfo("connection closed", {
    remote: peer.socket.remote,
    ...(peer.name === "" ? {} : { name: Wire.decode(peer.name) }),
    reason,
    duration: Duration.format(Duration.millis(millis)),
    linesIn: peer.linesIn,
    linesOut: peer.linesOut,
    bytesIn: peer.inlet.bytesRead,
    bytesOut: peer.bytesOut
  })
