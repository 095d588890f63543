import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { CloseReason } from "../protocol/CloseReason.js"
import * as Wire from "../protocol/Wire.js"
import * as Events from "../telemetry/Events.js"
import * as Metrics from "../telemetry/Metrics.js"
import type { Socket, SocketEvents } from "../ports/Transport.js"
import type { Broker } from "./Broker.js"
import type { Start } from "./Fibers.js"
import type { Options } from "./Options.js"
import type { Batch } from "./Outbox.js"
import type { Peer } from "./Peer.js"

/**
 * Runs one connection from its accept to its end, and returns why it ended. Never fails.
 *
 * The writer ends a connection, nobody else: whatever else comes to an end ends the outbox, the writer sends what is
 * left, and the broker is told. The scope's finalisers see to it that this happens and that the socket is closed,
 * however the connection ends. It is made by hand: one from the context would cost as much as both fibers (benchmark:
 * churn).
 */
export const run = (socket: Socket, broker: Broker, options: Options, start: Start): Effect.Effect<CloseReason> =>
  Effect.uninterruptible(
    Effect.flatMap(Scope.make(), (scope) => {
      const peer = broker.open(socket)
      const end = (exit: Exit.Exit<CloseReason>) => Effect.zipRight(Scope.close(scope, exit), exit)
      return Effect.flatMap(
        Scope.addFinalizerExit(scope, () => reap(peer, broker)),
        () =>
          Effect.matchCauseEffect(
            Effect.suspend(() => serve(peer, broker, options, start)),
            {
              onFailure: (cause) => end(Exit.failCause(cause)),
              onSuccess: (reason) => end(Exit.succeed(reason))
            }
          )
      )
    })
  )

/**
 * Reads and writes until the writer's end. That the name is free is told before a slow client has closed its side. It can
 * be interrupted where it waits.
 */
const serve = (peer: Peer, broker: Broker, { linger }: Options, start: Start): Effect.Effect<CloseReason> => {
  peer.socket.attach(new Reader(peer, broker))
  const writer = start(write(peer, broker))
  return Effect.flatMap(Effect.interruptible(ended(writer, peer)), () =>
    Effect.flatMap(depart(peer, broker), (reason) => Effect.as(Effect.interruptible(peer.socket.close(linger)), reason))
  )
}

const reap = (peer: Peer, broker: Broker): Effect.Effect<void> => {
  const destroy = Effect.sync(() => peer.socket.destroy())
  if (peer.departed) return destroy
  // Its writer did not come to its end, which it does now: the server gave up waiting. There is no lingering either.
  peer.outbox.break("cut-off")
  return Effect.zipRight(depart(peer, broker), destroy)
}

/** Waits for the writer's end. To watch it costs less than to await it, which is a message to it (benchmark: churn). */
const ended = (writer: Fiber.RuntimeFiber<void>, peer: Peer): Effect.Effect<void> =>
  Effect.async((resume) => {
    writer.addObserver((exit) => resume(Exit.isSuccess(exit) ? Effect.void : defective(peer, exit.cause)))
  })

const defective = (peer: Peer, cause: Cause.Cause<never>) =>
  Effect.suspend(() => {
    peer.outbox.break("internal-error")
    return Effect.logError("a defect in a writer", cause)
  })

/**
 * Reading needs no fiber of its own: the socket hands over what it reads, and the inlet holds it back. A class, since
 * three closures a connection take four times the memory (benchmark: idle memory).
 */
class Reader implements SocketEvents {
  constructor(
    private readonly peer: Peer,
    private readonly broker: Broker
  ) {}

  data(bytes: Uint8Array) {
    const { inlet, leaving } = this.peer
    // Behind its end nothing is heard; it is read all the same, so that the end can be orderly.
    if (leaving !== undefined) return inlet.skip(bytes)
    inlet.read(bytes)
    this.broker.read(this.peer)
  }

  end() {
    this.peer.inlet.end()
    this.broker.read(this.peer)
  }

  closed() {
    this.peer.outbox.break("connection-lost")
  }
}

/** Not a generator, which would keep half a kilobyte while it waits (benchmark: idle memory). */
const write = (peer: Peer, broker: Broker): Effect.Effect<void> => {
  const { outbox, socket } = peer
  const go = (first: Batch<Peer> | undefined): Effect.Effect<void> => {
    for (let batch = first; batch !== undefined; batch = outbox.ready()) {
      if (outbox.broken) return Effect.void
      const isTaken = batch.text === "" || socket.write(batch.text)
      batch.offered = true
      if (!isTaken) return finish(batch)
      broker.wrote(peer, batch)
      if (batch.last) return Effect.void
    }
    return Effect.flatMap(outbox.next, go)
  }
  /** The kernel does not take all of it at once. */
  const finish = (batch: Batch<Peer>): Effect.Effect<void> => {
    broker.blocked(peer)
    return Effect.flatMap(Effect.either(socket.taken), (taken) => {
      broker.unblocked(peer)
      if (taken._tag === "Left") outbox.break("connection-lost")
      if (outbox.broken) return Effect.void
      broker.wrote(peer, batch)
      return batch.last ? Effect.void : go(outbox.ready())
    })
  }
  return Effect.suspend(() => go(outbox.ready()))
}

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
      const now = broker.now()
      return Effect.as(Events.info("connection closed", facts(peer, reason, now - peer.since), now), reason)
    })
  })

const facts = (peer: Peer, reason: CloseReason, millis: number) => ({
  remote: peer.socket.remote,
  ...(peer.name === "" ? {} : { name: Wire.decode(peer.name) }),
  reason,
  durationMillis: millis,
  linesIn: peer.linesIn,
  linesOut: peer.linesOut,
  bytesIn: peer.inlet.bytesRead,
  bytesOut: peer.bytesOut
})
