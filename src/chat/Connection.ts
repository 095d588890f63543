import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as LogLevel from "effect/LogLevel"
import type { Time } from "../ports/Time.js"
import type { Socket, SocketEvents } from "../ports/Transport.js"
import type { CloseReason } from "../protocol/CloseReason.js"
import * as Wire from "../protocol/Wire.js"
import * as LogEvent from "../telemetry/LogEvent.js"
import * as Metrics from "../telemetry/Metrics.js"
import type { Batch } from "./Batch.js"
import type { Broker } from "./Broker.js"
import type { Start } from "./Fibers.js"
import type { Live } from "./Live.js"
import type { Options } from "./Options.js"
import type { BatchWriter } from "./OutboxBatches.js"
import type { Peer } from "./Peer.js"

/** What all connections of a server share. */
export interface Surroundings {
  readonly broker: Broker
  readonly options: Live<Pick<Options, "linger">>
  readonly start: Start
}

/**
 * Runs one connection from accept to close, and returns the close reason. Never fails. In two steps, so that connections
 * share what does not depend on them (benchmark: idle memory, 1 %).
 *
 * Only the writer ends a connection. Any other cause ends the outbox; the writer then sends what is left, and the
 * broker is notified. The release guarantees this notification and closes the socket, even if the fiber is interrupted.
 */
export const run = (surroundings: Surroundings): ((socket: Socket) => Effect.Effect<CloseReason>) => {
  const use = (peer: Peer) => serve(peer, surroundings)
  const release = (peer: Peer) => reap(peer, surroundings)
  return (socket) =>
    Effect.acquireUseRelease(
      Effect.sync(() => surroundings.broker.open(socket)),
      use,
      release
    )
}

/** Reads and writes until the writer ends. Frees the name before waiting for a slow client to close its side. */
const serve = (peer: Peer, { broker, options, start }: Surroundings): Effect.Effect<CloseReason> =>
  Effect.flatMap(untilWriterEnds(peer, broker, start), () =>
    Effect.flatMap(Effect.uninterruptible(depart(peer, broker)), (reason) =>
      Effect.as(peer.socket.close(options.current.linger), reason)
    )
  )

/**
 * Starts to read, and starts the writer with its first batch: a fiber that has nothing to do yet would be woken for it
 * (benchmark: churn). An observer of the writer is cheaper than `Fiber.await`, which sends it a message (churn as well).
 */
const untilWriterEnds = (peer: Peer, broker: Broker, start: Start): Effect.Effect<void> =>
  Effect.async((resume) => {
    peer.outbox.begin(() => {
      start(new SocketWriter(peer, broker).run).addObserver((exit) =>
        resume(Exit.isSuccess(exit) ? Effect.void : defective(peer, exit.cause))
      )
      return false
    })
    peer.socket.attach(new Reader(peer, broker))
  })

const reap = (peer: Peer, { broker }: Surroundings): Effect.Effect<void> => {
  const destroy = Effect.sync(() => peer.socket.destroy())
  if (peer.hasDeparted) return destroy
  // The writer has not finished and the drain's deadline has passed: end it now, without lingering.
  peer.outbox.break("cut-off")
  return Effect.zipRight(depart(peer, broker), destroy)
}

const defective = (peer: Peer, cause: Cause.Cause<never>) =>
  Effect.suspend(() => {
    peer.outbox.break("internal-error")
    return Effect.logError("a defect in a writer", cause)
  })

/**
 * Reading needs no fiber: the socket delivers what it reads through callbacks, and the inbox pauses it. A class,
 * because three closures for each connection would take four times the memory (benchmark: idle memory).
 */
class Reader implements SocketEvents {
  constructor(
    private readonly peer: Peer,
    private readonly broker: Broker
  ) {}

  data(bytes: Uint8Array) {
    const { inbox, phase } = this.peer
    // Input is ignored while the peer is leaving. It is still read: closing a socket with unread input sends a reset.
    if (!phase.isHeard && !this.peer.isHeardAfterQuit) return inbox.skip(bytes)
    inbox.read(bytes)
    this.broker.read(this.peer)
  }

  end() {
    this.peer.inbox.end()
    this.broker.read(this.peer)
  }

  closed() {
    this.peer.outbox.break("connection-lost")
  }
}

/**
 * The writer of a connection. A class, because closures would take 0.2 KB more for each connection, and a suspended
 * generator half a kilobyte (benchmark: idle memory).
 */
