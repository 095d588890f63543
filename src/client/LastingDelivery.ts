import * as Effect from "effect/Effect"
import * as Time from "../ports/Time.js"
import type { TransportError } from "../ports/Transport.js"
import type { Absentees } from "./Absentees.js"
import type { MessageFate } from "./Client.js"
import type { LabellingHandle, NoOutcomes } from "./ClientConnection.js"
import * as Encode from "./Encode.js"
import type { Labels } from "./Labels.js"
import type { LoginRefused } from "./Login.js"
import * as Outcomes from "./Outcomes.js"
import type { Pace } from "./Pace.js"

/**
 * Delivers a message over as many connections as it takes. A message that may have arrived is sent again only to
 * accounts, with the same label, so that it is not stored twice.
 */

/** One of the connections. */
export interface DeliveryConnection {
  readonly handle: LabellingHandle
  /** Whether the server stores a line of this client once, however often it is sent with its label. */
  readonly isOnce: boolean
  /** Asks which of these recipients have accounts. */
  readonly kept: (names: ReadonlyArray<string>) => Effect.Effect<ReadonlySet<string>, TransportError>
  readonly pace: Pace
  /** One message at a time waits for its turn. */
  readonly turn: Effect.Semaphore
  /** Whether the server has sent its last line in order: lines without an outcome were not accepted. */
  readonly hasSaidBye: () => boolean
  /** The server takes no more lines. */
  readonly closing: () => void
}

export interface LastingDeliveryOptions {
  /** The labels of all messages, over all connections; undefined if labels end with their connection. */
  readonly labels: Labels | undefined
  /** Waits for a connection on which the server takes lines. Fails once there will be none. */
  readonly connected: Effect.Effect<DeliveryConnection, TransportError | LoginRefused>
  readonly absentees: Absentees
}

/**
 * The interval of retries for an absent recipient: a server drops the notice that it joined if this client's queue is
 * full.
 */
const pollMillis = 2000

/** Waits until the server takes another line. Does not wait for a connection that has ended. */
export const awaitTurn = (connection: DeliveryConnection): Effect.Effect<void> => {
  const { handle, pace, turn } = connection
  const ready: Effect.Effect<void> = Effect.flatMap(Time.now, (now) => {
    const wait = pace.wait(now)
    if (wait <= 0) return Effect.sync(() => pace.spend(1))
    const isOpen = Effect.raceFirst(Effect.as(Effect.sleep(wait), true), Effect.as(handle.closed, false))
    return Effect.flatMap(isOpen, (open) => (open ? ready : Effect.void))
  })
  return turn.withPermits(1)(ready)
}

type Delivered = Effect.Effect<
  ReadonlyArray<MessageFate>,
  TransportError | Encode.Unsendable | LoginRefused | NoOutcomes
>

