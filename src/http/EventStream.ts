import * as ListenFormat from "../client/ListenFormat.js"
import * as Received from "../client/Received.js"
import * as Acknowledgement from "../client/Acknowledgement.js"
import * as Wire from "../protocol/Wire.js"

/** What a line of the server is in a stream of server-sent events (HTML, section 9.2). */

/** An event without its id. */
export interface StreamEvent {
  /** The fields of the event, each with its LF. */
  readonly fields: string
  /** Whether acknowledgements count it. */
  readonly isCounted: boolean
  /** The stream ends after this event, and there is no reason to open it again. */
  readonly isFinal: boolean
}

/** Events of messages that say when they were stored: hundreds of streams get the same line of a room (benchmark). */
const recent = new Map<string, StreamEvent>()
const maxRecent = 256
const maxRecentChars = 1024

/** The event for a line in wire form; undefined if a stream does not have it. */
export const of = (wire: string, arrival: Date): StreamEvent | undefined => {
  if (wire.startsWith("from ")) return recent.get(wire) ?? message(wire, arrival)
  const line = Wire.decode(wire)
  const received = Received.parse(line)
  const isCounted = Acknowledgement.isMessage(line)
  const returned = Received.returnIn(received)
  if (returned !== undefined) {
    const { conversation, ...rest } = returned
    return event("returned", { to: conversation, ...rest }, isCounted)
  }
  const gap = Received.gapIn(received)
  if (gap !== undefined) return event("gap", { gap: gap.conversation, first: gap.first, last: gap.last }, isCounted)
  if (received._tag === "Refused" && received.fatal) {
    const { code, retryMillis, text, values } = received
    const data = { code, reason: values.get("reason"), text, retry: retryMillis }
    return { ...event("closed", data, false), isFinal: retryMillis === undefined }
  }
  if (received._tag === "Notice" && received.code === "closing") {
    const millis = Received.returnMillis(received)
    const { fields, ...rest } = event("closing", { retry: millis }, false)
    // The field `retry` is when a browser comes back after the end of the stream.
    return { fields: millis === undefined ? fields : `${fields}retry: ${Math.ceil(millis)}\n`, ...rest }
  }
  return isCounted ? { fields: "", isCounted, isFinal: false } : undefined
}

const message = (wire: string, arrival: Date): StreamEvent => {
  const data = ListenFormat.toJson(`${wire}\n`, arrival, "a-chat").trimEnd()
  const made = { fields: `data: ${data}\n`, isCounted: true, isFinal: false }
  // The event of a message without a time has that of its arrival in this stream.
  if (wire.length <= maxRecentChars && wire.slice(0, wire.indexOf(":")).includes(" at=")) {
    if (recent.size === maxRecent) recent.clear()
    recent.set(Wire.copy(wire), made)
  }
  return made
}

const event = (type: string, data: object, isCounted: boolean): StreamEvent => ({
  fields: `event: ${type}\ndata: ${JSON.stringify(data)}\n`,
  isCounted,
  isFinal: false
})
