import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { TransportError } from "../ports/Transport.js"
import * as Wire from "../protocol/Wire.js"
import type * as LineConnection from "./LineConnection.js"
import * as Outcomes from "./Outcomes.js"
import * as Received from "./Received.js"
import * as RoomReports from "./RoomReports.js"

/**
 * The rooms and accounts among recipients: a line to them is stored only once, however often it is sent with its label.
 */

const label = "achat-kept"

/** Names in one question. A line could hold far more. */
const maxNames = 100

/** The shortest pause after a refusal with `retry`, in milliseconds. One without it is final. */
const leastPauseMillis = 10

/**
 * Asks which of these recipients are rooms or have accounts, as a client of an account; none at a server without
 * accounts. Every name that starts with `#` counts as a room: if there is no such room, the line is returned.
 */
export const ask = (
  connection: Pick<LineConnection.LineConnection, "ask">,
  recipients: ReadonlyArray<string>
): Effect.Effect<ReadonlySet<string>, TransportError> =>
  Effect.gen(function* () {
    const kept = new Set(recipients.filter(RoomReports.isRoom))
    const others = recipients.filter((name) => !kept.has(name))
    for (let at = 0; at < others.length; at += maxNames) {
      const some = new Outcomes.Recipients(others.slice(at, at + maxNames))
      for (const name of yield* askSome(connection, some)) kept.add(name)
    }
    return kept
  })

const askSome = (
  connection: Pick<LineConnection.LineConnection, "ask">,
  recipients: Outcomes.Recipients
): Effect.Effect<ReadonlyArray<string>, TransportError> =>
  Effect.suspend(() => {
    const found: Array<string> = []
    const look: LineConnection.Look<ReadonlyArray<string> | number, never> = (line) => {
      const received = Received.parse(line)
      if (!("label" in received) || received.label !== label) return undefined
      if (received._tag === "Refused") {
        return Exit.succeed(received.retryMillis === undefined ? [] : Math.max(leastPauseMillis, received.retryMillis))
      }
      for (const name of received.text.split(", ")) if (recipients.shown.includes(name)) found.push(name)
      const isOver = received.code !== "accounts" || !(found.length < Number(received.words[0]))
      return isOver ? Exit.succeed(recipients.named(found)) : "part"
    }
    const names = Wire.encode(recipients.names.join(", "))
    return Effect.flatMap(connection.ask(`@${label} /accounts ${names}\n`, look), (answer) =>
      typeof answer === "number" ? Effect.delay(askSome(connection, recipients), answer) : Effect.succeed(answer)
    )
  })
