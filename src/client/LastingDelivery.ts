import * as Effect from "effect/Effect"
import * as Time from "../ports/Time.js"
import type { TransportError } from "../ports/Transport.js"
import type { Absentees } from "./Absentees.js"
import type { ClientHandle, MessageFate } from "./Client.js"
import type { NoOutcomes } from "./ClientConnection.js"
import * as Encode from "./Encode.js"
import type { LoginRefused } from "./Login.js"
import * as Outcomes from "./Outcomes.js"
import type { Pace } from "./Pace.js"

/** Delivers a message over as many connections as it takes, but never sends again what may have arrived. */

/** One of the connections. */
export interface DeliveryConnection {
  readonly handle: ClientHandle
  readonly pace: Pace
  /** One message at a time waits for its turn. */
  readonly turn: Effect.Semaphore
  /** Whether the server has sent its last line in order: what has no outcome was not accepted. */
  readonly hasSaidBye: () => boolean
  /** The server takes no more lines. */
  readonly closing: () => void
}

export interface LastingDeliveryOptions {
  /** Waits for a connection on which the server takes lines. Fails once there will be none. */
  readonly connected: Effect.Effect<DeliveryConnection, TransportError | LoginRefused>
  readonly absentees: Absentees
}

/** How often an absent recipient is tried: a server drops the notice that it joined if this client's queue is full. */
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
  { absentees, connected }: LastingDeliveryOptions,
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

    /** Sends the message once. Returns whether it may be sent again to the recipients that are left. */
    const attempt = (connection: DeliveryConnection) =>
      Effect.gen(function* () {
        yield* awaitTurn(connection)
        const result = yield* Effect.either(connection.handle.deliver(rest, text))
        if (result._tag === "Left") {
          if (result.left._tag !== "TransportError") return yield* Effect.fail(result.left)
          // Nothing was sent: the connection had ended before, which is about to be noticed.
          yield* Effect.yieldNow()
          return "again" as const
        }
        const now = yield* Time.now
        const sentTo = rest
        rest = []
        last = []
        let wait: "again" | "absent" | undefined = undefined
        for (const fate of result.right) {
          const decision = decide(fate, sentTo, connection, now)
          if (decision === "final") {
            fates.push(fate)
            if (fate._tag === "Written") fate.names.forEach((name) => absentees.isHere(name))
          } else if (decision === "again") {
            rest = sentTo.filter((name) => !settled(fates).has(name))
            last = [fate._tag === "Unknown" ? shutDown : fate]
            wait = "again"
          } else {
            const { given, held } = hold(decision, now)
            if (given.length > 0) fates.push({ ...decision, names: given })
            rest = [...rest, ...held]
            if (held.length > 0) last = [...last, { ...decision, names: held }]
            if (held.length > 0) wait = "absent"
          }
        }
        return wait
      })

    /** Divides absent recipients into those that are still waited for, and the others. */
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

/** What to do after an outcome: `again` on this connection or the next, or the outcome for recipients that are absent. */
const decide = (fate: MessageFate, sentTo: ReadonlyArray<string>, connection: DeliveryConnection, now: number) => {
  switch (fate._tag) {
    case "Written":
      return "final"
    case "Returned":
      return fate.reason === "offline" ? fate : "final"
    case "Unknown":
      // The outcomes of accepted lines precede the server's last line. An invalid one may have preceded it, too.
      return connection.hasSaidBye() && fate.isInvalid !== true && fate.names.length === sentTo.length
        ? "again"
        : "final"
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