class SocketWriter implements BatchWriter<Peer, void> {
  constructor(
    private readonly peer: Peer,
    private readonly broker: Broker
  ) {}

  /** Writes until the outbox ends. The first batch is in hand. */
  get run(): Effect.Effect<void> {
    return Effect.suspend(() => this.go(this.peer.outbox.inHand))
  }

  go(batch: Batch<Peer> | undefined): Effect.Effect<void> {
    return this.write(batch) ?? this.peer.outbox.next(this)
  }

  /** Writes a batch, and those that can be taken without waiting. */
  write(first: Batch<Peer> | undefined): Effect.Effect<void> | undefined {
    const { broker, peer } = this
    const { outbox, socket } = peer
    for (let batch = first; batch !== undefined; batch = outbox.ready()) {
      if (outbox.isBroken) return Effect.void
      broker.writing(peer)
      const isTaken = batch.text === "" || socket.write(batch.text)
      batch.isOffered = true
      if (!isTaken) return this.finish(batch)
      wrote(peer, broker, batch)
      if (batch.isLast) return Effect.void
    }
    return undefined
  }

  /** Waits until the kernel has taken the rest of a batch. */
  private finish(batch: Batch<Peer>): Effect.Effect<void> {
    const { broker, peer } = this
    const { outbox, socket } = peer
    broker.blocked(peer)
    return Effect.flatMap(Effect.either(socket.taken), (taken) => {
      broker.unblocked(peer)
      if (taken._tag === "Left") outbox.break("connection-lost")
      if (outbox.isBroken) return Effect.void
      wrote(peer, broker, batch)
      return batch.isLast ? Effect.void : this.go(outbox.ready())
    })
  }
}

/** The kernel has taken the whole batch. */
const wrote = ({ outbox, traffic }: Peer, broker: Broker, batch: Batch<Peer>) => {
  traffic.linesOut += batch.lines
  traffic.bytesOut += batch.text.length
  broker.settled(outbox, batch, "written")
}

/** Reports the end of the connection to the broker, the log and the metrics. */
const depart = (peer: Peer, broker: Broker): Effect.Effect<CloseReason> =>
  Effect.suspend(() => {
    const { outbox, socket } = peer
    peer.hasDeparted = true
    const reason = outbox.ended ?? "internal-error"
    const { inHand } = outbox
    const unfinished = inHand && {
      batch: inHand,
      taken: inHand.isOffered ? inHand.text.length - socket.untaken() : 0
    }
    Metrics.closed(reason)
    broker.leave(peer, { reason, unfinished, queued: outbox.leftOver() })
    return Effect.as(LogEvent.log(farewell(peer, reason, broker.time)), reason)
  })

const farewell = (peer: Peer, reason: CloseReason, { now, wall }: Time): LogEvent.LogEvent => ({
  level: isHealthCheck(peer, reason) ? LogLevel.Debug : LogLevel.Info,
  message: "connection closed",
  facts: () => facts(peer, reason, Math.round(now() - peer.openedAt)),
  at: wall()
})

/** The client came and went without a word, as a load balancer does every few seconds to see that the port is open. */
const isHealthCheck = ({ inbox }: Peer, reason: CloseReason) =>
  inbox.bytesRead === 0 && (reason === "left" || reason === "connection-lost")

const facts = (peer: Peer, reason: CloseReason, millis: number) => ({
  remote: peer.socket.remote,
  ...(peer.name === "" ? {} : { name: Wire.decode(peer.name) }),
  ...(peer.refusedLogin === "" ? {} : { login: Wire.decode(peer.refusedLogin) }),
  reason,
  durationMillis: millis,
  linesIn: peer.traffic.linesIn,
  linesOut: peer.traffic.linesOut,
  bytesIn: peer.inbox.bytesRead,
  bytesOut: peer.traffic.bytesOut,
  ...(peer.unacknowledgedBytes > 0 ? { unacknowledgedBytes: peer.unacknowledgedBytes } : {}),
  ...unacknowledged(peer)
})

/** How many lines were written, and not acknowledged by a client that promised that. */
const unacknowledged = ({ outbox }: Peer) => {
  const { lines = 0, returned = 0 } = outbox.unacknowledged ?? {}
  return lines + returned === 0 ? {} : { unacknowledgedLines: lines + returned }
}
