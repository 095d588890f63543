import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as LogLevel from "effect/LogLevel"
import type { Time } from "../ports/Time.js"
import type { Socket, SocketEvents } from "../ports/Transport.js"
import type { CloseReason } from "../protocol/CloseReason.js"
import * as Wire from "../protocol/Wire.js"
import type { LogFacts, LogEvent } from "../telemetry/LogEvent.js"
import * as Metrics from "../telemetry/Metrics.js"
import type { Batch } from "./Batch.js"
import type { Broker } from "./Broker.js"
import type { Live } from "./Live.js"
import type { Options } from "./Options.js"
import type { BatchWriter } from "./OutboxBatches.js"
import type { Peer } from "./Peer.js"

/** What all connections of a server share. */
export interface Surroundings {
  readonly broker: Broker
  readonly options: Live<Pick<Options, "linger">>
  readonly log: (event: LogEvent) => void
}

/**
 * Runs one connection from accept to close, and returns the close reason. Never fails. In two steps, so that
 * connections share what does not depend on them (benchmark: idle memory, 1 %).
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
const serve = (peer: Peer, surroundings: Surroundings): Effect.Effect<CloseReason> =>
  Effect.flatMap(untilWriterEnds(peer, surroundings.broker), () => {
    const reason = depart(peer, surroundings)
    return Effect.as(peer.socket.close(surroundings.options.current.linger), reason)
  })

/**
 * Starts to read, and writes until the outbox ends. The connection's fiber is the writer's, since it would otherwise
 * only wait for a second fiber (benchmarks: churn, idle memory).
 */
const untilWriterEnds = (peer: Peer, broker: Broker): Effect.Effect<void> =>
  Effect.catchAllCause(
    Effect.async<void>((resume) => {
      peer.outbox.begin(new SocketWriter(peer, broker), resume)
      peer.socket.attach(new Reader(peer, broker))
    }),
    (cause) => defective(peer, cause)
  )

const reap = (peer: Peer, surroundings: Surroundings): Effect.Effect<void> =>
  Effect.sync(() => {
    if (!peer.hasDeparted) {
      // The writer has not finished and the drain's deadline has passed: end it now, without lingering.
      peer.outbox.break("cut-off")
      depart(peer, surroundings)
    }
    peer.socket.destroy()
  })

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
 * The writer of a connection, in the connection's fiber. A class, because closures would take 0.2 KB more for each
 * connection, and a suspended generator half a kilobyte (benchmark: idle memory).
 */
class SocketWriter implements BatchWriter<Peer, void> {
  constructor(
    private readonly peer: Peer,
    private readonly broker: Broker
  ) {}

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

/**
 * Reports the end of the connection to the broker, the log and the metrics. Not an effect: nothing may interrupt it
 * half-way.
 */
const depart = (peer: Peer, { broker, log }: Surroundings): CloseReason => {
  const { outbox, socket } = peer
  peer.hasDeparted = true
  const reason = outbox.ended ?? "internal-error"
  const { inHand } = outbox
  const unfinished = inHand && {
    batch: inHand,
    taken: inHand.isOffered ? inHand.text.length - socket.untaken() : 0
  }
  Metrics.closed(reason)
  const say = () => log(farewell(peer, reason, broker.time))
  // The login may be in what was read last, and the log would not have the name.
  const handled = peer.inbox.announced ? say : undefined
  broker.leave(peer, { reason, unfinished, queued: outbox.leftOver(), handled })
  if (handled === undefined) say()
  return reason
}

const farewell = (peer: Peer, reason: CloseReason, { now, wall }: Time): LogEvent => ({
  level: isHealthCheck(peer, reason) ? LogLevel.Debug : LogLevel.Info,
  message: "connection closed",
  facts: () => facts(peer, reason, Math.round(now() - peer.openedAt)),
  at: wall()
})

/** The client connected and left without sending anything, as load balancers do every few seconds to check the port. */
const isHealthCheck = ({ inbox }: Peer, reason: CloseReason) =>
  inbox.bytesRead === 0 && (reason === "left" || reason === "connection-lost")

const facts = (peer: Peer, reason: CloseReason, durationMillis: number): LogFacts => {
  const { inbox, name, outbox, refusedLogin, socket, traffic, unacknowledgedBytes } = peer
  const found: Record<string, unknown> = { reason, remote: socket.remote }
  if (name !== "") found["name"] = Wire.decode(name)
  if (refusedLogin !== "") found["login"] = Wire.decode(refusedLogin)
  found["durationMillis"] = durationMillis
  found["linesIn"] = traffic.linesIn
  found["linesOut"] = traffic.linesOut
  found["bytesIn"] = inbox.bytesRead
  found["bytesOut"] = traffic.bytesOut
  if (unacknowledgedBytes > 0) found["unacknowledgedBytes"] = unacknowledgedBytes
  const unacknowledgedLines = unacknowledged(outbox)
  if (unacknowledgedLines > 0) found["unacknowledgedLines"] = unacknowledgedLines
  return found
}

/** The number of lines written to a client with `ack` that it has not acknowledged. */
const unacknowledged = (outbox: Peer["outbox"]) => {
  const { lines = 0, returned = 0 } = outbox.unacknowledged ?? {}
  return lines + returned
}