export const deliver = (
  { absentees, connected, labels }: LastingDeliveryOptions,
  recipients: ReadonlyArray<string>,
  text: string
): Delivered =>
  Effect.gen(function* () {
    let rest = Outcomes.distinct(recipients)
    yield* Encode.message(rest, text)
    const fates: Array<MessageFate> = []
    /** The last outcomes of the recipients in `rest`. */
    let last: ReadonlyArray<MessageFate> = []
    const absentSince = new Map<string, number>()
    /** The recipients in `rest` that may have the message, and the number in the label that it was sent with. */
    let unknown: ReadonlyArray<string> = []
    let label = labels?.next()

    /**
     * Gives up the recipients that may have the message and would get it twice. Returns false if there are no others.
     */
    const dropUnsafe = (connection: DeliveryConnection) =>
      Effect.map(connection.kept(unknown), (kept) => {
        const unsafe = unknown.filter((name) => !kept.has(name))
        if (unsafe.length > 0) fates.push({ _tag: "Unknown", names: unsafe })
        rest = rest.filter((name) => !unsafe.includes(name))
        unknown = []
        return rest.length > 0
      })

    /** Sends the message once. Returns whether it may be sent again to the remaining recipients. */
    const attempt = (connection: DeliveryConnection) =>
      Effect.gen(function* () {
        yield* awaitTurn(connection)
        const mayBeSent = unknown.length === 0 ? Effect.succeed(true) : dropUnsafe(connection)
        const result = yield* Effect.either(
          Effect.flatMap(mayBeSent, (may) =>
            may ? connection.handle.deliverAs(rest, text, label) : Effect.succeed<ReadonlyArray<MessageFate>>([])
          )
        )
        if (result._tag === "Left") {
          if (result.left._tag !== "TransportError") return yield* Effect.fail(result.left)
          // Nothing was sent: the connection had already ended, and its end is about to be reported.
          yield* Effect.yieldNow()
          return "again" as const
        }
        const now = yield* Time.now
        const sentTo = rest
        rest = []
        last = []
        let wait: "again" | "absent" | undefined = undefined
        const sentWith = label
        label = labels?.next()
        for (const fate of result.right) {
          const decision = decide(fate, sentTo, connection, now)
          if (decision === "final") {
            fates.push(fate)
            if (fate._tag === "Written") fate.names.forEach((name) => absentees.isHere(name))
          } else if (decision === "unknown") {
            // With the same label, even if other recipients of the message are known to be absent.
            label = sentWith
            unknown = "names" in fate ? fate.names : []
            rest = [...rest, ...unknown]
            last = [...last, fate]
            wait = "again"
          } else if (decision === "again") {
            rest = sentTo.filter((name) => !settled(fates).has(name))
            if (connection.isOnce) label = sentWith
            last = [fate._tag === "Unknown" ? shutDown : fate]
            wait = "again"
          } else {
            const { given, held } = hold(decision, now)
            if (given.length > 0) fates.push({ ...decision, names: given })
            rest = [...rest, ...held]
            if (held.length > 0) last = [...last, { ...decision, names: held }]
            if (held.length > 0) wait ??= "absent"
          }
        }
        return wait
      })

    /** Separates the absent recipients that are still waited for from the others. */
    const hold = ({ names }: Extract<MessageFate, { readonly _tag: "Returned" }>, now: number) => {
      const isHeld = (name: string) => {
        const since = absentSince.get(name) ?? now
        absentSince.set(name, since)
        return absentees.deadline(name, since) > now
      }
      return { held: names.filter(isHeld), given: names.filter((name) => !isHeld(name)) }
    }

    const someoneIsBack = Effect.flatMap(Time.now, (now) => {
      const left = rest.map((name) => absentees.deadline(name, absentSince.get(name) ?? now) - now)
      return Effect.raceFirst(absentees.anyOf(rest), Effect.sleep(Math.max(1, Math.min(pollMillis, ...left))))
    })

    for (;;) {
      const connection = yield* Effect.either(connected)
      if (connection._tag === "Left") {
        const known = [...fates, ...last]
        return known.length > 0 ? known : yield* Effect.fail(connection.left)
      }
      const wait = yield* attempt(connection.right)
      if (wait === undefined) return fates
      if (wait === "absent") yield* Effect.raceFirst(someoneIsBack, connection.right.handle.closed)
    }
  })

const settled = (fates: ReadonlyArray<MessageFate>): ReadonlySet<string> =>
  new Set(fates.flatMap((fate) => (fate._tag === "Refused" ? [] : fate.names)))

/**
 * What to do after an outcome: `again` on this connection or the next, or the outcome for recipients that are absent.
 */
const decide = (fate: MessageFate, sentTo: ReadonlyArray<string>, connection: DeliveryConnection, now: number) => {
  switch (fate._tag) {
    case "Written":
      return "final"
    case "Returned":
      return fate.reason === "offline" ? fate : "final"
    case "Unknown":
      // The outcomes of accepted lines precede the server's last line. An invalid one may have preceded it, too.
      if (fate.isInvalid === true) return "final"
      if (connection.hasSaidBye() && fate.names.length === sentTo.length) return "again"
      return connection.isOnce ? "unknown" : "final"
    case "Refused":
      if (fate.reason === "closing") {
        connection.closing()
        return "again"
      }
      if (fate.reason !== "slow-down" || fate.retryMillis === undefined) return "final"
      connection.pace.refused(fate.retryMillis, now)
      return "again"
  }
}

const shutDown: MessageFate = {
  _tag: "Refused",
  reason: "closing",
  retryMillis: undefined,
  text: "the server shut down"
}
