import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { TransportError } from "../ports/Transport.js"
import * as Acknowledgement from "./Acknowledgement.js"
import { placeOf } from "./LastSeen.js"
import type * as Received from "./Received.js"

/** A line from the server, delivered again until the program has acknowledged it. */
export interface Envelope {
  readonly received: Received.Received
  /**
   * Acknowledges that the program has processed the line. Has no effect when repeated, or for lines that the server
   * does not count, such as notices.
   */
  readonly ack: Effect.Effect<void>
}

/** A line that has arrived. */
export interface GivenLine {
  readonly line: string
  readonly received: Received.Received
  /** Call once it is processed. */
  readonly processed: () => void
}

/** The source of a feed's lines. It loses none if the waiting fiber is interrupted. */
export interface FeedSource {
  /** Takes the lines that have arrived, undefined if there are none yet, or the end. */
  readonly poll: () => ReadonlyArray<GivenLine> | Exit.Exit<void, TransportError> | undefined
  /** Waits until `poll` may have something. */
  readonly wait: Effect.Effect<void>
  /** Shows the server that the client is alive, if it is busy. */
  readonly keepAlive: () => void
}

/** A line that the program has not acknowledged. */
interface Entry {
  readonly given: GivenLine
  /** The place of a kept line. */
  readonly key: string | undefined
  /** The same line, delivered again. */
  again: Entry | undefined
}

/**
 * Lines that a program acknowledges. A run of the stream begins with the unacknowledged lines of earlier runs, in
 * order.
 */
export const make = (source: FeedSource): Stream.Stream<Envelope, TransportError> => {
  const open = new Set<Entry>()
  const places = new Map<string, Entry>()

  const close = (entry: Entry) => {
    open.delete(entry)
    if (entry.key !== undefined && places.get(entry.key) === entry) places.delete(entry.key)
  }

  const acknowledge = (entry: Entry) => {
    for (let one: Entry | undefined = entry; one !== undefined; one = one.again) {
      close(one)
      one.given.processed()
    }
  }

  const opened = (given: GivenLine): Envelope => {
    const { line, processed, received } = given
    if (!Acknowledgement.isMessage(line)) {
      processed()
      return { received, ack: Effect.void }
    }
    const place = placeOf(received)
    const key = place && `${place.conversation} ${place.seq} ${place.at}`
    const entry: Entry = { given, key, again: undefined }
    const before = key === undefined ? undefined : places.get(key)
    if (before !== undefined) {
      // The line was first delivered on a connection that has ended, and was not acknowledged there.
      close(before)
      before.again = entry
    }
    open.add(entry)
    if (key !== undefined) places.set(key, entry)
    return envelopeOf(entry)
  }

  const envelopeOf = (entry: Entry): Envelope => ({
    received: entry.given.received,
    ack: Effect.sync(() => acknowledge(entry))
  })

  const next: Effect.Effect<Chunk.Chunk<Envelope>, Option.Option<TransportError>> = Effect.suspend(() => {
    const polled = source.poll()
    if (polled === undefined) return Effect.zipRight(source.wait, next)
    if (!Exit.isExit(polled)) return Effect.succeed(Chunk.unsafeFromArray(polled.map(opened)))
    return Exit.isSuccess(polled) ? Effect.fail(Option.none()) : Effect.failCause(Cause.map(polled.cause, Option.some))
  })

  return Stream.unwrapScoped(
    Effect.gen(function* () {
      const keepAlive = Effect.delay(
        Effect.sync(() => source.keepAlive()),
        Acknowledgement.repeatMillis
      )
      yield* Effect.forkScoped(Effect.forever(keepAlive))
      const left = Stream.suspend(() => Stream.fromIterable(Array.from(open, envelopeOf)))
      return Stream.concat(left, Stream.repeatEffectChunkOption(next))
    })
  )
}
