import type { Report } from "./Checks.js"
import type { ObservedConnection } from "./ObservedConnection.js"
import { encode } from "./WireText.js"

/**
 * Lines from one client to one recipient arrive in order, also when it reconnects, and common lines of two recipients
 * in the same order.
 */
export const check = (sessions: ReadonlyArray<ObservedConnection>, report: Report) => {
  const places = sessions.map(placesOf)
  const sent = sentBy(sessions)
  sessions.forEach((session, index) => {
    checkSenders(session, sent, places[index] ?? new Map(), report)
    for (let other = index + 1; other < sessions.length; other++) {
      if (isSame(places[index] ?? new Map(), places[other] ?? new Map())) continue
      report(
        "two recipients received lines in different orders",
        `${session.wire.remote} and ${sessions[other]?.wire.remote}`
      )
    }
  })
}

/** The place of each message among those of a recipient. */
const placesOf = ({ received }: ObservedConnection): ReadonlyMap<string, number> =>
  new Map(received.flatMap((one, place) => (one.is === "from" ? [[one.line, place] as const] : [])))

const isSame = (some: ReadonlyMap<string, number>, others: ReadonlyMap<string, number>) => {
  let last = -1
  for (const line of some.keys()) {
    const place = others.get(line)
    if (place === undefined) continue
    if (place < last) return false
    last = place
  }
  return true
}

interface Sent {
  readonly sender: string
  /** Its messages in order, as their recipients receive them. */
  readonly messages: ReadonlyArray<string>
}

/**
 * What each client sent, over all of its connections, one after the other. Several that only send may have one name.
 */
const sentBy = (sessions: ReadonlyArray<ObservedConnection>): ReadonlyArray<Sent> => {
  const clients = new Map<unknown, Array<ObservedConnection>>()
  for (const session of sessions) {
    const { isSendOnly, name } = session
    if (name === undefined) continue
    const client = isSendOnly === "no" ? name : session
    clients.set(client, [...(clients.get(client) ?? []), session])
  }
  return [...clients.values()].map((connections) => ({
    sender: connections[0]?.name ?? "",
    messages: connections.toSorted((one, other) => loggedInAt(one) - loggedInAt(other)).flatMap(messagesOf)
  }))
}

const loggedInAt = ({ presence }: ObservedConnection) => presence?.maybeNamed.from ?? Infinity

const messagesOf = ({ lines, name = "" }: ObservedConnection) =>
  lines.flatMap(({ meaning }) => (meaning.is === "message" ? [`from ${encode(name)}: ${encode(meaning.text)}`] : []))

/** Compares the marks in the texts, which grow within a step and from step to step. */
const checkSenders = (
  recipient: ObservedConnection,
  sent: ReadonlyArray<Sent>,
  places: ReadonlyMap<string, number>,
  report: Report
) => {
  for (const { messages, sender } of sent) {
    let last = -1
    for (const message of messages) {
      const place = places.get(message)
      if (place === undefined) continue
      if (place < last) report("a sender's lines arrived in a different order", `${sender} at ${recipient.wire.remote}`)
      last = place
    }
  }
}
